"""Inventing the people: households of four neighbours, and each one's profile."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from statistics import NormalDist
from typing import Final, TypeVar
from uuid import UUID

import orjson

from app.db.crypto import CustomerCipher
from app.db.seed import identity
from app.db.seed.plan import Branch, Plan, happens
from app.db.seed.pools import Pool
from app.domain.customer import (
    CreditGrade,
    CustomerStatus,
    CustomerType,
    Gender,
    KycStatus,
    RelationshipKind,
    RiskAppetite,
    Tier,
)
from app.domain.money import Currency
from app.domain.service import Channel

T = TypeVar("T")

# Customers n, n + 1, n + 2 and n + 3 may live together; chunks hold whole households.
HOUSEHOLD: Final = 4
_COUPLES: Final = 0.45
_COUPLES_WITH_CHILD: Final = 0.18
_BUSINESSES: Final = 0.26
_AGE_MIN: Final = 18
_AGE_MAX: Final = 90
_GENERATION: Final = 22
_YEAR_DAYS: Final = 365
_NEW_DAYS: Final = 90
_NEW: Final = 0.06
_HALF: Final = 0.5
_SINCE_DAYS_MAX: Final = 15 * _YEAR_DAYS
_RETIRED_AGE: Final = 63
_NORMAL: Final = NormalDist()
# Tiers by the share of customers whose wealth is below.
_TIERS: Final = ((0.70, Tier.NORMAL), (0.90, Tier.SILVER), (0.98, Tier.GOLD), (1.0, Tier.PLATINUM))
_STATUSES: Final = (
    (0.91, CustomerStatus.ACTIVE),
    (0.96, CustomerStatus.DORMANT),
    (0.98, CustomerStatus.BLOCKED),
    (1.0, CustomerStatus.CLOSED),
)
_KYC: Final = ((0.88, KycStatus.VERIFIED), (0.95, KycStatus.EXPIRED), (1.0, KycStatus.PENDING))
# Lowest credit score of each grade.
_GRADES: Final = (
    (800, CreditGrade.AAA),
    (740, CreditGrade.AA),
    (670, CreditGrade.A),
    (600, CreditGrade.BBB),
    (540, CreditGrade.BB),
    (460, CreditGrade.B),
    (0, CreditGrade.C),
)
_SCORE_MAX: Final = 950
_SCORE_MIN: Final = 320
_CHANNELS: Final = (Channel.MOBILE, Channel.MOBILE, Channel.WEB, Channel.PHONE, Channel.BRANCH)
# Median month's income and median wealth, in cents.
_INCOMES: Final = {Currency.CNY: 900_000, Currency.USD: 420_000}
_WEALTH: Final = {Currency.CNY: 6_000_000, Currency.USD: 1_500_000}
_BUSINESS_SCALE: Final = 6
_SURNAME_SHARED: Final = 0.8
_PHONE_DRAWS: Final = 100_000_000
_HOME_CURRENCY: Final = {"zh": Currency.CNY, "en": Currency.USD}
_COUNTRY: Final = {"zh": "CN", "en": "US"}


@dataclass(frozen=True, slots=True)
class Person:
    """An invented customer, in clear. Amounts in cents of ``currency``."""

    n: int
    id: UUID
    number: str
    type: CustomerType
    language: str
    currency: Currency
    branch: Branch
    gender: Gender | None
    born_on: date | None
    since: date
    status: CustomerStatus
    kyc: KycStatus
    tier: Tier
    wealth: int
    income: int
    retired: bool
    occupation: str
    risk: RiskAppetite
    grade: CreditGrade
    score: int
    channel: Channel
    name: str
    national_id: str
    phone: str
    phone_digits: str
    email: str
    address: str

    @property
    def is_individual(self) -> bool:
        """Whether this is a natural person."""
        return self.type is CustomerType.INDIVIDUAL

    @property
    def does_business(self) -> bool:
        """Whether anything beside interest happens on the accounts."""
        return self.status is CustomerStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Member:
    """A customer in the making: the person, the person's cipher and own random numbers."""

    person: Person
    cipher: CustomerCipher
    rng: Random


@dataclass(frozen=True, slots=True)
class Link:
    """One customer is to the other what ``kind`` says, as relationship rows put it."""

    one: int
    other: int
    kind: RelationshipKind
    back: RelationshipKind


