"""Closed sets whose members carry the sentence that the API shows for them."""

from enum import StrEnum
from typing import Self


class ClosedSet(StrEnum):
    """A string enum; each member is declared as ``NAME = "NAME", "Sentence."``.

    The value is what the database stores and the API shows, so both equal the name.
    """

    description: str

    def __new__(cls, value: str, description: str) -> Self:
        """Make the member from its stored value and its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member
