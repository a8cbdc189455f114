"""The bank's orders against a simple model of it, in random sequences on a real database.

Each step goes through the use case that the mutation calls, and the model says what it must come
to. Then balances, holds, postings and the bank's own accounts must be those of the model. More and
longer sequences: ``BANK360_LEDGER_SEQUENCES=500 BANK360_LEDGER_STEPS=100``.
"""

import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ledger_model import MOST, ModelAccount, ModelBank, ModelEntry, Refused
from ledger_world import CURRENCIES, FEE, Sent, UseCase, World, customer

from app.auth.permissions import Role
from app.auth.viewer import Viewer
from app.db.accounts import AccountKey
from app.db.bank_itself import BANK_ID
from app.db.beneficiaries import Beneficiary
from app.db.commands import Done
from app.db.keys import Keys
from app.domain.account import HoldReason
from app.domain.money import Currency
from app.domain.payment import PayeeAccount
from app.domain.problem import Problem, ProblemCode
from app.planner.global_id import GlobalId
from app.resolvers import account_closing, account_freezing, account_opening, payment, reversal

SEQUENCES = int(os.environ.get("BANK360_LEDGER_SEQUENCES", "40"))
STEPS = int(os.environ.get("BANK360_LEDGER_STEPS", "40"))

CURRENCY = st.sampled_from(CURRENCIES)
# Amounts that are not, and those beside the limits of posts and customers in dollars.
ODD = ("0", "-1.00", "0.001", "0.5", str(MOST), str(MOST + 1), "7000.00", "7000.01")
# As much as is available, and what comes on top: where rules change their mind.
BESIDE = st.sampled_from(["0.00", "0.01", "-0.01", "1.00"])
AMOUNT = st.one_of(
    st.decimals("0.01", "500", places=2),
    st.integers(1, 9000).map(Decimal),
    st.sampled_from([Decimal(odd) for odd in ODD]),
    BESIDE,
    BESIDE,
)
# Mostly the account's own.
ORDERED = st.sampled_from([None, None, None, None, *CURRENCIES])
ACCOUNTS_MAX = 6
ACCOUNTS_MIN = 3


def key_of(account: ModelAccount) -> AccountKey:
    return AccountKey(account.owner.id, account.id)


def exact(account: ModelAccount, amount: Decimal | str, less: Decimal = Decimal(0)) -> Decimal:
    """Give the amount itself; a text comes on top of what is available."""
    return account.available - less + Decimal(amount) if isinstance(amount, str) else amount


