"""Customer numbers that the bank gives out itself.

``B``, ten digits without meaning, and a check digit by ISO/IEC 7064, MOD 11,10, which finds every
single wrong digit and nearly every pair of neighbours that changed places.
"""

from typing import Final

from stdnum.iso7064 import mod_11_10

# So many numbers there are.
NUMBERS: Final = 10_000_000_000
_PREFIX: Final = "B"
_DIGITS: Final = 10


def customer_number(place: int) -> str:
    """Write the number at a place from 0 to NUMBERS - 1."""
    body = f"{place:0{_DIGITS}d}"
    return f"{_PREFIX}{body}{mod_11_10.calc_check_digit(body)}"
