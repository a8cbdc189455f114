"""Identifiers that belong to nobody: resident ids, tax numbers, telephone and card numbers.

Each is well formed, with a right check digit where its standard has one, and lies in a range
that its authority has never assigned. docs/seed.md names the ranges and their sources.
"""

from datetime import date
from typing import Final

# GB/T 2260 has no province 29 (the north-east is 21 to 23), and never had.
_NO_PROVINCE: Final = 29
_AREAS: Final = 10_000
# Sequence numbers of one area and day of birth; odd ones are men's (GB 11643).
_SEQUENCES: Final = 500
_RESIDENT_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS: Final = "10X98765432"

# Areas that the Social Security Administration never assigns (POMS RM 10201.035). The third such
# range, 900 to 999, is avoided: the Internal Revenue Service gives numbers from it to people.
_NO_AREAS: Final = ("000", "666")
_GROUPS: Final = 99
_SERIALS: Final = 9_999
_SOCIALS: Final = len(_NO_AREAS) * _GROUPS * _SERIALS
# Prime, so that the numbers of neighbours are far apart and none comes twice.
_STRIDE: Final = 1_234_577

# The Internal Revenue Service assigns no employer number with the prefix 07.
_NO_EMPLOYER_PREFIX: Final = "07"

_CREDIT_CODE_LETTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_CODE_WEIGHTS: Final = (
    1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28,
)  # fmt: skip
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)

# China's numbering plan has no mobile prefix 154; there is no range for fiction.
_NO_MOBILE_PREFIX: Final = "154"
_MOBILE_DIGITS: Final = 100_000_000
# 555-0100 to 555-0199 are reserved for fiction in every area (ATIS-0300115).
_FICTION: Final = 100
US_AREA_CODES: Final = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225,
    228, 229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281,
    301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321,
    323, 325, 330, 334, 336, 337, 339, 347, 351, 352, 360, 361, 386, 401, 402, 404, 405, 406, 407,
    408, 409, 410, 412, 413, 414, 415, 417, 419, 423, 425, 432, 434, 435, 440, 443, 469, 478, 479,
    480, 484, 501, 502, 503, 504, 505, 507, 508, 509, 510, 512, 513, 515, 516, 517, 518, 520, 530,
    540, 541, 551, 559, 561, 562, 563, 567, 570, 571, 573, 574, 580, 585, 586, 601, 602, 603, 605,
    606, 607, 608, 609, 610, 612, 614, 615, 616, 617, 618, 619, 620, 623, 626, 630, 631, 636, 641,
    646, 650, 651, 660, 661, 662, 678, 682, 701, 702, 703, 704, 706, 707, 708, 712, 713, 714, 715,
    716, 717, 718, 719, 720, 724, 727, 731, 732, 734, 740, 754, 757, 760, 763, 765, 770, 772, 773,
    774, 775, 781, 785, 786, 801, 802, 803, 804, 805, 806, 808, 810, 812, 813, 814, 815, 816, 817,
    818, 828, 830, 831, 832, 843, 845, 847, 848, 850, 856, 857, 858, 859, 860, 862, 863, 864, 865,
    870, 901, 903, 904, 906, 907, 908, 909, 910, 912, 913, 914, 915, 916, 917, 918, 919, 920, 925,
    928, 931, 936, 937, 940, 941, 949, 951, 952, 954, 956, 970, 972, 973, 978, 979, 980, 985, 989,
)  # fmt: skip

# No card scheme has numbers that begin with 0 (ISO/IEC 7812-1, major industry identifier 0).
_NO_ISSUER: Final = "036000"
_DIGIT_MAX: Final = 9

# The most customers for whom every number is different.
CUSTOMERS_MAX: Final = 1_000_000


def resident_id(n: int, born_on: date, *, male: bool) -> str:
    """Give the resident id of customer ``n``: 18 characters (GB 11643)."""
    area, sequence = n // _SEQUENCES % _AREAS, n % _SEQUENCES * 2 + male
    body = f"{_NO_PROVINCE}{area:04d}{born_on:%Y%m%d}{sequence:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(_RESIDENT_WEIGHTS, body, strict=True))
    return body + _RESIDENT_CHECKS[total % 11]


def social_security_number(n: int) -> str:
    """Give the social security number of customer ``n``, as in 000-12-3456."""
    place = n * _STRIDE % _SOCIALS
    place, serial = divmod(place, _SERIALS)
    area, group = divmod(place, _GROUPS)
    return f"{_NO_AREAS[area]}-{group + 1:02d}-{serial + 1:04d}"


def employer_number(n: int) -> str:
    """Give the employer identification number of business customer ``n``, as in 07-1234567."""
    return f"{_NO_EMPLOYER_PREFIX}-{n:07d}"


def credit_code(n: int) -> str:
    """Give the unified social credit code of business customer ``n``: 18 characters (GB 32100).

    Its places 9 to 17 are an organisation code with a check digit of its own (GB 11714).
    """
    organisation = f"{n:08d}"
    total = sum(
        weight * int(digit)
        for weight, digit in zip(_ORGANISATION_WEIGHTS, organisation, strict=True)
    )
    check = "0123456789X0"[11 - total % 11]
    body = f"91{_NO_PROVINCE}0000{organisation}{check}"
    letters = _CREDIT_CODE_LETTERS
    # An X as check digit of the organisation code has a place in the alphabet too.
    values = (letters.index(letter) for letter in body)
    total = sum(weight * value for weight, value in zip(_CREDIT_CODE_WEIGHTS, values, strict=True))
    return body + letters[-total % 31]


def chinese_phone(draw: int) -> tuple[str, str]:
    """Give a mobile number as it is written, and its national digits."""
    digits = f"{_NO_MOBILE_PREFIX}{draw % _MOBILE_DIGITS:08d}"
    return f"+86 {digits[:3]} {digits[3:7]} {digits[7:]}", digits


def american_phone(draw: int) -> tuple[str, str]:
    """Give a telephone number as it is written, and its national digits."""
    place, line = divmod(draw, _FICTION)
    area = US_AREA_CODES[place % len(US_AREA_CODES)]
    return f"+1 {area}-555-01{line:02d}", f"{area}55501{line:02d}"


def account_number(n: int, place: int) -> str:
    """Give the number of a customer's account: 14 digits of the bank's own."""
    return f"360{n:09d}{place:02d}"


def card_number(n: int, place: int) -> str:
    """Give a card number: 16 digits with a check digit (ISO/IEC 7812-1, annex B)."""
    body = f"{_NO_ISSUER}{n:08d}{place}"
    total = 0
    for position, digit in enumerate(reversed(body)):
        doubled = int(digit) * 2 if position % 2 == 0 else int(digit)
        total += doubled - _DIGIT_MAX if doubled > _DIGIT_MAX else doubled
    return f"{body}{-total % 10}"
