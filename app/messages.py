"""The demo's stand-in for a gateway of text messages: codes are read in the server's log."""

import structlog

from app.domain import masks
from app.resolvers.messages import CodeMessage

_log = structlog.get_logger("bank360.messages")


class LoggedMessages:
    """Writes codes to the log, which whoever runs the demo reads."""

    async def send_code(self, message: CodeMessage) -> None:
        """Log a code, for whom and what for; the number only as everybody may see it."""
        _log.warning(
            "confirmation code",
            code=message.code,
            phone=masks.phone(message.phone),
            amount=f"{message.amount} {message.currency}",
            valid_until=message.valid_until.isoformat(timespec="seconds"),
        )
