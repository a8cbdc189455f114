"""Consents: what customers allow and forbid."""

from datetime import datetime

from app.auth.permissions import Permission
from app.db import tables
from app.domain.audit import ConsentPurpose
from app.domain.service import Channel
from app.planner.declare import Node, column, projection, relation
from app.planner.enums import graphql_enum
from app.planner.projection import Order
from app.schema.bank import Staff

graphql_enum(ConsentPurpose)


@projection(
    tables.Consent,
    prefix="con",
    requires=Permission.PROFILE_READ,
    description="What a customer said of one purpose, at one time. The newest of a purpose holds.",
    orders={
        "NEWEST": Order(("-recorded_at",), "Last recorded first."),
        "OLDEST": Order(("recorded_at",), "First recorded first."),
    },
)
class Consent(Node):
    """What a customer said of one purpose."""

    purpose: ConsentPurpose = column(description="What it is about.", filterable=True)
    granted: bool = column(description="Whether the customer allows it.", filterable=True)
    channel: Channel = column(description="How the bank heard of it.", filterable=True)
    recorded_at: datetime = column(description="When it was recorded (UTC).", filterable=True)
    staff: Staff | None = relation(
        ("staff_id", "id"),
        description="Who recorded it; null when the customer did, or the viewer may not see who.",
    )
