"""A GraphQL server over the bank's tables as Strawberry's documentation teaches to write one.

Types are dataclasses with resolvers, each relation has a DataLoader of its own (made for every
request), an asyncpg pool runs the SQL, documents are parsed and validated once. No tokens,
permissions, masks, row scope or audit; what is encrypted is given as the ciphertext in hexadecimal.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import strawberry
from query_strawberry_types import (
    Account,
    Customer,
    CustomerConnection,
    Holding,
    Loan,
    Money,
    Product,
    Segment,
    Staff,
    Ticket,
    Transaction,
    account_of,
    customer_of,
    transaction_of,
)
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

Pool = Any
Key = tuple[UUID, UUID]


class Loaders:
    """The loaders of one request."""

    def __init__(self, pool: Pool) -> None:
        """Make a loader for each relation."""
        self._pool = pool
        self._pages: dict[tuple[str, int], DataLoader[Any, Any]] = {}
        self.accounts = self._children(
            "select * from account where customer_id = any($1) order by opened_on, id", account_of
        )
        self.loans = self._children(
            "select * from loan where customer_id = any($1) order by granted_on desc, id desc",
            lambda row: Loan(
                number=row["number"],
                purpose=row["purpose"],
                status=row["status"],
                outstanding=Money(amount=row["outstanding"], currency=row["currency"]),
            ),
        )
        self.holdings = self._children(
            "select * from holding where customer_id = any($1) order by product_id, id",
            lambda row: Holding(product_id=row["product_id"], units=row["units"]),
        )
        self.segments = self._children(
            "select customer_id, name from segment_membership join segment on id = segment_id"
            " where customer_id = any($1) order by code, id",
            lambda row: Segment(name=row["name"]),
        )
        self.products = self._one(
            "select id as key, name, risk_level from product where id = any($1)",
            lambda row: Product(name=row["name"], risk_level=row["risk_level"]),
        )
        self.staff = self._one(
            "select id as key, number, name from staff where id = any($1)",
            lambda row: Staff(number=row["number"], name=row["name"]),
        )
        self.relationship_managers = self._one(
            "select customer_id as key, number, name from assignment join staff on id = staff_id"
            " where role = 'RELATIONSHIP_MANAGER' and customer_id = any($1)",
            lambda row: Staff(number=row["number"], name=row["name"]),
        )

    def _children(self, sql: str, make: Callable[[Any], Any]) -> DataLoader[UUID, list[Any]]:
        async def load(keys: list[UUID]) -> list[list[Any]]:
            found = defaultdict(list)
            for row in await self._pool.fetch(sql, keys):
                found[row["customer_id"]].append(make(row))
            return [found[key] for key in keys]

        return DataLoader(load)

    def _one(self, sql: str, make: Callable[[Any], Any]) -> DataLoader[UUID, Any]:
        async def load(keys: list[UUID]) -> list[Any]:
            found = {row["key"]: make(row) for row in await self._pool.fetch(sql, keys)}
            return [found.get(key) for key in keys]

        return DataLoader(load)

    def _page(
        self, name: str, first: int, load: Callable[[list[Any]], Awaitable[Sequence[Any]]]
    ) -> DataLoader[Any, Any]:
        return self._pages.setdefault((name, first), DataLoader(load))

    def transactions(self, first: int) -> DataLoader[Key, list[Transaction]]:
        """Give the loader of pages of so many bookings; each has one more, if there is one."""

        async def load(keys: list[Key]) -> list[list[Transaction]]:
            sql = (
                "select found.* from unnest($1::uuid[], $2::uuid[]) as given (owner, account),"
                " lateral (select * from posting where customer_id = owner"
                " and account_id = account order by booked_at desc, id desc limit $3) found"
            )
            owners, accounts = [key[0] for key in keys], [key[1] for key in keys]
            found = defaultdict(list)
            for row in await self._pool.fetch(sql, owners, accounts, first + 1):
                found[row["account_id"]].append(transaction_of(row))
            return [found[account] for account in accounts]

        return self._page("transactions", first, load)

    def tickets(self, first: int) -> DataLoader[UUID, list[Ticket]]:
        """Give the loader of pages of so many requests."""

        async def load(keys: list[UUID]) -> list[list[Ticket]]:
            sql = (
                "select found.* from unnest($1::uuid[]) as given (owner), lateral (select * from"
                " ticket where customer_id = owner order by opened_at desc, id desc limit $2) found"
            )
            found = defaultdict(list)
            for row in await self._pool.fetch(sql, keys, first):
                ticket = Ticket(
                    assignee_id=row["assignee_id"],
                    number=row["number"],
                    subject=row["subject"],
                    status=row["status"],
                )
                found[row["customer_id"]].append(ticket)
            return [found[key] for key in keys]

        return self._page("tickets", first, load)


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    async def customer(self, info: strawberry.Info, id: strawberry.ID) -> Customer | None:  # noqa: A002
        """One customer."""
        row = await info.context["pool"].fetchrow("select * from customer where id = $1", id)
        return customer_of(row) if row else None

    @strawberry.field
    async def customers(
        self, info: strawberry.Info, branch: strawberry.ID, first: int = 20
    ) -> CustomerConnection:
        """Give customers of a branch, newest first."""
        sql = (
            "select * from customer where branch_id = $1"
            " order by customer_since desc, id desc limit $2"
        )
        rows = await info.context["pool"].fetch(sql, branch, first)
        return CustomerConnection(nodes=[customer_of(row) for row in rows])

    @strawberry.field
    async def account(
        self, info: strawberry.Info, customer: strawberry.ID, account: strawberry.ID
    ) -> Account | None:
        """One account."""
        sql = "select * from account where customer_id = $1 and id = $2"
        row = await info.context["pool"].fetchrow(sql, customer, account)
        return account_of(row) if row else None

    @strawberry.field
    async def customer_by(self, info: strawberry.Info, digest: str) -> Customer | None:
        """Give the customer whose national id has this digest (in hexadecimal)."""
        sql = (
            "select customer.* from national_id_index join customer on id = customer_id"
            " where digest = $1"
        )
        row = await info.context["pool"].fetchrow(sql, bytes.fromhex(digest))
        return customer_of(row) if row else None


class Server(GraphQL[dict[str, Any], None]):
    """Strawberry's ASGI application, with a pool and new loaders for every request."""

    pool: Pool = None

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        """Give what resolvers use."""
        return {
            "request": request,
            "response": response,
            "pool": self.pool,
            "loaders": Loaders(self.pool),
        }


def application(dsn: str, connections: int) -> Starlette:
    """Serve the schema at /graphql."""
    schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
    server = Server(schema)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=connections, max_size=connections) as pool:
            server.pool = pool
            yield

    return Starlette(routes=[Route("/graphql", server)], lifespan=lifespan)
