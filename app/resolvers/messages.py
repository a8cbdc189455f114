"""The seam to whatever carries messages to people: a gateway for text messages, say."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from app.domain.money import Currency
from app.domain.problem import Language


@dataclass(frozen=True)
class CodeMessage:
    """A code for a phone: what it confirms, until when, and the language that the person reads."""

    phone: str
    code: str
    amount: Decimal
    currency: Currency
    valid_until: datetime
    language: Language


class Messages(Protocol):
    """Carries messages; an adapter is given to `create_app`.

    The message names what the code confirms, so that nobody confirms what they did not order.
    """

    async def send_code(self, message: CodeMessage) -> None:
        """Hand a code over; what cannot be handed over is logged and not raised.

        The code is stored already: whoever waits for it in vain has another one sent.
        """
