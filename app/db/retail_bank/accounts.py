"""Accounts under their owners, who else may use them, and cards."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.db.account_products import product_id
from app.db.crypto import CustomerCipher
from app.db.retail_bank import sources
from app.db.retail_bank.files import CURRENCY, BadLine, Row, SourceFile
from app.db.retail_bank.links import AccountLine, CardLine, Disposition, Links, account_number
from app.db.retail_bank.store import (
    DATA_ENDS_ON,
    Store,
    StoredAccount,
    StoredCustomer,
    source_id,
)
from app.domain.account import AccountKind, AccountStatus, CardStatus, HolderRole
from app.domain.customer import DataSource, RelationshipKind

ERASED: Final = "the customer was erased: nothing more is stored about that person"
_ACCOUNT_COLUMNS: Final = (
    "customer_id",
    "id",
    "kind",
    "currency",
    "balance",
    "status",
    "number_ciphertext",
    "branch_id",
    "statement_frequency",
    "opened_on",
    "source",
    "product_id",
    "accrued_until",
)
_CARD_COLUMNS: Final = (
    "customer_id",
    "id",
    "account_owner_id",
    "account_id",
    "level",
    "status",
    "issued_on",
    "number_ciphertext",
    "source",
)


def account_of(store: Store, row: Row) -> StoredAccount:
    """Give the account that ``account_id`` names; raises BadLine for an unknown one."""
    account = store.accounts.get(account_number(row))
    if account is None:
        row.leads_nowhere("account_id", "an account")
    return account


def cipher_of(store: Store, customer_id: UUID) -> CustomerCipher:
    """Give a customer's cipher; raises BadLine where the customer was erased."""
    cipher = store.cipher(customer_id)
    if cipher is None:
        raise BadLine(ERASED)
    return cipher


def _secret_id(store: Store, kind: str, number: str) -> UUID:
    """Give a record's id from a number that the bank keeps encrypted.

    There are few account numbers: whoever holds the database could try them all against an id
    made without a key.
    """
    return source_id(kind, store.keys.index.account_number(number).hex())


def _owned(
    store: Store, file: SourceFile, links: Links
) -> list[tuple[AccountLine, StoredCustomer, UUID]]:
    owned = []
    for account in links.accounts.values():
        owner = store.customers.get(links.owners.get(account.number, ""))
        if owner is None:
            file.refuse(account.line, "the account has no owner in the bank")
        else:
            owned.append((account, owner, _secret_id(store, "account", account.number)))
    return owned


async def import_accounts(store: Store, links: Links) -> None:
    """Store each account under its owner, without history: balance 0."""
    file = store.files[sources.ACCOUNTS]
    owned = _owned(store, file, links)
    known = await store.known("account", [(owner.id, row_id) for _, owner, row_id in owned])
    digests = [store.keys.index.account_number(account.number) for account, _, _ in owned]
    taken = await store.owners("account_number_index", "digest", "account_id", digests)
    rows: list[tuple[object, ...]] = []
    look_ups: list[tuple[object, ...]] = []
    for (line, owner, account_id), digest in zip(owned, digests, strict=True):
        if account_id in known:
            file.count.already_there += 1
        elif digest in taken:
            file.refuse(line.line, f"account_id: {line.number} is another account's number")
            continue
        else:
            try:
                cipher = cipher_of(store, owner.id)
            except BadLine as reason:
                file.refuse(line.line, reason)
                continue
            rows.append(_account_row(line, owner.id, account_id, cipher))
            look_ups.append((digest, owner.id, account_id))
        store.accounts[line.number] = StoredAccount(
            owner.id, account_id, line.opened_on, known=account_id in known
        )
    await store.copy("account", _ACCOUNT_COLUMNS, rows)
    await store.copy("account_number_index", ("digest", "customer_id", "account_id"), look_ups)
    file.count.stored += len(rows)
    store.advance(file)


def _account_row(
    line: AccountLine, owner_id: UUID, account_id: UUID, cipher: CustomerCipher
) -> tuple[object, ...]:
    return (
        owner_id,
        account_id,
        AccountKind.DEMAND,
        CURRENCY,
        Decimal("0.00"),
        AccountStatus.OPEN,
        cipher.encrypt("account.number_ciphertext", account_id, line.number),
        line.branch_id,
        line.frequency,
        line.opened_on,
        DataSource.RETAIL_BANK,
        product_id(CURRENCY),
        # The data tells what interest was credited; the bank earns it from the data's end on.
        DATA_ENDS_ON,
    )