@dataclass(slots=True)
class _Part:
    """What the household says about one of its members."""

    language: str
    age_min: int = _AGE_MIN
    age_max: int = _AGE_MAX
    male: bool | None = None
    business: bool = False
    surname: str | None = None
    address: str | None = None
    branch: Branch | None = None
    married: bool = False


def choose(cuts: tuple[tuple[float, T], ...], draw: float) -> T:
    """Give what the first of ``cuts`` stands for whose cumulated share is above ``draw``."""
    return next(value for share, value in cuts if draw < share)


def _household(plan: Plan, first: int) -> tuple[list[_Part], list[Link]]:
    """Decide who of the customers ``first`` to ``first + 3`` belongs together."""
    rng = plan.rng("household", first)
    draw = rng.random()
    parts = [_Part("zh" if happens(rng, _HALF) else "en") for _ in range(HOUSEHOLD)]
    links = []
    if draw < _COUPLES:
        one, other, child = parts[:3]
        pool = plan.pools[one.language]
        one.male = happens(rng, _HALF)
        one.surname = pool.last_names[int(rng.random() * len(pool.last_names))]
        one.age_min, one.age_max = 26, 66
        one.address, one.branch = _home(plan, rng, one.language)
        one.married = True
        other.language, other.male, other.married = one.language, not one.male, True
        other.age_min, other.age_max = one.age_min, one.age_max
        other.address, other.branch = one.address, one.branch
        if one.language == "en" and rng.random() < _SURNAME_SHARED:
            other.surname = one.surname
        links.append(Link(first, first + 1, RelationshipKind.SPOUSE, RelationshipKind.SPOUSE))
        if draw < _COUPLES_WITH_CHILD:
            one.age_min = other.age_min = _AGE_MIN + _GENERATION + 8
            child.language, child.surname = one.language, one.surname
            child.age_max = _AGE_MIN + 8
            child.address, child.branch = one.address, one.branch
            links.extend(
                Link(first + 2, parent, RelationshipKind.PARENT, RelationshipKind.CHILD)
                for parent in (first, first + 1)
            )
    if rng.random() < _BUSINESSES:
        parts[3].business = True
        links.append(Link(first, first + 3, RelationshipKind.EMPLOYER, RelationshipKind.EMPLOYEE))
    return parts, links


def _home(plan: Plan, rng: Random, language: str) -> tuple[str, Branch]:
    branches, pool = plan.branches[language], plan.pools[language]
    branch = branches[int(rng.random() * len(branches))]
    street = int(rng.random() * len(pool.streets))
    number = 1 + int(rng.random() * 400)
    if language == "zh":
        line = f"{pool.streets[street]}{number}号"
    else:
        line = f"{number} {pool.streets[street]}"
    address = {
        "line1": line,
        "line2": None,
        "city": branch.city.name,
        "region": branch.city.region,
        "postalCode": pool.postal_codes[street],
        "country": _COUNTRY[language],
    }
    return orjson.dumps(address).decode(), branch


def _name(pool: Pool, part: _Part, rng: Random, *, male: bool) -> tuple[str, str]:
    """Give a name, and what an e-mail address calls its owner."""
    if part.business:
        company = pool.companies[int(rng.random() * len(pool.companies))]
        return company, "office"
    last = part.surname or pool.last_names[int(rng.random() * len(pool.last_names))]
    given = pool.given_name(rng, male=male)
    mailbox = f"{given}.{last}".lower() if pool.language == "en" else "kehu"
    return pool.full_name(last, given), "".join(filter(_mailbox_letter, mailbox))


def _mailbox_letter(letter: str) -> bool:
    return letter.isascii() and (letter.isalnum() or letter == ".")


def _since(plan: Plan, rng: Random, born_on: date | None, status: CustomerStatus) -> date:
    if happens(rng, _NEW) and status is CustomerStatus.ACTIVE:
        return plan.business_date - timedelta(days=1 + int(rng.random() * _NEW_DAYS))
    days = _NEW_DAYS + int(rng.random() * (_SINCE_DAYS_MAX - _NEW_DAYS))
    if status is not CustomerStatus.ACTIVE:
        # Nobody is dormant, blocked or gone in the first year and a half.
        days = max(days, 550)
    since = plan.business_date - timedelta(days=days)
    if born_on is None:
        return since
    # Accounts of children are another business; nobody here came before the age of 16.
    return max(since, born_on + timedelta(days=16 * _YEAR_DAYS + 4))


