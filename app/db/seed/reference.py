"""What is there before the first customer: branches, staff, funds, segments, business date."""

from collections.abc import Iterator
from datetime import date
from typing import Final
from uuid import UUID

import asyncpg

from app.auth.permissions import Role
from app.db.account_products import ensure_products
from app.db.bank_itself import BANK_ID, ensure_bank
from app.db.keys import Keys
from app.db.loading import BRANCH_POSTS, HEAD_OFFICE_POSTS, SECOND_POSTS, Posts
from app.db.seed import wealth
from app.db.seed.accounts import CURRENCIES
from app.db.seed.places import CITIES, branch_name
from app.db.seed.plan import Branch, Plan, happens, reference_id, run_name
from app.db.seed.pools import Pool, make_pools
from app.db.seed.report import SeedRefused
from app.db.seed.segments import SEGMENTS
from app.domain.customer import DataSource

FIRST_BRANCH: Final = "B001"
REFERENCE_TABLES: Final = (
    "branch",
    "staff",
    "staff_role",
    "staff_queue",
    "product",
    "product_price",
    "segment",
)
_BRANCH_CUSTOMERS: Final = 1_000
_BRANCHES_MIN: Final = 4
_LANGUAGES: Final = ("zh", "en")
# The bank is as old as its oldest customers may be.
_BANK_YEARS: Final = 20
_HALF: Final = 0.5

_StaffRow = tuple[UUID, str, str, UUID | None]


def _branches(run: str, customers: int) -> dict[str, list[Branch]]:
    """Invent one branch for each thousand customers, at least four, in both countries."""
    count = max(_BRANCHES_MIN, -(-customers // _BRANCH_CUSTOMERS))
    branches: dict[str, list[Branch]] = {language: [] for language in _LANGUAGES}
    for number in range(count):
        place, turn = divmod(number, len(_LANGUAGES))
        language = _LANGUAGES[turn]
        cities = CITIES[language]
        rounds, city = divmod(place, len(cities))
        code = f"B{number + 1:03d}"
        name = branch_name(language, cities[city], rounds + 1)
        branches[language].append(
            Branch(reference_id(run, "branch", code), code, name, cities[city])
        )
    return branches


def _people(plan: Plan) -> Iterator[tuple[_StaffRow, tuple[Role, ...]]]:
    """Invent the staff: eight for each branch, and the head office."""
    for place, role in enumerate(HEAD_OFFICE_POSTS, start=1):
        language = _LANGUAGES[place % len(_LANGUAGES)]
        yield _colleague(plan, f"E0000{place:02d}", plan.pools[language], None), (role,)
    for language, branches in plan.branches.items():
        for branch in branches:
            is_first = branch.code == FIRST_BRANCH
            for place, role in enumerate(BRANCH_POSTS, start=1):
                number = f"E{branch.code[1:].zfill(4)}{place:02d}"
                person = _colleague(plan, number, plan.pools[language], branch.id)
                second = SECOND_POSTS.get(place) if is_first else None
                yield person, (role, second) if second else (role,)


def _colleague(plan: Plan, number: str, pool: Pool, branch_id: UUID | None) -> _StaffRow:
    rng = plan.rng("staff", number)
    last = pool.last_names[int(rng.random() * len(pool.last_names))]
    given = pool.given_name(rng, male=happens(rng, _HALF))
    return reference_id(plan.run, "staff", number), number, pool.full_name(last, given), branch_id


async def is_begun(connection: asyncpg.Connection, run: str) -> bool:
    """Tell whether this run has begun in the bank; raises SeedRefused for another one."""
    found: UUID | None = await connection.fetchval(
        "select id from branch where code = $1", FIRST_BRANCH
    )
    if found is not None and found != reference_id(run, "branch", FIRST_BRANCH):
        message = (
            "the bank holds invented customers already, made with another --seed or --customers:"
            " give the same ones to finish it, or fill an empty bank"
        )
        raise SeedRefused(message)
    return found is not None


_INVENTED_ON: Final = f"""
select coalesce(
    (
        select min(day_on) from business_day
        where exists (select from customer where source = '{DataSource.SEED}')
    ),
    current_on
) from business_date
"""


async def settle_business_date(connection: asyncpg.Connection, wanted: date | None) -> date:
    """Give the bank's business date, set to ``wanted`` or today where the bank has none.

    Invented customers know the day on which they were invented: where the worker has moved the
    date since, the same command still names the same bank, and finds all there. Raises
    SeedRefused when the bank stands on another day than the one that is wanted.
    """
    today = await connection.fetchval("select (now() at time zone 'utc')::date")
    await connection.execute(
        "insert into business_date (id, current_on) values (1, $1) on conflict do nothing",
        wanted or today,
    )
    current_on: date = await connection.fetchval(_INVENTED_ON)
    if wanted not in (None, current_on):
        message = f"the bank's business date is {current_on}, not {wanted}"
        raise SeedRefused(message)
    return current_on


async def make_plan(
    connection: asyncpg.Connection, keys: Keys, customers: int, seed: int, business_date: date
) -> Plan:
    """Make the plan of a run, with the bank's internal accounts in every currency."""
    run = run_name(seed, customers, business_date)
    began_on = business_date.replace(year=business_date.year - _BANK_YEARS, day=1)
    internal = {}
    for currency in CURRENCIES:
        bank = await ensure_bank(connection, keys, began_on, currency)
        internal[currency] = bank.accounts
    await ensure_products(connection, *CURRENCIES)
    plan = Plan(
        seed=seed,
        customers=customers,
        business_date=business_date,
        keys=keys,
        pools=make_pools(seed),
        branches=_branches(run, customers),
        posts=Posts(),
        funds=wealth.make_funds(seed, run, business_date),
        bank_id=BANK_ID,
        internal=internal,
    )
    for (staff_id, _, _, branch_id), roles in _people(plan):
        plan.posts.add(staff_id, branch_id, roles)
    return plan


def reference_rows(
    plan: Plan,
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[object, ...]]]]:
    """Give the reference tables' rows: table, columns, records."""
    branches = [branch for group in plan.branches.values() for branch in group]
    yield (
        "branch",
        ("id", "code", "name", "city", "state", "region"),
        [(b.id, b.code, b.name, b.city.name, b.city.region, b.city.area) for b in branches],
    )
    staff = list(_people(plan))
    yield "staff", ("id", "number", "name", "branch_id"), [person for person, _ in staff]
    posts = [(person[0], role) for person, roles in staff for role in roles]
    yield "staff_role", ("staff_id", "role"), list(posts)
    yield "staff_queue", ("staff_id", "queue"), list(plan.posts.queues())
    products, prices = wealth.product_rows(plan.funds)
    yield "product", ("id", "code", "name", "kind", "risk_level", "currency"), products
    yield "product_price", ("product_id", "price_on", "price"), prices
    segments: list[tuple[object, ...]] = [
        (reference_id(plan.run, "segment", one.code), one.code, one.name, one.definition)
        for one in SEGMENTS
    ]
    yield "segment", ("id", "code", "name", "definition"), segments
