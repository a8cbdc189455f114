"""Standing orders."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.db.crypto import CustomerCipher
from app.db.retail_bank import codes, sources
from app.db.retail_bank.accounts import account_of, cipher_of
from app.db.retail_bank.files import CURRENCY, BadLine, Row
from app.db.retail_bank.store import Store, StoredAccount, batches, source_id
from app.domain.account import OrderFrequency, OrderPurpose, OrderStatus
from app.domain.customer import DataSource

_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_COLUMNS: Final = (
    "customer_id",
    "id",
    "account_id",
    "purpose",
    "amount",
    "currency",
    "frequency",
    "status",
    "payee_bank",
    "payee_account_ciphertext",
    "source",
    "source_ref",
)


@dataclass(frozen=True, slots=True)
class _Order:
    line: int
    number: str
    id: UUID
    account: StoredAccount
    purpose: OrderPurpose
    amount: Decimal
    payee_bank: str | None
    payee_account: str | None

    def row(self, cipher: CustomerCipher) -> tuple[object, ...]:
        payee = self.payee_account
        place = "standing_order.payee_account_ciphertext"
        return (
            self.account.owner_id,
            self.id,
            self.account.id,
            self.purpose,
            self.amount,
            CURRENCY,
            OrderFrequency.MONTHLY,
            OrderStatus.ACTIVE,
            self.payee_bank,
            None if payee is None else cipher.encrypt(place, self.id, payee),
            DataSource.RETAIL_BANK,
            self.number,
        )


async def import_orders(store: Store) -> None:
    """Store each standing order under the account's owner."""
    file = store.files[sources.ORDERS]
    seen: set[str] = set()

    def parse(row: Row) -> _Order:
        number = row.matching("order_id", _NUMBER, "an order number")
        seen.add(row.once("order_id", number, seen))
        account = account_of(store, row)
        amount = row.money("amount")
        if amount <= 0:
            message = "amount is not above zero"
            raise BadLine(message)
        return _Order(
            row.line,
            number,
            source_id("order", number),
            account,
            row.code("k_symbol", codes.ORDER_PURPOSES),
            amount,
            row.optional("bank_to"),
            row.optional("account_to"),
        )

    for batch in batches(file.parsed(parse)):
        known = await store.known(
            "standing_order", [(order.account.owner_id, order.id) for order in batch]
        )
        rows = []
        for order in batch:
            if order.id in known:
                file.count.already_there += 1
                continue
            try:
                rows.append(order.row(cipher_of(store, order.account.owner_id)))
            except BadLine as reason:
                file.refuse(order.line, reason)
        await store.copy("standing_order", _COLUMNS, rows)
        file.count.stored += len(rows)
        store.advance(file)
