"""The application as a whole: readiness, and starting from the environment alone."""

import base64
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from redis_support import RedisServer
from starlette.applications import Starlette

from app.auth.tokens import TokenKey
from app.db.crypto import MasterKey
from app.db.keys import Keys, KeysError
from app.main import create_app, create_from_environment
from app.settings import Settings


async def readiness(app: Starlette) -> httpx.Response:
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank360") as http:
            return await http.get("/readyz")


async def test_ready_with_redis_inside(database_url: str, keys: Keys, token_key: TokenKey) -> None:
    app = create_app(Settings(), database_url=database_url, keys=keys, token_key=token_key)
    response = await readiness(app)
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


async def test_ready_with_a_real_redis(
    database_url: str, keys: Keys, token_key: TokenKey, redis_server: RedisServer
) -> None:
    settings = Settings.read(redis_url=redis_server.url)
    app = create_app(settings, database_url=database_url, keys=keys, token_key=token_key)
    assert (await readiness(app)).status_code == 200


@pytest.fixture
def empty_database(new_database: Callable[[str], str], database_url: str) -> str:
    assert database_url  # Migrating one database makes the server's roles.
    return new_database("not_migrated")


async def test_what_is_missing_is_named(
    empty_database: str, keys: Keys, token_key: TokenKey
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = Settings.read(redis_url=f"redis://127.0.0.1:{port}/0")
    app = create_app(settings, database_url=empty_database, keys=keys, token_key=token_key)
    response = await readiness(app)
    assert response.status_code == 503
    assert response.json()["missing"] == [
        "the database needs 'bank360 migrate'",
        "Redis does not answer",
    ]


@pytest.fixture
def own_database(migrated_database: Callable[[str], str]) -> str:
    return migrated_database("own")


async def test_the_environment_alone_is_enough(
    own_database: str, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master = base64.b64encode(MasterKey.new_keyset().encode()).decode()
    monkeypatch.setenv("DATABASE_URL", own_database)
    monkeypatch.setenv("BANK360_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BANK360_MASTER_KEY", master)
    monkeypatch.setenv("BANK360_INDEX_KEY", base64.b64encode(b"i" * 32).decode())
    assert (await readiness(create_from_environment())).status_code == 200
    # From now on the database refuses other keys, before anything is read with them.
    app = create_app(
        Settings(), database_url=own_database, keys=keys, token_key=TokenKey.load(tmp_path)
    )
    with pytest.raises(KeysError, match="not the one that this database was written with"):
        await readiness(app)


def test_without_a_database_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(RuntimeError, match="DATABASE_URL"):
        create_from_environment()
