"""Beginning and ending a service, for the tests of both."""

from typing import Any
from uuid import uuid4

from client import Client

from app.auth.permissions import MATRIX, Permission, Role

POSTS = [role for role in Role if role in MATRIX[Permission.SERVICE_BEGIN].clear]
BEGIN = """
mutation ($input: BeginServiceInput!) {
  beginService(input: $input) {
    ... on BeginServicePayload {
      service { id reason evidence role begunAt endsAt customer { id } staff { id } }
      customer { id name phone }
    }
    ... on Problem { code message field hint }
  }
}
"""
END = """
mutation ($input: EndServiceInput!) {
  endService(input: $input) {
    ... on EndServicePayload { id }
    ... on Problem { code field }
  }
}
"""


async def begin(client: Client, by: dict[str, str], key: str = "", **values: Any) -> Any:
    given = {"evidence": "IDENTITY_DOCUMENT", "reason": "WALK_IN", **values, "by": by}
    given["idempotencyKey"] = key or uuid4().hex
    return (await client.run(BEGIN, input=given))["beginService"]


async def end(client: Client, service: str, key: str = "") -> Any:
    given = {"idempotencyKey": key or uuid4().hex, "id": service}
    return (await client.run(END, input=given))["endService"]
