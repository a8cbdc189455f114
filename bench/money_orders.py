"""Random orders on the accounts of a seeded bank, with what each does if it is carried out."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid4

import asyncpg

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.planner.global_id import format_id

AccountKey: TypeAlias = tuple[UUID, UUID]

CENT: Final = Decimal("0.01")
# Most orders are small, so that few accounts run dry; some are for more than there is.
SMALL: Final = 300
LARGE: Final = 45_000
LARGE_SHARE: Final = 0.1
MISTAKEN: Final = 0.05
# Why money may not leave an account that is open.
_UNCOVERED: Final = frozenset({"INSUFFICIENT_FUNDS", "ACCOUNT_FROZEN"})
# Why a request cannot be approved, beside what may stand against the order itself.
_TOO_LATE: Final = frozenset({"REQUEST_STALE", "REQUEST_DECIDED"})
_REVERSIBLE: Final = frozenset({"deposit", "withdraw", "transfer"})
_ACCOUNTS: Final = """
select account.customer_id, account.id, account.currency, number_ciphertext, name_ciphertext,
    wrapped_key, assignment.staff_id, coalesce(product.transfer_fee, 0) as fee,
    array(
        select holders.staff_id from account_holder as link
        join assignment as holders on holders.customer_id = link.holder_id
            and holders.role = 'TELLER'
        where link.customer_id = account.customer_id and link.account_id = account.id
    ) as tellers_of_holders,
    owner.branch_id as branch,
    (
        select head.id from staff as head
        join staff_role on staff_role.staff_id = head.id and staff_role.role = 'BRANCH_MANAGER'
        where head.branch_id = owner.branch_id and head.active order by head.id limit 1
    ) as head
from account
join customer as owner on owner.id = account.customer_id
join customer_key on customer_key.customer_id = owner.id
join assignment on assignment.customer_id = owner.id and assignment.role = 'TELLER'
left join account_product as product on product.id = account.product_id
where account.kind = 'DEMAND' and account.status = 'OPEN' and owner.status = 'ACTIVE'
    and owner.type = 'INDIVIDUAL'
