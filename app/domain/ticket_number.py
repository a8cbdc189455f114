"""Ticket numbers that the bank gives out itself: short enough to be told on the telephone.

``T``, ten digits without meaning, and a check digit as of customer numbers.
"""

from typing import Final

from stdnum.iso7064 import mod_11_10

# So many numbers there are.
NUMBERS: Final = 10_000_000_000
_DIGITS: Final = 10


def ticket_number(place: int) -> str:
    """Write the number at a place from 0 to NUMBERS - 1."""
    body = f"{place:0{_DIGITS}d}"
    return f"T{body}{mod_11_10.calc_check_digit(body)}"
