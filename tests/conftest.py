"""What tests share: a real PostgreSQL, migrated; keys; and clients that speak HTTP with tokens."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import hypothesis
import pytest
from client import Client
from coverage_support import not_measured
from embedded_support import clean, make_open_folder
from factories import Factory
from shell import Shell

from app import embedded
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.db.migrate import upgrade
from app.db.retail_bank.load import import_retail_bank
from app.db.retail_bank.report import Summary
from app.main import create_app
from app.resolvers.messages import Messages
from app.settings import Settings

# How long an example takes says nothing about whether it is right.
hypothesis.settings.register_profile(
    "bank360", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("bank360")

RETAIL_BANK = Path(
    os.environ.get("BANK360_RETAIL_BANK", Path(__file__).parents[2] / "shared/data/retail-bank")
)


pytest_plugins = [
    "retail_bank_support",
    "seed_support",
    "explain_bank",
    "redis_support",
    "issuer_support",
    "desk_support",
    "row_world",
    "graphiql_bank",
    "business_days",
    "routing_support",
    "stream_support",
]


# The files that take a minute and more are begun first: else one process ends with one of them
# while the other has nothing left to do.
LONG = frozenset(
    {
        "test_cli",
        "test_equality",
        "test_graphiql_browser",
        "test_ledger_model",
        "test_permission_matrix",
        "test_plans",
        "test_retail_bank_real",
        "test_seed_repeat",
        "test_torture",
        "test_worker",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long ones."""
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def shell() -> Iterator[Shell]:
    """The command line in a folder of its own that PostgreSQL's system user can reach."""
    folder = make_open_folder()
    made = Shell(folder)
    yield made
    made.end()
    clean(folder)


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """For tests that take long, and run over lines that other tests run over."""
    with not_measured():
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[embedded.EmbeddedPostgres]:
    """One PostgreSQL per test process."""
    # pytest's own folders are closed to the system user that runs the server for root.
    folder = make_open_folder()
    with embedded.start(folder / "data", notice=lambda _line: None) as running:
        yield running
    clean(folder)


@pytest.fixture(scope="session")
def new_database(server: embedded.EmbeddedPostgres) -> Callable[[str], str]:
    """Make an empty database on the test server; gives its address."""

    def make(name: str) -> str:
        async def create() -> None:
            connection = await asyncpg.connect(server.dsn)
            await connection.execute(f'create database "{name}"')
            await connection.close()

        asyncio.run(create())
        return server.dsn.replace("/bank360?", f"/{name}?")

    return make


@pytest.fixture(scope="session")
def migrated_database(
    server: embedded.EmbeddedPostgres, new_database: Callable[[str], str]
) -> Callable[[str], str]:
    """Make a database of the newest revision without rows; gives its address.

    A copy of one that was migrated is there in a fraction of the time.
    """
    asyncio.run(upgrade(new_database("migrated")))

    def make(name: str) -> str:
        async def copy() -> None:
            connection = await asyncpg.connect(server.dsn)
            await connection.execute(f'create database "{name}" template migrated')
            # What a migration grants and revokes of the database itself is not copied.
            await connection.execute(f'revoke temporary on database "{name}" from public')
            await connection.close()

        asyncio.run(copy())
        return server.dsn.replace("/bank360?", f"/{name}?")

    return make


@pytest.fixture(scope="session")
def database_url(migrated_database: Callable[[str], str]) -> str:
    """A migrated database; every test makes its own customers in it."""
    return migrated_database("tests")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys.load(tmp_path_factory.mktemp("secrets"), None, None)


@pytest.fixture(scope="session")
def token_key() -> TokenKey:
    return TokenKey.new()


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner of the tables."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def factory(owner: asyncpg.Connection, keys: Keys) -> AsyncIterator[Factory]:
    yield Factory(owner, keys)
    # The date of one test is not that of the tests that come after it.
    await owner.execute("delete from business_date")


@asynccontextmanager
async def client_of(
    url: str,
    keys: Keys,
    token_key: TokenKey,
    settings: Settings | None = None,
    messages: Messages | None = None,
) -> AsyncIterator[Client]:
    """The application over HTTP, in process."""
    app = create_app(
        settings or Settings(),
        database_url=url,
        keys=keys,
        token_key=token_key,
        messages=messages,
    )
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank360") as http:
            yield Client(http, token_key)


@pytest.fixture(scope="module")
async def application(
    database_url: str, keys: Keys, token_key: TokenKey
) -> AsyncIterator[httpx.AsyncClient]:
    """The application over HTTP, once for all tests of a file."""
    async with client_of(database_url, keys, token_key) as made:
        yield made.http


@pytest.fixture
def client(application: httpx.AsyncClient, token_key: TokenKey) -> Client:
    return Client(application, token_key)


@pytest.fixture
async def fresh_client(database_url: str, keys: Keys, token_key: TokenKey) -> AsyncIterator[Client]:
    """A client of an application that has answered nobody yet."""
    async with client_of(database_url, keys, token_key) as made:
        yield made


@pytest.fixture(scope="session")
def retail_bank(migrated_database: Callable[[str], str], keys: Keys) -> tuple[str, Summary]:
    """The real bank, imported once per test process: the database's address and the summary."""
    if not RETAIL_BANK.is_dir():
        pytest.skip(f"the retail bank's files are not at {RETAIL_BANK}")
    url = migrated_database("retail_bank")
    with not_measured():
        loaded = import_retail_bank(url, keys, RETAIL_BANK, lambda *_: None)
        return url, asyncio.run(loaded)
