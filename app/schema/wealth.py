"""Products, and what customers hold of them."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.auth.permissions import Permission
from app.db import views
from app.domain.money import Currency
from app.domain.wealth import ProductKind, RiskLevel
from app.planner.declare import Node, column, embedded, projection, relation
from app.planner.enums import graphql_enum
from app.planner.projection import Order
from app.schema.scalars import Money

if TYPE_CHECKING:
    from app.schema.customer import Customer

for members in (ProductKind, RiskLevel):
    graphql_enum(members)


@projection(
    views.priced_products,
    prefix="pro",
    owner=None,
    requires=Permission.REFERENCE_READ,
    description="A product of the bank.",
    orders={
        "CODE": Order(("code",), "By code, ascending."),
        "NAME": Order(("name",), "By name, ascending."),
    },
)
class Product(Node):
    """A product."""

    code: str = column(description="Product code.", filterable=True)
    name: str = column(description="Product name.", filterable=True)
    kind: ProductKind = column(description="What it is.", filterable=True)
    risk_level: RiskLevel | None = column(
        description="Risk level; null for products without market risk.", filterable=True
    )
    currency: Currency = column(description="The currency of its price.", filterable=True)
    nav: Decimal | None = column(
        "price",
        description="Net asset value or price of one unit, the latest up to the business date; "
        "null when never priced.",
    )
    nav_on: date | None = column("price_on", description="The day of `nav`.")


@projection(
    views.holding_lots,
    prefix="lot",
    requires=Permission.HOLDING_READ,
    description="One purchase that is still held.",
    orders={"OLDEST": Order(("acquired_on",), "First acquired first: the order of sales.")},
)
class HoldingLot(Node):
    """One purchase that is still held."""

    acquired_on: date = column(description="When it was acquired.")
    units: Decimal = column(description="Units that are still held.")
    cost: Money = embedded(Money, amount="cost", currency="currency", description="What they cost.")


@projection(
    views.valued_holdings,
    prefix="hol",
    requires=Permission.HOLDING_READ,
    description="Units of a product that a customer holds.",
    orders={"PRODUCT": Order(("product_id",), "By the product's id.")},
)
class Holding(Node):
    """Units of a product that a customer holds."""

    units: Decimal = column(description="Units held.", filterable=True)
    cost: Money = embedded(
        Money, amount="cost", currency="currency", description="What the units cost."
    )
    value: Money | None = embedded(
        Money,
        amount="value",
        currency="currency",
        description="Units times the latest price; null when the product was never priced.",
    )
    unrealised_profit: Money | None = embedded(
        Money,
        amount=lambda holding: holding.c.value - holding.c.cost,
        currency="currency",
        description="Value less cost; negative for a loss.",
    )
    total_return: Decimal | None = column(
        views.total_return,
        description="Unrealised profit as a fraction of the cost (0.05 is 5 %); null without cost.",
    )
    version: int = column(description="Rises with every change; for `expectedVersion`.")
    product: Product | None = relation(("product_id", "id"), description="The product.")
    lots: list[HoldingLot] | None = relation(
        ("customer_id", "customer_id"), ("id", "holding_id"), description="Purchases still held."
    )
    customer: Annotated["Customer", strawberry.lazy("app.schema.customer")] | None = relation(
        ("customer_id", "id"), description="Who holds it."
    )
