"""The README's client in Python, pasted word for word."""

import ast
import asyncio
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from client import Client
from factories import Factory
from serving import Server, serving
from ticket_support import ServiceDesk, make_desk

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys

README = (Path(__file__).parents[2] / "README.md").read_text()
QUERY = re.findall(r"```graphql\n(subscription .*?)```", README, re.DOTALL)
PROGRAM = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SECONDS_MAX = 30

Serve = Callable[..., AbstractAsyncContextManager[tuple[str, Server]]]


async def message(program: Process) -> Any:
    """Give what it prints next."""
    assert program.stdout is not None
    async with asyncio.timeout(SECONDS_MAX):
        return ast.literal_eval((await program.stdout.readline()).decode())


async def opened(program: Process) -> str:
    """Give the number of the ticket of which it prints that it was opened."""
    while (told := await message(program))["__typename"] != "TicketOpened":
        assert told["__typename"] == "TicketAssigned"
    number = told["ticket"]["number"]
    assert isinstance(number, str)
    return number


@pytest.fixture
async def desk(client: Client, factory: Factory) -> ServiceDesk:
    return await make_desk(client, factory)


@pytest.fixture
def serve(database_url: str, keys: Keys, token_key: TokenKey) -> Serve:
    return partial(serving, database_url, keys, token_key)


async def test_it_goes_on_when_the_server_comes_back(
    tmp_path: Path,
    desk: ServiceDesk,
    serve: Serve,
    token_key: TokenKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    token = token_key.issue(Role.SERVICE_AGENT, desk.agent_id, strong=True)
    script = tmp_path / "follow.py"
    async with serve() as (address, _):
        given = f"token = {token!r}\nquery = {QUERY[0]!r}\n"
        script.write_text(given + PROGRAM[0].replace("127.0.0.1:8000", address))
        program = await asyncio.create_subprocess_exec(sys.executable, "-u", script, stdout=PIPE)
        assert (await message(program))["__typename"] == "StreamPosition"
        numbers = [(await desk.opened())["number"]]
        assert await opened(program) == numbers[0]
    numbers += [(await desk.opened())["number"] for _ in range(2)]
    port = int(address.rpartition(":")[2])
    async with serve(port=port):
        assert [await opened(program) for _ in range(2)] == numbers[1:]
        program.terminate()
        await program.communicate()