class LedgerMachine(RuleBasedStateMachine):
    accounts: Bundle[ModelAccount] = Bundle("accounts")
    bookings: Bundle[tuple[ModelEntry, GlobalId]] = Bundle("bookings")
    holds: Bundle[tuple[ModelAccount, UUID]] = Bundle("holds")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.bank = ModelBank()
        self.opened: list[ModelAccount] = []
        self.sent: list[Sent] = []

    @property
    def open_ones(self) -> int:
        return sum(account.status != "CLOSED" for account in self.opened)

    @initialize(target=accounts)
    def begin(self) -> Any:
        """Begin with two accounts of one customer and one of another, with dollars on them."""
        for each in self.world.customers:
            each.spent.clear()
        self.world.fetch(
            "delete from daily_outgoing where customer_id = any($1)",
            [each.id for each in self.world.customers],
        )
        opened = [self._open(owner, Currency.USD) for owner in (0, 0, 1)]
        for account in opened:
            self._pay_in(account, Decimal(1000), Currency.USD)
        return multiple(*opened)

    @precondition(lambda self: len(self.opened) < ACCOUNTS_MAX)
    @rule(target=accounts, owner=st.integers(0, 1), currency=CURRENCY)
    def open(self, owner: int, currency: Currency) -> ModelAccount:
        return self._open(owner, currency)

    @rule(target=bookings, account=accounts, amount=AMOUNT, currency=ORDERED)
    def deposit(
        self, account: ModelAccount, amount: Decimal | str, currency: Currency | None
    ) -> Any:
        return self._pay_in(account, exact(account, amount), currency or account.currency)

    @rule(target=bookings, account=accounts, amount=AMOUNT, currency=ORDERED)
    def withdraw(
        self, account: ModelAccount, amount: Decimal | str, currency: Currency | None
    ) -> Any:
        given, order_currency = exact(account, amount), currency or account.currency
        order = payment.CashOrder(key_of(account), given, order_currency, None)
        return self._book(
            lambda: self.bank.take_out(account, given, order_currency),
            payment.withdraw,
            self.world.teller,
            order,
        )

    @rule(target=bookings, payer=accounts, payee=accounts, amount=AMOUNT)
    def transfer_by_teller(
        self, payer: ModelAccount, payee: ModelAccount, amount: Decimal | str
    ) -> Any:
        given = exact(payer, amount)
        to = Beneficiary("to.accountId", account=key_of(payee))
        return self._book(
            lambda: self.bank.transfer(Role.TELLER, payer, payee, given, named=True),
            payment.transfer,
            self.world.teller,
            payment.Transfer(key_of(payer), given, payer.currency, to, "Rent"),
        )

    @rule(target=bookings, payer=accounts, payee=accounts, amount=AMOUNT)
    def transfer_by_customer(
        self, payer: ModelAccount, payee: ModelAccount, amount: Decimal | str
    ) -> Any:
        given = exact(payer, amount)
        there = PayeeAccount(payee.owner.name, payee.number, None)
        to = Beneficiary("to.account", given=there)
        return self._book(
            lambda: self.bank.transfer(Role.CUSTOMER, payer, payee, given, named=False),
            payment.transfer,
            customer(payer),
            self.world.promised(
                customer(payer), payment.Transfer(key_of(payer), given, payer.currency, to, None)
            ),
        )

    @rule(target=bookings, payer=accounts, amount=AMOUNT)
    def transfer_to_another_bank(self, payer: ModelAccount, amount: Decimal | str) -> Any:
        given = exact(payer, amount, payer.fee)
        there = PayeeAccount("Hans Huber", "DE89370400440532013000", "COBADEFF")
        to = Beneficiary("to.account", given=there)
        return self._book(
            lambda: self.bank.send(payer, given),
            payment.transfer,
            customer(payer),
            self.world.promised(
                customer(payer), payment.Transfer(key_of(payer), given, payer.currency, to, None)
            ),
        )

    @rule(target=bookings, booking=bookings)
    def reverse(self, booking: tuple[ModelEntry, GlobalId]) -> Any:
        entry, transaction = booking
        return self._book(
            lambda: self.bank.reverse(entry),
            reversal.reverse,
            self.world.teller,
            transaction,
            "The customer says so.",
            None,
        )

    @rule(target=holds, account=accounts, amount=AMOUNT, stale=st.sampled_from([0, 0, 0, 1]))
    def hold(self, account: ModelAccount, amount: Decimal | str, stale: int) -> Any:
        given, version = exact(account, amount), account.version - stale
        made = self._check(
            lambda: self.bank.hold(account, given, version),
            account_freezing.freeze,
            self.world.teller,
            account_freezing.FreezeAccount(
                key_of(account), given, account.currency, HoldReason.COURT_ORDER, None, version
            ),
        )
        if made is None:
            return multiple()
        account.holds[made.outcome.made.id] = given
        return account, made.outcome.made.id

    @rule(hold=holds)
    def lift(self, hold: tuple[ModelAccount, UUID]) -> None:
        account, row = hold
        self._check(
            lambda: self.bank.lift(account, row, account.version),
            account_freezing.unfreeze,
            self.world.teller,
            account_freezing.UnfreezeAccount(key_of(account), row, None, account.version),
        )

    @rule(account=accounts)
    def freeze(self, account: ModelAccount) -> None:
        self._check(
            lambda: self.bank.freeze(account, account.version),
            account_freezing.freeze,
            self.world.teller,
            account_freezing.FreezeAccount(
                key_of(account), None, None, HoldReason.INVESTIGATION, "why", account.version
            ),
        )

    @rule(account=accounts)
    def thaw(self, account: ModelAccount) -> None:
        self._check(
            lambda: self.bank.thaw(account, account.version),
            account_freezing.unfreeze,
            self.world.teller,
            account_freezing.UnfreezeAccount(key_of(account), None, None, account.version),
        )

    @precondition(lambda self: self.open_ones > ACCOUNTS_MIN)
    @rule(account=accounts, to=st.none() | accounts)
    def close(self, account: ModelAccount, to: ModelAccount | None) -> None:
        version = account.version
        self._check(
            lambda: self.bank.close(account, to, version),
            account_closing.close,
            self.world.teller,
            account_closing.CloseAccount(key_of(account), key_of(to) if to else None, version),
        )

    @rule(index=st.integers(0, 10**6))
    def send_again(self, index: int) -> None:
        """Send any command again with its key: it comes to the same, and changes nothing."""
        if not self.sent:
            return
        sent = self.sent[index % len(self.sent)]
        again = self.world.run(sent.use_case, sent.viewer, sent.key, *sent.arguments)
        if isinstance(sent.outcome, Problem):
            assert isinstance(again, Problem)
            assert (again.code, again.field) == (sent.outcome.code, sent.outcome.field)
        else:
            assert again == Done(sent.outcome.made, replayed=True)

    @invariant()
    def accounts_are_those_of_the_model(self) -> None:
        rows = self.world.fetch(
            "select id, status, balance, held, version from account where id = any($1)",
            [account.id for account in self.opened],
        )
        found = {row["id"]: tuple(row)[1:] for row in rows}
        assert found == {
            each.id: (each.status, each.balance, each.held, each.version) for each in self.opened
        }

    @invariant()
    def postings_are_those_of_the_model(self) -> None:
        rows = self.world.fetch(
            "select account_id, kind, amount, balance_after from posting"
            " where account_id = any($1) order by booked_at, id",
            [account.id for account in self.opened],
        )
        found: dict[UUID, list[Any]] = {account.id: [] for account in self.opened}
        for row in rows:
            found[row["account_id"]].append(tuple(row)[1:])
        assert found == {each.id: each.postings for each in self.opened}

    @invariant()
    def the_bank_has_the_other_sides(self) -> None:
        rows = self.world.fetch(
            "select internal_purpose, posting.currency, sum(amount) from posting"
            " join account on account.customer_id = posting.customer_id"
            " and account.id = posting.account_id"
            " where posting.customer_id = $1 and posting.entry_id in"
            " (select entry_id from posting where account_id = any($2)) group by 1, 2",
            BANK_ID,
            [account.id for account in self.opened],
        )
        found = {(row[0], Currency[row[1]]): row[2] for row in rows if row[2]}
        assert found == {place: sum_ for place, sum_ in self.bank.internal.items() if sum_}

    @invariant()
    def daily_sums_are_those_of_the_model(self) -> None:
        customers = self.world.customers
        rows = self.world.fetch(
            "select customer_id, currency, amount from daily_outgoing where customer_id = any($1)",
            [each.id for each in customers],
        )
        assert {(row[0], Currency[row[1]]): row[2] for row in rows} == {
            (each.id, currency): spent
            for each in customers
            for currency, spent in each.spent.items()
        }

    def _pay_in(self, account: ModelAccount, amount: Decimal, currency: Currency) -> Any:
        return self._book(
            lambda: self.bank.pay_in(account, amount, currency),
            payment.deposit,
            self.world.teller,
            payment.CashOrder(key_of(account), amount, currency, "in"),
        )

    def _open(self, owner: int, currency: Currency) -> ModelAccount:
        who = self.world.customers[owner]
        sent = self._check(
            lambda: None,
            account_opening.open_account,
            self.world.teller,
            account_opening.OpenAccount(who.id, self.world.products[currency]),
        )
        assert sent is not None
        row = sent.outcome.made.id
        number = self.world.number_of(row, who.id)
        self.opened.append(ModelAccount(row, who, currency, FEE, number))
        return self.opened[-1]

    def _book(self, expected: Callable[[], ModelEntry], *command: Any) -> Any:
        made: list[ModelEntry] = []
        sent = self._check(lambda: made.append(expected()), *command)
        if sent is None:
            return multiple()
        of = sent.outcome.made
        return made[0], GlobalId(of.prefix, of.owner, of.id)

    def _check(
        self,
        expected: Callable[[], None],
        use_case: UseCase,
        viewer: Viewer,
        *arguments: Any,
    ) -> Any:
        """Carry a command out, and compare it with the model; gives it unless it was refused."""
        codes: tuple[ProblemCode, ...] = ()
        try:
            expected()
        except Refused as refused:
            codes = refused.codes
        key = uuid4().hex
        outcome = self.world.run(use_case, viewer, key, *arguments)
        sent = Sent(use_case, viewer, key, arguments, outcome)
        self.sent.append(sent)
        if isinstance(outcome, Problem):
            assert outcome.code in codes
            return None
        assert codes == ()
        return sent


@pytest.fixture
def world(database_url: str, keys: Keys) -> Iterator[World]:
    made = World(database_url, keys)
    yield made
    made.close()


def test_the_ledger_does_what_the_model_says(world: World) -> None:
    run_state_machine_as_test(
        cast("type[RuleBasedStateMachine]", lambda: LedgerMachine(world)),
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
