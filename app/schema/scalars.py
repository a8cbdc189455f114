"""Objects without a table that many types embed."""

from decimal import Decimal

import orjson
import strawberry

from app.domain.money import Currency
from app.planner.enums import graphql_enum

graphql_enum(Currency)


@strawberry.type(description="An amount in a currency, exact to the currency's minor unit.")
class Money:
    """An amount in a currency."""

    amount: Decimal = strawberry.field(
        description="The amount as a decimal string, such as `700.00`; never a float."
    )
    currency: Currency = strawberry.field(description="ISO 4217 code of the currency.")


@strawberry.type(description="A postal address.")
class Address:
    """A postal address."""

    line1: str = strawberry.field(description="Street and number.")
    line2: str | None = strawberry.field(description="Flat, floor or building, when there is one.")
    city: str = strawberry.field(description="Town or city.")
    region: str | None = strawberry.field(description="State or province, when there is one.")
    postal_code: str | None = strawberry.field(description="Postal code, when there is one.")
    country: str = strawberry.field(description="ISO 3166-1 alpha-2 code of the country.")


def read_address(clear: str) -> Address:
    """Read the stored form of an address: a JSON object of texts."""
    parts = orjson.loads(clear)
    return Address(
        line1=parts["line1"],
        line2=parts.get("line2"),
        city=parts["city"],
        region=parts.get("region"),
        postal_code=parts.get("postalCode"),
        country=parts["country"],
    )
