"""A bank for GraphiQL's examples, served to a browser."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import uvicorn
from factories import Factory
from starlette.applications import Starlette
from webdriver import Browser, browser, missing, poll

from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.main import create_app
from app.settings import Settings

PEOPLE = [
    ("RELATIONSHIP_MANAGER", "S1", "Amir <Dvorak>"),
    ("TELLER", "S2", "Zoë O'Hara"),
]


def make_application(url: str, keys: Keys, token_key: TokenKey) -> Starlette:
    return create_app(Settings(), database_url=url, keys=keys, token_key=token_key)


async def make_bank(url: str, keys: Keys) -> None:
    """Make the customer whom the examples ask for."""
    connection = await asyncpg.connect(url)
    factory = Factory(connection, keys)
    await factory.business_date(date(2018, 12, 31))
    customer = await factory.customer(number="N00000822")
    account = await factory.account(customer, number="A00000001")
    await factory.postings(account, "25000.00", "-1250.00", "-12.34")
    await factory.loan(customer, paid=3)
    await factory.card(customer, account)
    await factory.ticket(customer)
    for role, number, name in PEOPLE:
        person = await factory.staff(role)
        rename = "update staff set number = $2, name = $3 where id = $1"
        await connection.execute(rename, person.id, number, name)
        await factory.assign(customer, person, role)
    await factory.insert("staff_role", staff_id=person.id, role="SERVICE_AGENT")
    await connection.close()


@pytest.fixture(scope="session")
def bank_url(migrated_database: Callable[[str], str], keys: Keys) -> str:
    url = migrated_database("graphiql")
    asyncio.run(make_bank(url, keys))
    return url


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Serve on a free port of the loopback address; gives the origin."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        poll(lambda: server.started or not thread.is_alive())
        assert server.started
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def stored(window: Browser) -> Any:
    code = "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    return window.script(code)


RUN = "//button[contains(@aria-label, 'Execute query')]"
TOKEN = "//input[@aria-label='Token']"


def tab(name: str) -> str:
    return f"//button[text()='{name}']"


@pytest.fixture
def origin(bank_url: str, keys: Keys, token_key: TokenKey) -> Iterator[str]:
    with served(make_application(bank_url, keys, token_key)) as running:
        yield running


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Browser]:
    if reason := missing():
        pytest.skip(reason)
    with browser(tmp_path) as opened:
        yield opened
