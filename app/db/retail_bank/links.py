"""Accounts, dispositions and cards as the files give them, read before the clients.

Since when somebody is a customer follows from the accounts, and the tier from the cards.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from app.db.retail_bank import codes, sources
from app.db.retail_bank.branches import branch_of
from app.db.retail_bank.files import BadLine, Row
from app.db.retail_bank.store import Store
from app.domain.account import CardLevel, HolderRole, StatementFrequency
from app.domain.customer import Tier

_ACCOUNT: Final = re.compile(r"A[0-9]{8}")
_CLIENT: Final = re.compile(r"C[0-9]{8}")
_DISPOSITION: Final = re.compile(r"D[0-9]{8}")
_CARD: Final = re.compile(r"V[0-9]{8}")
_USER: Final = "User"
_ROLES: Final[dict[str, HolderRole | None]] = {"Owner": None, _USER: HolderRole.AUTHORISED_USER}


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One line of the accounts' file."""

    line: int
    number: str
    branch_id: UUID
    frequency: StatementFrequency
    opened_on: date


@dataclass(frozen=True, slots=True)
class Disposition:
    """Who may use an account; ``role`` is None for its owner."""

    line: int
    number: str
    client: str
    account: str
    role: HolderRole | None


@dataclass(frozen=True, slots=True)
class CardLine:
    """One line of the cards' file."""

    line: int
    number: str
    disposition: str
    level: CardLevel
    issued_on: date


@dataclass
class Links:
    """What connects clients, accounts and cards, by the files' own numbers."""

    accounts: dict[str, AccountLine] = field(default_factory=dict)
    dispositions: dict[str, Disposition] = field(default_factory=dict)
    cards: dict[str, CardLine] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    customer_since: dict[str, date] = field(default_factory=dict)
    tiers: dict[str, Tier] = field(default_factory=dict)


def account_number(row: Row) -> str:
    """Read ``account_id``."""
    return row.matching("account_id", _ACCOUNT, "an account number such as A00000001")


def client_number(row: Row) -> str:
    """Read ``client_id``."""
    return row.matching("client_id", _CLIENT, "a client number such as C00000001")


def _disposition_number(row: Row) -> str:
    return row.matching("disp_id", _DISPOSITION, "a disposition number such as D00000001")


def read_links(store: Store) -> Links:
    """Read the three files; lines that lead nowhere are refused."""
    links = Links()
    _read_accounts(store, links)
    _read_dispositions(store, links)
    _read_cards(store, links)
    return links


def _read_accounts(store: Store, links: Links) -> None:
    def parse(row: Row) -> AccountLine:
        number = row.once("account_id", account_number(row), links.accounts)
        return AccountLine(
            row.line,
            number,
            branch_of(store, row),
            row.code("frequency", codes.STATEMENTS),
            row.day("parseddate"),
        )

    for account in store.files[sources.ACCOUNTS].parsed(parse):
        links.accounts[account.number] = account


def _read_dispositions(store: Store, links: Links) -> None:
    def parse(row: Row) -> Disposition:
        number = row.once("disp_id", _disposition_number(row), links.dispositions)
        client, account = client_number(row), account_number(row)
        role = row.code("type", _ROLES)
        if account not in links.accounts:
            row.leads_nowhere("account_id", "an account")
        if role is None and account in links.owners:
            message = f"account_id: {account} has an owner in an earlier line"
            raise BadLine(message)
        return Disposition(row.line, number, client, account, role)

    for disposition in store.files[sources.DISPOSITIONS].parsed(parse):
        links.dispositions[disposition.number] = disposition
        if disposition.role is None:
            links.owners[disposition.account] = disposition.client
        opened_on = links.accounts[disposition.account].opened_on
        since = links.customer_since.get(disposition.client, opened_on)
        links.customer_since[disposition.client] = min(since, opened_on)


def _read_cards(store: Store, links: Links) -> None:
    def parse(row: Row) -> CardLine:
        number = row.matching("card_id", _CARD, "a card number such as V00000001")
        row.once("card_id", number, links.cards)
        disposition = _disposition_number(row)
        if disposition not in links.dispositions:
            row.leads_nowhere("disp_id", "a disposition")
        level = row.code("type", codes.CARD_LEVELS)
        return CardLine(row.line, number, disposition, level, row.day("fulldate"))

    order = list(Tier)
    for card in store.files[sources.CARDS].parsed(parse):
        links.cards[card.number] = card
        client = links.dispositions[card.disposition].client
        tier = links.tiers.get(client, Tier.NORMAL)
        links.tiers[client] = max(tier, codes.TIERS[card.level], key=order.index)
