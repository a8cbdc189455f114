"""The audit trail: who did what, and who was shown what."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
import strawberry
from strawberry.types import Info
from strawberry.utils.str_converters import to_camel_case

from app.auth.permissions import Permission, Role
from app.db import views
from app.db.bank_itself import BANK_ID
from app.domain.audit import AuditKind, LookUpValue
from app.planner.declare import (
    Node,
    column,
    computed,
    object_type,
    projection,
    reference,
    relation,
    row_of,
)
from app.planner.enums import graphql_enum
from app.planner.global_id import format_id
from app.planner.projection import Order, PrefixColumn
from app.resolvers import audit
from app.resolvers.context import Context
from app.schema.bank import Staff
from app.schema.customer import Customer

for members in (AuditKind, LookUpValue):
    graphql_enum(members)

_LOOK_UP = f"{Permission.CUSTOMER_LOOK_UP}:"


def _record_id(record: UUID) -> str:
    return format_id(views.RECORD_PREFIX, record, record)


def _names(names: Iterable[str]) -> list[str]:
    """Name fields as this API does; classes of data and the like are in capitals."""
    return [to_camel_case(name) if name.islower() else name for name in names]


@projection(
    views.audit_entries,
    prefix=views.RECORD_PREFIX,
    prefixes=PrefixColumn("prefix", (views.RECORD_PREFIX, views.READ_PREFIX)),
    owner="owner_id",
    requires=Permission.AUDIT_READ,
    description=(
        "Something that somebody did, or was shown of one customer's personal data by one "
        "operation. It is never changed or deleted."
    ),
    orders={
        "NEWEST": Order(("-recorded_at",), "Latest first."),
        "OLDEST": Order(("recorded_at",), "Earliest first."),
    },
)
class AuditEntry(Node):
    """Something that somebody did or was shown."""

    kind: AuditKind = column(description="Whether something was done or shown.", filterable=True)
    recorded_at: datetime = column(description="When.", filterable=True)
    position: Decimal | None = column(
        views.chain_position,
        description=(
            "Place in the one chain of the bank's records, without gaps; of what was shown, that "
            "of the record it was written with. Null for the moment until it has one."
        ),
    )
    actor_id: strawberry.ID | None = reference(
        "actor_id",
        "sta",
        "cus",
        prefix=lambda entry: sa.case((entry.c.role == Role.CUSTOMER.value, "cus"), else_="sta"),
        description=(
            "Who: a member of staff, or a customer where `role` is CUSTOMER; null for the bank's "
            "own programs."
        ),
    )
    staff: Staff | None = relation(
        ("actor_id", "id"), description="Who, where it was a member of staff whom the bank knows."
    )
    role: Role | None = column(description="Acting as what.", filterable=True)
    command: str | None = column(
        description="What was done: the mutation's name; null for what was shown.",
        filterable=True,
    )
    event: str | None = column(
        description="What came of it, such as `customer.updated`; null for what was shown.",
        filterable=True,
    )
    operation: str | None = column(
        description="Name of the operation that showed it, where it has one.", filterable=True
    )
    subject: strawberry.ID | None = computed(
        format_id,
        prefix=lambda entry: entry.c.subject_prefix,
        owner=lambda entry: sa.func.coalesce(entry.c.customer_id, entry.c.subject_id),
        row_id=lambda entry: entry.c.subject_id,
        description="Global id of what was made or changed; null for what was shown.",
    )
    customer_id: strawberry.ID | None = reference(
        "customer_id",
        "cus",
        expression=lambda entry: sa.func.nullif(entry.c.customer_id, BANK_ID, type_=sa.Uuid()),
        description="The customer concerned; null where it is none, as for the trail itself.",
    )
    customer: Customer | None = relation(
        ("customer_id", "id"), description="The customer concerned."
    )
    fields: list[str] = computed(
        _names,
        names=lambda entry: entry.c.fields,
        description=(
            "What was shown: the permissions that guard it, and `CUSTOMER_LOOK_UP:PHONE` for a "
            "look-up by a telephone number. Of what was done, the names of the fields concerned; "
            "a command that shows something has the permissions too, a decision `COMMAND:…` and "
            "`MAKER:…` of the request, and what was approved `APPROVED_BY:…`."
        ),
    )
    record_id: strawberry.ID = computed(
        _record_id,
        record=lambda entry: entry.c.record_id,
        description=(
            "Id of the record that proves it: of what was done its own, of what was shown that of "
            "the record of a batch of reads."
        ),
    )
    request_id: str | None = column(
        description="The request's id, as its answer had it in `X-Request-Id`.", filterable=True
    )


@object_type(
    requires=Permission.AUDIT_READ,
    description="What one person, acting in one role, was shown of one customer.",
)
class Exposure:
    """What one person was shown of one customer."""

    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    customer: Customer | None = row_of(
        "customer_key", description="The customer; null when there is none any more."
    )
    actor_id: strawberry.ID = strawberry.field(
        description="Who: a member of staff, or a customer where `role` is CUSTOMER."
    )
    staff: Staff | None = row_of(
        "actor_key", description="Who, where it was a member of staff whom the bank knows."
    )
    role: Role = strawberry.field(description="Acting as what.")
    classes: list[Permission] = strawberry.field(
        description="Classes of data that were shown, by the permissions that guard them."
    )
    looked_up_by: list[LookUpValue] = strawberry.field(
        description="What the customer was found by, in look-ups by a complete value."
    )
    revealed: list[str] = strawberry.field(
        description=(
            "Fields that were shown although they are masked for the post (`revealField`). An "
            "export (`exportCustomerData`) stands in `classes`: it shows every field of each."
        )
    )
    first_at: datetime = strawberry.field(description="The first time.")
    last_at: datetime = strawberry.field(description="The last time.")
    operation_count: int = strawberry.field(description="Number of operations.")
    customer_key: strawberry.Private[UUID]
    actor_key: strawberry.Private[UUID]


CustomerIds = Annotated[
    list[strawberry.ID], strawberry.argument(description="Customers, at most 100.")
]
From = Annotated[datetime, strawberry.argument(name="from", description="From this moment on.")]
To = Annotated[datetime, strawberry.argument(description="Until before this moment.")]


async def exposure(
    info: Info[Context, None], customer_ids: CustomerIds, from_: From, to: To
) -> list[Exposure]:
    """Resolve ``Query.exposure``."""
    return await exposures(info.context, customer_ids, from_, to)


async def exposures(
    context: Context, customer_ids: Sequence[str], from_: datetime, to: datetime
) -> list[Exposure]:
    """Give who was shown what of some customers."""
    found = await audit.exposed(context, customer_ids, from_, to)
    write = context.reader.identities.write
    return [
        Exposure(
            customer_id=strawberry.ID(write("cus", each.customer_id, each.customer_id)),
            actor_id=strawberry.ID(
                write("cus" if each.role is Role.CUSTOMER else "sta", each.actor_id, each.actor_id)
            ),
            role=each.role,
            classes=_classes(each.fields),
            looked_up_by=[
                value for value in LookUpValue if f"{_LOOK_UP}{value.value}" in each.fields
            ],
            revealed=sorted(_names(name for name in each.fields if name.islower())),
            first_at=each.first_at,
            last_at=each.last_at,
            operation_count=each.operation_count,
            customer_key=each.customer_id,
            actor_key=each.actor_id,
        )
        for each in found
    ]


def _classes(fields: frozenset[str]) -> list[Permission]:
    """Give the permissions among what was shown, a look-up's own among them."""
    named = {name.partition(":")[0] for name in fields}
    return [permission for permission in Permission if permission.value in named]
