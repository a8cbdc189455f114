"""People who become customers, for the tests of registration."""

from datetime import date, timedelta
from itertools import count
from typing import Any, Final
from uuid import uuid4

from client import Client
from stdnum.cn import ric

REGISTER = """
mutation ($input: RegisterCustomerInput!) {
  registerCustomer(input: $input) {
    ... on RegisterCustomerPayload {
      customer {
        id number type name gender age occupation status kycStatus tier customerSince
        branch { id } version
      }
    }
    ... on Problem { code message field hint }
  }
}
"""
_PEOPLE = count()
# A district of Beijing: the number must belong to a place that there is.
_AREA: Final = "110101"
_SEQUENCES: Final = 500


def resident_id(born_on: date, sequence: int, *, male: bool = False) -> str:
    """A number as a resident identity card has it, with its check digit."""
    body = f"{_AREA}{born_on:%Y%m%d}{sequence * 2 + male:03d}"
    return body + ric.calc_check_digit(f"{body}0")


def applicant(**given: Any) -> dict[str, Any]:
    """A woman whom the bank does not know, in the input's words."""
    n = next(_PEOPLE)
    born_on = date(1980, 1, 1) + timedelta(days=n // _SEQUENCES)
    return {
        "type": "INDIVIDUAL",
        "name": "王小芳",
        "birthDate": born_on.isoformat(),
        "gender": "FEMALE",
        "nationalId": {"country": "CN", "value": resident_id(born_on, n % _SEQUENCES)},
        **given,
    }


async def register(client: Client, key: str = "", **given: Any) -> Any:
    """Send the mutation; the applicant is a new one, but for what is given."""
    given = applicant(**given) | {"idempotencyKey": key or uuid4().hex}
    return (await client.run(REGISTER, input=given))["registerCustomer"]
