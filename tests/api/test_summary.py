"""The bank in numbers, on a bank of its own."""

from collections.abc import AsyncIterator, Callable
from datetime import date

import asyncpg
import pytest
from conftest import client_of
from factories import Factory

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys

SUMMARY = """
query {
  bankSummary {
    on customerCount accountCount loanCount openTicketCount
    totals { ...Total }
    byBranch { branch { name } customerCount totals { ...Total } }
    byTier { tier customerCount totals { currency } }
    byProduct { product { name } holderCount units cost { amount } value { amount currency } }
  }
}
fragment Total on SummaryTotal {
  currency deposits { amount } overdrafts { amount } loans { amount } holdings { amount }
}
"""


@pytest.fixture(scope="module")
def small_bank(migrated_database: Callable[[str], str]) -> str:
    return migrated_database("summary")


@pytest.fixture
async def bank(small_bank: str, keys: Keys) -> AsyncIterator[Factory]:
    connection = await asyncpg.connect(small_bank)
    yield Factory(connection, keys)
    await connection.close()


def total(currency: str, *amounts: str) -> dict[str, object]:
    names = ("deposits", "overdrafts", "loans", "holdings")
    amounts_by_name = zip(names, amounts, strict=True)
    return {"currency": currency} | {name: {"amount": text} for name, text in amounts_by_name}


async def test_an_empty_bank_then_one_with_customers(
    small_bank: str, bank: Factory, keys: Keys, token_key: TokenKey
) -> None:
    await bank.business_date(date(2018, 12, 31))
    async with client_of(small_bank, keys, token_key) as client:
        executive = client.as_(Role.EXECUTIVE)
        empty = (await executive.run(SUMMARY))["bankSummary"]
        assert empty == {
            "on": "2018-12-31",
            "customerCount": 0,
            "accountCount": 0,
            "loanCount": 0,
            "openTicketCount": 0,
            "totals": [],
            "byBranch": [],
            "byTier": [],
            "byProduct": [],
        }
        await _fill(bank)
        found = (await executive.run(SUMMARY))["bankSummary"]
        _check_summary(found)
        data, denied = await client.as_(Role.CUSTOMER).denied(SUMMARY)
        assert (data, denied) == ({"bankSummary": None}, ["bankSummary"])


async def _fill(bank: Factory) -> None:
    branch = await bank.branch(name="North")
    gold = await bank.customer(branch_id=branch.id, tier="GOLD")
    normal = await bank.customer(tier="NORMAL")
    account = await bank.account(gold)
    # The other side is an internal account of the bank, which is no customer.
    await bank.postings(account, "100.25")
    await bank.account(normal, balance=-5)
    await bank.account(normal, status="CLOSED", closed_on=date(2018, 1, 1))
    await bank.loan(gold, paid=6)
    await bank.loan(gold, paid=12, status="PAID_OFF")
    product = await bank.product("2.500000")
    await bank.holding(gold, product, "10", "20.00")
    await bank.holding(normal, product, "1", "2.00")
    await bank.ticket(normal)
    await bank.ticket(normal, status="RESOLVED", resolution="EXPLAINED")


def _check_summary(found: dict[str, object]) -> None:
    counts = ("customerCount", "accountCount", "loanCount", "openTicketCount")
    assert [found[name] for name in counts] == [2, 2, 1, 1]
    assert found["totals"] == [total("USD", "100.25", "5.00", "2490.00", "27.50")]
    assert found["byBranch"] == [
        {
            "branch": {"name": "North"},
            "customerCount": 1,
            "totals": [total("USD", "100.25", "0.00", "2490.00", "25.00")],
        },
        {
            "branch": None,
            "customerCount": 1,
            "totals": [total("USD", "0.00", "5.00", "0.00", "2.50")],
        },
    ]
    assert found["byTier"] == [
        {"tier": "GOLD", "customerCount": 1, "totals": [{"currency": "USD"}]},
        {"tier": "NORMAL", "customerCount": 1, "totals": [{"currency": "USD"}]},
    ]
    assert found["byProduct"] == [
        {
            "product": {"name": "Global Fund"},
            "holderCount": 2,
            "units": "11.00000000",
            "cost": {"amount": "22.00"},
            "value": {"amount": "27.50", "currency": "USD"},
        }
    ]
