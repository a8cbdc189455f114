"""Masked values that a member of staff may ask to see."""

from datetime import timedelta
from typing import Final

from app.domain.closed_set import ClosedSet
from app.domain.problem import Problem, ProblemCode

# Long enough to dial a number or to compare it with a document, too short to leave on a screen.
SHOWN_FOR: Final = timedelta(seconds=60)
_TEXT_LENGTH_MIN: Final = 10


class RevealableField(ClosedSet):
    """A field that some posts see masked; of which types follows from their declarations."""

    ADDRESS = "ADDRESS", "Postal address of a customer, on one line."
    BIRTH_DATE = "BIRTH_DATE", "Date of birth of a customer."
    COUNTERPARTY_ACCOUNT = "COUNTERPARTY_ACCOUNT", "Number of the other account of a transaction."
    COUNTERPARTY_NAME = "COUNTERPARTY_NAME", "Name of the other side of a transaction."
    EMAIL = "EMAIL", "E-mail address of a customer."
    NATIONAL_ID = "NATIONAL_ID", "National identity number of a customer."
    NUMBER = "NUMBER", "Number of an account or card."
    PAYEE_ACCOUNT = "PAYEE_ACCOUNT", "Number of the payee's account of a standing order."
    PAYEE_NAME = "PAYEE_NAME", "Name of the payee of a standing order."
    PHONE = "PHONE", "Telephone number of a customer."


def check_text(text: str) -> None:
    """Refuse a text that can hardly say what a value is needed for."""
    if len(text) < _TEXT_LENGTH_MIN:
        raise Problem(ProblemCode.REASON_TOO_SHORT, "text")
