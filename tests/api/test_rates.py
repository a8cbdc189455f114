"""How much may be asked for in a minute, and what those who asked for too much are told."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
from client import Client
from conftest import client_of
from redis_support import RedisServer
from structlog.testing import capture_logs

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.rates import Rates
from app.schema.root import LOOK_UPS, graphql_schema
from app.settings import Settings

ME = "{ viewer { actingRole } }"
LOOK_UP = '{ customerBy(by: {number: "nobody"}) { id } accountBy(number: "none") { id } }'
PAGES = "{ branches { id } customers(first: 100) { nodes { accounts { id } } } }"


class Clock:
    """A clock that stands, so that no minute ends within a test, until it is set forward."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("app.main.Rates", partial(Rates, clock=made))
    return made


@pytest.fixture(params=["memory", "redis"])
def redis_url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "memory":
        return None
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


@pytest.fixture
def limited(database_url: str, keys: Keys, token_key: TokenKey, redis_url: str | None) -> Any:
    @asynccontextmanager
    async def make(**settings: int) -> AsyncIterator[Client]:
        given = Settings.read(redis_url=redis_url, **settings)
        async with client_of(database_url, keys, token_key, given) as client:
            yield client

    return make


def told(response: httpx.Response) -> tuple[str, int, int]:
    """The policy that a response tells first, what is left, and for how long."""
    found = re.match(r'"([a-z-]+)";r=(\d+);t=(\d+)', response.headers["ratelimit"])
    assert found is not None
    return found[1], int(found[2]), int(found[3])


def check_refused(response: httpx.Response, policy: str) -> None:
    assert response.status_code == 429
    (error,) = response.json()["errors"]
    seconds = int(response.headers["retry-after"])
    assert 1 <= seconds <= 60
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert f"try again in {seconds} seconds" in error["message"]
    assert told(response) == (policy, 0, seconds)
    assert "data" not in response.json()


async def test_answers_tell_what_is_left(limited: Any) -> None:
    async with limited(rate_per_viewer=100) as client:
        left = [told(await client.send(ME))[1] for _ in range(3)]
        response = await client.send("{ nothing }")
    assert left == [99, 98, 97]
    assert told(response)[:2] == ("viewer", 96)
    assert response.headers["ratelimit-policy"] == '"viewer";q=100;w=60'


async def test_an_operation_costs_by_the_rows_that_it_may_read(limited: Any) -> None:
    async with limited(rate_per_viewer=100) as client:
        cheap, dear = await client.send(ME), await client.send(PAGES)
        too_large = await client.send(
            "{ customers(first: 100) { nodes { tickets(first: 100) { nodes {"
            " customer { tickets(first: 100) { nodes { id } } } } } } } }"
        )
    assert told(cheap)[1] == 99
    assert told(dear)[1] == 97
    # What is refused costs what finding that out did.
    assert told(too_large)[1] == 96


async def test_a_viewer_who_asks_too_much_waits_and_nobody_else(limited: Any, clock: Clock) -> None:
    async with limited(rate_per_viewer=3) as client:
        for _ in range(3):
            assert (await client.send(ME)).status_code == 200
        for _ in range(2):
            check_refused(await client.send(ME), "viewer")
        malformed = await client.http.post("/graphql", json=[], headers=client.headers)
        check_refused(malformed, "viewer")
        assert (await client.as_(Role.TELLER).send(ME)).status_code == 200
        clock.now += int(malformed.headers["retry-after"])
        assert told(await client.send(ME)) == ("viewer", 2, 60)


