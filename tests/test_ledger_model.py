"""The bank's orders against a simple model of it, in random sequences on a real database.

Each step goes through the use case that the mutation calls, and the model says what it must come
to. Then balances, holds, postings and the bank's own accounts must be those of the model. More and
longer sequences: ``BANK360_LEDGER_SEQUENCES=500 BANK360_LEDGER_STEPS=100``.
"""

import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ledger_compared import PENDING, Compared, Expected, ignored
from ledger_model import MOST, ModelAccount
from ledger_world import CURRENCIES, FEE, World, customer

from app.auth.permissions import Role
from app.db.accounts import AccountKey
from app.db.beneficiaries import Beneficiary
from app.db.commands import Done, Made
from app.db.keys import Keys
from app.domain.account import HoldReason
from app.domain.money import Currency
from app.domain.payment import PayeeAccount
from app.domain.problem import Problem, ProblemCode
from app.resolvers import account_closing, account_freezing, account_opening, payment, reversal

T = TypeVar("T")
SEQUENCES = int(os.environ.get("BANK360_LEDGER_SEQUENCES", "40"))
STEPS = int(os.environ.get("BANK360_LEDGER_STEPS", "40"))

CURRENCY = st.sampled_from(CURRENCIES)
# Amounts that are not, and those beside the limits of posts and customers in dollars.
ODD = ("0", "-1.00", "0.001", "0.5", str(MOST), str(MOST + 1))
LIMITS = ("7000.00", "7000.01", "9000.00")
# As much as is available, and what comes on top: where rules change their mind.
BESIDE = st.sampled_from(["0.00", "0.01", "-0.01", "1.00"])
AMOUNT = st.one_of(
    st.decimals("0.01", "500", places=2),
    st.integers(1, 9000).map(Decimal),
    st.sampled_from([Decimal(odd) for odd in ODD]),
    st.sampled_from([Decimal(limit) for limit in LIMITS]),
    BESIDE,
    BESIDE,
)
# Mostly the account's own.
ORDERED = st.sampled_from([None, None, None, None, *CURRENCIES])
# Which of some that there are by now.
INDEX = st.integers(0, 10**6)
ACCOUNTS_MAX = 6
ACCOUNTS_MIN = 3


def key_of(account: ModelAccount) -> AccountKey:
    return AccountKey(account.owner.id, account.id)


def exact(account: ModelAccount, amount: Decimal | str, less: Decimal = Decimal(0)) -> Decimal:
    """Give the amount itself; a text comes on top of what is available."""
    return account.available - less + Decimal(amount) if isinstance(amount, str) else amount


def chosen(some: Sequence[T], index: int) -> T:
    return some[index % len(some)]


