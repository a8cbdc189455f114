"""An issuer, and the application that takes its tokens, as fixtures."""

from collections.abc import AsyncIterator

import pytest
from client import Client
from conftest import client_of
from issuer import Issuer, running_issuer

from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.settings import Settings


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as running:
        yield running


@pytest.fixture
async def client_of_issuer(
    issuer: Issuer, database_url: str, keys: Keys, token_key: TokenKey
) -> AsyncIterator[Client]:
    """The application over HTTP, which knows whoever the issuer knows."""
    settings = Settings.read(issuer=issuer.url)
    async with client_of(database_url, keys, token_key, settings) as made:
        yield made
