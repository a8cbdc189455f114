"""The types of the server that is written as Strawberry's documentation teaches."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import strawberry


@strawberry.type
class Money:
    """An amount."""

    amount: Decimal
    currency: str


@strawberry.type
class PageInfo:
    """Whether a list goes on."""

    has_next_page: bool


@strawberry.type
class Transaction:
    """A booking."""

    kind: str
    amount: Money
    balance_after: Money | None
    booked_at: datetime
    value_on: date
    channel: str | None


@strawberry.type
class TransactionConnection:
    """A page of bookings."""

    nodes: list[Transaction]
    page_info: PageInfo


@strawberry.type
class Account:
    """An account."""

    customer_id: strawberry.Private[UUID]
    id: strawberry.Private[UUID]
    kind: str
    status: str
    balance: Money | None
    opened_on: date

    @strawberry.field
    async def transactions(self, info: strawberry.Info, first: int = 20) -> TransactionConnection:
        """Bookings, latest first."""
        loader = info.context["loaders"].transactions(first)
        found: list[Transaction] = await loader.load((self.customer_id, self.id))
        return TransactionConnection(
            nodes=found[:first], page_info=PageInfo(has_next_page=len(found) > first)
        )


@strawberry.type
class Staff:
    """A person who works for the bank."""

    number: str
    name: str


@strawberry.type
class Loan:
    """A loan."""

    number: str
    purpose: str
    status: str
    outstanding: Money


@strawberry.type
class Product:
    """A product."""

    name: str
    risk_level: str | None


@strawberry.type
class Holding:
    """Units of a product."""

    product_id: strawberry.Private[UUID]
    units: Decimal

    @strawberry.field
    async def product(self, info: strawberry.Info) -> Product:
        """Give the product."""
        found: Product = await info.context["loaders"].products.load(self.product_id)
        return found


@strawberry.type
class Ticket:
    """A request."""

    assignee_id: strawberry.Private[UUID | None]
    number: str
    subject: str
    status: str

    @strawberry.field
    async def assignee(self, info: strawberry.Info) -> Staff | None:
        """Who works on it."""
        if self.assignee_id is None:
            return None
        found: Staff = await info.context["loaders"].staff.load(self.assignee_id)
        return found


@strawberry.type
class TicketConnection:
    """A page of requests."""

    nodes: list[Ticket]


@strawberry.type
class Segment:
    """A group of customers."""

    name: str


@strawberry.type
class Customer:
    """A customer."""

    id: strawberry.Private[UUID]
    number: str
    name: str | None
    type: str
    status: str
    tier: str
    gender: str | None
    customer_since: date
    phone: str | None
    email: str | None
    national_id: str | None
    birth_date: str | None

    @strawberry.field
    async def relationship_manager(self, info: strawberry.Info) -> Staff | None:
        """Give the customer manager."""
        found: Staff | None = await info.context["loaders"].relationship_managers.load(self.id)
        return found

    @strawberry.field
    async def accounts(self, info: strawberry.Info) -> list[Account]:
        """Accounts."""
        found: list[Account] = await info.context["loaders"].accounts.load(self.id)
        return found

    @strawberry.field
    async def loans(self, info: strawberry.Info) -> list[Loan]:
        """Loans."""
        found: list[Loan] = await info.context["loaders"].loans.load(self.id)
        return found

    @strawberry.field
    async def holdings(self, info: strawberry.Info) -> list[Holding]:
        """Give holdings."""
        found: list[Holding] = await info.context["loaders"].holdings.load(self.id)
        return found

    @strawberry.field
    async def tickets(self, info: strawberry.Info, first: int = 20) -> TicketConnection:
        """Give requests, latest first."""
        return TicketConnection(nodes=await info.context["loaders"].tickets(first).load(self.id))

    @strawberry.field
    async def segments(self, info: strawberry.Info) -> list[Segment]:
        """Segments."""
        found: list[Segment] = await info.context["loaders"].segments.load(self.id)
        return found


@strawberry.type
class CustomerConnection:
    """A page of customers."""

    nodes: list[Customer]


def _hex(value: bytes | None) -> str | None:
    return None if value is None else "\\x" + value.hex()


def customer_of(row: Any) -> Customer:
    return Customer(
        id=row["id"],
        number=row["number"],
        name=_hex(row["name_ciphertext"]),
        type=row["type"],
        status=row["status"],
        tier=row["tier"],
        gender=row["gender"],
        customer_since=row["customer_since"],
        phone=_hex(row["phone_ciphertext"]),
        email=_hex(row["email_ciphertext"]),
        national_id=_hex(row["national_id_ciphertext"]),
        birth_date=_hex(row["birth_date_ciphertext"]),
    )


def account_of(row: Any) -> Account:
    return Account(
        customer_id=row["customer_id"],
        id=row["id"],
        kind=row["kind"],
        status=row["status"],
        balance=_money(row, "balance"),
        opened_on=row["opened_on"],
    )


def _money(row: Any, name: str) -> Money | None:
    amount = row[name]
    return None if amount is None else Money(amount=amount, currency=row["currency"])


def transaction_of(row: Any) -> Transaction:
    return Transaction(
        kind=row["kind"],
        amount=Money(amount=row["amount"], currency=row["currency"]),
        balance_after=_money(row, "balance_after"),
        booked_at=row["booked_at"],
        value_on=row["value_on"],
        channel=row["channel"],
    )
