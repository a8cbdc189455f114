"""A client that signs in and sends GraphQL as a user's program would."""

from typing import Any
from uuid import UUID

import httpx

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id


class Client:
    """Sends operations over HTTP as one person."""

    def __init__(self, http: httpx.AsyncClient, token_key: TokenKey, token: str = "") -> None:
        self.http = http
        self._token_key = token_key
        token = token or token_key.issue(Role.COMPLIANCE, new_id(), strong=True)
        self.headers = {"authorization": f"Bearer {token}"}

    def as_(self, role: Role, subject: UUID | None = None, *, strong: bool = True) -> "Client":
        """The same application, another person."""
        token = self._token_key.issue(role, subject or new_id(), strong=strong)
        return Client(self.http, self._token_key, token)

    async def send(self, query: str, **variables: Any) -> httpx.Response:
        return await self.http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers=self.headers,
        )

    async def run(self, query: str, **variables: Any) -> Any:
        """Give the data; any error fails the test."""
        body = (await self.send(query, **variables)).json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def denied(self, query: str, **variables: Any) -> tuple[Any, list[str]]:
        """Give the data, and the selections that were denied; no other error is let pass."""
        body = (await self.send(query, **variables)).json()
        codes = {error["extensions"]["code"] for error in body["errors"]}
        assert codes == {"FORBIDDEN"}, body["errors"]
        return body["data"], [error["extensions"]["selection"] for error in body["errors"]]

    async def error(self, query: str, **variables: Any) -> dict[str, Any]:
        """Give the one error."""
        body = (await self.send(query, **variables)).json()
        (error,) = body["errors"]
        assert isinstance(error, dict)
        return error