def _score(rng: Random, wealth: float) -> tuple[int, CreditGrade]:
    score = int(min(max(rng.gauss(660 + 45 * wealth, 75), _SCORE_MIN), _SCORE_MAX))
    grade = next(grade for lowest, grade in _GRADES if score >= lowest)
    return score, grade


def _person(plan: Plan, n: int, part: _Part, rng: Random) -> Person:
    pool, currency = plan.pools[part.language], _HOME_CURRENCY[part.language]
    male = happens(rng, _HALF) if part.male is None else part.male
    ages = part.age_max - part.age_min
    age_days = part.age_min * _YEAR_DAYS + int(rng.random() * ages * _YEAR_DAYS) + 30
    born_on = plan.business_date - timedelta(days=age_days)
    draw = min(max(rng.random(), 1e-6), 1 - 1e-6)
    wealth = _NORMAL.inv_cdf(draw)
    scale = _BUSINESS_SCALE if part.business else 1
    income = _INCOMES[currency] * scale * 2 ** (0.7 * wealth + rng.gauss(0, 0.3))
    address, branch = part.address, part.branch
    if address is None or branch is None:
        address, branch = _home(plan, rng, part.language)
    name, mailbox = _name(pool, part, rng, male=male)
    status = choose(_STATUSES, rng.random())
    retired = not part.business and age_days > _RETIRED_AGE * _YEAR_DAYS
    written, digits = (
        identity.chinese_phone(int(rng.random() * _PHONE_DRAWS))
        if part.language == "zh"
        else identity.american_phone(int(rng.random() * _PHONE_DRAWS))
    )
    score, grade = _score(rng, wealth)
    boldness = int(min(max(rng.gauss(2.2 + 0.3 * wealth - retired, 1), 0), 4))
    return Person(
        n=n,
        id=plan.customer_id(n),
        number=f"N{n:08d}",
        type=CustomerType.BUSINESS if part.business else CustomerType.INDIVIDUAL,
        language=part.language,
        currency=currency,
        branch=branch,
        gender=None if part.business else Gender.MALE if male else Gender.FEMALE,
        born_on=None if part.business else born_on,
        since=_since(plan, rng, None if part.business else born_on, status),
        status=status,
        kyc=choose(_KYC, rng.random()),
        tier=choose(_TIERS, draw),
        wealth=int(_WEALTH[currency] * scale * 2 ** (1.9 * wealth)),
        income=int(income * (0.6 if retired else 1.0)),
        retired=retired,
        occupation=pool.occupations[int(rng.random() * len(pool.occupations))],
        risk=list(RiskAppetite)[boldness],
        grade=grade,
        score=score,
        channel=_CHANNELS[int(rng.random() * len(_CHANNELS))],
        name=name,
        national_id=_national_id(n, part, born_on, male=male),
        phone=written,
        phone_digits=digits,
        email=f"{mailbox}.{n}@example.{'com' if part.language == 'en' else 'org'}",
        address=address,
    )


def _national_id(n: int, part: _Part, born_on: date, *, male: bool) -> str:
    if part.language == "zh":
        return (
            identity.credit_code(n)
            if part.business
            else identity.resident_id(n, born_on, male=male)
        )
    return identity.employer_number(n) if part.business else identity.social_security_number(n)


def households(
    plan: Plan, first: int, last: int
) -> Iterator[tuple[list[tuple[Person, Random]], list[Link]]]:
    """Invent customers ``first`` to ``last``, household by household, each with random numbers.

    ``first`` must begin a household. A household that goes on after the last customer of the
    run is cut there, with its links.
    """
    for begin in range(first, last + 1, HOUSEHOLD):
        parts, links = _household(plan, begin)
        end = min(begin + HOUSEHOLD - 1, plan.customers)
        people = []
        for n, part in zip(range(begin, end + 1), parts, strict=False):
            rng = plan.rng(n)
            people.append((_person(plan, n, part, rng), rng))
        yield people, [link for link in links if max(link.one, link.other) <= end]
