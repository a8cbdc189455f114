"""Accounts, their transactions and standing orders, and cards."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.auth.permissions import Mask, Permission
from app.db import tables
from app.domain.account import (
    AccountKind,
    AccountStatus,
    CardLevel,
    CardStatus,
    HolderRole,
    StatementFrequency,
    TransactionKind,
)
from app.domain.interest import AutoRenewal
from app.domain.money import Currency, rounded
from app.domain.service import Channel
from app.planner.declare import (
    Node,
    column,
    embedded,
    encrypted,
    pages,
    projection,
    relation,
)
from app.planner.enums import graphql_enum
from app.planner.pages import Connection
from app.planner.projection import Order
from app.schema import buttons
from app.schema.access import ViewerCan
from app.schema.account_product import AccountHold, AccountProduct
from app.schema.bank import Branch
from app.schema.scalars import Money
from app.schema.standing_order import StandingOrder

if TYPE_CHECKING:
    from app.schema.customer import Customer

for members in (
    AccountStatus,
    CardLevel,
    CardStatus,
    AutoRenewal,
    Channel,
    HolderRole,
    StatementFrequency,
    TransactionKind,
):
    graphql_enum(members)


def _rounded_money(amount: Decimal, currency: Currency) -> Money:
    """Give an amount that is kept more exactly as money."""
    return Money(amount=rounded(amount, Currency[currency]), currency=currency)


@projection(
    tables.Posting,
    prefix="txn",
    requires=Permission.MONEY_READ,
    description="One booking on an account. Bookings never change: a correction is a new one.",
    orders={
        "NEWEST": Order(("-booked_at",), "Latest booking first."),
        "OLDEST": Order(("booked_at",), "Earliest booking first."),
    },
)
class Transaction(Node):
    """One booking on an account."""

    kind: TransactionKind = column(description="What was booked.", filterable=True)
    amount: Money = embedded(
        Money,
        amount="amount",
        currency="currency",
        filter_part="amount",
        description="Positive when the account gained, negative when it lost.",
    )
    balance_after: Money | None = embedded(
        Money,
        amount="balance_after",
        currency="currency",
        description="The account's balance after the booking; null on internal accounts.",
    )
    booked_at: datetime = column(description="When it was booked (UTC).", filterable=True)
    value_on: date = column(description="Value date: interest counts from here.", filterable=True)
    channel: Channel | None = column(description="How it was ordered, when known.", filterable=True)
    counterparty_bank: str | None = column(
        description="Code of the other account's bank, when it is another bank."
    )
    counterparty_account: str | None = encrypted(
        "counterparty_account_ciphertext",
        requires=Permission.ACCOUNT_NUMBER_READ,
        mask=Mask.NUMBER,
        description="Number of the other account, when known.",
    )
    counterparty_name: str | None = encrypted(
        "counterparty_name_ciphertext",
        requires=Permission.ACCOUNT_NUMBER_READ,
        mask=Mask.NAME,
        description="Name of the other account's holder, when known.",
    )
    text: str | None = encrypted(
        "text_ciphertext",
        requires=Permission.PAYMENT_TEXT_READ,
        description="What the payer wrote to it; null when nothing.",
    )
    account: Annotated["Account", strawberry.lazy("app.schema.account")] | None = relation(
        ("customer_id", "customer_id"), ("account_id", "id"), description="The account."
    )


@projection(
    tables.AccountHolder,
    key=None,
    requires=Permission.ACCOUNT_READ,
    description="Somebody other than the owner who may use an account.",
    orders={"HOLDER": Order(("holder_id",), "By the holder's id.")},
)
class AccountHolder:
    """A holder of somebody else's account."""

    role: HolderRole = column(description="What the holder may do.")
    since: date | None = column(description="Since when, if known.")
    customer: Annotated["Customer", strawberry.lazy("app.schema.customer")] | None = relation(
        ("holder_id", "id"), description="The holder."
    )


