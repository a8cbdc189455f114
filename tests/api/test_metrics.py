"""What Prometheus is told, and who else may read it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from client import Client
from conftest import client_of
from factories import Factory
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.parser import text_string_to_metric_families
from serving import serving

from app.auth.tokens import TokenKey
from app.db import lending
from app.db.keys import Keys
from app.metrics import FOLDER_VARIABLE, Metrics
from app.settings import Settings


def samples(response: httpx.Response) -> dict[str, float]:
    """Every sample by its name and its labels' values."""
    assert response.status_code == 200
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def read(client: Client) -> Mapping[str, float]:
    return samples(await client.http.get("/metrics"))


async def test_operations_refusals_and_the_pool(client: Client, factory: Factory) -> None:
    branch = await factory.branch()
    await client.send("query ($id: ID!) { node(id: $id) { id } }", id=branch.global_id)
    await client.send("{ viewer { actingRole } }")
    await client.send("{ nothing }")
    await client.send('{ viewer { actingRole } node(id: "nonsense") { id } }')
    await client.http.post("/graphql", json={})
    found = await read(client)
    assert found["bank360_operations_total query complete"] == 2
    assert found["bank360_operations_total query partial"] == 1
    assert found["bank360_operations_total unknown refused"] == 1
    assert found["bank360_operation_seconds_count query"] == 3
    assert found["bank360_operation_statements_sum"] == 1
    assert found["bank360_refusals_total BAD_REQUEST"] == 1
    assert found["bank360_refusals_total BAD_USER_INPUT"] == 1
    assert found["bank360_refusals_total UNAUTHENTICATED"] == 1
    assert found["bank360_database_acquire_seconds_count"] == 1
    assert found["bank360_database_connections"] >= 1
    assert found["bank360_database_connections_used"] == 0
    assert found["bank360_database_waiting"] == 0
    assert found["bank360_redis_failures_total"] == 0
    assert found["bank360_websocket_connections"] == 0
    assert found["process_resident_memory_bytes"] > 0


async def test_two_servers_in_one_process_count_apart(
    client: Client, database_url: str, keys: Keys, token_key: TokenKey
) -> None:
    await client.send("{ viewer { actingRole } }")
    async with client_of(database_url, keys, token_key) as other:
        assert "bank360_operations_total query complete" not in await read(other)


@pytest.fixture
def served(database_url: str, keys: Keys, token_key: TokenKey) -> Any:
    def serve(networks: str | None) -> AbstractAsyncContextManager[Client]:
        given = {"metrics_networks": networks} if networks else {}
        return client_of(database_url, keys, token_key, Settings.read(**given))

    return serve


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (None, "127.0.0.1", 200),
        (None, "::1", 200),
        (None, "::ffff:127.0.0.1", 200),
        (None, "10.0.0.7", 403),
        (None, "2001:db8::1", 403),
        ("10.0.0.0/8, 2001:db8::/32", "10.0.0.7", 200),
        ("10.0.0.0/8, 2001:db8::/32", "2001:db8::1", 200),
        ("10.0.0.0/8, 2001:db8::/32", "127.0.0.1", 403),
        (None, "not an address", 403),
    ],
)
async def test_only_the_networks_of_the_setting_may_read(
    served: Any, networks: str | None, address: str, status: int
) -> None:
    async with served(networks) as client:
        transport = client.http._transport
        assert isinstance(transport, httpx.ASGITransport)
        transport.client = (address, 50_000)
        response = await client.http.get("/metrics")
        assert response.status_code == status
        assert ("bank360_" in response.text) == (status == 200)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [
        (None, None, 200),
        (None, "203.0.113.9", 403),
        (None, "127.0.0.1, 203.0.113.9", 403),
        ("10.0.0.0/8", "203.0.113.9", 200),
    ],
)
async def test_a_trusted_proxy_tells_the_address(
    database_url: str,
    keys: Keys,
    token_key: TokenKey,
    *,
    proxies: str | None,
    forwarded: str | None,
    status: int,
) -> None:
    settings = Settings.read(**({"trusted_proxies": proxies} if proxies else {}))
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    async with (
        serving(database_url, keys, token_key, settings) as (address, _),
        httpx.AsyncClient(base_url=f"http://{address}") as http,
    ):
        assert (await http.get("/metrics", headers=headers)).status_code == status


async def test_a_pool_without_a_free_connection_is_told(
    database_url: str,
    keys: Keys,
    token_key: TokenKey,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lending, "_WAIT_SECONDS_MAX", 2)
    settings = Settings.read(database_pool_size=1)
    async with client_of(database_url, keys, token_key, settings) as client:
        async with owner.transaction():
            await owner.execute("lock table branch")
            first = asyncio.create_task(client.send("{ branches { id } }"))
            for _ in range(500):
                if (await read(client))["bank360_database_connections_used"] == 1:
                    break
                await asyncio.sleep(0.02)
            second = await client.error("{ branches { id } }")
        assert "errors" not in (await first).json()
        found = await read(client)
    assert second["extensions"]["code"] == "RATE_LIMITED"
    assert "too busy" in second["message"]
    assert found["bank360_database_busy_total"] == 1
    assert found["bank360_database_waiting"] == 0
    assert found["bank360_database_connections_used"] == 0
    assert found["bank360_refusals_total RATE_LIMITED"] == 1


def test_gauges_of_dead_workers_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    files = [tmp_path / f"gauge_livesum_{pid}.db" for pid in (ended.pid, os.getpid())]
    for file in files:
        open_file: Any = MmapedDict
        values = open_file(str(file))
        values.write_value(mmap_key("used", "used", [], [], "Connections in use"), 3.0, 0.0)
        values.close()
    assert b"used 3.0" in Metrics().written()
    assert [file.exists() for file in files] == [False, True]
