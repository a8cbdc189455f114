"""What the inputs of mutations share."""

from typing import Any, Final
from uuid import UUID

import strawberry
from strawberry.types import Info

from app.planner.errors import bad_input
from app.planner.global_id import GlobalId
from app.resolvers.context import Context

_KEY_LENGTH_MAX: Final = 200


def idempotency_key() -> Any:
    """Declare the client's name for a command."""
    return strawberry.field(
        description=(
            "Your name for this command, a UUID for instance: when the same command is sent again "
            "with the same key, nothing is done again and the answer is the same."
        )
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
