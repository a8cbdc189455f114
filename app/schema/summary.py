"""The bank in numbers: what reports show, and no customer."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types import Info

from app.auth.permissions import Permission
from app.db.summary import AMOUNTS, Dimension
from app.domain.customer import Tier
from app.domain.money import Currency
from app.planner.declare import later, object_type, row_of
from app.resolvers import summary
from app.resolvers.context import Context
from app.schema.bank import Branch
from app.schema.scalars import Money
from app.schema.wealth import Product

ReportInfo = Info[Context, None]


@object_type(description="What some customers own and owe in one currency.", public=True)
class SummaryTotal:
    """What some customers own and owe in one currency."""

    currency: Currency = strawberry.field(description="The currency of the four amounts.")
    deposits: Money = strawberry.field(description="Balances of accounts that are not overdrawn.")
    overdrafts: Money = strawberry.field(
        description="Overdrawn balances of accounts, as a positive amount."
    )
    loans: Money = strawberry.field(description="What borrowers still owe, without interest.")
    holdings: Money = strawberry.field(description="Value of holdings at their latest prices.")

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "SummaryTotal":
        """Make it of a record with a currency and the four amounts."""
        currency = Currency[record["currency"]]
        amounts = {name: Money(amount=record[name], currency=currency) for name in AMOUNTS}
        return cls(currency=currency, **amounts)


@object_type(description="A branch in numbers.", public=True)
class BranchSummary:
    """A branch in numbers."""

    branch: Branch | None = row_of(
        "branch_id", description="The branch; null for customers who belong to none."
    )
    customer_count: int = strawberry.field(description="Number of its customers.")
    totals: list[SummaryTotal] = strawberry.field(description="By currency.")
    branch_id: strawberry.Private[UUID | None]


@object_type(description="The customers of a tier in numbers.", public=True)
class TierSummary:
    """The customers of a tier in numbers."""

    tier: Tier = strawberry.field(description="The tier.")
    customer_count: int = strawberry.field(description="Number of its customers.")
    totals: list[SummaryTotal] = strawberry.field(description="By currency.")


@object_type(description="What customers hold of a product, in one currency.", public=True)
class ProductSummary:
    """What customers hold of a product."""

    product: Product | None = row_of("product_id", description="The product.")
    holder_count: int = strawberry.field(description="Number of customers who hold it.")
    units: Decimal = strawberry.field(description="Units held.")
    cost: Money = strawberry.field(description="What was paid for them.")
    value: Money | None = strawberry.field(
        description="Their value at the latest price; null when never priced."
    )
    product_id: strawberry.Private[UUID]


async def _totals(context: Context) -> list[SummaryTotal]:
    found = await summary.totals_by(context, Dimension.WHOLE)
    return [SummaryTotal.of(record) for record in found.get(None, [])]


async def _by_branch(context: Context) -> list[BranchSummary]:
    customers = await summary.customers_by(context, Dimension.BRANCH)
    totals = await summary.totals_by(context, Dimension.BRANCH)
    return [
        BranchSummary(
            branch_id=branch,
            customer_count=count,
            totals=[SummaryTotal.of(record) for record in totals.get(branch, [])],
        )
        for branch, count in customers.items()
    ]


async def _by_tier(context: Context) -> list[TierSummary]:
    customers = await summary.customers_by(context, Dimension.TIER)
    totals = await summary.totals_by(context, Dimension.TIER)
    return [
        TierSummary(
            tier=Tier[tier],
            customer_count=count,
            totals=[SummaryTotal.of(record) for record in totals.get(tier, [])],
        )
        for tier, count in customers.items()
    ]


async def _by_product(context: Context) -> list[ProductSummary]:
    return [_product_summary(record) for record in await summary.products(context)]


def _product_summary(record: Mapping[str, Any]) -> ProductSummary:
    currency = Currency[record["currency"]]
    value = record["value"]
    return ProductSummary(
        product_id=record["product_id"],
        holder_count=record["holder_count"],
        units=record["units"],
        cost=Money(amount=record["cost"], currency=currency),
        value=None if value is None else Money(amount=value, currency=currency),
    )


@object_type(
    requires=Permission.REPORT_READ,
    description=(
        "The bank in numbers at this moment: all customers that the viewer's reports cover. Reads "
        "whole tables, so ask for it rarely."
    ),
)
class BankSummary:
    """The bank in numbers; the lists are read when asked for."""

    on: date = strawberry.field(description="The business date.")
    customer_count: int = strawberry.field(description="Number of customers.")
    account_count: int = strawberry.field(description="Number of deposit accounts not closed.")
    loan_count: int = strawberry.field(description="Number of loans paid out and not repaid.")
    open_ticket_count: int = strawberry.field(
        description="Number of tickets neither resolved nor closed."
    )
    totals: list[SummaryTotal] = later(
        _totals, description="What all of them own and owe, by currency."
    )
    by_branch: list[BranchSummary] = later(
        _by_branch, description="One line a branch that has customers."
    )
    by_tier: list[TierSummary] = later(_by_tier, description="One line a tier that has customers.")
    by_product: list[ProductSummary] = later(
        _by_product,
        description="One line a product and currency that customers hold, by code.",
    )


async def make_summary(context: Context) -> BankSummary:
    """Read the counts."""
    return BankSummary(**await summary.counts(context))


async def bank_summary(info: ReportInfo) -> BankSummary:
    """Resolve ``Query.bankSummary``."""
    return await make_summary(info.context)
