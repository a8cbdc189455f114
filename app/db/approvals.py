"""Requests for a second person: asking for one, and what ends a request.

`ask` is the seam for rules that need a second person; docs/four-eyes.md shows how it is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from app.auth.approvals import FOUR_EYES
from app.auth.permissions import Role
from app.db.audit import Connection
from app.db.commands import APPROVAL_PREFIX, Approved, Change, Command, Made, Maker
from app.db.ids import new_id
from app.db.unit_of_work import Unit
from app.domain.approval import ApprovalReason, ApprovalState
from app.domain.problem import Problem, ProblemCode

_TABLE: Final = "approval"
# Who sees a request: policies narrow it likewise for whoever reads it (app.db.policies).
_LOCK: Final = """
select * from approval
where customer_id = $1 and id = $2 and (maker_id = $3 or $4::text = any (required_roles))
for update
"""
_END: Final = """
update approval set state = $3, decided_at = $4, decided_by = $5, decided_role = $6,
    answer_ciphertext = $7, fresh_diff_ciphertext = $8,
    result_prefix = $9, result_owner = $10, result_id = $11, version = version + 1
where customer_id = $1 and id = $2 and state = 'PENDING'
"""
_END_OTHERS: Final = """
update approval set state = 'STALE', decided_at = $2, version = version + 1
where customer_id = $1 and state = 'PENDING' and id is distinct from $3
"""
_END_EXPIRED: Final = """
with expired as (
    select customer_id, id from approval
    where state = 'PENDING' and expires_at <= $1
    order by expires_at, id limit $2
    for update skip locked
)
update approval set state = 'EXPIRED', decided_at = $1, version = version + 1
from expired where approval.customer_id = expired.customer_id and approval.id = expired.id
returning approval.customer_id, approval.id, command, maker_id, maker_role
"""


@dataclass(frozen=True)
class FieldDiff:
    """A field that a command would change, spelled as the API does, and its values as text.

    Another object stands as its global id, and an encrypted value as its clear text. ``like`` names
    the field of the API, such as ``Customer.phone``, whose guard says who sees the values, and
    masked how; without it whoever sees the request sees them.
    """

    field: str
    before: str | None
    after: str | None
    like: str | None = None


@dataclass(frozen=True)
class Ask:
    """What a rule wants a second person to see before it goes on.

    ``base`` is all that the decision rests upon and the maker has seen, without personal data:
    versions of locked rows, for instance. ``required`` narrows the posts that
    app.auth.approvals names for the command; ``concerned`` are customers beside the owner who must
    not approve, such as a payee.
    """

    customer: UUID
    diff: Sequence[FieldDiff]
    base: Mapping[str, str | int]
    reason: ApprovalReason = ApprovalReason.ALWAYS
    required: frozenset[Role] = frozenset()
    concerned: frozenset[UUID] = frozenset()


class StaleRequestError(Exception):
    """What an approved command rests upon has changed since it was asked for."""

    def __init__(self, fresh: Ask) -> None:
        """Take what the command would change now."""
        super().__init__()
        self.fresh = fresh


async def ask(unit: Unit, wanted: Ask) -> Change | None:
    """Ask for a second person, or None when one has approved and the rule is to go on.

    Called after the rule has checked everything and before it changes anything: what it gives is
    what the rule gives. Raises StaleRequestError where the base has changed since the maker asked,
    and refuses a checker whom the command itself concerns.
    """
    if unit.approved is None:
        return await _request(unit, wanted)
    if unit.viewer.own_customer_id in {wanted.customer, *wanted.concerned}:
        raise Problem(ProblemCode.CUSTOMER_IS_ONESELF)
    if unit.approved.base != _base(wanted):
        raise StaleRequestError(wanted)
    return None


async def _request(unit: Unit, wanted: Ask) -> Change:
    rule = FOUR_EYES[unit.command.name]
    required = wanted.required or rule.checkers
    assert required <= rule.checkers, "posts that the table does not name"
    request = new_id()
    if await unit.open_cipher(wanted.customer) is None:
        # What a checker would have to see cannot be kept for somebody whose key is destroyed.
        raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE)
    await unit.insert(
        _TABLE,
        customer_id=wanted.customer,
        id=request,
        command=unit.command.name,
        reason=wanted.reason.value,
        state=ApprovalState.PENDING.value,
        maker_id=unit.maker.id,
        maker_role=unit.maker.role.value,
        required_roles=[role.value for role in Role if role in required],
        base=_base(wanted),
        payload_ciphertext=_sealed(
            unit, wanted.customer, "payload", request, unit.command.stored_payload
        ),
        diff_ciphertext=_sealed(unit, wanted.customer, "diff", request, _written(wanted)),
        requested_at=unit.at,
        expires_at=unit.at + rule.lasts,
    )
    made = Made(APPROVAL_PREFIX, wanted.customer, request)
    fields = [each.field for each in wanted.diff]
    return Change(made, "approval.requested", wanted.customer, fields)


async def lock(unit: Unit, customer: UUID, request: UUID) -> tuple[Any, Any]:
    """Lock a customer and a request that the viewer made or whose post may decide it."""
    owner = await unit.lock_customer(customer)
    rows = await unit.fetch(_LOCK, customer, request, unit.viewer.id, unit.viewer.role.value)
    if not rows:
        raise Problem(ProblemCode.NOT_FOUND, "id")
    return owner, rows[0]


def approved(row: Any) -> Approved:
    """Give what the approval of a locked request tells the rule."""
    return Approved(row["id"], Maker(row["maker_id"], Role[row["maker_role"]]), row["base"])


def command_of(unit: Unit, row: Any) -> Command:
    """Give the command of a locked request, as its maker sent it."""
    customer, request = row["customer_id"], row["id"]
    sealed = row["payload_ciphertext"]
    payload = unit.decrypt(customer, f"{_TABLE}.payload_ciphertext", request, sealed)
    if payload is None:
        raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE)
    return Command(row["command"], "", orjson.loads(payload))


@dataclass(frozen=True)
class Ending:
    """How a request ends: with the checker's words, fresh differences, or what came of it."""

    state: ApprovalState
    answer: str | None = None
    fresh: Ask | None = None
    result: Made | None = None


