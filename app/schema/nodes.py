"""The types behind `Node`, by the prefixes of their ids."""

from typing import Any, Final, cast

from app.planner.projection import Projection
from app.schema.account import Account, Card, Transaction
from app.schema.account_product import AccountHold, AccountProduct
from app.schema.approval import Approval
from app.schema.audit import AuditEntry
from app.schema.bank import Branch, Staff
from app.schema.begun_service import BegunService
from app.schema.consent import Consent
from app.schema.customer import Customer, Relationship
from app.schema.loan import Instalment, Loan
from app.schema.segment import Segment
from app.schema.service import Interaction, Ticket, TicketComment, TicketEvent
from app.schema.standing_order import Payee, StandingOrder
from app.schema.wealth import Holding, HoldingLot, Product

NODE_TYPES: Final[tuple[type, ...]] = (
    Account,
    AccountHold,
    AccountProduct,
    Approval,
    AuditEntry,
    BegunService,
    Branch,
    Card,
    Consent,
    Customer,
    Holding,
    HoldingLot,
    Instalment,
    Interaction,
    Loan,
    Payee,
    Product,
    Relationship,
    Segment,
    Staff,
    StandingOrder,
    Ticket,
    TicketComment,
    TicketEvent,
    Transaction,
)


def projection_of(type_: type) -> Projection:
    """Give the projection that a type was declared as."""
    return cast("Projection", cast("Any", type_).__projection__)


PROJECTIONS: Final = {
    prefix: projection
    for projection in map(projection_of, NODE_TYPES)
    for prefix in projection.prefixes
}
