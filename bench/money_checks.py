"""What must hold of a bank's money once every order is answered."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg
from money_orders import AccountKey, Answered

from app.db.bank_itself import BANK_ID
from app.planner.global_id import GlobalId

# Faults of one kind that are told one by one.
_SHOWN_MAX: Final = 5

_POSTINGS: Final = """
select entry.id as entry_id, posting.id, posting.customer_id, posting.account_id, posting.amount
from journal_entry as entry
join posting on posting.entry_customer_id = entry.customer_id and posting.entry_id = entry.id
where entry.source = 'BANK360'
"""
# Each gives a row for whatever is wrong.
_LEDGER: Final = {
    "currencies do not sum to zero": """
        select currency, sum(amount) from posting group by currency having sum(amount) <> 0
    """,
    "entries do not sum to zero": """
        select entry_id from posting group by entry_id, currency having sum(amount) <> 0
    """,
    "entries have no postings": """
        select id from journal_entry as entry
        where not exists (
            select from posting
            where posting.entry_customer_id = entry.customer_id and posting.entry_id = entry.id
        )
    """,
    "balances are not the sum of the postings": """
        select account.id, balance, sum(amount) from account
        left join posting on posting.customer_id = account.customer_id
            and posting.account_id = account.id
        where balance is not null group by account.customer_id, account.id
        having balance <> coalesce(sum(amount), 0)
    """,
    "postings tell a balance that does not follow from the one before": """
        select account_id, amount, balance_after, balance from (
            select *, sum(amount) over (
                partition by customer_id, account_id order by booked_at, id
            ) as balance from posting
        ) as followed
        where balance_after is not null and balance_after <> balance
    """,
    "accounts are overdrawn": """
        select id, balance, held from account where balance < -overdraft_limit
    """,
    "accounts are frozen, or not, against what their holds say": """
        select account.id, status from account where (status = 'FROZEN') <> exists (
            select from account_hold as hold where hold.customer_id = account.customer_id
                and hold.account_id = account.id and lifted_at is null and amount is null
        ) and version > 1
    """,
    "accounts do not hold what their holds say": """
        select account.id, held from account
        left join account_hold as hold on hold.customer_id = account.customer_id
            and hold.account_id = account.id and lifted_at is null
        group by account.customer_id, account.id
        having held <> coalesce(sum(hold.amount), 0)
    """,
}


def told(what: str, found: Sequence[object]) -> list[str]:
    """Say what is wrong, with some examples; nothing where nothing was found."""
    if not found:
        return []
    shown = "; ".join(map(str, found[:_SHOWN_MAX]))
    return [f"{len(found)} {what}: {shown}"]


async def answers(owner: asyncpg.Connection, answered: Sequence[Answered]) -> list[str]:
    """Compare every answer with what is stored under its key and what it booked."""
    booked: dict[UUID, UUID] = {}
    moved: defaultdict[UUID, defaultdict[AccountKey, Decimal]] = defaultdict(
        lambda: defaultdict(Decimal)
    )
    for row in await owner.fetch(_POSTINGS):
        booked[row["id"]] = row["entry_id"]
        if row["customer_id"] != BANK_ID:
            moved[row["entry_id"]][row["customer_id"], row["account_id"]] += row["amount"]
    acknowledged = [e for e in answered if e.made is not None and e.order.moves]
    entries: Counter[UUID | None] = Counter()
    wrong = []
    for each in acknowledged:
        entry = booked.get(GlobalId.parse(each.made or "").id)
        entries[entry] += 1
        if entry is None or dict(moved[entry]) != each.order.moves:
            wrong.append(f"{each.made} of {each.order}")
    refusals = {
        (row["actor_id"], row["key"], row["code"])
        for row in await owner.fetch(
            "select actor_id, key, problem::json ->> 'code' as code from idempotency_key"
            " where problem is not null"
        )
    }
    refused = {(e.order.actor, e.order.key, e.code) for e in answered if e.code is not None}
    return [
        *told("acknowledged orders booked something else", wrong),
        *told("entries stand for several orders", [e for e, n in entries.items() if n > 1]),
        *told(
            "entries were booked, and nobody was told", list(set(booked.values()) - set(entries))
        ),
        *told("refusals differ between what was told and what is kept", list(refused ^ refusals)),
    ]


async def book(owner: asyncpg.Connection) -> list[str]:
    """Check the book by itself."""
    faults = []
    for what, sql in _LEDGER.items():
        faults += told(what, [tuple(row) for row in await owner.fetch(sql)])
    return faults


async def outcomes(
    owner: asyncpg.Connection, before: Mapping[AccountKey, Decimal], answered: Sequence[Answered]
) -> list[str]:
    """Check balances by what they were and what was acknowledged, and daily sums."""
    expected = defaultdict(Decimal, before)
    spent: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    for each in answered:
        if each.made is not None:
            for account, amount in each.order.moves.items():
                expected[account] += amount
            spent[each.order.actor] += each.order.spent
    now = await balances(owner)
    wrong = [f"{key}: {now[key]}, not {expected[key]}" for key in now if now[key] != expected[key]]
    raised = Counter(
        each.order.changes.key for each in answered if each.made is not None and each.order.changes
    )
    rows = await owner.fetch("select customer_id, id, version from account where version > 1")
    versions = {(row["customer_id"], row["id"]): row["version"] - 1 for row in rows}
    rows = await owner.fetch(
        "select customer_id, sum(amount) as spent from daily_outgoing group by customer_id"
    )
    counted = {row["customer_id"]: row["spent"] for row in rows}
    differing = counted.items() ^ {actor: sum_ for actor, sum_ in spent.items() if sum_}.items()
    return [
        *told("balances are not what the orders make them", wrong),
        *told("accounts were changed in other ways", list(versions.items() ^ raised.items())),
        *told("customers' daily sums are not what they ordered", list(differing)),
    ]


async def balances(owner: asyncpg.Connection) -> dict[AccountKey, Decimal]:
    """Give the balance of every customer's account."""
    rows = await owner.fetch(
        "select customer_id, id, balance from account where balance is not null"
    )
    return {(row["customer_id"], row["id"]): row["balance"] for row in rows}
