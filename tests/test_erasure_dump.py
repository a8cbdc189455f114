"""After an erasure, a dump tells nothing of the person, with the master key or without."""

import asyncio
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from client import Client
from conftest import client_of
from erasure_support import erase, former_customer, officer
from factories import Factory, Made
from sqlmodel import SQLModel

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.crypto import CryptoError, CustomerCipher
from app.db.keys import Keys
from app.db.loading import ledger_sums
from app.domain.money import Currency
from app.embedded import EmbeddedPostgres

NAME, PHONE, EMAIL = "Wilhelmina Oyelaran", "+86 139 8765 4321", "wilhelmina@example.org"
NATIONAL_ID, STREET = "926-93-2157", "12 Rosebud Crescent"
TEXTS = ("Ms Smith of Wellington Avenue asked", "Emma called about her mother")
CLEAR = (NAME, PHONE, EMAIL, NATIONAL_ID, STREET, *TEXTS)
NEW_EMAIL = "w.oyelaran@example.net"
REMAINS = "Bartholomew Quisenberry"


def dump(server: EmbeddedPostgres, url: str) -> str:
    run = subprocess.run(
        [server.bin_dir / "pg_dump", url], capture_output=True, text=True, check=True
    )
    return run.stdout


async def opened(connection: asyncpg.Connection, keys: Keys) -> str:
    """Everything in the database that any key opens which the master key opens."""
    rows = await connection.fetch("select customer_id, wrapped_key from customer_key")
    ciphers = [keys.ring.cipher(row["customer_id"], row["wrapped_key"]) for row in rows]
    found = []
    for name, table in SQLModel.metadata.tables.items():
        sealed = [column.name for column in table.columns if column.name.endswith("_ciphertext")]
        if not sealed:
            continue
        for row in await connection.fetch(f"select * from {name}"):
            for column in sealed:
                if row[column] is not None:
                    place = f"{name}.{column}"
                    found += _open(ciphers, place, row["id"], row[column])
    return "\n".join(found)


def _open(ciphers: list[CustomerCipher], place: str, row: UUID, value: bytes) -> list[str]:
    found = []
    for cipher in ciphers:
        try:
            found.append(cipher.decrypt(place, row, value))
        except CryptoError:
            continue
    return found


def digests(keys: Keys) -> list[str]:
    """What the look-up tables held, as a dump has it."""
    index = keys.index
    made = [index.national_id(NATIONAL_ID), index.email(NEW_EMAIL), *index.phones(PHONE, "1")]
    return [digest.hex() for digest in [*made, *index.name_prefixes("Wilhelmina")]]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys.load(tmp_path, None, None)


async def _fill(factory: Factory) -> tuple[Made, Made]:
    customer = await former_customer(
        factory,
        name=NAME,
        phone=PHONE,
        email=EMAIL,
        national_id=NATIONAL_ID,
        address=f'{{"line1": "{STREET}", "city": "Leeds", "country": "GB"}}',
    )
    for digest in factory.keys.index.name_prefixes("Wilhelmina"):
        await factory.connection.execute(
            "insert into name_index values ($1, $2) on conflict do nothing", digest, customer.id
        )
    return customer, await factory.staff("COMPLIANCE")


async def _change_email(client: Client, customer: Made) -> None:
    """Leave an old and a new value in the audit trail."""
    update = """
    mutation ($input: UpdateCustomerInput!) {
      updateCustomer(input: $input) { ... on UpdateCustomerPayload { customer { version } } }
    }
    """
    given = {"id": customer.global_id, "idempotencyKey": "u", "expectedVersion": 1}
    await client.as_(Role.CUSTOMER, customer.id).run(update, input=given | {"email": NEW_EMAIL})


def test_nothing_personal_is_left_in_a_dump_even_with_the_master_key(
    server: EmbeddedPostgres,
    migrated_database: Callable[[str], str],
    keys: Keys,
    token_key: TokenKey,
) -> None:
    url = migrated_database("erasure_dump")
    asyncio.run(_erase_and_look(server, url, keys, token_key))


async def _erase_and_look(
    server: EmbeddedPostgres, url: str, keys: Keys, token_key: TokenKey
) -> None:
    connection = await asyncpg.connect(url)
    async with client_of(url, keys, token_key) as client:
        factory = Factory(connection, keys)
        await factory.customer(name=REMAINS)
        customer, staff = await _fill(factory)
        await _change_email(client, customer)

        text, clear = dump(server, url), await opened(connection, keys)
        assert [value for value in (*CLEAR, NEW_EMAIL) if value not in clear] == []
        assert [digest for digest in digests(keys) if digest not in text] == []
        postings = await connection.fetch("select * from posting order by id")

        answer = await erase(officer(client, staff.id), customer, expectedVersion=2)
        assert answer["customer"]["status"] == "CLOSED"

        text, clear = dump(server, url), await opened(connection, keys)
        for value in (*CLEAR, NEW_EMAIL):
            assert value not in clear
            assert value not in text
            assert value.encode().hex() not in text
        assert [digest for digest in digests(keys) if digest in text] == []
        assert REMAINS in clear
        assert await connection.fetch("select * from posting order by id") == postings
        assert await ledger_sums(connection) == {Currency.USD: Decimal(0)}
    await connection.close()