async def end(unit: Unit, row: Any, ending: Ending) -> None:
    """End a locked request that waits; of one that expired nobody is said to have decided."""
    customer, request, result = row["customer_id"], row["id"], ending.result
    fresh = _written(ending.fresh) if ending.fresh else None
    decided = ending.state is not ApprovalState.EXPIRED
    await unit.change(
        _END,
        customer,
        request,
        ending.state.value,
        unit.at,
        unit.viewer.id if decided else None,
        unit.viewer.role.value if decided else None,
        _sealed(unit, customer, "answer", request, ending.answer),
        _sealed(unit, customer, "fresh_diff", request, fresh),
        result and result.prefix,
        result and result.owner,
        result and result.id,
    )


async def end_others(unit: Unit, customer: UUID) -> None:
    """End what waits for a locked customer, but for the request that is being approved."""
    this = unit.approved.request if unit.approved else None
    await unit.fetch(_END_OTHERS, customer, unit.at, this)


@dataclass(frozen=True)
class Expired:
    """A request that nobody decided in time, and the fields of its record."""

    made: Made
    fields: Sequence[str]


async def end_expired(connection: Connection, at: datetime, size: int) -> list[Expired]:
    """End at most ``size`` requests whose time was over at a moment; gives which, to record them.

    For jobs, which act for nobody: whoever comes too late ends a request by `end`. Requests that
    somebody decides at this moment are left to them.
    """
    rows = await connection.fetch(_END_EXPIRED, at, size)
    return [
        Expired(Made(APPROVAL_PREFIX, row["customer_id"], row["id"]), named(row)) for row in rows
    ]


def named(row: Any) -> tuple[str, str]:
    """Give the fields of every record of a request: its command, and its maker's global id."""
    prefix = "cus" if row["maker_role"] == Role.CUSTOMER else "sta"
    return f"COMMAND:{row['command']}", f"MAKER:{prefix}_{row['maker_id'].hex}"


def _sealed(
    unit: Unit, customer: UUID, name: str, request: UUID, clear: str | None
) -> bytes | None:
    return unit.encrypt(customer, f"{_TABLE}.{name}_ciphertext", request, clear)


def _base(wanted: Ask) -> str:
    return orjson.dumps(dict(wanted.base), option=orjson.OPT_SORT_KEYS).decode()


def _written(wanted: Ask) -> str:
    """Write differences as they are stored, with the customer whose data they show."""
    fields = [vars(each) for each in wanted.diff]
    return orjson.dumps({"customer": str(wanted.customer), "fields": fields}).decode()


def read_diff(text: str) -> tuple[UUID, list[FieldDiff]]:
    """Read differences as they are stored, and the customer whose data they show."""
    stored = orjson.loads(text)
    return UUID(stored["customer"]), [FieldDiff(**each) for each in stored["fields"]]
