"""Statements by which the unit of work locks accounts, inside the viewer's scope or to pay to."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.db.bank_itself import BANK_ID
from app.db.unit_of_work import Unit
from app.domain.account import AccountKind, AccountStatus
from app.domain.customer import CustomerStatus, Tier
from app.domain.interest import DayCount
from app.domain.money import Currency
from app.domain.payment import AccountState, Standing
from app.domain.problem import Problem, ProblemCode

_NUMBER_PLACE: Final = "account.number_ciphertext"
_NAME_PLACE: Final = "customer.name_ciphertext"


class AccountKey(NamedTuple):
    """An account by the two parts of its key."""

    owner: UUID
    id: UUID


@dataclass(frozen=True)
class LockedAccount:
    """An account that is locked until the command ends."""

    key: AccountKey
    state: AccountState
    row: Any

    @property
    def currency(self) -> Currency:
        """The account's currency."""
        return self.state.currency

    @property
    def owner_is_active(self) -> bool:
        """Whether the bank does business with the owner."""
        return CustomerStatus[self.row["owner_status"]] is CustomerStatus.ACTIVE

    @property
    def annual_rate(self) -> Decimal | None:
        """What was agreed, or else what the product pays; None where nothing is paid."""
        agreed: Decimal | None = self.row["annual_rate"]
        of_product: Decimal | None = self.row["product_rate"]
        return of_product if agreed is None else agreed

    @property
    def transfer_fee(self) -> Decimal:
        """What a transfer to another bank costs."""
        fee: Decimal | None = self.row["transfer_fee"]
        return fee or Decimal(0)

    @property
    def day_count(self) -> DayCount:
        """How its days are counted for interest."""
        return DayCount[self.row["day_count"] or "ACT_360"]


@dataclass(frozen=True)
class Locked:
    """Accounts that are locked; ``found`` is the one with the number that was looked for."""

    accounts: dict[AccountKey, LockedAccount]
    found: AccountKey | None
    today: date
    orderer_tier: Tier | None

    def value_on(self) -> date:
        """Give the value date of what is booked now.

        It is the business date; but an account whose interest for that day is worked out already
        takes no more of it, or money would lie on it without interest.
        """
        ends: list[date | None] = [each.row["accrued_until"] for each in self.accounts.values()]
        return max([self.today, *(end for end in ends if end is not None)])


# Materialised: a row that was waited for is looked at again with what it was joined to, and of a
# union PostgreSQL would not find that again and leave the row out.
# What somebody who orders is to an account is asked for those that the order names; one that is
# found by its number may be anybody's. Names and numbers come along, encrypted: each side of a
# transfer is told the other's.
_LOCK: Final = f"""
with wanted as materialized (
    select customer_id, id, true as named
    from unnest($1::uuid[], $2::uuid[]) as given (customer_id, id)
    union all
    select customer_id, account_id, false from account_number_index where digest = $3
)
select account.*, customer_key.wrapped_key, owner.name_ciphertext, owner.status as owner_status,
    owner.branch_id as owner_branch_id, product.transfer_fee, product.day_count, product.minimum,
    product.annual_rate as product_rate,
    wanted.named,
    case
        when not wanted.named then null
        when viewer_sees(account.customer_id) then 'OWNER'
        else (
            select link.role from account_holder as link
            where link.customer_id = account.customer_id and link.account_id = account.id
                and (link.holder_id = (viewer() ->> 'customer')::uuid
                    or viewer_serves(link.holder_id))
            order by link.role = 'JOINT_HOLDER' desc limit 1
        )
    end as standing,
    (select booking_date()) as today,
    (select tier from customer where id = (viewer() ->> 'customer')::uuid) as orderer_tier
from wanted
join account on account.customer_id = wanted.customer_id and account.id = wanted.id
join customer as owner on owner.id = account.customer_id
left join customer_key on customer_key.customer_id = account.customer_id
left join account_product as product on product.id = account.product_id
where account.customer_id <> '{BANK_ID}'
order by account.customer_id, account.id
for no key update of account
"""

