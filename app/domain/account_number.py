"""Account numbers that the bank gives out itself.

``361``, ten digits without meaning, and a check digit by ISO/IEC 7064, MOD 11,10, which finds
every single wrong digit and nearly every pair of neighbours that changed places.
"""

from typing import Final

from stdnum.iso7064 import mod_11_10

# So many numbers there are.
NUMBERS: Final = 10_000_000_000
_PREFIX: Final = "361"
_DIGITS: Final = 10


def account_number(place: int) -> str:
    """Write the number at a place from 0 to NUMBERS - 1."""
    body = f"{_PREFIX}{place:0{_DIGITS}d}"
    return f"{body}{mod_11_10.calc_check_digit(body)}"