async def test_an_address_that_asks_too_much_waits(limited: Any) -> None:
    async with limited(rate_per_address=4) as client:
        for role in (Role.TELLER, Role.COMPLIANCE):
            answers = [await client.as_(role).send(ME) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [200, 200]
            assert "address" not in answers[0].headers["ratelimit"]
        check_refused(await client.send(ME), "address")


async def test_an_ipv6_network_counts_as_one_address(limited: Any) -> None:
    async with limited(rate_per_address=2) as client:
        transport = client.http._transport
        for address, status in (
            ("2001:db8:0:1::1", 200),
            ("2001:db8:0:1::2", 200),
            ("2001:db8:0:1:ffff::3", 429),
            ("2001:db8:0:2::1", 200),
        ):
            transport.client = (address, 50_000)
            assert (await client.send(ME)).status_code == status
        transport.client = None
        assert [(await client.send(ME)).status_code for _ in range(3)] == [200] * 3


async def test_guessing_tokens_is_told_to_wait_and_a_good_one_is_let_in(limited: Any) -> None:
    async with limited(rate_of_unauthenticated=2) as client:
        wrong = {"authorization": "Bearer guessed"}
        answers = [
            await client.http.post("/graphql", json={"query": ME}, headers=wrong) for _ in range(3)
        ]
        assert [answer.status_code for answer in answers[:2]] == [401, 401]
        check_refused(answers[2], "unauthenticated")
        assert (await client.send(ME)).status_code == 200


async def test_look_ups_have_a_rate_of_their_own(limited: Any) -> None:
    async with limited(rate_of_look_ups=4) as client:
        for left in (2, 0):
            response = await client.send(LOOK_UP)
            assert response.json() == {"data": {"customerBy": None, "accountBy": None}}
            assert f'"look-ups";r={left};' in response.headers["ratelimit"]
        check_refused(await client.send(LOOK_UP), "look-ups")
        in_fragment = '{ ...Found } fragment Found on Query { one: accountBy(number: "1") { id } }'
        check_refused(await client.send(in_fragment), "look-ups")
        assert (await client.send(ME)).status_code == 200


async def test_zero_is_no_limit(limited: Any) -> None:
    none = dict.fromkeys(
        ("rate_per_viewer", "rate_per_address", "rate_of_look_ups", "rate_of_unauthenticated"), 0
    )
    async with limited(**none) as client:
        response = await client.send(LOOK_UP)
        assert response.status_code == 200
        assert "ratelimit" not in response.headers


async def test_a_busy_screen_is_far_from_the_defaults(client: Client) -> None:
    answers = await asyncio.gather(*(client.send(PAGES) for _ in range(50)))
    assert min(told(answer)[1] for answer in answers) > 29_000


async def test_servers_count_together(
    database_url: str, keys: Keys, token_key: TokenKey, redis_server: RedisServer
) -> None:
    settings = Settings.read(redis_url=redis_server.url, rate_per_viewer=2)
    async with (
        client_of(database_url, keys, token_key, settings) as first,
        client_of(database_url, keys, token_key, settings) as second,
    ):
        second.headers = first.headers
        assert (await first.send(ME)).status_code == 200
        assert (await second.send(ME)).status_code == 200
        check_refused(await first.send(ME), "viewer")
        check_refused(await second.send(ME), "viewer")


@pytest.mark.parametrize("loss", ["hang", "stop"])
async def test_without_redis_requests_go_on_and_it_is_told(
    database_url: str, keys: Keys, token_key: TokenKey, redis_server: RedisServer, loss: str
) -> None:
    settings = Settings.read(redis_url=redis_server.url, rate_per_viewer=3)
    async with client_of(database_url, keys, token_key, settings) as client:
        assert told(await client.send(ME))[:2] == ("viewer", 2)
        getattr(redis_server, loss)()
        with capture_logs() as logs:
            answers = await asyncio.gather(*(client.send(ME) for _ in range(10)))
        assert {answer.status_code for answer in answers} == {200}
        assert not any("ratelimit" in answer.headers for answer in answers)
        (line,) = [line for line in logs if line["event"].startswith("Redis does not answer")]
        assert line["log_level"] == "warning"
        assert "bank360_redis_failures_total 1.0" in (await client.http.get("/metrics")).text
        if loss == "hang":
            redis_server.go_on()
        else:
            redis_server.start()
        for _ in range(400):
            response = await client.send(ME)
            if "ratelimit" in response.headers:
                break
            await asyncio.sleep(0.05)
        assert told(response)[0] == "viewer"


def test_look_ups_are_fields_of_the_schema() -> None:
    query, mutation = graphql_schema().query_type, graphql_schema().mutation_type
    assert query is not None
    assert mutation is not None
    assert set(query.fields) | set(mutation.fields) >= LOOK_UPS
