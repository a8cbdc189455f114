"""What transfers are asked for, for the tests of requirements."""

from typing import Any
from uuid import uuid4

from client import Client
from factories import Made
from payment_support import usd

from app.resolvers.messages import CodeMessage

REQUIREMENTS = """
query ($input: TransferRequirementsInput!) {
  transferRequirements(input: $input) {
    ... on TransferRequirements {
      steps coolingOffUntil secondPersons tier token validUntil
      orderLimit { amount } dayLimit { amount }
      reasons { code message step limit { amount currency } }
    }
    ... on Problem { code message field hint }
  }
}
"""
SEND_CODE = """
mutation ($input: SendConfirmationCodeInput!) {
  sendConfirmationCode(input: $input) {
    ... on SendConfirmationCodePayload { customer { id } }
    ... on Problem { code message field hint }
  }
}
"""


class Kept:
    """Keeps what a gateway would have sent."""

    def __init__(self) -> None:
        self.sent: list[CodeMessage] = []

    async def send_code(self, message: CodeMessage) -> None:
        self.sent.append(message)


async def requirements(client: Client, payer: Made, to: dict[str, Any], amount: str) -> Any:
    """Ask what a transfer will be asked for."""
    values = {"fromAccountId": payer.global_id, "amount": usd(amount), "to": to}
    return (await client.run(REQUIREMENTS, input=values))["transferRequirements"]


async def send_code(client: Client, token: str, key: str | None = None) -> Any:
    """Have a code sent."""
    values = {"idempotencyKey": key or uuid4().hex, "requirementsToken": token}
    return (await client.run(SEND_CODE, input=values))["sendConfirmationCode"]


def codes(found: Any) -> list[str]:
    """The reasons' codes."""
    return [reason["code"] for reason in found["reasons"]]
