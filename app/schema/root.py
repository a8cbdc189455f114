"""The schema: root fields, and the types behind `Node`."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, cast

import strawberry
from graphql import GraphQLSchema
from graphql.pyutils import Path
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from app.auth.permissions import Permission, Role
from app.auth.viewer import Viewer as Asker
from app.db.lookup import LookUp
from app.db.scope import runs_for_viewer
from app.domain.customer import CustomerType
from app.planner.collecting import Reason, UnplannedError
from app.planner.declare import Node, entry, root_field
from app.planner.enforcement import enforce
from app.planner.global_id import GlobalId
from app.planner.pages import Connection
from app.planner.planning import Planner
from app.planner.projection import row_value
from app.planner.relations import selected
from app.planner.roots import NamedRow, NamedRows, OfAsker, OfContext
from app.planner.selection import ROW_PATHS
from app.resolvers import account as accounts
from app.resolvers import customer as customers
from app.resolvers import node as nodes_
from app.resolvers.context import Context, Selected, note_look_up
from app.schema.access import AccessMatrixEntry, access_matrix
from app.schema.account import Account, AccountHolder
from app.schema.account_product import AccountProduct
from app.schema.approval import Approval
from app.schema.audit import AuditEntry, Exposure, exposure, exposures
from app.schema.audit_proof import AuditProof, find_proof, make_proof
from app.schema.bank import Branch, Staff
from app.schema.begun_service import BegunService
from app.schema.customer import Customer
from app.schema.inputs import CustomerBy, value_given
from app.schema.loan import Loan
from app.schema.mutation import Mutation
from app.schema.nodes import NODE_TYPES, PROJECTIONS, projection_of
from app.schema.requirement import TransferRequirementsResult, transfer_requirements
from app.schema.scalars import SCALARS
from app.schema.segment import Segment
from app.schema.service import Ticket
from app.schema.subscription import Subscription
from app.schema.summary import BankSummary, bank_summary, make_summary
from app.schema.viewer import Viewer
from app.schema.wealth import Product

_CUSTOMER_BY: Final = {
    to_camel_case(field.python_name): LookUp(field.python_name)
    for field in get_object_definition(CustomerBy, strict=True).fields
}
# Look-ups by a complete value tell whether somebody has it; they have a rate of their own.
LOOK_UPS: Final = frozenset({"accountBy", "beginService", "customerBy", "registerCustomer"})


def _selected(info: Info[Context, None]) -> Selected:
    return lambda projection: selected(projection, info, ROW_PATHS)


def _path(info: Info[Context, None]) -> Path:
    return info.path


Id = Annotated[strawberry.ID, strawberry.argument(description="A global id.")]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="Global ids, at most 100.")]
Number = Annotated[str, strawberry.argument(description="The account number.")]
OfRole = Annotated[Role, strawberry.argument(description="The post.")]
By = Annotated[CustomerBy, strawberry.argument(description="The value.")]


def _viewer(info: Info[Context, None]) -> Viewer:
    return _described(info.context.viewer)


def _described(viewer: Asker) -> Viewer:
    return Viewer(
        acting_role=viewer.role,
        roles=list(viewer.roles),
        strongly_authenticated=viewer.strongly_authenticated,
    )


async def _by_global_id(context: Context, given: Mapping[str, Any]) -> GlobalId:
    return context.reader.identities.read(given["id"])


async def _by_value(context: Context, given: Mapping[str, Any]) -> GlobalId | None:
    ((name, value),) = given["by"].items()
    found = await customers.found_by(context, _CUSTOMER_BY[name], value)
    if len(found) > 1:
        raise UnplannedError(Reason.SHARED_VALUE, "a value that several customers share")
    return GlobalId("cus", found[0], found[0]) if found else None


def _looked_up(context: Context, given: Mapping[str, Any], found: GlobalId) -> None:
    (name,) = given["by"]
    note_look_up(context, _CUSTOMER_BY[name], found.id)


async def _by_number(context: Context, given: Mapping[str, Any]) -> GlobalId | None:
    found = await accounts.found_by(context, given["number"])
    return GlobalId("acc", *found) if found else None


def _number_looked_up(context: Context, _given: Mapping[str, Any], found: GlobalId) -> None:
    note_look_up(context, LookUp.ACCOUNT_NUMBER, found.owner)


async def _node(info: Info[Context, None], id: Id) -> Node | None:  # noqa: A002  # Relay's name.
    found = await nodes_.find(info.context, PROJECTIONS, id, _selected(info), _path(info))
    return cast("Node | None", found)


def _by_global_ids(context: Context, given: Mapping[str, Any]) -> list[GlobalId]:
    return nodes_.read_ids(context, given["ids"])


async def _nodes(info: Info[Context, None], ids: Ids) -> list[Node | None]:
    found = await nodes_.find_all(info.context, PROJECTIONS, ids, _selected(info), _path(info))
    return cast("list[Node | None]", found)


def _by_id(type_: type, description: str) -> Any:
    """Declare the root field that finds an object of one type by its id."""
    projection = projection_of(type_)
    only = {cast("str", projection.prefix): projection}

    async def find(info: Info[Context, None], id: Id) -> Any:  # noqa: A002  # Relay's name.
        return await nodes_.find(info.context, only, id, _selected(info), _path(info))

    return root_field(find, description=description, root=NamedRow(only, _by_global_id))


def _access_matrix(role: OfRole) -> list[AccessMatrixEntry]:
    return _matrix(role)


async def _make_matrix(_context: Context, role: Role) -> list[AccessMatrixEntry]:
    return _matrix(role)


async def _customer_by(info: Info[Context, None], by: By) -> Customer | None:
    name, value = value_given(by)
    projection = projection_of(Customer)
    found = await customers.look_up(info.context, name, value, projection, _selected(info))
    return cast("Customer | None", found)


async def _account_by(info: Info[Context, None], number: Number) -> Account | None:
    projection = projection_of(Account)
    found = await accounts.look_up(info.context, number, projection, _selected(info))
    return cast("Account | None", found)


@strawberry.type(description="Everything that can be read.")
class Query:
    """Everything that can be read."""

    viewer: Viewer = root_field(
        _viewer,
        public=True,
        root=OfAsker(_described),
        description="Who is asking, and as what.",
    )
    node: Node | None = root_field(
        _node,
        public=True,
        root=NamedRow(PROJECTIONS, _by_global_id),
        description="The object with this id; null when there is none that the viewer may see.",
    )
    nodes: list[Node | None] = root_field(
        _nodes,
        public=True,
        root=NamedRows(PROJECTIONS, _by_global_ids),
        description="The objects with these ids, in their order; null where there is none.",
    )
    customer: Customer | None = _by_id(
        Customer, "The customer with this id; null when there is none that the viewer may see."
    )
    customer_by: Customer | None = root_field(
        _customer_by,
        requires=Permission.CUSTOMER_LOOK_UP,
        root=NamedRow({"cus": projection_of(Customer)}, _by_value, _looked_up),
        description=(
            "The customer with this one complete value; null when there is none that the viewer "
            "may see. A phone number or e-mail address that several customers share is refused "
            "with BAD_USER_INPUT."
        ),
    )
    customers: Connection[Customer] | None = entry(
        where=lambda customer: customer.c.type != CustomerType.BANK.value,
        description="Customers that the viewer may see.",
    )
    account: Account | None = _by_id(
        Account, "The account with this id; null when there is none that the viewer may see."
    )
    account_by: Account | None = root_field(
        _account_by,
        requires=Permission.CUSTOMER_LOOK_UP,
        root=NamedRow({"acc": projection_of(Account)}, _by_number, _number_looked_up),
        description="The account with this number; null when the viewer may see none.",
    )
    loan: Loan | None = _by_id(
        Loan, "The loan with this id; null when there is none that the viewer may see."
    )
    ticket: Ticket | None = _by_id(
        Ticket, "The ticket with this id; null when there is none that the viewer may see."
    )
    tickets: Connection[Ticket] | None = entry(
        description="Tickets of all customers that the viewer may see: the service desk's queue."
    )
    product: Product | None = _by_id(Product, "The product with this id, or null.")
    products: list[Product] | None = entry(paged=False, description="Products of the bank.")
    account_products: list[AccountProduct] | None = entry(
        paged=False, description="Kinds of accounts that the bank offers, or offered."
    )
    begun_services: list[BegunService] | None = entry(
        paged=False,
        where=runs_for_viewer,
        description="The services that you began in the post that you act in and that still run.",
    )
    approvals: Connection[Approval] | None = entry(
        description=(
            "Requests for a second person, latest first: those you made, and those that the post "
            "you act in may decide."
        )
    )
    segment: Segment | None = _by_id(Segment, "The segment with this id, or null.")
    segments: list[Segment] | None = entry(paged=False, description="Segments of customers.")
    branch: Branch | None = _by_id(Branch, "The branch with this id, or null.")
    branches: list[Branch] | None = entry(paged=False, description="Branches of the bank.")
    staff: Connection[Staff] | None = entry(
        requires=Permission.STAFF_LIST, description="People who work for the bank."
    )
    access_matrix: list[AccessMatrixEntry] = root_field(
        _access_matrix,
        public=True,
        root=OfContext(_make_matrix),
        description="What a post sees of every field of every type, strongly authenticated.",
    )
    audit_proof: AuditProof | None = root_field(
        find_proof,
        requires=Permission.AUDIT_READ,
        root=OfContext(make_proof),
        description=(
            "What shows that an audit record stands in the trail as it was written; null when no "
            "record with this id has a position."
        ),
    )
    transfer_requirements: TransferRequirementsResult | None = root_field(
        transfer_requirements,
        requires=Permission.MONEY_TRANSFER,
        description=(
            "What a transfer will be asked for, and why; nothing is written. Customers are asked "
            "less the better the bank knows them and their payee. Of the payee's account nothing "
            "is told, not even whether there is one."
        ),
    )
    bank_summary: BankSummary | None = root_field(
        bank_summary,
        # It reads whole tables.
        cost=50_000,
        root=OfContext(make_summary),
        description="Counts and totals by branch, tier and product: for management reports.",
    )
    audit_trail: Connection[AuditEntry] | None = entry(
        description="What was done in the bank and what was shown of personal data, latest first."
    )
    exposure: list[Exposure] | None = root_field(
        exposure,
        root=OfContext(exposures),
        description=(
            "Who was shown which classes of data of some customers: for notices after a breach. "
            "More than 1,000 lines are refused with LIMIT_EXCEEDED: ask for fewer customers or a "
            "shorter time."
        ),
    )


@cache
def schema() -> strawberry.Schema:
    """Give the schema, built on first use."""
    made = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[*NODE_TYPES, AccountHolder],
        config=StrawberryConfig(default_resolver=row_value, scalar_map=SCALARS),
    )
    enforce(made._schema)  # noqa: SLF001  # Strawberry has no public way.
    return made


def graphql_schema() -> GraphQLSchema:
    """Give the schema as graphql-core executes it."""
    return schema()._schema  # noqa: SLF001  # Strawberry has no public way.


def planner(page_size_max: int) -> Planner:
    """Give what plans the schema's queries."""
    converter = schema().schema_converter
    convert = {"scalar_registry": converter.scalar_registry, "config": schema().config}
    return Planner(graphql_schema(), page_size_max, convert)


_matrix = access_matrix(graphql_schema)


def print_sdl() -> str:
    """Give the schema in the schema definition language, as ``schema.graphql`` holds it."""
    # Strawberry prints the specification's own directive without its description.
    one_of = "directive @oneOf on INPUT_OBJECT"
    described = f'"""Exactly one field of the input must be given, and not null."""\n{one_of}'
    return print_schema(schema()).replace(one_of, described, 1) + "\n"