_HOLDERS: Final = """
select distinct link.holder_id from account_holder as link
join unnest($1::uuid[], $2::uuid[]) as given (customer_id, id)
    on given.customer_id = link.customer_id and given.id = link.account_id
"""


async def lock(unit: Unit, named: Collection[AccountKey], number: str | None = None) -> Locked:
    """Lock accounts in the order of their keys: those that are named, and one by its number.

    Those that the viewer may not see are locked and given too, with no standing: see `seen`.
    """
    digest = None if number is None else unit.keys.index.account_number(number)
    owners, ids = zip(*named, strict=True) if named else ((), ())
    rows = await unit.fetch(_LOCK, owners, ids, digest)
    accounts: dict[AccountKey, LockedAccount] = {}
    found = None
    for row in rows:
        key = AccountKey(row["customer_id"], row["id"])
        if not row["named"]:
            found = key
        if row["named"] or key not in accounts:
            accounts[key] = LockedAccount(key, _state(row), row)
        if row["wrapped_key"] is not None:
            unit.ciphers[key.owner] = unit.keys.ring.cipher(key.owner, row["wrapped_key"])
    # Without rows nothing is decided by the day or the tier: what is named is not found.
    today = rows[0]["today"] if rows else unit.at.date()
    tier = rows[0]["orderer_tier"] if rows else None
    return Locked(accounts, found, today, None if tier is None else Tier[tier])


async def holders_of(unit: Unit, accounts: Collection[AccountKey]) -> frozenset[UUID]:
    """Give who, beside the owners, may use accounts."""
    owners, ids = zip(*accounts, strict=True)
    return frozenset(row["holder_id"] for row in await unit.fetch(_HOLDERS, owners, ids))


async def settlement_of(unit: Unit, account: AccountKey) -> AccountKey | None:
    """Give the account that a time deposit pays out to; None where it has none."""
    sql = "select settlement_account_id from account where customer_id = $1 and id = $2"
    rows = await unit.fetch(sql, *account)
    found = rows[0]["settlement_account_id"] if rows else None
    return None if found is None else AccountKey(account.owner, found)


def seen(locked: Locked, key: AccountKey, field: str) -> LockedAccount:
    """Give a locked account that the viewer may see; what they may not does not exist."""
    account = locked.accounts.get(key)
    if account is None or account.state.standing is None:
        raise Problem(ProblemCode.NOT_FOUND, field)
    return account


def ordered_from(unit: Unit, locked: Locked, key: AccountKey, field: str) -> LockedAccount:
    """Give the account that money is to leave, or terms are to change of.

    Refuses one that the viewer may not see, one whose owner the bank does no business with, and
    staff who are the owner themselves.
    """
    account = seen(locked, key, field)
    check_not_oneself(unit, account)
    if not account.owner_is_active:
        raise Problem(ProblemCode.CUSTOMER_NOT_ACTIVE, field)
    return account


def check_not_oneself(unit: Unit, account: LockedAccount) -> None:
    """Refuse staff who are the owner themselves: nobody serves oneself."""
    if unit.viewer.staff_id is not None and account.key.owner == unit.viewer.own_customer_id:
        raise Problem(ProblemCode.CUSTOMER_IS_ONESELF)


def number_of(unit: Unit, account: LockedAccount) -> str | None:
    """Give an account's number; null where there is none or the owner is erased."""
    sealed = account.row["number_ciphertext"]
    return unit.decrypt(account.key.owner, _NUMBER_PLACE, account.key.id, sealed)


def owner_name(unit: Unit, account: LockedAccount) -> str | None:
    """Give the name of an account's owner; null where the owner is erased."""
    owner = account.key.owner
    return unit.decrypt(owner, _NAME_PLACE, owner, account.row["name_ciphertext"])


def _state(row: Any) -> AccountState:
    standing = row["standing"]
    return AccountState(
        AccountKind[row["kind"]],
        AccountStatus[row["status"]],
        Currency[row["currency"]],
        row["balance"],
        row["held"],
        row["overdraft_limit"],
        None if standing is None else Standing[standing],
    )
