"""Inventing accounts and what happens on them in a year."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Final

from app.db.account_products import DEMAND_RATES, TERM_RATES
from app.db.loading import midnight
from app.db.seed import identity, ledger
from app.db.seed.ledger import DAY_SECONDS, Account, FixedPayment
from app.db.seed.people import Person
from app.db.seed.plan import HISTORY_DAYS, Month, Plan, happens
from app.domain.account import AccountKind
from app.domain.customer import CustomerStatus, Tier
from app.domain.dates import add_months
from app.domain.money import Currency
from app.domain.service import Channel

_OPENING_HOUR: Final = 7 * 3_600
_OPEN_SECONDS: Final = 14 * 3_600
_DAYS_OF_EVERY_MONTH: Final = 28
_QUARTER_MONTHS: Final = frozenset({3, 6, 9, 12})
_INTEREST_DAY: Final = 20
CURRENCIES: Final = tuple(DEMAND_RATES)
_ABROAD: Final = {
    Currency.CNY: (Currency.USD, Currency.USD, Currency.HKD, Currency.EUR),
    Currency.USD: (Currency.CNY, Currency.EUR),
}
# Notes that cash comes in, in cents.
_NOTE: Final = {
    Currency.CNY: 10_000, Currency.USD: 2_000, Currency.EUR: 5_000, Currency.HKD: 10_000,
}  # fmt: skip
_FEES: Final = {Currency.CNY: 1_000, Currency.USD: 500, Currency.EUR: 300, Currency.HKD: 2_000}
_BANKS: Final = ("AB", "CD", "EF", "GH", "IJ", "KL", "MN", "OP", "QR", "ST", "UV", "WX", "YZ")
# Shares of months with a cash machine, the counter, cash paid in, and a transfer sent; with
# something taken out of a further account.
_ATM: Final = 0.2
_COUNTER: Final = 0.1
_PAID_IN: Final = 0.08
_SENDS: Final = 0.25
_TAKES_OUT: Final = 0.15
# Shares of people who pay rent, and who are insured.
_TENANTS: Final = 0.5
_INSURED: Final = 0.12
# Share of customers who have each further account, by tier.
_SAVERS: Final = {
    Tier.NORMAL: 0.25, Tier.SILVER: 0.45, Tier.GOLD: 0.6, Tier.PLATINUM: 0.8,
}  # fmt: skip
_DEPOSITORS: Final = {
    Tier.NORMAL: 0.15, Tier.SILVER: 0.45, Tier.GOLD: 0.7, Tier.PLATINUM: 0.85,
}  # fmt: skip
_TRAVELLERS: Final = {
    Tier.NORMAL: 0.05, Tier.SILVER: 0.12, Tier.GOLD: 0.3, Tier.PLATINUM: 0.5,
}  # fmt: skip


def open_accounts(plan: Plan, person: Person, rng: Random) -> list[Account]:
    """Invent a customer's accounts, one to four, with the events of the year.

    The first is the one that wages and bills go through.
    """
    tier = person.tier
    draws = rng.random(), rng.random(), rng.random()
    first = _new(plan, person, 1, person.since)
    accounts = [first]
    if person.status is not CustomerStatus.CLOSED:
        if draws[0] < _SAVERS[tier]:
            accounts.append(_new(plan, person, len(accounts) + 1, _later(plan, person, rng)))
        if draws[1] < _DEPOSITORS[tier]:
            deposit = _time_deposit(plan, person, len(accounts) + 1, rng)
            deposit.settlement_id = first.id
            accounts.append(deposit)
        if draws[2] < _TRAVELLERS[tier]:
            choices = _ABROAD[person.currency]
            currency = choices[int(rng.random() * len(choices))]
            opened_on = _later(plan, person, rng)
            accounts.append(_new(plan, person, len(accounts) + 1, opened_on, currency))
    _first_year(plan, person, rng, first)
    for account in accounts[1:]:
        if account.kind is AccountKind.DEMAND:
            _further_year(plan, person, rng, account)
    return accounts


def _new(
    plan: Plan, person: Person, place: int, opened_on: date, currency: Currency | None = None
) -> Account:
    number, currency = identity.account_number(person.n, place), currency or person.currency
    return Account(
        plan.id(midnight(opened_on), "account", number),
        place,
        number,
        AccountKind.DEMAND,
        currency,
        opened_on,
        DEMAND_RATES[currency],
    )


def _later(plan: Plan, person: Person, rng: Random) -> date:
    """Give a day between the customer's first and the day before the business date."""
    days = (plan.business_date - person.since).days
    return person.since + timedelta(days=int(rng.random() * days))


