"""Statements by which the unit of work keeps promises of what a transfer is asked for."""

import hmac
from hashlib import sha256
from typing import Final

from app.auth.promises import Promise
from app.db.unit_of_work import Unit
from app.domain.problem import Problem, ProblemCode

# Of six digits a thief guesses one in 200,000 promises.
WRONG_CODES_MAX: Final = 5
# Whoever is sent more in an hour has lost the phone, or is being tried.
CODES_AN_HOUR: Final = 10
_FIELD: Final = "requirementsToken"
_CODE: Final = "confirmationCode"

# What has long expired goes with whoever comes next: nothing is left of it to keep.
_FORGET: Final = """
delete from transfer_promise
where actor_id = $1 and valid_until < $2::timestamptz - interval '1 hour'
"""
_SENT: Final = """
select count(*) from transfer_promise
where actor_id = $1 and sent_at > $2::timestamptz - interval '1 hour'
"""
_SEND: Final = """
insert into transfer_promise (actor_id, id, valid_until, code_digest, sent_at)
values ($1, $2, $3, $4, $5) on conflict do nothing returning id
"""
_LOCK: Final = """
select code_digest, wrong_codes, used_at from transfer_promise
where actor_id = $1 and id = $2 for update
"""
_USE: Final = """
insert into transfer_promise (actor_id, id, valid_until, used_at) values ($1, $2, $3, $4)
on conflict (actor_id, id) do update set used_at = excluded.used_at
where transfer_promise.used_at is null
returning id
"""
_WRONG: Final = """
update transfer_promise set wrong_codes = wrong_codes + 1 where actor_id = $1 and id = $2
"""


async def use(unit: Unit, promise: Promise) -> None:
    """Use a promise for a transfer; refuses one that was used before."""
    person = unit.viewer.id
    if not await unit.fetch(_USE, person, promise.id, promise.valid_until, unit.at):
        raise Problem(ProblemCode.REQUIREMENTS_USED, _FIELD)


async def send_code(unit: Unit, promise: Promise, code: str) -> None:
    """Store the code that is sent for a promise, as a keyed digest; a promise has one."""
    await unit.fetch(_FORGET, promise.viewer_id, unit.at)
    (row,) = await unit.fetch(_SENT, promise.viewer_id, unit.at)
    if row["count"] >= CODES_AN_HOUR:
        raise Problem(ProblemCode.TOO_MANY_CODES)
    values = (promise.viewer_id, promise.id, promise.valid_until)
    if not await unit.fetch(_SEND, *values, _digest(unit, promise, code), unit.at):
        raise Problem(ProblemCode.CODE_SENT_ALREADY, _FIELD)


async def check_code(unit: Unit, promise: Promise, code: str | None) -> Problem | None:
    """Check the code that was given; a wrong one is counted, and given back as the refusal.

    What was counted must stay, so it is not raised. Raises for all that changes nothing.
    """
    rows = await unit.fetch(_LOCK, promise.viewer_id, promise.id)
    if code is None or not rows or rows[0]["code_digest"] is None:
        raise Problem(ProblemCode.CONFIRMATION_NEEDED, _CODE)
    (row,) = rows
    if row["used_at"] is not None:
        raise Problem(ProblemCode.REQUIREMENTS_USED, _FIELD)
    if row["wrong_codes"] >= WRONG_CODES_MAX:
        raise Problem(ProblemCode.CODE_VOID, _CODE)
    if hmac.compare_digest(row["code_digest"], _digest(unit, promise, code)):
        return None
    await unit.change(_WRONG, promise.viewer_id, promise.id)
    return Problem(ProblemCode.CODE_WRONG, _CODE)


def _digest(unit: Unit, promise: Promise, code: str) -> bytes:
    message = b"code\x1f" + promise.id.bytes + code.strip().encode()
    return hmac.digest(unit.keys.promise_secret, message, sha256)
