"""Money: currencies, their minor units, and the one place where amounts are rounded."""

from decimal import ROUND_HALF_EVEN, Decimal

from app.domain.closed_set import ClosedSet


class Currency(ClosedSet):
    """Currencies by ISO 4217 code."""

    CNY = "CNY", "Chinese yuan."
    CZK = "CZK", "Czech koruna."
    EUR = "EUR", "Euro."
    GBP = "GBP", "Pound sterling."
    HKD = "HKD", "Hong Kong dollar."
    JPY = "JPY", "Japanese yen."
    USD = "USD", "United States dollar."


_CENT = Decimal("0.01")
_MINOR_UNITS = dict.fromkeys(Currency, _CENT) | {Currency.JPY: Decimal(1)}


def minor_unit(currency: Currency) -> Decimal:
    """Give the smallest amount of a currency, such as ``Decimal("0.01")`` (ISO 4217)."""
    return _MINOR_UNITS[currency]


def rounded(amount: Decimal, currency: Currency) -> Decimal:
    """Round an amount half-even to the currency's minor unit."""
    return amount.quantize(minor_unit(currency), rounding=ROUND_HALF_EVEN)