def _time_deposit(plan: Plan, person: Person, place: int, rng: Random) -> Account:
    months, rate = TERM_RATES[int(rng.random() * len(TERM_RATES))]
    earliest = max(person.since, add_months(plan.business_date, -months) + timedelta(days=1))
    days = (plan.business_date - earliest).days
    opened_on = earliest + timedelta(days=int(rng.random() * days))
    account = _new(plan, person, place, opened_on)
    account.kind = AccountKind.TIME_DEPOSIT
    account.rate, account.term_months = rate, months
    account.matures_on = add_months(opened_on, months)
    share = 0.2 + 0.4 * rng.random()
    thousands = max(int(person.wealth * share) // 100_000, 5)
    second = (opened_on - plan.begins_on).days * DAY_SECONDS + _OPENING_HOUR + 7_200
    account.event(second, ledger.RECEIVED, thousands * 100_000)
    return account


def _moment(rng: Random, month: Month, day: int) -> int:
    """Give the second of a moment in the bank's day on the ``day`` of a month."""
    in_day = _OPENING_HOUR + int(rng.random() * _OPEN_SECONDS)
    return (month.begins + day - 1) * DAY_SECONDS + in_day


def _day(rng: Random) -> int:
    return 1 + int(rng.random() * _DAYS_OF_EVERY_MONTH)


def start_second(plan: Plan, account: Account) -> int:
    """Give the second from which an account has events: its opening, or the history's."""
    days = max((account.opened_on - plan.begins_on).days, 0)
    return days * DAY_SECONDS + _OPENING_HOUR


def _open(plan: Plan, account: Account, cents: int) -> list[Month]:
    """Book what the account begins with; give the months in which it lives."""
    start = start_second(plan, account)
    account.event(start, ledger.RECEIVED, cents)
    day = start // DAY_SECONDS
    return [month for month in plan.months if month.begins + 31 > day]


def _trim(plan: Plan, account: Account, end: int = HISTORY_DAYS * DAY_SECONDS) -> None:
    start = start_second(plan, account)
    account.events = [event for event in account.events if start <= event[0] < end]


def _interest(account: Account, month: Month) -> None:
    if month.number in _QUARTER_MONTHS:
        second = (month.begins + _INTEREST_DAY) * DAY_SECONDS - 1
        account.event(second, ledger.INTEREST, 0)


def _first_year(plan: Plan, person: Person, rng: Random, account: Account) -> None:
    opening = int(person.wealth * (0.1 + 0.2 * rng.random())) + 10_000
    months = _open(plan, account, opening)
    if person.does_business:
        if person.is_individual:
            _personal(person, rng, account, months)
        else:
            _commercial(person, rng, account, months)
    for month in months:
        _interest(account, month)
    if person.status is CustomerStatus.CLOSED:
        day = 30 + int(rng.random() * 300)
        account.closed_on = plan.begins_on + timedelta(days=day)
        # Nothing comes after the day on which everything was paid out.
        _trim(plan, account, day * DAY_SECONDS)
        account.event(day * DAY_SECONDS + _OPENING_HOUR, ledger.CLOSING, 0)
        return
    _trim(plan, account)


def _payee(rng: Random) -> tuple[str, str]:
    """Give another bank and an account there."""
    return _BANKS[int(rng.random() * len(_BANKS))], f"{int(rng.random() * 10**12):012d}"


def _personal(person: Person, rng: Random, account: Account, months: list[Month]) -> None:
    income, note = person.income, _NOTE[account.currency]
    payday, employer = _day(rng), _payee(rng)[0]
    wages = ledger.PENSION if person.retired else ledger.SALARY
    account.fixed.extend(_fixed_payments(person, rng))
    for paid in account.fixed:
        for month in months:
            second = _moment(rng, month, paid.day)
            account.event(second, paid.booking, -paid.cents, paid.bank, paid.account)
    sends = ledger.SENT[person.channel if person.channel is not Channel.PHONE else Channel.MOBILE]
    shopping = 0.2 + 0.9 * rng.random()
    for month in months:
        account.event(_moment(rng, month, payday), wages, income, employer)
        for _ in range(int(shopping + rng.random())):
            cents = int(income * rng.lognormvariate(-2.9, 0.6))
            account.event(_moment(rng, month, _day(rng)), ledger.CARD_PAYMENT, -cents)
        draw = rng.random()
        if draw < _ATM:
            cents = note * (1 + int(rng.random() * 8))
            account.event(_moment(rng, month, _day(rng)), ledger.CARD_CASH, -cents)
        elif draw < _ATM + _COUNTER:
            cents = note * (5 + int(rng.random() * 40))
            account.event(_moment(rng, month, _day(rng)), ledger.CASH_OUT, -cents)
        elif draw < _ATM + _COUNTER + _PAID_IN:
            cents = note * (1 + int(rng.random() * 20))
            account.event(_moment(rng, month, _day(rng)), ledger.CASH_IN, cents)
        if happens(rng, _SENDS):
            cents = int(income * rng.lognormvariate(-2.3, 0.8))
            account.event(_moment(rng, month, _day(rng)), sends, -cents, *_payee(rng))
        if month.number in _QUARTER_MONTHS:
            account.event(_moment(rng, month, _INTEREST_DAY), ledger.FEE, -_FEES[account.currency])


def _fixed_payments(person: Person, rng: Random) -> Iterator[FixedPayment]:
    if happens(rng, _TENANTS) and not person.retired:
        cents = int(person.income * (0.18 + 0.12 * rng.random()))
        yield FixedPayment(_day(rng), ledger.HOUSEHOLD, cents, *_payee(rng))
    if happens(rng, _INSURED):
        cents = int(person.income * (0.02 + 0.03 * rng.random()))
        yield FixedPayment(_day(rng), ledger.INSURANCE, cents, *_payee(rng))


def _commercial(person: Person, rng: Random, account: Account, months: list[Month]) -> None:
    income = person.income
    for month in months:
        for _ in range(2):
            cents = int(income * (0.35 + 0.4 * rng.random()))
            bank, number = _payee(rng)
            account.event(_moment(rng, month, _day(rng)), ledger.RECEIVED, cents, bank, number)
        for _ in range(2):
            cents = int(income * (0.25 + 0.4 * rng.random()))
            send = ledger.SENT[Channel.WEB]
            account.event(_moment(rng, month, _day(rng)), send, -cents, *_payee(rng))
        if month.number in _QUARTER_MONTHS:
            fee = 5 * _FEES[account.currency]
            account.event(_moment(rng, month, _INTEREST_DAY), ledger.FEE, -fee)


def _further_year(plan: Plan, person: Person, rng: Random, account: Account) -> None:
    months = _open(plan, account, int(person.wealth * (0.05 + 0.2 * rng.random())) + 10_000)
    saves = int(person.income * 0.1 * rng.random()) if account.currency is person.currency else 0
    day = _day(rng)
    for month in months:
        if person.does_business:
            if saves:
                account.event(_moment(rng, month, day), ledger.RECEIVED, saves)
            if happens(rng, _TAKES_OUT):
                cents = int(person.income * rng.lognormvariate(-2.0, 0.7))
                account.event(_moment(rng, month, _day(rng)), ledger.SENT[Channel.MOBILE], -cents)
        _interest(account, month)
    _trim(plan, account)
