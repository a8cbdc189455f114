"""Showing one masked value."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from app.auth.permissions import Mask, Permission
from app.domain.audit import RevealReason
from app.domain.reveal import RevealableField
from app.planner.declare import object_type, root_field
from app.planner.enums import graphql_enum
from app.resolvers import reveal as reveals
from app.resolvers.context import Context
from app.resolvers.reveal import Masked
from app.schema.inputs import check_key, check_text, idempotency_key
from app.schema.nodes import PROJECTIONS
from app.schema.problem import Problem, refusal
from app.schema.scalars import Address

graphql_enum(RevealReason)
graphql_enum(RevealableField)


def _masked() -> Iterator[tuple[tuple[str, RevealableField], Masked]]:
    """Give every field that any post sees masked, by its type's prefix and its own name.

    A field that RevealableField does not know keeps the application from starting.
    """
    for prefix, made in PROJECTIONS.items():
        for name, guard in made.guards.items():
            if guard is not None and guard.mask not in {None, Mask.PSEUDONYM}:
                yield (prefix, RevealableField[name.upper()]), Masked(made, name)


MASKED: Final[Mapping[tuple[str, RevealableField], Masked]] = dict(_masked())


@strawberry.input(description="Which value to show, and what for.")
class RevealFieldInput:
    """Which value to show, and what for."""

    idempotency_key: strawberry.ID = idempotency_key()
    id: strawberry.ID = strawberry.field(description="The object that the value is masked in.")
    field: RevealableField = strawberry.field(description="The field that you see masked.")
    reason: RevealReason = strawberry.field(description="What the value is needed for.")
    text: str = strawberry.field(
        description="The same in your words, for the record: 10 to 500 characters."
    )


@object_type(
    public=True,
    description="A value in clear. It stands in this answer only; do not store or cache it.",
)
class RevealFieldPayload:
    """A value in clear."""

    value: str = strawberry.field(
        description="The value as a text: a date as `1990-12-13`, an address on one line."
    )
    hide_at: datetime = strawberry.field(description="When to take it off the screen (UTC).")


RevealFieldResult = Annotated[
    RevealFieldPayload | Problem,
    strawberry.union("RevealFieldResult", description="The value in clear, or why not."),
]
Input = Annotated[RevealFieldInput, strawberry.argument(description="Which value.")]


async def _reveal_field(
    info: Info[Context, None],
    input: Input,  # noqa: A002  # Relay's name.
) -> RevealFieldResult | None:
    wanted = info.context.reader.identities.read(input.id)
    command = reveals.Reveal(
        wanted,
        input.field.value,
        MASKED.get((wanted.prefix, input.field)),
        input.reason,
        check_text("text", input.text),
    )
    key = check_key(input.idempotency_key)
    outcome = await reveals.reveal(info.context, key, command)
    if isinstance(outcome, reveals.Revealed):
        return RevealFieldPayload(value=_text(outcome.value), hide_at=outcome.hide_at)
    return refusal(info, outcome)


def _text(value: Any) -> str:
    if isinstance(value, Address):
        return value.on_one_line()
    return value.isoformat() if isinstance(value, date) else str(value)


@strawberry.type
class RevealMutation:
    """The mutation that shows a masked value."""

    reveal_field: RevealFieldResult | None = root_field(
        _reveal_field,
        requires=Permission.FIELD_REVEAL,
        description=(
            "Show one value that your post sees masked (else `NOT_MASKED`): after strong "
            "authentication, for a stated reason, on the record. Sent again with the same key, it "
            "is checked and recorded again, and shows what stands there by then. Names behind "
            "pseudonyms are never shown."
        ),
    )