order by account.customer_id, account.id
"""


@dataclass(frozen=True)
class Account:
    """An account of a customer, with what its owner and teller know of it.

    ``tellers`` are all who see it: those of its holders too. ``head`` is the head of the owner's
    ``branch``, who is the second person.
    """

    owner: UUID
    row: UUID
    currency: str
    number: str
    name: str
    fee: Decimal
    teller: UUID
    tellers: frozenset[UUID]
    branch: UUID
    head: UUID

    @property
    def key(self) -> AccountKey:
        """Owner and id."""
        return self.owner, self.row

    @property
    def id(self) -> str:
        """Its id in the API."""
        return format_id("acc", self.owner, self.row)


@dataclass(frozen=True)
class Order:
    """A command as it is sent, again and again with its key.

    ``moves`` is what it does to customers' accounts if it is carried out. ``spent`` counts towards
    the daily limit of the one who orders; ``refusals`` are the codes that may answer it. ``result``
    is what its answer tells. ``changes`` is the account whose version it names and raises.
    ``head`` is who may be asked to agree; None where it is nobody's to agree. Of an approval
    ``approves`` is what it carries out, and ``request`` the global id of the request.
    """

    name: str
    actor: UUID
    token: str
    values: Mapping[str, Any]
    moves: Mapping[AccountKey, Decimal]
    refusals: frozenset[str]
    spent: Decimal = Decimal(0)
    result: str = "transaction"
    changes: "Account | None" = None
    head: UUID | None = None
    approves: "Order | None" = None
    request: str | None = None
    key: str = field(default_factory=lambda: uuid4().hex)

    @property
    def must_be_refused(self) -> bool:
        """Whether the bank may not carry it out."""
        return not self.moves and self.changes is None


@dataclass(frozen=True)
class Answered:
    """What became of an order: one of the three is set.

    The global id of what it ``made``, the ``code`` of its refusal, or the global id of the
    ``request`` for a second person that it waits with.
    """

    order: Order
    made: str | None
    code: str | None
    request: str | None = None


async def open_accounts(owner: asyncpg.Connection, keys: Keys) -> list[Account]:
    """Read the accounts that money may be moved on."""
    found = []
    for row in await owner.fetch(_ACCOUNTS):
        cipher = keys.ring.cipher(row["customer_id"], row["wrapped_key"])
        name = ("customer.name_ciphertext", row["customer_id"], row["name_ciphertext"])
        number = ("account.number_ciphertext", row["id"], row["number_ciphertext"])
        found.append(
            Account(
                row["customer_id"],
                row["id"],
                row["currency"],
                cipher.decrypt(*number),
                cipher.decrypt(*name),
                row["fee"],
                row["staff_id"],
                frozenset({row["staff_id"], *row["tellers_of_holders"]}),
                row["branch"],
                row["head"],
            )
        )
    return found


class Orders:
    """Makes random orders, the same ones for the same seed but for their keys."""

    def __init__(
        self, accounts: Sequence[Account], risk_officer: UUID, tokens: TokenKey, seed: int
    ) -> None:
        """Take the accounts, who freezes them, and what signs the tokens of those who order."""
        self._accounts = accounts
        self._by_key = {account.key: account for account in accounts}
        self._risk_officer = risk_officer
        self._booked: list[Answered] = []
        self._held: list[tuple[Account, str]] = []
        self._waiting: list[Answered] = []
        self._chosen = random.Random(seed)
        self._tokens = tokens
        self._issued: dict[UUID, str] = {}

    def next(self) -> Order:
        """Make an order."""
        kinds, weights = zip(*_KINDS, strict=True)
        make: Callable[[Orders], Order] = self._chosen.choices(kinds, weights)[0]
        return make(self)

    def note(self, answered: Answered) -> None:
        """Note what was acknowledged: it may be approved, or taken back, later."""
        if answered.request is not None:
            self._waiting.append(answered)
        order, made = answered.order.approves or answered.order, answered.made
        if made is not None and order.name in _REVERSIBLE:
            self._booked.append(answered)
        if made is not None and order.changes is not None and "amount" in order.values:
            self._held.append((order.changes, made))

    def cash(self) -> Order:
        """Pay in or take out, in the account's currency or in another one."""
        account, amount = self._account(), self._amount()
        name, sign = self._chosen.choice([("deposit", 1), ("withdraw", -1)])
        foreign = self._chosen.random() < MISTAKEN
        values = {
            "accountId": account.id,
            "amount": _money(amount, "GBP" if foreign else account.currency),
        }
        if foreign:
            return self._by_teller(name, account, values, {}, {"CURRENCY_NOT_MATCHING"})
        refusals = set() if sign > 0 else set(_UNCOVERED)
        return self._by_teller(name, account, values, {account.key: sign * amount}, refusals)

    def by_teller(self) -> Order:
        """Let a teller move money between two accounts; the teller may not see the second."""
        payer, amount = self._account(), self._amount()
        payee = self._payee(payer, same_teller=True)
        values = {
            "fromAccountId": payer.id,
            "amount": _money(amount, payer.currency),
            "to": {"accountId": payee.id},
        }
        moves, refusals = _between(payer, payee, amount)
        if payer.teller not in payee.tellers:
            moves, refusals = {}, {"NOT_FOUND"}
        elif payer.branch != payee.branch:
            # The second person does not see it, and cannot agree.
            refusals |= {"NOT_FOUND"}
        return self._by_teller("transfer", payer, values, moves, refusals)

    def to_somebody(self) -> Order:
        """Let a customer pay another one by account number and name, or the wrong name."""
        payer, amount = self._account(), self._amount()
        payee, mistaken = self._payee(payer), self._chosen.random() < MISTAKEN
        name = f"{payee.name} Nobody" if mistaken else payee.name
        values = {
            "fromAccountId": payer.id,
            "amount": _money(amount, payer.currency),
            "to": {"account": {"number": payee.number, "name": name}},
            "text": f"Invoice {self._chosen.randint(1, 9999)}",
        }
        moves, refusals = _between(payer, payee, amount)
        if mistaken:
            moves, refusals = {}, {"PAYEE_UNKNOWN"}
        elif moves:
            refusals |= {"LIMIT_EXCEEDED"}
        spent = amount if payer.owner != payee.owner else Decimal(0)
        return self._by_owner(payer, values, moves, refusals, spent)

    def to_another_bank(self) -> Order:
        """Let a customer pay somebody at another bank, which costs a fee."""
        payer, amount = self._account(), self._amount()
        there = {"number": "DE89370400440532013000", "name": "Hans Huber", "bank": "COBADEFF"}
        values = {
            "fromAccountId": payer.id,
            "amount": _money(amount, payer.currency),
            "to": {"account": there},
        }
        refusals = {"LIMIT_EXCEEDED", *_UNCOVERED}
        moves = {payer.key: -amount - payer.fee}
        return self._by_owner(payer, values, moves, refusals, amount)

    def reversal(self) -> Order:
        """Take a booking back, which may have been taken back before, or have no cover any more."""
        if not self._booked:
            return self.cash()
        booked = self._chosen.choice(self._booked)
        moves = {key: -amount for key, amount in booked.order.moves.items()}
        account = self._by_key[next(iter(moves))]
        values = {"transactionId": booked.made, "reason": "The customer says so."}
        refusals = {"ALREADY_REVERSED", "NOT_REVERSIBLE", *_UNCOVERED}
        return self._by_teller("reverseTransaction", account, values, moves, refusals)

    def hold(self) -> Order:
        """Hold an amount of an account; now and then all of it."""
        account = self._account()
        values: dict[str, Any] = {"accountId": account.id, "reason": "COURT_ORDER"}
        if self._chosen.random() > MISTAKEN:
            values["amount"] = _money(self._amount(), account.currency)
        return self._by_risk_officer("freezeAccount", account, values, "hold")

    def lift(self) -> Order:
        """Lift a hold, which may have been lifted before, or let all of an account go again."""
        account = self._account()
        values = {"accountId": account.id}
        if self._held and self._chosen.random() > MISTAKEN:
            account, hold = self._chosen.choice(self._held)
            values = {"accountId": account.id, "holdId": hold}
        return self._by_risk_officer("unfreezeAccount", account, values, "account")

    def approval(self) -> Order:
        """Let a second person agree to what waits; now and then also to what was decided before."""
        if not self._waiting:
            return self.cash()
        chosen = self._chosen.randrange(len(self._waiting))
        again = self._chosen.random() < MISTAKEN
        asked = self._waiting[chosen] if again else self._waiting.pop(chosen)
        order = asked.order
        assert order.head is not None, f"nobody could agree to {order}"
        return Order(
            "approveRequest",
            order.head,
            self._token(Role.BRANCH_MANAGER, order.head),
            {"id": asked.request, "expectedVersion": 1},
            order.moves,
            order.refusals | _TOO_LATE,
            result="approval",
            changes=order.changes,
            approves=order,
            request=asked.request,
        )

    def _by_risk_officer(
        self, name: str, account: Account, values: Mapping[str, Any], result: str
    ) -> Order:
        return Order(
            name,
            self._risk_officer,
            self._token(Role.RISK_OFFICER, self._risk_officer),
            values,
            {},
            frozenset({"STALE_VERSION", "NOTHING_TO_CHANGE", "NOT_FOUND"}),
            result=result,
            changes=account,
            head=account.head,
        )

    def _account(self) -> Account:
        """Choose an account, the first ones far more often: many want the same."""
        return self._early(self._accounts)

    def _payee(self, payer: Account, *, same_teller: bool = False) -> Account:
        """Choose where money goes: now and then an account that it cannot go to."""
        if self._chosen.random() < MISTAKEN:
            return self._account()
        fitting = [
            account
            for account in self._accounts
            if account.currency == payer.currency
            and (account.teller == payer.teller or not same_teller)
        ]
        return self._early(fitting)

    def _early(self, accounts: Sequence[Account]) -> Account:
        return accounts[int(len(accounts) * self._chosen.random() ** 2)]

    def _amount(self) -> Decimal:
        most = LARGE if self._chosen.random() < LARGE_SHARE else SMALL
        return self._chosen.randint(1, most * 100) * CENT

    def _by_teller(
        self,
        name: str,
        account: Account,
        values: Mapping[str, Any],
        moves: Mapping[AccountKey, Decimal],
        refusals: set[str],
    ) -> Order:
        token = self._token(Role.TELLER, account.teller)
        may = frozenset(refusals)
        return Order(name, account.teller, token, values, moves, may, head=account.head)

    def _by_owner(
        self,
        payer: Account,
        values: Mapping[str, Any],
        moves: Mapping[AccountKey, Decimal],
        refusals: set[str],
        spent: Decimal,
    ) -> Order:
        token = self._token(Role.CUSTOMER, payer.owner)
        # What is unusual needs a code, and much to a new payee waits, however strong the token.
        may = frozenset(refusals | {"CONFIRMATION_NEEDED", "COOLING_OFF"})
        return Order("transfer", payer.owner, token, values, moves, may, spent)

    def _token(self, role: Role, subject: UUID) -> str:
        if subject not in self._issued:
            self._issued[subject] = self._tokens.issue(role, subject, strong=True)
        return self._issued[subject]


_KINDS: Final[Sequence[tuple[Callable[[Orders], Order], int]]] = (
    (Orders.cash, 40),
    (Orders.by_teller, 20),
    (Orders.to_somebody, 35),
    (Orders.to_another_bank, 5),
    (Orders.reversal, 6),
    (Orders.hold, 3),
    (Orders.lift, 3),
    (Orders.approval, 18),
)


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    return {"amount": str(amount), "currency": currency}


def _between(
    payer: Account, payee: Account, amount: Decimal
) -> tuple[dict[AccountKey, Decimal], set[str]]:
    """Give what a transfer moves, and the codes that may refuse it."""
    if payer == payee:
        return {}, {"SAME_ACCOUNT"}
    if payer.currency != payee.currency:
        return {}, {"CURRENCY_NOT_MATCHING"}
    moves = {payer.key: -amount, payee.key: amount}
    return moves, set(_UNCOVERED)
