"""The bank's own customer row and its internal accounts, the other side of every posting."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg

from app.db.crypto import CustomerCipher
from app.db.ids import derived_id
from app.db.keys import Keys
from app.domain.account import AccountKind, AccountStatus, InternalPurpose
from app.domain.customer import CustomerStatus, CustomerType, DataSource, KycStatus, Tier
from app.domain.money import Currency

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

BANK_NUMBER: Final = "BANK"
_NAME: Final = "bank360"
# Any fixed moment: the ids must be the same in every database.
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
BANK_ID: Final = derived_id(_EPOCH, "bank360", "customer", BANK_NUMBER)


@dataclass(frozen=True)
class Bank:
    """The bank as a customer of itself: its id, cipher, and internal accounts of one currency."""

    customer_id: UUID
    cipher: CustomerCipher
    accounts: dict[InternalPurpose, UUID]


def internal_account_id(purpose: InternalPurpose, currency: Currency) -> UUID:
    """Give the id of the bank's internal account for a purpose and currency."""
    return derived_id(_EPOCH, "bank360", "account", purpose.value, currency.value)


async def ensure_bank(
    connection: "asyncpg.Connection | PoolConnectionProxy[asyncpg.Record]",
    keys: Keys,
    on: date,
    currency: Currency,
) -> Bank:
    """Create the bank's customer row, key and internal accounts where they are missing.

    ``on`` is the day since when the bank and the accounts exist, if they are new. Call it inside
    a transaction. Raises CryptoError when the stored key belongs to another master key.
    """
    wrapped, cipher = keys.ring.make(BANK_ID)
    await connection.execute(
        """
        insert into customer (id, number, type, source, status, kyc_status, tier, customer_since,
            name_ciphertext)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing
        """,
        BANK_ID,
        BANK_NUMBER,
        CustomerType.BANK,
        DataSource.BANK360,
        CustomerStatus.ACTIVE,
        KycStatus.VERIFIED,
        Tier.NORMAL,
        on,
        cipher.encrypt("customer.name_ciphertext", BANK_ID, _NAME),
    )
    await connection.execute(
        "insert into customer_key (customer_id, wrapped_key) values ($1, $2)"
        " on conflict do nothing",
        BANK_ID,
        wrapped,
    )
    await connection.execute(
        "insert into customer_number (number, customer_id) values ($1, $2) on conflict do nothing",
        BANK_NUMBER,
        BANK_ID,
    )
    accounts = {purpose: internal_account_id(purpose, currency) for purpose in InternalPurpose}
    await connection.executemany(
        """
        insert into account (customer_id, id, kind, internal_purpose, currency, status, opened_on,
            source)
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing
        """,
        [
            (
                BANK_ID,
                account_id,
                AccountKind.INTERNAL,
                purpose,
                currency,
                AccountStatus.OPEN,
                on,
                DataSource.BANK360,
            )
            for purpose, account_id in accounts.items()
        ],
    )
    stored = await connection.fetchval(
        "select wrapped_key from customer_key where customer_id = $1", BANK_ID
    )
    return Bank(BANK_ID, keys.ring.cipher(BANK_ID, stored), accounts)