async def import_dispositions(store: Store, links: Links) -> None:
    """Store who else may use an account, on both sides, and that the two are connected.

    The owner's disposition is the account's own ``customer_id``. Where an earlier run stored both
    the customer and the account, a missing right is not stored: the bank may have withdrawn it.
    """
    file = store.files[sources.DISPOSITIONS]
    users: list[tuple[Disposition, StoredCustomer, StoredAccount]] = []
    for disposition in links.dispositions.values():
        client = store.customers.get(disposition.client)
        account = store.accounts.get(disposition.account)
        if client is None or account is None:
            missing = "client" if client is None else "account"
            file.refuse(disposition.line, f"{missing}_id: the {missing} is not in the bank")
        elif disposition.role is not None:
            users.append((disposition, client, account))
        elif account.known:
            file.count.already_there += 1
        else:
            file.count.stored += 1
    granted = await _granted(store, users)
    new = []
    for disposition, client, account in users:
        if (account.id, client.id) in granted:
            file.count.already_there += 1
        elif client.known and account.known:
            file.refuse(
                disposition.line,
                "client and account are in the bank, and this right was withdrawn there"
                " or its line was refused before: grant it in the bank",
            )
        else:
            new.append((disposition, client, account))
    await _copy_users(store, new)
    file.count.stored += len(new)
    store.advance(file)


async def _granted(
    store: Store, users: Iterable[tuple[Disposition, StoredCustomer, StoredAccount]]
) -> set[tuple[UUID, UUID]]:
    triples = [(account.owner_id, account.id, client.id) for _, client, account in users]
    found = await store.connection.fetch(
        """
        select account_id, holder_id from account_holder
        join unnest($1::uuid[], $2::uuid[], $3::uuid[]) as wanted (customer_id, account_id,
            holder_id)
        using (customer_id, account_id, holder_id)
        """,
        *([triple[place] for triple in triples] for place in range(3)),
    )
    return {(row[0], row[1]) for row in found}


async def _copy_users(
    store: Store, new: Iterable[tuple[Disposition, StoredCustomer, StoredAccount]]
) -> None:
    role = HolderRole.AUTHORISED_USER
    kind = RelationshipKind.SHARES_ACCOUNT
    holders, held, relationships = [], [], []
    for disposition, client, account in new:
        owner_id = account.owner_id
        holders.append((owner_id, account.id, client.id, role))
        held.append((client.id, owner_id, account.id, role))
        for one, other in ((owner_id, client.id), (client.id, owner_id)):
            if one != other:
                row_id = source_id("relationship", disposition.number, str(one))
                relationships.append((one, row_id, other, kind))
    await store.copy("account_holder", ("customer_id", "account_id", "holder_id", "role"), holders)
    await store.copy("held_account", ("customer_id", "owner_id", "account_id", "role"), held)
    await store.copy(
        "relationship", ("customer_id", "id", "related_customer_id", "kind"), relationships
    )


async def import_cards(store: Store, links: Links) -> None:
    """Store each card under its holder."""
    file = store.files[sources.CARDS]
    cards: list[tuple[CardLine, StoredCustomer, StoredAccount, UUID]] = []
    for card in links.cards.values():
        disposition = links.dispositions[card.disposition]
        client = store.customers.get(disposition.client)
        account = store.accounts.get(disposition.account)
        if client is None or account is None:
            missing = "client" if client is None else "account"
            file.refuse(card.line, f"disp_id: its {missing} is not in the bank")
        else:
            cards.append((card, client, account, _secret_id(store, "card", card.number)))
    known = await store.known("card", [(client.id, row_id) for _, client, _, row_id in cards])
    rows = []
    for card, client, account, card_id in cards:
        if card_id in known:
            file.count.already_there += 1
            continue
        try:
            rows.append(_card_row(card, client.id, account, card_id, cipher_of(store, client.id)))
        except BadLine as reason:
            file.refuse(card.line, reason)
    await store.copy("card", _CARD_COLUMNS, rows)
    file.count.stored += len(rows)
    store.advance(file)


def _card_row(
    card: CardLine,
    holder_id: UUID,
    account: StoredAccount,
    card_id: UUID,
    cipher: CustomerCipher,
) -> tuple[object, ...]:
    return (
        holder_id,
        card_id,
        account.owner_id,
        account.id,
        card.level,
        CardStatus.ACTIVE,
        card.issued_on,
        cipher.encrypt("card.number_ciphertext", card_id, card.number),
        DataSource.RETAIL_BANK,
    )