@projection(
    tables.Account,
    prefix="acc",
    requires=Permission.ACCOUNT_READ,
    description="An account and its money.",
    orders={
        "OLDEST": Order(("opened_on",), "First opened first."),
        "NEWEST": Order(("-opened_on",), "Last opened first."),
    },
)
class Account(Node):
    """An account."""

    number: str | None = encrypted(
        "number_ciphertext",
        requires=Permission.ACCOUNT_NUMBER_READ,
        mask=Mask.NUMBER,
        description="Account number.",
    )
    kind: AccountKind = column(description="What the account is for.", filterable=True)
    status: AccountStatus = column(description="Whether it takes business.", filterable=True)
    balance: Money | None = embedded(
        Money,
        amount="balance",
        currency="currency",
        filter_part="amount",
        requires=Permission.MONEY_READ,
        description="Booked balance; negative when overdrawn. Null on internal accounts.",
    )
    available: Money | None = embedded(
        Money,
        amount=lambda account: account.c.balance + account.c.overdraft_limit - account.c.held,
        currency="currency",
        requires=Permission.MONEY_READ,
        description=(
            "What may leave: booked balance and agreed overdraft, less what is held. Null on "
            "internal accounts."
        ),
    )
    statement_frequency: StatementFrequency = column(description="How often statements are issued.")
    opened_on: date = column(description="When it was opened.", filterable=True)
    closed_on: date | None = column(description="When it was closed; null while it is not.")
    annual_rate: Decimal | None = column(
        description="Interest a year as a fraction (0.015 is 1.5 %); null when none is agreed."
    )
    term_months: int | None = column(description="Agreed term of a time deposit, in months.")
    matures_on: date | None = column(description="When a time deposit's term ends.")
    auto_renewal: AutoRenewal = column(
        description="What becomes of a time deposit then; NONE on demand."
    )
    interest_accrued: Money | None = embedded(
        _rounded_money,
        amount="interest_accrued",
        currency="currency",
        requires=Permission.MONEY_READ,
        description="Interest that is earned and not posted yet, rounded to the minor unit.",
    )
    overdraft_limit: Money | None = embedded(
        Money,
        amount="overdraft_limit",
        currency="currency",
        requires=Permission.MONEY_READ,
        description="How far below zero the balance may go.",
    )
    product: AccountProduct | None = relation(
        ("product_id", "id"), description="The product it was opened as; null when not known."
    )
    settlement_account: Annotated["Account", strawberry.lazy("app.schema.account")] | None = (
        relation(
            ("customer_id", "customer_id"),
            ("settlement_account_id", "id"),
            description="Where a time deposit pays out.",
        )
    )
    holds: list[AccountHold] | None = relation(
        ("customer_id", "customer_id"),
        ("id", "account_id"),
        where=lambda hold: hold.c.lifted_at.is_(None),
        description="What keeps money from leaving it now.",
    )
    viewer_can: list[ViewerCan] = buttons.of_account()
    version: int = column(
        description="Rises with every change but bookings; for `expectedVersion`."
    )
    branch: Branch | None = relation(("branch_id", "id"), description="The branch that keeps it.")
    owner: Annotated["Customer", strawberry.lazy("app.schema.customer")] | None = relation(
        ("customer_id", "id"), description="Who opened it."
    )
    holders: list[AccountHolder] | None = relation(
        ("customer_id", "customer_id"),
        ("id", "account_id"),
        description="Who else may use it.",
    )
    transactions: Connection[Transaction] | None = pages(
        ("customer_id", "customer_id"),
        ("id", "account_id"),
        description="Bookings, latest first unless sorted otherwise.",
    )
    standing_orders: list[StandingOrder] | None = relation(
        ("customer_id", "customer_id"),
        ("id", "account_id"),
        description="Standing orders that draw on it.",
    )


@projection(
    tables.Card,
    prefix="crd",
    requires=Permission.ACCOUNT_READ,
    description="A payment card.",
    orders={
        "NEWEST": Order(("-issued_on",), "Last issued first."),
        "OLDEST": Order(("issued_on",), "First issued first."),
    },
)
class Card(Node):
    """A payment card."""

    number: str | None = encrypted(
        "number_ciphertext",
        requires=Permission.CARD_NUMBER_READ,
        mask=Mask.NUMBER,
        description="Card number.",
    )
    level: CardLevel = column(description="Product level.", filterable=True)
    status: CardStatus = column(description="Whether it can be used.", filterable=True)
    issued_on: date = column(description="When it was issued.", filterable=True)
    expires_on: date | None = column(description="Last day of use, when known.")
    account: Account | None = relation(
        ("account_owner_id", "customer_id"),
        ("account_id", "id"),
        description="The account that card payments draw on.",
    )
