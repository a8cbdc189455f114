"""A bank and its model side by side: each command goes to both, and they must come to the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from hypothesis.stateful import RuleBasedStateMachine, invariant
from ledger_model import Base, ModelAccount, ModelBank, ModelEntry, Refused, Stale, Waits
from ledger_world import Sent, UseCase, World

from app.auth.viewer import Viewer
from app.db.bank_itself import BANK_ID
from app.db.commands import APPROVAL_PREFIX, Done, Made
from app.domain.money import Currency
from app.domain.problem import Problem, ProblemCode
from app.planner.global_id import GlobalId
from app.resolvers import approval
from app.schema.approval_mutation import APPROVABLE

# What the model does of a command: asked first, and with the base of who agreed then.
Expected = Callable[[Base | None], Any]
# Is told what the model made, and what the bank made of the same.
Then = Callable[[Any, Made], None]
# The states of a request, as the database spells them.
PENDING: Final = "PENDING"
APPROVED: Final = "APPROVED"
STALE: Final = "STALE"


def ignored(_modelled: Any, _made: Made) -> None:
    """Take no notice of what was made."""


@dataclass(eq=False)
class Asked:
    """A command that waits, or waited, for a second person."""

    made: Made
    expected: Expected
    then: Then
    base: Base
    state: str = PENDING


class Compared(RuleBasedStateMachine):
    """Sends commands, lets a second person decide, and compares what is there after every step."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.bank = ModelBank()
        self.opened: list[ModelAccount] = []
        self.booked: list[tuple[ModelEntry, GlobalId]] = []
        self.held: list[tuple[ModelAccount, UUID]] = []
        self.asked: list[Asked] = []
        self.sent: list[Sent] = []
        # Whether what needs a second person waits, instead of being approved at once.
        self.checker_is_away = False

    def order(
        self,
        expected: Expected,
        then: Then,
        use_case: UseCase,
        viewer: Viewer,
        *arguments: Any,
    ) -> None:
        """Send a command; where it needs a second person, who is there agrees."""
        code, base, modelled = None, None, None
        try:
            modelled = expected(None)
        except Refused as refused:
            code = refused.code
        except Waits as waits:
            base = waits.base
        outcome = self.send(use_case, viewer, *arguments)
        if isinstance(outcome, Problem):
            assert outcome.code is code
            return
        assert code is None
        assert (outcome.made.prefix == APPROVAL_PREFIX) == (base is not None)
        if base is None:
            then(modelled, outcome.made)
            return
        request = Asked(outcome.made, expected, then, base)
        self.asked.append(request)
        if not self.checker_is_away:
            self.decide(request)

    def decide(self, request: Asked) -> None:
        """Let a second person agree; a rule that stands against it leaves the request waiting."""
        code, modelled, state = None, None, APPROVED
        if request.state != PENDING:
            code, state = ProblemCode.REQUEST_DECIDED, request.state
        else:
            try:
                modelled = request.expected(request.base)
            except Refused as refused:
                code, state = refused.code, PENDING
            except Stale:
                code, state = ProblemCode.REQUEST_STALE, STALE
        outcome = self.approve(request, self.world.checker)
        request.state = state
        if isinstance(outcome, Problem):
            assert (outcome.code, outcome.field) == (code, "id")
            return
        assert code is None
        assert outcome == Done(request.made)
        request.then(modelled, self.world.result_of(request.made.id))

    def approve(self, request: Asked, viewer: Viewer) -> Done | Problem:
        made = request.made
        decision = approval.Decision(GlobalId(made.prefix, made.owner, made.id), 1)
        return self.send(approval.approve, viewer, decision, APPROVABLE)

    def send(self, use_case: UseCase, viewer: Viewer, *arguments: Any) -> Done | Problem:
        key = uuid4().hex
        outcome = self.world.run(use_case, viewer, key, *arguments)
        self.sent.append(Sent(use_case, viewer, key, arguments, outcome))
        return outcome

    def note_booking(self, entry: ModelEntry, made: Made) -> None:
        self.booked.append((entry, GlobalId(made.prefix, made.owner, made.id)))

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

    @invariant()
    def requests_are_those_of_the_model(self) -> None:
        """Who finds that things have changed is shown what would change by now."""
        rows = self.world.fetch(
            "select id, state, fresh_diff_ciphertext is not null as is_fresh, result_id is not null"
            " as has_result from approval where id = any($1)",
            [request.made.id for request in self.asked],
        )
        found: Mapping[UUID, Any] = {row["id"]: tuple(row)[1:] for row in rows}
        assert found == {
            each.made.id: (each.state, each.state == STALE, each.state == APPROVED)
            for each in self.asked
        }
