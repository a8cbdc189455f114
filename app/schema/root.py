"""The schema: root fields, and the types behind `Node`."""

from functools import cache
from typing import Annotated, Any, cast

import strawberry
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from app.planner.declare import Node
from app.planner.loaders import load_row
from app.planner.projection import Projection, row_value
from app.planner.relations import selected
from app.planner.selection import ROW_PATHS
from app.resolvers import customer as customers
from app.resolvers import node as nodes_
from app.resolvers.context import Context
from app.resolvers.scope import sees
from app.schema.account import Account, AccountHolder, Card, StandingOrder, Transaction
from app.schema.bank import Branch, Staff
from app.schema.customer import Customer, Relationship
from app.schema.loan import Instalment, Loan
from app.schema.service import Interaction, Ticket, TicketComment, TicketEvent
from app.schema.viewer import Viewer

NODE_TYPES: tuple[type, ...] = (
    Account,
    Branch,
    Card,
    Customer,
    Instalment,
    Interaction,
    Loan,
    Relationship,
    Staff,
    StandingOrder,
    Ticket,
    TicketComment,
    TicketEvent,
    Transaction,
)


@strawberry.input(one_of=True, description="One complete value that names a customer.")
class CustomerBy:
    """One complete value that names a customer."""

    number: str | None = strawberry.field(
        default=strawberry.UNSET, description="Customer number, letter by letter."
    )
    national_id: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="National identity number; spaces and punctuation do not matter.",
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


def _projection(type_: type) -> Projection:
    return cast("Projection", cast("Any", type_).__projection__)


PROJECTIONS = {
    projection.prefix: projection for projection in map(_projection, NODE_TYPES) if projection.prefix
}


def _selected(info: Info[Context, None]) -> nodes_.Selected:
    return lambda projection: selected(projection, info, ROW_PATHS)


@strawberry.type(description="Everything that can be read.")
class Query:
    """Everything that can be read."""

    @strawberry.field(description="Who is asking, and as what.")
    def viewer(self, info: Info[Context, None]) -> Viewer:
        """Give the signed-in person."""
        viewer = info.context.viewer
        return Viewer(
            role=viewer.role,
            roles=list(viewer.roles),
            strongly_authenticated=viewer.strongly_authenticated,
        )

    @strawberry.field(
        description="The object with this id; null when there is none that the viewer may see."
    )
    async def node(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")],  # noqa: A002
    ) -> Node | None:
        """Find anything by its id."""
        found = await nodes_.find(info.context, PROJECTIONS, id, _selected(info))
        return cast("Node | None", found)

    @strawberry.field(
        description="The objects with these ids, in their order; null where there is none."
    )
    async def nodes(
        self,
        info: Info[Context, None],
        ids: Annotated[
            list[strawberry.ID], strawberry.argument(description="Global ids, at most 100.")
        ],
    ) -> list[Node | None]:
        """Find many things by their ids."""
        found = await nodes_.find_all(info.context, PROJECTIONS, ids, _selected(info))
        return cast("list[Node | None]", found)

    @strawberry.field(
        description="The customer with this id; null when there is none that the viewer may see."
    )
    async def customer(
        self,
        info: Info[Context, None],
        id: Annotated[strawberry.ID, strawberry.argument(description="A customer's id.")],  # noqa: A002
    ) -> Customer | None:
        """Find a customer by id."""
        only = {"cus": _projection(Customer)}
        found = await nodes_.find(info.context, only, id, _selected(info))
        return cast("Customer | None", found)

    @strawberry.field(
        description=(
            "The customer with this one complete value; null when there is none that the viewer "
            "may see. A phone number or e-mail address that several customers share is refused "
            "with BAD_USER_INPUT."
        )
    )
    async def customer_by(
        self,
        info: Info[Context, None],
        by: Annotated[CustomerBy, strawberry.argument(description="The value.")],
    ) -> Customer | None:
        """Find a customer by one value."""
        given = {name: value for name, value in vars(by).items() if value is not strawberry.UNSET}
        found = await customers.look_up(info.context, given)
        if found is None or not sees(info.context.viewer, found):
            return None
        projection = _projection(Customer)
        names = selected(projection, info, ROW_PATHS)
        row = await load_row(info.context.reader, projection, found, found, names)
        return cast("Customer | None", row)


@cache
def schema() -> strawberry.Schema:
    """Give the schema, built on first use."""
    return strawberry.Schema(
        query=Query,
        types=[*NODE_TYPES, AccountHolder],
        config=StrawberryConfig(default_resolver=row_value),
    )


def print_sdl() -> str:
    """Give the schema in the schema definition language, as ``schema.graphql`` holds it."""
    return print_schema(schema()) + "\n"


