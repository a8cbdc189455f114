"""Statements by which the unit of work opens accounts, changes their terms, and closes them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from secrets import randbelow
from typing import Any, Final
from uuid import UUID

from app.db.accounts import AccountKey, LockedAccount
from app.db.bank_itself import BANK_ID, ensure_bank, internal_account_id
from app.db.ids import new_id
from app.db.unit_of_work import Unit
from app.domain.account import AccountKind, AccountStatus, InternalPurpose
from app.domain.account_number import NUMBERS, account_number
from app.domain.customer import DataSource
from app.domain.deposit import DemandTerms
from app.domain.interest import AutoRenewal, DayCount, demand_interest
from app.domain.money import Currency, rounded
from app.domain.problem import Problem, ProblemCode

# With a hundred million accounts, one in ten to the tenth openings is told to try again.
_DRAWS_MAX: Final = 5
_NUMBER_PLACE: Final = "account.number_ciphertext"

_PRODUCT: Final = "select * from account_product where id = $1 and offered"
_DEMAND: Final = """
select annual_rate, day_count from account_product
where kind = 'DEMAND' and currency = $1 and offered order by code limit 1
"""
# The balance at each day's end, added up over the days whose interest is not worked out yet: that
# of now for all of them, less what came in on each of them or later.
_BALANCE_DAYS: Final = """
select $4::numeric * ($3::date - $5::date)
    - coalesce(sum(amount * greatest(least(value_on, $3::date) - $5::date, 0)), 0) as balance_days
from posting where customer_id = $1 and account_id = $2 and value_on > $5
"""
_IN_USE: Final = """
select exists (
        select from standing_order
        where customer_id = $1 and account_id = $2 and status = 'ACTIVE'
    ) or exists (
        select from card
        where account_owner_id = $1 and account_id = $2 and status = 'ACTIVE'
    ) or exists (
        select from account
        where customer_id = $1 and settlement_account_id = $2 and status <> 'CLOSED'
    ) as in_use
"""


@dataclass(frozen=True)
class Product:
    """An account product that the bank offers."""

    id: UUID
    kind: AccountKind
    currency: Currency
    annual_rate: Decimal
    term_months: int | None
    minimum: Decimal


async def offered_product(unit: Unit, product: UUID, kind: AccountKind, field: str) -> Product:
    """Give a product that is offered; refuses one of another kind."""
    rows = await unit.fetch(_PRODUCT, product)
    if not rows:
        raise Problem(ProblemCode.NOT_FOUND, field)
    (row,) = rows
    if row["kind"] != kind:
        raise Problem(ProblemCode.PRODUCT_NOT_FITTING, field)
    return Product(
        row["id"],
        kind,
        Currency[row["currency"]],
        row["annual_rate"],
        row["term_months"],
        row["minimum"],
    )


async def demand_terms(unit: Unit, currency: Currency) -> DemandTerms:
    """Give what the bank pays on demand in a currency today; nothing where it offers none."""
    rows = await unit.fetch(_DEMAND, currency)
    if not rows:
        return DemandTerms(Decimal(0), DayCount.ACT_360)
    return DemandTerms(rows[0]["annual_rate"], DayCount[rows[0]["day_count"]])


@dataclass(frozen=True)
class AgreedTerm:
    """How a time deposit runs: until when, what becomes of it then, and where it pays out."""

    months: int
    matures_on: date
    renewal: AutoRenewal
    settlement: UUID


@dataclass(frozen=True)
class NewAccount:
    """What is opened for whom; ``term`` is a time deposit's."""

    owner: UUID
    product: Product
    branch: UUID | None
    on: date
    term: AgreedTerm | None = None


async def store(unit: Unit, new: NewAccount) -> AccountKey:
    """Open an account of a customer whose key is open, with a number of its own."""
    owner, product, on = new.owner, new.product, new.on
    await _ensure_internal_accounts(unit, product.currency, on)
    account = new_id()
    number = await _draw_number(unit, owner, account)
    await unit.insert(
        "account",
        customer_id=owner,
        id=account,
        kind=product.kind,
        currency=product.currency,
        balance=rounded(Decimal(0), product.currency),
        status=AccountStatus.OPEN,
        number_ciphertext=unit.encrypt(owner, _NUMBER_PLACE, account, number),
        branch_id=new.branch,
        opened_on=on,
        annual_rate=product.annual_rate,
        source=DataSource.BANK360,
        product_id=product.id,
        accrued_until=on,
        **_columns(new.term, on),
    )
    return AccountKey(owner, account)


async def interest_due(unit: Unit, account: LockedAccount, on: date) -> Decimal:
    """Give the interest on a demand account that is not posted yet, rounded to the minor unit.

    That is what has accrued, and the interest of days that nobody has worked out yet.
    """
    row = account.row
    due: Decimal = row["interest_accrued"]
    since, rate = row["accrued_until"], account.annual_rate
    if since is not None and rate is not None and since < on:
        values = (*account.key, on, account.state.balance, since)
        (found,) = await unit.fetch(_BALANCE_DAYS, *values)
        # An overdrawn account earns nothing; what that costs is not interest on a deposit.
        due += demand_interest(max(found["balance_days"], Decimal(0)), rate, account.day_count)
    return rounded(due, account.currency)


async def is_in_use(unit: Unit, account: AccountKey) -> bool:
    """Tell whether orders, cards or time deposits depend on an account."""
    (row,) = await unit.fetch(_IN_USE, *account)
    return bool(row["in_use"])


async def close(unit: Unit, account: LockedAccount, on: date) -> None:
    """Close a locked account on which nothing is left."""
    await unit.change(
        "update account set status = 'CLOSED', closed_on = $3, interest_accrued = 0,"
        " accrued_until = $3, version = version + 1"
        " where customer_id = $1 and id = $2 and balance = 0 and held = 0 and version = $4",
        *account.key,
        on,
        account.row["version"],
    )


async def shrink(unit: Unit, account: LockedAccount, share_left: Decimal) -> None:
    """Note that a part of a time deposit was withdrawn: what accrued on it goes with it."""
    await unit.change(
        "update account set interest_accrued = round(interest_accrued * $3::numeric, 10),"
        " version = version + 1 where customer_id = $1 and id = $2 and version = $4",
        *account.key,
        share_left,
        account.row["version"],
    )


def _columns(term: AgreedTerm | None, on: date) -> dict[str, Any]:
    if term is None:
        return {}
    return {
        "term_months": term.months,
        "matures_on": term.matures_on,
        "auto_renewal": term.renewal,
        "settlement_account_id": term.settlement,
        "term_began_on": on,
    }


async def _ensure_internal_accounts(unit: Unit, currency: Currency, on: date) -> None:
    """Open the bank's own accounts in a currency that it has not dealt in before."""
    known = await unit.fetch(
        "select from account where customer_id = $1 and id = $2",
        BANK_ID,
        internal_account_id(InternalPurpose.CASH, currency),
    )
    if not known:
        await ensure_bank(unit.connection, unit.keys, on, currency)


async def _draw_number(unit: Unit, owner: UUID, account: UUID) -> str:
    # Drawn, not counted: a number must not tell how many accounts there are.
    for _ in range(_DRAWS_MAX):
        number = account_number(randbelow(NUMBERS))
        if await unit.fetch(
            "insert into account_number_index (digest, customer_id, account_id)"
            " values ($1, $2, $3) on conflict do nothing returning digest",
            unit.keys.index.account_number(number),
            owner,
            account,
        ):
            return number
    raise Problem(ProblemCode.TRY_AGAIN)
