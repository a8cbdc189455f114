"""What must hold of requests for a second person once every order is answered."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import asyncpg
from money_checks import told
from money_orders import Answered

from app.planner.global_id import format_id

# An approval leaves a record of the effect under the maker's name, which tells who approved.
_REQUESTS: Final = """
select customer_id, id, state, result_prefix, result_owner, result_id,
    (
        select count(*) from audit_record
        where actor_id = maker_id and role = maker_role and command = approval.command
            and subject_prefix = result_prefix and subject_id = result_id
            and 'APPROVED_BY:sta_' || replace(decided_by::text, '-', '') = any (fields)
    ) as effects
from approval
"""
_EFFECTS: Final = """
select count(*) from audit_record
where exists (select from unnest(fields) as field where field like 'APPROVED_BY:%')
"""


async def requests(owner: asyncpg.Connection, answered: Sequence[Answered]) -> list[str]:
    """Compare what waits, and what became of what waited, with what was told."""
    expected: dict[str, tuple[str, str | None]] = {
        each.request: ("PENDING", None) for each in answered if each.request is not None
    }
    ended: Counter[str] = Counter()
    for each in answered:
        request = each.order.request
        if request is not None and (each.made is not None or each.code == "REQUEST_STALE"):
            ended[request] += 1
            expected[request] = ("STALE" if each.made is None else "APPROVED", each.made)
    found, without = {}, []
    for row in await owner.fetch(_REQUESTS):
        request = format_id("apr", row["customer_id"], row["id"])
        made = None
        if row["result_id"] is not None:
            made = format_id(row["result_prefix"], row["result_owner"], row["result_id"])
            if not row["effects"]:
                without.append(request)
        found[request] = (row["state"], made)
    approved = sum(state == "APPROVED" for state, _ in expected.values())
    effects = await owner.fetchval(_EFFECTS)
    return [
        *told("requests are not what was told", list(found.items() ^ expected.items())),
        *told("requests ended twice", [each for each, count in ended.items() if count > 1]),
        *told("approved requests have no record of their effect", without),
        *told("effects are there for approvals", [effects] if effects != approved else []),
    ]
