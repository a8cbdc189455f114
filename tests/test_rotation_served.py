"""The master key is rotated while a server answers over HTTP, and no reader notices."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from conftest import client_of
from embedded_support import STEP_SECONDS_MAX, clean, make_open_folder
from factories import Factory
from registration_support import register
from rotation_support import NAME, RotatedBank
from serving import serving
from shell import Shell

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db import rotation
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.master_key import PREFIX_BYTES
from app.settings import Settings

CUSTOMERS = 40
READERS = 4
QUERY = "{ customers(first: 40) { nodes { name phone email nationalId } } }"


@pytest.fixture
def bank(
    migrated_database: Callable[[str], str], request: pytest.FixtureRequest
) -> Iterator[RotatedBank]:
    folder = make_open_folder()
    made = RotatedBank(migrated_database(request.node.name), folder / "bank")
    made.fill(made.load(), CUSTOMERS)
    yield made
    clean(folder)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def read(http: httpx.AsyncClient) -> None:
    """Everybody is read in clear, or the test fails."""
    body = (await http.post("/graphql", json={"query": QUERY})).json()
    assert "errors" not in body, body["errors"]
    nodes = body["data"]["customers"]["nodes"]
    assert [node["name"] for node in nodes] == [NAME] * CUSTOMERS
    assert all(node["phone"] and node["email"] and node["nationalId"] for node in nodes)


def signed_in(url: str, key: TokenKey) -> httpx.AsyncClient:
    token = key.issue(Role.COMPLIANCE, new_id(), strong=True)
    return httpx.AsyncClient(
        base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=STEP_SECONDS_MAX
    )


async def test_readers_notice_nothing(
    bank: RotatedBank, token_key: TokenKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every customer is a batch, so that reads come between any two steps.
    monkeypatch.setattr(rotation, "BATCH_ROWS", 1)
    served = Keys.load(bank.folder, None, None)
    settings = Settings(rate_per_viewer=0, rate_per_address=0)
    answers = 0
    async with (
        serving(bank.url, served, token_key, settings) as (address, _),
        signed_in(f"http://{address}", token_key) as http,
    ):
        ended = asyncio.Event()

        async def keep_reading() -> None:
            nonlocal answers
            while not ended.is_set():
                await read(http)
                answers += 1

        await read(http)
        reading = [asyncio.create_task(keep_reading()) for _ in range(READERS)]
        keys = Keys.load(bank.folder, None, None)
        done = await rotation.rotate(bank.url, keys, lambda *_: None)
        ended.set()
        await asyncio.gather(*reading)
        await read(http)
    assert done.rewrapped == CUSTOMERS + 1
    assert answers > READERS


async def test_who_registers_after_it_has_a_key_under_the_new_one(
    bank: RotatedBank, token_key: TokenKey
) -> None:
    served = Keys.load(bank.folder, None, None)
    async with (
        client_of(bank.url, served, token_key) as client,
        connected(bank.url) as connection,
    ):
        factory = Factory(connection, served)
        staff = await factory.staff("TELLER", await factory.branch())
        teller = client.as_(Role.TELLER, staff.id)
        before = await register(teller, name=NAME)
        await rotation.rotate(bank.url, Keys.load(bank.folder, None, None), lambda *_: None)
        after = await register(teller, name=NAME)
        seen = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { name } } }"
        ids = [answer["customer"]["id"] for answer in (before, after)]
        assert (await client.run(seen, ids=ids))["nodes"] == [{"name": NAME}] * 2
        wrapped = await connection.fetch("select wrapped_key from customer_key")
    prefixes = {row["wrapped_key"][:PREFIX_BYTES] for row in wrapped}
    assert prefixes == Keys.load(bank.folder, None, None).master.prefixes
    assert len(prefixes) == 1


def test_the_command_rotates_the_key_of_a_bank_that_is_served(bank: RotatedBank) -> None:
    shell = Shell(bank.folder.parent)
    place: dict[str, Any] = {"DATABASE_URL": bank.url, "BANK360_DATA_DIR": str(bank.folder)}

    async def ask(url: str, key: TokenKey) -> None:
        async with signed_in(url, key) as http:
            await read(http)

    try:
        _, url = shell.start_server(**place)
        assert httpx.get(f"{url}/healthz", timeout=STEP_SECONDS_MAX).status_code == 200
        key = TokenKey.load(bank.folder)
        asyncio.run(ask(url, key))
        output, told = shell.run("keys", "rotate", **place)
        assert output == ""
        assert f"rotated the master key: re-wrapped {CUSTOMERS + 1} customers' keys" in told
        assert f"the old key is kept in {bank.folder}/keys/retired/" in told
        asyncio.run(ask(url, key))
        (retired,) = (bank.folder / "keys" / "retired").iterdir()
        retired.unlink()
        asyncio.run(ask(url, key))
        assert bank.names(bank.load()) == [NAME] * CUSTOMERS
    finally:
        shell.end()


def test_in_the_environment_the_set_is_printed_and_nothing_else(bank: RotatedBank) -> None:
    shell = Shell(bank.folder.parent)
    secrets: list[Path] = [bank.folder / "keys" / name for name in ("master.key", "index.key")]
    master, index = [path.read_text().strip() for path in secrets]
    for path in secrets:
        path.unlink()
    place: dict[str, Any] = {"DATABASE_URL": bank.url, "BANK360_DATA_DIR": str(bank.folder)}
    place |= {"BANK360_MASTER_KEY": master, "BANK360_INDEX_KEY": index}

    line = shell.refusal("keys", "rotate", **place)
    assert line.endswith("`bank360 keys rotate --print-new`, then run this again with it")
    line = shell.refusal("keys", "rotate", "--print-new", "--print-final", **place)
    assert line == "--print-new and --print-final belong before and after a rotation: give one"

    place["BANK360_MASTER_KEY"] = shell.run("keys", "rotate", "--print-new", **place)[0].strip()
    line = shell.refusal("keys", "rotate", "--print-final", **place)
    assert line.startswith(f"{CUSTOMERS + 1} customers' keys are not under the new master key")
    _, told = shell.run("keys", "rotate", **place)
    assert "give every server the output of `bank360 keys rotate --print-final`" in told
    place["BANK360_MASTER_KEY"] = shell.run("keys", "rotate", "--print-final", **place)[0].strip()
    alone = Keys.load(None, place["BANK360_MASTER_KEY"], index)
    assert bank.names(alone) == [NAME] * CUSTOMERS
