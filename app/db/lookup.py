"""Looking customers up by one complete value, through the look-up tables."""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from app.db.blind_index import BlindIndex

Fetch = Callable[[str, Sequence[Any]], Awaitable[Sequence[Any]]]


class LookUp(StrEnum):
    """What a customer can be found by."""

    NUMBER = "number"
    NATIONAL_ID = "national_id"
    PHONE = "phone"
    EMAIL = "email"
    ACCOUNT_NUMBER = "account_number"


_SQL: Final = {
    LookUp.NUMBER: "select customer_id from customer_number where number = $1",
    LookUp.NATIONAL_ID: "select customer_id from national_id_index where digest = $1",
    LookUp.PHONE: "select customer_id from contact_index where digest = $1 limit 100",
    LookUp.EMAIL: "select customer_id from contact_index where digest = $1 limit 100",
    LookUp.ACCOUNT_NUMBER: "select customer_id from account_number_index where digest = $1",
}


async def find_customers(fetch: Fetch, index: BlindIndex, by: LookUp, value: str) -> list[UUID]:
    """Give the customers with exactly this value: none, one, or (shared contacts) at most 100."""
    digests = {
        LookUp.NATIONAL_ID: index.national_id,
        LookUp.PHONE: lambda phone: index.phones(phone)[0],
        LookUp.EMAIL: index.email,
        LookUp.ACCOUNT_NUMBER: index.account_number,
    }
    wanted = value.strip() if by is LookUp.NUMBER else digests[by](value)
    rows = await fetch(_SQL[by], [wanted])
    return [row["customer_id"] for row in rows]


async def find_account(fetch: Fetch, index: BlindIndex, number: str) -> tuple[UUID, UUID] | None:
    """Give owner and id of the account with this number, or None."""
    sql = "select customer_id, account_id from account_number_index where digest = $1"
    rows = await fetch(sql, [index.account_number(number)])
    return (rows[0]["customer_id"], rows[0]["account_id"]) if rows else None