class LedgerMachine(Compared):
    accounts: Bundle[ModelAccount] = Bundle("accounts")

    @property
    def open_ones(self) -> int:
        return sum(account.status != "CLOSED" for account in self.opened)

    @initialize(target=accounts, away=st.booleans())
    def begin(self, *, away: bool) -> Any:
        """Begin with two accounts of one customer and one of another, with dollars on them.

        Two have more than a teller may move alone.
        """
        self.checker_is_away = away
        for each in self.world.customers:
            each.spent.clear()
        self.world.fetch(
            "delete from daily_outgoing where customer_id = any($1)",
            [each.id for each in self.world.customers],
        )
        opened = [self._open(owner, Currency.USD) for owner in (0, 0, 1)]
        for account, amount in zip(opened, (1000, 20_000, 20_000), strict=True):
            self._pay_in(account, Decimal(amount), Currency.USD)
        return multiple(*opened)

    @precondition(lambda self: len(self.opened) < ACCOUNTS_MAX)
    @rule(target=accounts, owner=st.integers(0, 1), currency=CURRENCY)
    def open(self, owner: int, currency: Currency) -> ModelAccount:
        return self._open(owner, currency)

    @rule(account=accounts, amount=AMOUNT, currency=ORDERED)
    def deposit(
        self, account: ModelAccount, amount: Decimal | str, currency: Currency | None
    ) -> None:
        self._pay_in(account, exact(account, amount), currency or account.currency)

    @rule(account=accounts, amount=AMOUNT, currency=ORDERED)
    def withdraw(
        self, account: ModelAccount, amount: Decimal | str, currency: Currency | None
    ) -> None:
        given, order_currency = exact(account, amount), currency or account.currency
        order = payment.CashOrder(key_of(account), given, order_currency, None)
        self._book(
            lambda agreed: self.bank.take_out(account, given, order_currency, agreed),
            payment.withdraw,
            self.world.teller,
            order,
        )

    @rule(payer=accounts, payee=accounts, amount=AMOUNT)
    def transfer_by_teller(
        self, payer: ModelAccount, payee: ModelAccount, amount: Decimal | str
    ) -> None:
        given = exact(payer, amount)
        to = Beneficiary("to.accountId", account=key_of(payee))
        self._book(
            lambda agreed: self.bank.transfer(
                Role.TELLER, payer, payee, given, named=True, agreed=agreed
            ),
            payment.transfer,
            self.world.teller,
            payment.Transfer(key_of(payer), given, payer.currency, to, "Rent"),
        )

    @rule(payer=accounts, payee=accounts, amount=AMOUNT)
    def transfer_by_customer(
        self, payer: ModelAccount, payee: ModelAccount, amount: Decimal | str
    ) -> None:
        given = exact(payer, amount)
        there = PayeeAccount(payee.owner.name, payee.number, None)
        to = Beneficiary("to.account", given=there)
        self._book(
            lambda _: self.bank.transfer(Role.CUSTOMER, payer, payee, given, named=False),
            payment.transfer,
            customer(payer),
            self.world.promised(
                customer(payer), payment.Transfer(key_of(payer), given, payer.currency, to, None)
            ),
        )

    @rule(payer=accounts, amount=AMOUNT)
    def transfer_to_another_bank(self, payer: ModelAccount, amount: Decimal | str) -> None:
        given = exact(payer, amount, payer.fee)
        there = PayeeAccount("Hans Huber", "DE89370400440532013000", "COBADEFF")
        to = Beneficiary("to.account", given=there)
        self._book(
            lambda _: self.bank.send(payer, given),
            payment.transfer,
            customer(payer),
            self.world.promised(
                customer(payer), payment.Transfer(key_of(payer), given, payer.currency, to, None)
            ),
        )

    @precondition(lambda self: self.booked)
    @rule(index=INDEX)
    def reverse(self, index: int) -> None:
        entry, transaction = chosen(self.booked, index)
        command = reversal.ReverseTransaction(
            transaction.owner, transaction.id, "The customer says so.", None
        )
        self._book(
            lambda agreed: self.bank.reverse(entry, agreed),
            reversal.reverse,
            self.world.teller,
            command,
        )

    @rule(account=accounts, amount=AMOUNT, stale=st.sampled_from([0, 0, 0, 1]))
    def hold(self, account: ModelAccount, amount: Decimal | str, stale: int) -> None:
        given, version = exact(account, amount), account.version - stale

        def note(_modelled: Any, made: Made) -> None:
            account.holds[made.id] = given
            self.held.append((account, made.id))

        self.order(
            lambda agreed: self.bank.hold(account, given, version, agreed),
            note,
            account_freezing.freeze,
            self.world.teller,
            account_freezing.FreezeAccount(
                key_of(account), given, account.currency, HoldReason.COURT_ORDER, None, version
            ),
        )

    @precondition(lambda self: self.held)
    @rule(index=INDEX)
    def lift(self, index: int) -> None:
        account, row = chosen(self.held, index)
        version = account.version
        self.order(
            lambda agreed: self.bank.lift(account, row, version, agreed),
            ignored,
            account_freezing.unfreeze,
            self.world.teller,
            account_freezing.UnfreezeAccount(key_of(account), row, None, version),
        )

    @rule(account=accounts)
    def freeze(self, account: ModelAccount) -> None:
        version = account.version
        self.order(
            lambda agreed: self.bank.freeze(account, version, agreed),
            ignored,
            account_freezing.freeze,
            self.world.teller,
            account_freezing.FreezeAccount(
                key_of(account), None, None, HoldReason.INVESTIGATION, "why", version
            ),
        )

    @rule(account=accounts)
    def thaw(self, account: ModelAccount) -> None:
        version = account.version
        self.order(
            lambda agreed: self.bank.thaw(account, version, agreed),
            ignored,
            account_freezing.unfreeze,
            self.world.teller,
            account_freezing.UnfreezeAccount(key_of(account), None, None, version),
        )

    @precondition(lambda self: self.open_ones > ACCOUNTS_MIN)
    @rule(account=accounts, to=st.none() | accounts)
    def close(self, account: ModelAccount, to: ModelAccount | None) -> None:
        version = account.version
        self.order(
            lambda agreed: self.bank.close(account, to, version, agreed),
            ignored,
            account_closing.close,
            self.world.teller,
            account_closing.CloseAccount(key_of(account), key_of(to) if to else None, version),
        )

    @rule(away=st.booleans())
    def let_requests_wait(self, *, away: bool) -> None:
        """What is asked for from now on waits, or is approved at once."""
        self.checker_is_away = away

    @precondition(lambda self: self.asked)
    @rule(index=INDEX)
    def decide_later(self, index: int) -> None:
        """Approve what waits, or else what was decided before, after whatever happened since."""
        waiting = [request for request in self.asked if request.state == PENDING]
        self.decide(chosen(waiting or self.asked, index))

    @precondition(lambda self: self.asked)
    @rule(index=INDEX)
    def approve_alone(self, index: int) -> None:
        """Nobody approves what they asked for themselves."""
        refused = self.approve(chosen(self.asked, index), self.world.teller)
        assert isinstance(refused, Problem)
        assert refused.code is ProblemCode.REQUEST_IS_OWN

    @rule(index=INDEX)
    def send_again(self, index: int) -> None:
        """Send any command again with its key: it comes to the same, and changes nothing.

        What needed a second person comes to the same request, whatever has become of it.
        """
        sent = chosen(self.sent, index)
        again = self.world.run(sent.use_case, sent.viewer, sent.key, *sent.arguments)
        if isinstance(sent.outcome, Problem):
            assert isinstance(again, Problem)
            assert (again.code, again.field) == (sent.outcome.code, sent.outcome.field)
        else:
            assert again == Done(sent.outcome.made, replayed=True)

    def _pay_in(self, account: ModelAccount, amount: Decimal, currency: Currency) -> Any:
        self._book(
            lambda _: self.bank.pay_in(account, amount, currency),
            payment.deposit,
            self.world.teller,
            payment.CashOrder(key_of(account), amount, currency, "in"),
        )

    def _open(self, owner: int, currency: Currency) -> ModelAccount:
        who = self.world.customers[owner]
        sent = self.send(
            account_opening.open_account,
            self.world.teller,
            account_opening.OpenAccount(who.id, self.world.products[currency]),
        )
        assert isinstance(sent, Done)
        row = sent.made.id
        number = self.world.number_of(row, who.id)
        self.opened.append(ModelAccount(row, who, currency, FEE, number))
        return self.opened[-1]

    def _book(self, expected: Expected, *command: Any) -> None:
        self.order(expected, self.note_booking, *command)


@pytest.fixture
def world(database_url: str, keys: Keys) -> Iterator[World]:
    made = World(database_url, keys)
    yield made
    made.close()


@pytest.mark.usefixtures("unmeasured")
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
