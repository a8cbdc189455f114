"""What is out of the ordinary with an account opens a ticket, in the transaction that finds it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.auth.permissions import Role
from app.db import ticket_writes
from app.db.accounts import LockedAccount
from app.db.ticket_writes import NewTicket
from app.db.unit_of_work import Unit
from app.domain.account import AccountKind
from app.domain.service import Channel, TicketCategory, TicketTopic
from app.domain.ticket import ENDED, priority_of

_CATEGORIES: Final[Mapping[AccountKind, TicketCategory]] = MappingProxyType(
    {
        AccountKind.DEMAND: TicketCategory.CURRENT_ACCOUNT,
        AccountKind.TIME_DEPOSIT: TicketCategory.TIME_DEPOSIT,
    }
)
_RUNNING: Final = """
select from ticket
where customer_id = $1 and account_id = $2 and topic = $3 and not status = any ($4::text[])
"""


async def report(unit: Unit, account: LockedAccount, topic: TicketTopic) -> None:
    """Open a ticket of the account's owner about a locked account, unless one is running.

    Its record says that the bank did it by itself. The owner sees the ticket: report only what the
    owner is told anyway. As how it arrived it names how the order came that was the reason.
    """
    owner, row = account.key
    if await unit.fetch(_RUNNING, owner, row, topic, sorted(ENDED)):
        return
    category = _CATEGORIES[account.state.kind]
    if topic is TicketTopic.TRANSFER_UNUSUAL:
        category = TicketCategory.PAYMENT
    channel = Channel.WEB if unit.maker.role is Role.CUSTOMER else Channel.BRANCH
    new = NewTicket(owner, category, topic, priority_of(topic), channel, row)
    await ticket_writes.open_ticket(unit, new, by_bank=True)
