"""A bank on a real database, for orders that are compared with a model of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import asyncpg
from factories import Factory
from ledger_model import ModelAccount, ModelCustomer

from app.auth.permissions import Role
from app.auth.promises import LASTS, Promise, Promises
from app.auth.viewer import Viewer
from app.db.clearance import Given
from app.db.commands import Done, Made
from app.db.database import open_pool
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.requirements import Terms
from app.db.roles import APP_WRITE
from app.db.unit_of_work import Writes
from app.domain import payment as rules
from app.domain.customer import Tier
from app.domain.money import Currency
from app.domain.problem import Problem
from app.planner.reader import Reader
from app.resolvers import payment
from app.resolvers.context import Context

CURRENCIES = (Currency.USD, Currency.EUR, Currency.JPY)
FEE = Decimal(2)

UseCase = Callable[..., Awaitable[Done | Problem]]


@dataclass
class OfOperation:
    """All that a use case touches of an operation's reader."""

    loaders: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """A command that was sent, and what it came to."""

    use_case: UseCase
    viewer: Viewer
    key: str
    arguments: tuple[Any, ...]
    outcome: Done | Problem


class World:
    """What all sequences share: the database, customers who order, and who serves them."""

    def __init__(self, url: str, keys: Keys) -> None:
        self.runner = asyncio.Runner()
        self.keys = keys
        self.promises = Promises(keys.promise_secret)
        self.runner.run(self._open(url))

    async def _open(self, url: str) -> None:
        self.owner = await asyncpg.connect(url)
        self.writes = Writes(await open_pool(url, APP_WRITE, 1, 15), self.keys)
        factory = Factory(self.owner, self.keys)
        await factory.bank()
        branch = await factory.branch()
        self.customers = []
        made = []
        for tier, name in ((Tier.NORMAL, "Ada Byron"), (Tier.PLATINUM, "Grace Hopper")):
            made.append(await factory.customer(tier=tier.value, name=name, branch_id=branch.id))
            self.customers.append(ModelCustomer(made[-1].id, tier, name))
        self.teller = Viewer(
            Role.TELLER, (Role.TELLER,), staff_id=await factory.responsible("TELLER", *made)
        )
        head = await factory.staff("BRANCH_MANAGER", branch)
        self.checker = Viewer(Role.BRANCH_MANAGER, (Role.BRANCH_MANAGER,), staff_id=head.id)
        self.products = {
            currency: (await factory.account_product(currency=currency, transfer_fee=FEE)).id
            for currency in CURRENCIES
        }

    def run(self, use_case: UseCase, viewer: Viewer, key: str, *arguments: Any) -> Done | Problem:
        """Carry a command out."""
        reader = cast("Reader", OfOperation())
        context = Context(
            viewer, reader, self.keys.index, self.writes, self.promises, request_id="model"
        )

        async def run() -> Done | Problem:
            return await use_case(context, key, *arguments)

        return self.runner.run(run())

    def result_of(self, request: UUID) -> Made:
        """Give what came of a request that was approved."""
        (row,) = self.fetch(
            "select result_prefix, result_owner, result_id from approval where id = $1", request
        )
        return Made(*row)

    def promised(self, viewer: Viewer, order: payment.Transfer) -> payment.Transfer:
        """Promise a customer that a transfer is asked for nothing: neither codes nor waiting.

        What transfers are asked for has a model of its own (tests/domain/test_requirement.py).
        """
        to = order.to
        try:
            amount = rules.check_amount(order.amount, order.currency, "amount")
        except Problem:
            return order
        given = to.given and rules.check_payee(to.given, to.field)
        terms = Terms(order.payer, amount, order.currency, to.account, to.payee, given)
        until = datetime.now(UTC) + LASTS
        promise = Promise(
            new_id(), viewer.id, viewer.role.value, terms.digest, amount, order.currency, until,
            frozenset(),
        )  # fmt: skip
        return replace(order, cleared_by=Given(self.promises.write(promise)))

    def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        return self.runner.run(self.owner.fetch(sql, *values))

    def number_of(self, account: UUID, owner: UUID) -> str:
        (row,) = self.fetch(
            "select number_ciphertext, wrapped_key from account join customer_key using"
            " (customer_id) where id = $1",
            account,
        )
        cipher = self.keys.ring.cipher(owner, row["wrapped_key"])
        return cipher.decrypt("account.number_ciphertext", account, row["number_ciphertext"])

    def close(self) -> None:
        self.runner.run(self.writes.close())
        self.runner.run(self.owner.close())
        self.runner.close()


def customer(account: ModelAccount) -> Viewer:
    """Who owns an account, as a viewer."""
    return Viewer(Role.CUSTOMER, (Role.CUSTOMER,), customer_id=account.owner.id)
