"""Refusals, as mutations answer them, and what they answer instead."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry
from strawberry.types import Info

from app.db.commands import Done, Made
from app.domain import problem
from app.domain.problem import ProblemCode
from app.planner.declare import object_type, root_field
from app.planner.enums import graphql_enum
from app.planner.loaders import load_row
from app.planner.projection import Projection
from app.planner.relations import selected
from app.planner.selection import ROW_PATHS
from app.resolvers.context import Context

graphql_enum(ProblemCode)
PayloadT = TypeVar("PayloadT")


@object_type(
    public=True,
    description=(
        "Why a command was refused. Nothing has changed. The same command with the same key is "
        "refused again; send a new one with a new key."
    ),
)
class Problem:
    """Why a command was refused."""

    code: ProblemCode = strawberry.field(description="What is wrong, for programs.")
    message: str = strawberry.field(
        description="What is wrong, for people: English or Chinese, by `Accept-Language`."
    )
    field: str | None = strawberry.field(
        description="Path of the input's field that is to blame, such as `address.city`."
    )
    hint: str | None = strawberry.field(description="What to do about it.")


def answer(
    info: Info[Context, None], outcome: Done | problem.Problem, payload: Callable[[Made], PayloadT]
) -> PayloadT | Problem:
    """Give a command's answer: its payload, or the problem in the client's language."""
    return payload(outcome.made) if isinstance(outcome, Done) else refusal(info, outcome)


def refusal(info: Info[Context, None], outcome: problem.Problem) -> Problem:
    """Give a problem in the client's language."""
    language = info.context.language
    return Problem(
        code=outcome.code,
        message=outcome.code.message_in(language),
        field=outcome.field,
        hint=outcome.code.hint_in(language),
    )


def result(
    type_: type, description: str, *, of_owner: bool = False, attribute: str = "made"
) -> Any:
    """Declare a payload's field with the object that the command made or changed, or its owner.

    It is read with the rights that the viewer has now, also when the command is sent again. The
    payload keeps the object's identity in ``attribute``; where that is None, there is no object.
    """
    projection = cast("Projection", cast("Any", type_).__projection__)

    async def find(self: Any, info: Info[Context, None]) -> Any:
        made: Made | None = getattr(self, attribute)
        if made is None:
            return None
        names = selected(projection, info, ROW_PATHS)
        row = made.owner if of_owner else made.id
        return await load_row(info.context.reader, projection, made.owner, row, names)

    return root_field(find, description=description)
