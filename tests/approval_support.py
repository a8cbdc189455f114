"""Deciding what somebody else asked for, for the tests of what nobody does alone."""

from typing import Any, Final
from uuid import uuid4

from client import Client

SHOWN: Final = """
  id command reason state version requiredRoles requestedAt expiresAt makerId makerRole
  decidedAt decidedBy { id } decidedRole answer resultId
  diff { field before after } freshDiff { field before after }
  viewerCan { action allowed reason }
"""
PENDING: Final = f"... on PendingApproval {{ approval {{ {SHOWN} }} }}"
_APPROVAL: Final = f"approval {{ {SHOWN} }}"
APPROVE: Final = f"""
mutation ($input: ApproveRequestInput!) {{
  approveRequest(input: $input) {{
    __typename
    ... on ApproveRequestPayload {{ {_APPROVAL} }}
    ... on StaleApproval {{ problem {{ code message field hint }} {_APPROVAL} }}
    ... on Problem {{ code field }}
  }}
}}
"""
REJECT: Final = f"""
mutation ($input: RejectRequestInput!) {{
  rejectRequest(input: $input) {{
    ... on RejectRequestPayload {{ {_APPROVAL} }}
    ... on Problem {{ code field }}
  }}
}}
"""
WITHDRAW: Final = f"""
mutation ($input: WithdrawRequestInput!) {{
  withdrawRequest(input: $input) {{
    ... on WithdrawRequestPayload {{ {_APPROVAL} }}
    ... on Problem {{ code field }}
  }}
}}
"""
FOUND: Final = f"query ($id: ID!) {{ node(id: $id) {{ ... on Approval {{ {SHOWN} }} }} }}"
REASON: Final = "The customer says otherwise."


def _given(request: str, key: str, version: int, **values: Any) -> dict[str, Any]:
    given = {"id": request, "idempotencyKey": key or uuid4().hex, "expectedVersion": version}
    return given | values


async def approve(client: Client, request: str, key: str = "", version: int = 1) -> Any:
    data = await client.run(APPROVE, input=_given(request, key, version))
    return data["approveRequest"]


async def reject(
    client: Client, request: str, key: str = "", version: int = 1, reason: str = REASON
) -> Any:
    data = await client.run(REJECT, input=_given(request, key, version, reason=reason))
    return data["rejectRequest"]


async def withdraw(client: Client, request: str, key: str = "", version: int = 1) -> Any:
    data = await client.run(WITHDRAW, input=_given(request, key, version))
    return data["withdrawRequest"]


async def found(client: Client, request: str) -> Any:
    """What somebody sees of a request; None where that is nothing."""
    return (await client.run(FOUND, id=request))["node"]


async def agreed(checker: Client, answer: Any) -> Any:
    """Have somebody else approve what was asked for; gives the request as it ended."""
    asked = answer["approval"]
    assert asked["state"] == "PENDING"
    answer = await approve(checker, asked["id"], version=asked["version"])
    assert "approval" in answer, answer
    assert answer["approval"]["state"] == "APPROVED"
    return answer["approval"]
