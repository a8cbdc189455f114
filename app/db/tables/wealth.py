"""Products with their prices, and what customers hold of them."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.db.tables import columns
from app.domain.money import Currency
from app.domain.wealth import ProductKind, RiskLevel


class Product(SQLModel, table=True):
    """A product of the bank (reference table)."""

    __tablename__ = "product"
    # A holding refers to both: its cost and value are in the currency of the price.
    __table_args__ = (UniqueConstraint("id", "currency"),)

    id: UUID = columns.key()
    code: str = columns.text(unique=True)
    name: str = columns.text()
    kind: str = columns.closed("kind", ProductKind)
    risk_level: str | None = columns.closed("risk_level", RiskLevel, null=True)
    currency: str = columns.closed("currency", Currency)


class ProductPrice(SQLModel, table=True):
    """Net asset value or price of one unit of a product on a day (reference table)."""

    __tablename__ = "product_price"
    __table_args__ = (CheckConstraint("price > 0", name="price_positive"),)

    product_id: UUID = Field(foreign_key="product.id", primary_key=True)
    price_on: date = Field(primary_key=True)
    price: Decimal = columns.numeric(19, 6)


class Holding(SQLModel, table=True):
    """Units of a product that a customer holds, and what they cost."""

    __tablename__ = "holding"
    __table_args__ = (
        ForeignKeyConstraint(["product_id", "currency"], ["product.id", "product.currency"]),
        CheckConstraint("units >= 0", name="units"),
        Index("ix_holding_customer_id_product_id", "customer_id", "product_id", unique=True),
    )

    customer_id: UUID = Field(foreign_key="customer.id", primary_key=True)
    id: UUID = columns.key()
    product_id: UUID = columns.uuid()
    units: Decimal = columns.numeric(24, 8)
    cost: Decimal = columns.money("cost")
    currency: str = columns.closed("currency", Currency)
    version: int = columns.integer(default="1")


class HoldingLot(SQLModel, table=True):
    """One purchase that is still held, for first-in-first-out cost."""

    __tablename__ = "holding_lot"
    __table_args__ = (
        ForeignKeyConstraint(["customer_id", "holding_id"], ["holding.customer_id", "holding.id"]),
        CheckConstraint("units > 0", name="units_positive"),
        Index(
            "ix_holding_lot_customer_id_holding_id_acquired_on_id",
            "customer_id",
            "holding_id",
            "acquired_on",
            "id",
        ),
    )

    customer_id: UUID = columns.owner_key()
    id: UUID = columns.key()
    holding_id: UUID = columns.uuid()
    acquired_on: date = columns.day()
    units: Decimal = columns.numeric(24, 8)
    cost: Decimal = columns.money("cost")
