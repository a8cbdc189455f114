"""Payments: which amounts, from which account and to which, and to whom."""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.domain.account import AccountKind, AccountStatus
from app.domain.closed_set import ClosedSet
from app.domain.money import Currency, minor_unit
from app.domain.problem import Problem, ProblemCode

# Far beyond any payment, and far below what sums of balances can hold.
_AMOUNT_MAX: Final = Decimal(10) ** 15
_NAME_LENGTH_MAX: Final = 200
# IBANs have up to 34 characters (ISO 13616).
_NUMBER: Final = re.compile(r"[0-9A-Z]{4,34}", re.ASCII)
# From a country's own short codes to a BIC with its branch (ISO 9362).
_BANK: Final = re.compile(r"[0-9A-Z]{2,12}", re.ASCII)


class Standing(ClosedSet):
    """What somebody who orders is to an account."""

    OWNER = "OWNER", "The owner, or a post that serves the owner."
    JOINT_HOLDER = "JOINT_HOLDER", "Owns it together with the owner."
    AUTHORISED_USER = "AUTHORISED_USER", "May use it; does not own it."


@dataclass(frozen=True)
class AccountState:
    """What the rules look at of a locked account; ``standing`` None is out of reach."""

    kind: AccountKind
    status: AccountStatus
    currency: Currency
    balance: Decimal
    held: Decimal
    overdraft_limit: Decimal
    standing: Standing | None = None

    @property
    def available(self) -> Decimal:
        """What may leave: the balance and the agreed overdraft, less what is held."""
        return self.balance + self.overdraft_limit - self.held


@dataclass(frozen=True)
class PayeeAccount:
    """Whom to pay: holder's name, account number, and the bank's code; None is this bank."""

    name: str
    number: str
    bank: str | None


def check_amount(amount: Decimal, currency: Currency, field: str) -> Decimal:
    """Give an amount in the currency's minor unit; refuses zero, less, and finer parts."""
    unit = minor_unit(currency)
    if not 0 < amount <= _AMOUNT_MAX or amount % unit:
        raise Problem(ProblemCode.INVALID_AMOUNT, f"{field}.amount")
    return amount.quantize(unit)


def check_open(account: AccountState, field: str) -> None:
    """Refuse an account that takes no business."""
    if account.status is AccountStatus.CLOSED:
        raise Problem(ProblemCode.ACCOUNT_CLOSED, field)


def check_kind(account: AccountState, field: str, *kinds: AccountKind) -> None:
    """Refuse an account of another kind than those that take this business."""
    if account.kind not in kinds:
        raise Problem(ProblemCode.ACCOUNT_NOT_FITTING, field)


def check_standing(account: AccountState, field: str, *standings: Standing) -> None:
    """Refuse somebody who may use the account but not order this."""
    if account.standing not in standings:
        raise Problem(ProblemCode.HOLDER_MAY_NOT, field)


def check_currency(account: AccountState, currency: Currency, field: str) -> None:
    """Refuse an amount in another currency than the account's."""
    if account.currency is not currency:
        raise Problem(ProblemCode.CURRENCY_NOT_MATCHING, f"{field}.currency")


def check_not_frozen(account: AccountState, field: str) -> None:
    """Refuse an account that no money may leave."""
    if account.status is AccountStatus.FROZEN:
        raise Problem(ProblemCode.ACCOUNT_FROZEN, field)


def check_leaving(account: AccountState, amount: Decimal, place: str, field: str) -> None:
    """Refuse money that may not leave, or is not there.

    ``place`` is the account's in the input, ``field`` the amount's.
    """
    check_not_frozen(account, place)
    if amount > account.available:
        raise Problem(ProblemCode.INSUFFICIENT_FUNDS, field)


def is_payable(account: AccountState) -> bool:
    """Say whether somebody else may pay money to an account; a frozen one takes money."""
    return account.kind is AccountKind.DEMAND and account.status is not AccountStatus.CLOSED


def check_payee(given: PayeeAccount, field: str) -> PayeeAccount:
    """Give a payee in the form in which it is kept; refuses what cannot be one."""
    name = " ".join(unicodedata.normalize("NFC", given.name).split())
    number = _compact(given.number)
    bank = _compact(given.bank) if given.bank is not None else None
    if not any(map(str.isalpha, name)) or len(name) > _NAME_LENGTH_MAX or not name.isprintable():
        raise Problem(ProblemCode.INVALID_PAYEE, f"{field}.name")
    if not _NUMBER.fullmatch(number):
        raise Problem(ProblemCode.INVALID_PAYEE, f"{field}.number")
    if bank is not None and not _BANK.fullmatch(bank):
        raise Problem(ProblemCode.INVALID_PAYEE, f"{field}.bank")
    return PayeeAccount(name, number, bank)


def same_name(one: str, other: str) -> bool:
    """Say whether two names are written alike; case, spaces and punctuation do not matter."""
    return _letters(one) == _letters(other) != ""


def _compact(text: str) -> str:
    """Give letters and digits without what people put between them to read them better."""
    folded = unicodedata.normalize("NFKC", text).upper()
    return "".join(letter for letter in folded if letter not in " -./")


def _letters(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(filter(str.isalnum, folded))
