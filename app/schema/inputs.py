"""What the inputs of mutations share."""

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import strawberry
from strawberry.types import Info
from strawberry.utils.str_converters import to_camel_case

from app.db.accounts import AccountKey
from app.db.ticket_writes import TicketKey
from app.domain.money import Currency
from app.planner.errors import bad_input
from app.planner.global_id import GlobalId
from app.resolvers.context import Context

_KEY_LENGTH_MAX: Final = 200
_TEXT_LENGTH_MAX: Final = 500
_LETTER_LENGTH_MAX: Final = 4_000


def idempotency_key() -> Any:
    """Declare the client's name for a command."""
    return strawberry.field(
        description=(
            "Your name for this command, a UUID for instance: when the same command is sent again "
            "with the same key, nothing is done again and the answer is the same."
        )
    )


def expected_version() -> Any:
    """Declare the version that was read of what a command changes."""
    return strawberry.field(
        description="`version` as it was read; refused as STALE_VERSION when it has risen."
    )


def given(description: str) -> Any:
    """Declare a field that may be left out, which is not the same as null."""
    return strawberry.field(default=strawberry.UNSET, description=description)


def values_given(input_: object, *names: str) -> dict[str, Any]:
    """Give those fields of an input that were not left out."""
    found = {name: getattr(input_, name) for name in names}
    return {name: value for name, value in found.items() if value is not strawberry.UNSET}


def check_key(key: str) -> str:
    """Refuse a key that is empty or overlong."""
    if not 0 < len(key) <= _KEY_LENGTH_MAX or not key.isprintable():
        message = f"idempotencyKey: 1 to {_KEY_LENGTH_MAX} printable characters"
        raise bad_input(message)
    return key


def id_of(info: Info[Context, None], global_id: str, prefix: str, field: str) -> GlobalId:
    """Read an id that must be of one type."""
    found = info.context.reader.identities.read(global_id)
    if found.prefix != prefix:
        message = f"{field}: an id that begins with '{prefix}_' is needed here"
        raise bad_input(message)
    return found


def customer_id(info: Info[Context, None], global_id: str, field: str = "id") -> UUID:
    """Read a customer's id."""
    return id_of(info, global_id, "cus", field).id


def account_key(info: Info[Context, None], global_id: str, field: str) -> AccountKey:
    """Read an account's id."""
    found = id_of(info, global_id, "acc", field)
    return AccountKey(found.owner, found.id)


def ticket_id() -> Any:
    """Declare which ticket a command is about."""
    return strawberry.field(description="The ticket; NOT_FOUND where there is none to be seen.")


def ticket_key(info: Info[Context, None], global_id: str) -> TicketKey:
    """Read a ticket's id."""
    found = id_of(info, global_id, "tkt", "ticketId")
    return TicketKey(found.owner, found.id)


@strawberry.input(description="An amount in a currency.")
class MoneyInput:
    """An amount in a currency."""

    amount: Decimal = strawberry.field(
        description=(
            "The amount as a decimal string: above zero, and with no more decimal places than the "
            "currency has, else INVALID_AMOUNT."
        )
    )
    currency: Currency = strawberry.field(
        description="ISO 4217 code; another one than the account's is CURRENCY_NOT_MATCHING."
    )


@strawberry.input(one_of=True, description="One complete value that names a customer.")
class CustomerBy:
    """One complete value that names a customer."""

    number: str | None = strawberry.field(
        default=strawberry.UNSET, description="Customer number, letter by letter."
    )
    national_id: str | None = strawberry.field(
        default=strawberry.UNSET,
        description=(
            "National identity number; spaces and punctuation do not matter. Behind the country's "
            "code, unless it is a Chinese number or an American person's: `BR 390.533.447-05`."
        ),
    )
    phone: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Telephone number, international with `+` or national.",
    )
    email: str | None = strawberry.field(
        default=strawberry.UNSET, description="E-mail address; case does not matter."
    )
    account_number: str | None = strawberry.field(
        default=strawberry.UNSET, description="Number of an account that the customer owns."
    )


def value_given(by: CustomerBy) -> tuple[str, str]:
    """Give the name of the one field that was given, and its value."""
    ((name, value),) = ((name, value) for name, value in vars(by).items() if isinstance(value, str))
    return name, value


def place_given(name: str) -> str:
    """Give the place in the input of a field of `CustomerBy`, for refusals."""
    return f"by.{to_camel_case(name)}"


def text_given(text: str | None) -> str | None:
    """Give the words of a payment without their edges; None where there are none."""
    return check_text("text", text) or None if text is not None else None


def check_text(what: str, text: str, length_max: int = _TEXT_LENGTH_MAX) -> str:
    """Refuse a text that is overlong or holds what no keyboard writes; give it without its edges.

    ``what`` names it in the refusal.
    """
    trimmed = text.strip()
    if len(trimmed) > length_max or not all(
        letter.isprintable() or letter == "\n" for letter in trimmed
    ):
        message = f"{what}: at most {length_max} printable characters"
        raise bad_input(message)
    return trimmed


def check_letter(what: str, text: str) -> str:
    """Refuse what somebody writes to somebody else where it is empty or overlong."""
    if not (letter := check_text(what, text, _LETTER_LENGTH_MAX)):
        message = f"{what}: 1 to {_LETTER_LENGTH_MAX} printable characters"
        raise bad_input(message)
    return letter
