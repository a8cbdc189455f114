"""Signing in to the demo's own issuer with a client that nobody here wrote: npm's openid-client.

It reads the metadata, makes the address, redeems the code, and checks the ID token.
"""

import asyncio
import json
import subprocess
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from factories import Factory
from oidc_packages import FOLDER, missing
from serving import serving

from app.auth.tokens import TokenKey
from app.db.keys import Keys

CLIENT_ID = "developer"
REDIRECT_URI = "http://localhost:5173/callback"
PATIENCE_SECONDS = 60


@pytest.fixture
def program() -> list[str]:
    if reason := missing():
        pytest.skip(reason)
    return ["node", str(FOLDER / "client.mjs")]


async def test_a_developer_signs_in(
    program: list[str],
    database_url: str,
    keys: Keys,
    token_key: TokenKey,
    factory: Factory,
) -> None:
    person = await factory.staff("TELLER")
    async with serving(database_url, keys, token_key) as (address, _server):
        issuer = f"http://{address}"
        running = await asyncio.create_subprocess_exec(
            *program, issuer, CLIENT_ID, REDIRECT_URI, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert running.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            asked = (await running.stdout.readline()).decode().strip()
            assert asked.startswith(f"{issuer}/oauth/authorize?")
            async with httpx.AsyncClient() as http:
                assert (await http.get(asked)).status_code == 200
                form = {**dict(parse_qsl(urlsplit(asked).query)), "as": f"TELLER.{person.id}"}
                chosen = await http.post(f"{issuer}/oauth/authorize", data=form)
            location = f"{chosen.headers['location']}\n"
            given = json.loads((await running.communicate(location.encode()))[0])
        assert running.returncode == 0
        claims = given["claims"]
        assert (claims["iss"], claims["aud"]) == (issuer, CLIENT_ID)
        assert (claims["sub"], claims["name"]) == (str(person.id), "Robin Banks")
        headers = {"authorization": f"Bearer {given['token']}"}
        async with httpx.AsyncClient(headers=headers) as http:
            body = {"query": "{ viewer { actingRole } }"}
            answer = (await http.post(f"{issuer}/graphql", json=body)).json()
    assert answer == {"data": {"viewer": {"actingRole": "TELLER"}}}
