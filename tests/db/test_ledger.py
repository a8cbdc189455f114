"""The double-entry book on a real database: what is booked, and what undoes a booking."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from factories import Factory, Made

from app.db.bank_itself import BANK_ID, internal_account_id
from app.db.ids import new_id
from app.db.ledger import book, lock_accounts
from app.db.unit_of_work import WrongRowsError
from app.domain.account import InternalPurpose, TransactionKind
from app.domain.ledger import Entry, Leg, UnbalancedError
from app.domain.money import Currency

DAY = date(2026, 3, 2)
CASH = internal_account_id(InternalPurpose.CASH, Currency.USD)


def leg(
    account: Made, amount: str, kind: TransactionKind = TransactionKind.CASH_DEPOSIT, **given: Any
) -> Leg:
    values = {"currency": Currency.USD} | given
    return Leg(new_id(), account.owner, account.id, Decimal(amount), kind=kind, **values)


def cash(amount: str, kind: TransactionKind = TransactionKind.CASH_DEPOSIT) -> Leg:
    return leg(Made("acc", BANK_ID, CASH), amount, kind)


def entry(customer: UUID, *legs: Leg, **given: Any) -> Entry:
    values: dict[str, Any] = {"kind": legs[0].kind, "value_on": DAY} | given
    return Entry(new_id(), customer, legs=legs, **values)


async def balance(owner: asyncpg.Connection, account: Made) -> Decimal:
    found: Decimal = await owner.fetchval("select balance from account where id = $1", account.id)
    return found


async def test_an_entry_moves_money_and_tells_the_balance_after_it(
    owner: asyncpg.Connection, factory: Factory
) -> None:
    await factory.bank()
    payer = await factory.account(await factory.customer(), balance=Decimal("100.00"))
    payee = await factory.account(await factory.customer())
    out, in_, fee = (
        TransactionKind.TRANSFER_OUT,
        TransactionKind.TRANSFER_IN,
        TransactionKind.FEE,
    )
    income = Made("acc", BANK_ID, internal_account_id(InternalPurpose.FEE_INCOME, Currency.USD))
    made = entry(
        payer.owner,
        leg(payer, "-30.00", out),
        leg(payee, "30.00", in_),
        leg(payer, "-1.50", fee),
        leg(income, "1.50", fee),
    )
    async with owner.transaction():
        locked = await lock_accounts(owner, [(payer.owner, payer.id), (payee.owner, payee.id)])
        assert locked[payer.owner, payer.id]["balance"] == Decimal("100.00")
        assert list(locked) == sorted(locked)
        await book(owner, made)
    rows = await owner.fetch(
        "select * from posting where entry_id = $1 order by array_position($2::uuid[], id)",
        made.id,
        [each.id for each in made.legs],
    )
    told = [(row["kind"], row["amount"], row["balance_after"]) for row in rows]
    assert told == [
        (out, Decimal("-30.00"), Decimal("70.00")),
        (in_, Decimal("30.00"), Decimal("30.00")),
        (fee, Decimal("-1.50"), Decimal("68.50")),
        (fee, Decimal("1.50"), None),
    ]
    assert (await balance(owner, payer), await balance(owner, payee)) == (
        Decimal("68.50"),
        Decimal("30.00"),
    )
    (stored,) = await owner.fetch("select * from journal_entry where id = $1", made.id)
    assert (stored["kind"], stored["value_on"], stored["customer_id"]) == (out, DAY, payer.owner)
    assert {row["booked_at"] for row in rows} == {stored["booked_at"]}
    assert stored["booked_at"] <= datetime.now(UTC)


async def test_several_entries_are_booked_in_their_order(
    owner: asyncpg.Connection, factory: Factory
) -> None:
    await factory.bank()
    account = await factory.account(await factory.customer())
    out = TransactionKind.CASH_WITHDRAWAL
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    entries = [
        entry(account.owner, leg(account, "5.00"), cash("-5.00"), booked_at=at),
        entry(account.owner, leg(account, "-2.00", out), cash("2.00", out), booked_at=at),
        entry(account.owner, leg(account, "1.00"), cash("-1.00"), booked_at=at),
    ]
    async with owner.transaction():
        await book(owner, *entries)
    rows = await owner.fetch(
        "select balance_after from posting where account_id = $1 order by booked_at, id", account.id
    )
    assert [row[0] for row in rows] == [Decimal(text) for text in ("5.00", "3.00", "4.00")]
    assert await balance(owner, account) == Decimal("4.00")


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        ({"balance": Decimal("10.00")}, "-10.01"),
        ({"balance": Decimal("10.00"), "held": Decimal("3.00")}, "-7.01"),
        ({"balance": Decimal("10.00"), "overdraft_limit": Decimal("5.00")}, "-15.01"),
        ({"balance": Decimal("0.00"), "status": "CLOSED", "closed_on": DAY}, "1.00"),
        ({"currency": "EUR"}, "1.00"),
    ],
)
async def test_what_the_account_does_not_bear_is_not_booked(
    owner: asyncpg.Connection, factory: Factory, given: dict[str, Any], amount: str
) -> None:
    await factory.bank()
    account = await factory.account(await factory.customer(), **given)
    legs = leg(account, amount), cash(str(-Decimal(amount)))
    before = await balance(owner, account)
    with pytest.raises((WrongRowsError, asyncpg.IntegrityConstraintViolationError)):
        async with owner.transaction():
            await book(owner, entry(account.owner, *legs))
    assert await balance(owner, account) == before
    assert not await owner.fetch("select from posting where account_id = $1", account.id)
    assert not await owner.fetch("select from journal_entry where customer_id = $1", account.owner)


async def test_an_agreed_overdraft_and_all_that_is_not_held_may_leave(
    owner: asyncpg.Connection, factory: Factory
) -> None:
    await factory.bank()
    given = {"balance": Decimal("10.00"), "held": Decimal("3.00")}
    account = await factory.account(
        await factory.customer(), overdraft_limit=Decimal("5.00"), **given
    )
    async with owner.transaction():
        await book(owner, entry(account.owner, leg(account, "-12.00"), cash("12.00")))
    assert await balance(owner, account) == Decimal("-2.00")


async def test_unknown_accounts_are_left_out_and_not_booked(
    owner: asyncpg.Connection, factory: Factory
) -> None:
    bank = await factory.bank()
    stranger = Made("acc", (await factory.customer()).id, new_id())
    async with owner.transaction():
        assert await lock_accounts(owner, []) == {}
        known = await lock_accounts(owner, [(stranger.owner, stranger.id), (bank.id, CASH)])
    assert known == {}
    with pytest.raises((WrongRowsError, asyncpg.IntegrityConstraintViolationError)):
        await book(owner, entry(stranger.owner, leg(stranger, "1.00"), cash("-1.00")))


def test_an_entry_that_makes_money_cannot_be_written_down() -> None:
    account = Made("acc", new_id(), new_id())
    with pytest.raises(UnbalancedError, match="does not sum to zero"):
        entry(account.owner, leg(account, "1.00"), cash("-0.99"))
    with pytest.raises(UnbalancedError, match="does not sum to zero"):
        entry(account.owner, leg(account, "1.00", currency=Currency.EUR), cash("-1.00"))
    with pytest.raises(UnbalancedError, match="moves nothing"):
        entry(account.owner, leg(account, "0.00"), cash("0.00"))
    with pytest.raises(UnbalancedError):
        Entry(new_id(), account.owner, TransactionKind.FEE, DAY, [])


async def test_crossing_transfers_neither_deadlock_nor_lose_money(
    owner: asyncpg.Connection, factory: Factory, database_url: str
) -> None:
    accounts = [
        await factory.account(await factory.customer(), balance=Decimal("50.00")) for _ in range(2)
    ]

    async def transfer(payer: Made, payee: Made) -> None:
        connection = await asyncpg.connect(database_url)
        try:
            async with connection.transaction():
                wanted = [(payer.owner, payer.id), (payee.owner, payee.id)]
                assert len(await lock_accounts(connection, wanted)) == 2
                legs = leg(payer, "-1.00"), leg(payee, "1.00")
                await book(connection, entry(payer.owner, *legs))
        finally:
            await connection.close()

    await asyncio.gather(*(transfer(*accounts[:: 1 if n % 2 else -1]) for n in range(20)))
    for account in accounts:
        assert await balance(owner, account) == Decimal("50.00")
        chain = await owner.fetch(
            "select amount, balance_after from posting where account_id = $1"
            " order by booked_at, id",
            account.id,
        )
        assert len(chain) == 20
        running = Decimal("50.00")
        for row in chain:
            running += row["amount"]
            assert row["balance_after"] == running
