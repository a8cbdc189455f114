"""Scalars, and objects without a table that many types embed."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import orjson
import strawberry
from strawberry.types.scalar import ScalarDefinition

from app.domain.masks import BULLETS
from app.domain.money import Currency
from app.planner.declare import object_type
from app.planner.enums import graphql_enum

graphql_enum(Currency)

_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,18})?", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


def _read_decimal(given: Any) -> Decimal:
    """Read an exact number from a text (or an integer); never from a float, nor an exponent."""
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        message = 'a Decimal is a text such as "1234.50": up to 30 digits, and 18 after the point'
        raise ValueError(message)
    return Decimal(text)


def _write_decimal(value: Decimal) -> str:
    return format(value, "f")


def _read_date(given: Any) -> date:
    if isinstance(given, str) and _DATE.fullmatch(given):
        try:
            return date.fromisoformat(given)
        except ValueError:
            pass  # The form is right and there is no such day: the same refusal.
    message = 'a Date is a day such as "2018-12-31"'
    raise ValueError(message)


def _read_date_time(given: Any) -> datetime:
    if isinstance(given, str) and _DATE_TIME.fullmatch(given):
        try:
            return datetime.fromisoformat(given).astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # The form is right and there is no such time in UTC: the same refusal.
    message = 'a DateTime is RFC 3339 with an offset, such as "2018-12-31T23:59:59Z"'
    raise ValueError(message)


def _write_date_time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


SCALARS: Final[dict[object, ScalarDefinition]] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact number as a text, such as "1234.50"; never a float.',
        parse_value=_read_decimal,
        serialize=_write_decimal,
    ),
    date: strawberry.scalar(
        name="Date",
        description='A calendar day, such as "2018-12-31".',
        parse_value=_read_date,
        serialize=date.isoformat,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description='A point in time by RFC 3339, answered in UTC: "2018-12-31T23:59:59Z".',
        parse_value=_read_date_time,
        serialize=_write_date_time,
    ),
}


@object_type(
    public=True, description="An amount in a currency, exact to the currency's minor unit."
)
class Money:
    """An amount in a currency."""

    amount: Decimal = strawberry.field(
        description="The amount as a decimal string, such as `700.00`; never a float."
    )
    currency: Currency = strawberry.field(description="ISO 4217 code of the currency.")


@object_type(public=True, description="A postal address.")
class Address:
    """A postal address."""

    line1: str = strawberry.field(description="Street and number.")
    line2: str | None = strawberry.field(description="Flat, floor or building, when there is one.")
    city: str = strawberry.field(description="Town or city.")
    region: str | None = strawberry.field(description="State or province, when there is one.")
    postal_code: str | None = strawberry.field(description="Postal code, when there is one.")
    country: str = strawberry.field(description="ISO 3166-1 alpha-2 code of the country.")

    def masked(self) -> "Address":
        """Keep town, region and country."""
        return replace(self, line1=BULLETS, line2=None, postal_code=None)

    def on_one_line(self) -> str:
        """Give the parts that there are, from the street to the country."""
        parts = (self.line1, self.line2, self.city, self.region, self.postal_code, self.country)
        return ", ".join(part for part in parts if part)


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
