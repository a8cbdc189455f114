"""Steps of tickets when many write at once, and when a ticket is not as it was locked."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from client import Client
from factories import Factory
from ticket_support import make_desk, send

from app.db.keys import Keys
from app.db.ticket_events import Batch, LockedTicket, LostTicketError, note_event
from app.domain.service import TicketEventKind
from app.domain.ticket import Step

_WRITERS = 12
_SECONDS_MAX = 10


async def test_steps_are_numbered_in_the_order_in_which_they_are_told(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    desk = await make_desk(client, factory)
    ticket = await desk.opened()
    here = {"ticketId": ticket["id"]}
    answers = await asyncio.gather(
        *(send(desk.me, "replyToTicket", **here, text=f"{n}") for n in range(_WRITERS)),
        *(
            send(desk.agent, "replyToTicket", **here, text=f"{n}", internal=n % 2 == 0)
            for n in range(_WRITERS)
        ),
    )
    assert all("status" in answer for answer in answers)
    # Beside what was written, the bank may have given the ticket to somebody.
    sql = "select event_count from ticket where number = $1"
    count = await owner.fetchval(sql, ticket["number"])
    assert count > 2 * _WRITERS
    async with asyncio.timeout(_SECONDS_MAX):
        while True:
            steps = await owner.fetch(
                "select number, internal, internal_before from ticket_event as step"
                " join audit_link as link on link.record_id = step.record_id"
                " where customer_id = $1 order by position",
                desk.customer.id,
            )
            if len(steps) == count:
                break
            await asyncio.sleep(0.05)
    assert [step["number"] for step in steps] == list(range(1, count + 1))
    internal = [step["internal"] for step in steps]
    assert [step["internal_before"] for step in steps] == [
        sum(internal[:place]) for place in range(len(internal))
    ]
    seen = await desk.me.run(
        "query ($id: ID!) { ticket(id: $id) { version history { number } } }", id=ticket["id"]
    )
    public = len(steps) - sum(internal)
    assert [each["number"] for each in seen["ticket"]["history"]] == list(range(1, public + 1))
    assert seen["ticket"]["version"] == public


async def test_a_ticket_that_is_not_locked_takes_no_step(
    factory: Factory, owner: asyncpg.Connection, keys: Keys
) -> None:
    made = await factory.ticket(await factory.customer())
    row = await owner.fetchrow("select * from ticket where id = $1", made.id)
    telling = Batch(owner, keys.audit, "test", datetime.now(UTC))
    ticket, late = LockedTicket.of_row(row), LockedTicket.of_row(row)
    step = Step(ticket.state, TicketEventKind.DUE_SOON, internal=True)
    await note_event(telling, ticket, step)
    with pytest.raises(LostTicketError):
        await note_event(telling, late, step)
    # It may take another, as it stands by now.
    await note_event(telling, ticket, step)
    await telling.finish()
    told = await owner.fetch(
        "select number, event from ticket_event join audit_record as record"
        " on record.id = record_id where ticket_id = $1 order by number",
        made.id,
    )
    assert [tuple(each) for each in told] == [(2, "ticket.due_soon"), (3, "ticket.due_soon")]
