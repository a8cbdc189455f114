"""Who is asking over a WebSocket: the same tokens and roles as over HTTP."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from issuer import Issuer, running_issuer
from serving import Server, serving
from websocket_client import Socket, opened

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.revocations import revoke
from app.settings import Settings

WHO = "{ viewer { actingRole roles } }"
BOTH = ("TELLER", "SERVICE_AGENT")


@pytest.fixture
async def served(
    database_url: str, keys: Keys, token_key: TokenKey
) -> AsyncIterator[tuple[str, Server]]:
    async with serving(database_url, keys, token_key) as given:
        yield given


@pytest.fixture
def token(token_key: TokenKey) -> str:
    return token_key.issue(Role.TELLER, new_id(), (Role.TELLER, Role.SERVICE_AGENT))


async def begin(socket: Socket, token: str, **payload: Any) -> None:
    await socket.send(
        type="connection_init", payload={"Authorization": f"Bearer {token}"} | payload
    )


@pytest.mark.parametrize("name", ["X-Acting-Role", "x-acting-role", "actingRole"])
async def test_a_connection_acts_in_the_role_that_it_names(
    served: tuple[str, Server], token: str, name: str
) -> None:
    async with opened(served[0]) as socket:
        await begin(socket, token, **{name: "SERVICE_AGENT"})
        assert await socket.receive() == {"type": "connection_ack"}
        data = await socket.run(WHO)
        assert data == {"viewer": {"actingRole": "SERVICE_AGENT", "roles": list(BOTH)}}


async def test_without_a_name_the_token_says_the_role(
    served: tuple[str, Server], token: str
) -> None:
    for payload in ({}, {"actingRole": None}):
        async with opened(served[0]) as socket:
            await begin(socket, token, **payload)
            assert await socket.receive() == {"type": "connection_ack"}
            assert (await socket.run(WHO))["viewer"]["actingRole"] == "TELLER"


@pytest.mark.parametrize("role", ["ADMIN", "OWNER", 7, ""])
async def test_no_connection_acts_in_another_role(
    served: tuple[str, Server], token: str, role: Any
) -> None:
    async with opened(served[0]) as socket:
        await begin(socket, token, actingRole=role)
        reason = "Forbidden: a connection acts in exactly one of your roles"
        assert await socket.closed() == (4403, reason)


async def test_a_revoked_token_ends_its_connection_with_the_next_operation(
    served: tuple[str, Server], token_key: TokenKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.revocations._REMEMBERED_SECONDS", 0)
    address, server = served
    now = int(time.time())
    token = token_key.sign(
        {
            "iss": "bank360-demo",
            "aud": "bank360",
            "sub": "x",
            "jti": "stolen",
            "exp": now + 600,
            "roles": ["TELLER"],
            "staff_id": str(new_id()),
        }
    )
    async with opened(address) as socket:
        await socket.initialise(token)
        assert await socket.run(WHO)
        app: Any = server.config.app
        await revoke(app.state.redis, "stolen", 600)
        await socket.subscribe("1", WHO)
        assert await socket.closed() == (4403, "Forbidden")


async def test_the_issuers_tokens_are_good_for_connections(
    database_url: str, keys: Keys, token_key: TokenKey
) -> None:
    async with running_issuer() as issuer:
        settings = Settings.read(issuer=issuer.url)
        async with serving(database_url, keys, token_key, settings) as (address, _server):
            issuer.fails = True
            await _is_told_to_come_back(address, issuer)
        issuer.fails = False
        async with serving(database_url, keys, token_key, settings) as (address, _server):
            async with opened(address) as socket:
                await socket.initialise(issuer.token(roles=BOTH, role="SERVICE_AGENT"))
                assert (await socket.run(WHO))["viewer"]["actingRole"] == "SERVICE_AGENT"
            async with opened(address) as socket:
                await begin(socket, issuer.token(aud="another-service"))
                assert await socket.closed() == (4403, "Forbidden")


async def _is_told_to_come_back(address: str, issuer: Issuer) -> None:
    async with opened(address) as socket:
        await begin(socket, issuer.token())
        # Clients connect again by themselves after this code.
        assert await socket.closed() == (1013, "Tokens cannot be checked now: try again later")
