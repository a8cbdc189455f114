"""What accounts the bank offers, and what keeps money from leaving them."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.auth.permissions import Permission
from app.db import tables
from app.domain.account import AccountKind, HoldReason, InterestPosting
from app.domain.interest import DayCount
from app.domain.money import Currency
from app.planner.declare import Node, column, embedded, encrypted, projection, relation
from app.planner.enums import graphql_enum
from app.planner.projection import Order
from app.schema.scalars import Money

if TYPE_CHECKING:
    from app.schema.account import Account

for members in (AccountKind, DayCount, HoldReason, InterestPosting):
    graphql_enum(members)


@projection(
    tables.AccountProduct,
    prefix="acp",
    owner=None,
    requires=Permission.REFERENCE_READ,
    description="A kind of account that the bank offers, and its terms.",
    orders={"CODE": Order(("code",), "By code, ascending.")},
)
class AccountProduct(Node):
    """A kind of account that the bank offers."""

    code: str = column(description="Short code, such as `USD-12M`.", filterable=True)
    name: str = column(description="Name in English.")
    name_zh: str = column(description="Name in Chinese.")
    kind: AccountKind = column(
        description="What the account is for: DEMAND or TIME_DEPOSIT.", filterable=True
    )
    currency: Currency = column(description="Its currency.", filterable=True)
    annual_rate: Decimal = column(
        description="Interest a year as a fraction (0.015 is 1.5 %), for accounts opened now."
    )
    day_count: DayCount = column(description="How days are counted for interest.")
    interest_posting: InterestPosting = column(description="When interest is posted.")
    term_months: int | None = column(description="Term in months; null on demand.")
    minimum: Money = embedded(
        Money,
        amount="minimum",
        currency="currency",
        description="Least amount of a time deposit.",
    )
    transfer_fee: Money = embedded(
        Money,
        amount="transfer_fee",
        currency="currency",
        description="What a transfer to another bank costs.",
    )
    offered: bool = column(description="Whether accounts of it are opened.", filterable=True)
    rate_source: str = column(description="Where the rate was published.")


@projection(
    tables.AccountHold,
    prefix="hld",
    requires=Permission.HOLD_READ,
    description="Money that may not leave an account. Customers do not see holds.",
    orders={"OLDEST": Order(("id",), "First placed first.")},
)
class AccountHold(Node):
    """Money that may not leave an account."""

    amount: Money | None = embedded(
        Money,
        amount="amount",
        currency="currency",
        description="How much is held; null where the whole account is frozen.",
    )
    reason: HoldReason = column(description="Why.")
    note: str | None = encrypted(
        "note_ciphertext", requires=Permission.HOLD_READ, description="What was noted with it."
    )
    placed_at: datetime = column(description="When it was placed (UTC).")
    lifted_at: datetime | None = column(description="When it was lifted; null while it holds.")
    account: Annotated["Account", strawberry.lazy("app.schema.account")] | None = relation(
        ("customer_id", "customer_id"), ("account_id", "id"), description="The account."
    )
