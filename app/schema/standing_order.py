"""Standing orders, and whom customers pay."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.auth.permissions import Mask, Permission
from app.db import tables
from app.domain.account import OrderFrequency, OrderPurpose, OrderStatus
from app.planner.declare import Node, column, embedded, encrypted, projection, relation
from app.planner.enums import graphql_enum
from app.planner.projection import Order
from app.schema import buttons
from app.schema.access import ViewerCan
from app.schema.scalars import Money

if TYPE_CHECKING:
    from app.schema.account import Account

for members in (OrderFrequency, OrderPurpose, OrderStatus):
    graphql_enum(members)


@projection(
    tables.StandingOrder,
    prefix="sto",
    requires=Permission.MONEY_READ,
    description="An order to pay the same amount again and again.",
    orders={"OLDEST": Order(("id",), "Earliest order first.")},
)
class StandingOrder(Node):
    """A standing order."""

    purpose: OrderPurpose = column(description="What it pays.", filterable=True)
    amount: Money = embedded(
        Money,
        amount="amount",
        currency="currency",
        filter_part="amount",
        description="What is paid each time.",
    )
    frequency: OrderFrequency = column(description="How often it is paid.")
    status: OrderStatus = column(description="Whether it is carried out.", filterable=True)
    next_on: date | None = column(description="Next payment; null when not known.")
    payee_bank: str | None = column(description="Code of the payee's bank.")
    payee_account: str | None = encrypted(
        "payee_account_ciphertext",
        requires=Permission.ACCOUNT_NUMBER_READ,
        mask=Mask.NUMBER,
        description="Number of the payee's account.",
    )
    payee_name: str | None = encrypted(
        "payee_name_ciphertext",
        requires=Permission.ACCOUNT_NUMBER_READ,
        mask=Mask.NAME,
        description="Name of the payee; null when not known.",
    )
    text: str | None = encrypted(
        "text_ciphertext",
        requires=Permission.PAYMENT_TEXT_READ,
        description="What the payer writes to it; null when nothing.",
    )
    first_on: date | None = column(description="First payment; null when not known.")
    ends_on: date | None = column(description="No payment after this day; null without an end.")
    viewer_can: list[ViewerCan] = buttons.of_standing_order()
    version: int = column(description="Rises with every change; for `expectedVersion`.")
    account: Annotated["Account", strawberry.lazy("app.schema.account")] | None = relation(
        ("customer_id", "customer_id"), ("account_id", "id"), description="What it draws on."
    )


@projection(
    tables.Payee,
    prefix="pay",
    requires=Permission.PAYEE_KEEP,
    description="Whom a customer pays.",
    orders={"OLDEST": Order(("id",), "First added first.")},
)
class Payee(Node):
    """Whom a customer pays."""

    name: str | None = encrypted(
        "name_ciphertext", requires=Permission.PAYEE_KEEP, description="Name of the holder."
    )
    number: str | None = encrypted(
        "number_ciphertext", requires=Permission.PAYEE_KEEP, description="Account number."
    )
    bank: str | None = column(description="Code of the other bank; null for this bank.")
    added_at: datetime = column(description="When it was added (UTC).")
    last_paid_at: datetime | None = column(description="When it was last paid; null if never.")
    times_paid: int = column(description="How often it was paid.")
