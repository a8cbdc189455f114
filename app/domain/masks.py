"""Masked forms of personal data.

The number of bullets is always the same, so that a masked value does not tell its length.
"""

import re
from datetime import date
from typing import Final

BULLETS: Final = "•••"
_HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
# Two-character surnames (the commonest of the Hundred Family Surnames that have two).
_COMPOUND_SURNAMES: Final = (
    "欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 "
    "濮阳 公冶 太叔 申屠 公孙 慕容 仲孙 钟离 长孙 宇文 司徒 鲜于 司空 令狐"
)
_COMPOUND_LENGTH: Final = 2
_NUMBER_TAIL_MAX: Final = 4
_NUMBER_TAIL_SHARE: Final = 3


def name(clear: str) -> str:
    """Keep a Chinese surname, or the first letters of a Western first and last name."""
    words = clear.split()
    if not words:
        return BULLETS
    if _HAN.match(words[0]):
        compound = words[0][:_COMPOUND_LENGTH]
        return (compound if compound in _COMPOUND_SURNAMES else words[0][0]) + BULLETS
    kept = words if len(words) == 1 else [words[0], words[-1]]
    return " ".join(word[0] + BULLETS for word in kept)


def phone(clear: str) -> str:
    """Keep the last two digits, and the country code of ``+86 138 …`` and the like.

    A code that no separator ends is left out: where it ends would have to be guessed.
    """
    digits = re.sub(r"\D", "", clear)
    code = re.match(r"\s*(\+\d{1,3})[\s\-().]", clear)
    return f"{code[1]} {BULLETS}{digits[-2:]}" if code else f"{BULLETS}{digits[-2:]}"


def email(clear: str) -> str:
    """Keep the first letters of user and domain, and the top-level domain."""
    user, _, domain = clear.rpartition("@")
    labels = domain.split(".")
    top = f".{labels[-1]}" if len(labels) > 1 else ""
    return f"{user[:1]}{BULLETS}@{domain[:1]}{BULLETS}{top}"


def national_id(clear: str) -> str:
    """Keep the last two characters, of a Chinese id the last digit and its check character."""
    return BULLETS + clear.strip()[-2:]


def number(clear: str) -> str:
    """Keep the last four characters of an account or card number, of a short one fewer."""
    compact = re.sub(r"[\s\-]", "", clear)
    tail = min(_NUMBER_TAIL_MAX, len(compact) // _NUMBER_TAIL_SHARE)
    return BULLETS + (compact[-tail:] if tail else "")


def birth_date(clear: date) -> date:
    """Keep the year."""
    return clear.replace(month=1, day=1)
