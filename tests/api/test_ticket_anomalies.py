"""What is out of the ordinary with an account opens a ticket of its owner."""

from typing import Any

import asyncpg
from approval_support import agreed
from client import Client
from factories import Factory, Made
from payment_support import account_with, by_number, owner_of, somebody, transfer, usd
from requirement_support import requirements
from terms_support import customer_of, send

from app.auth.permissions import Role

THERE = by_number("12345678", "Hans Huber", "COBADEFF")
TICKETS = """
query ($id: ID!) {
  customer(id: $id) {
    tickets(first: 10, sort: OLDEST) {
      nodes {
        topic category priority channel queue status account { id } assignee { id }
        history { number kind status staff { id } } comments { id }
      }
    }
  }
}
"""


async def tickets_of(account: Made, person: Client) -> list[Any]:
    """What the bank has opened, beside what brings customers to their posts here."""
    found = await person.run(TICKETS, id=customer_of(account))
    return [each for each in found["customer"]["tickets"]["nodes"] if each["topic"] is not None]


async def test_an_account_that_is_frozen_opens_one_ticket(
    client: Client, factory: Factory, owner: asyncpg.Connection
) -> None:
    account = await account_with(factory, "100.00")
    checker = await somebody(client, factory, Role.COMPLIANCE, account)
    manager = await somebody(client, factory, Role.BRANCH_MANAGER, account)
    me = owner_of(client, account)

    async def done(name: str, version: int, **given: Any) -> None:
        values = {"accountId": account.global_id, "expectedVersion": version} | given
        await agreed(checker, await send(manager, name, **values))

    # Of amounts that are held customers are not told.
    await done("freezeAccount", 1, reason="INVESTIGATION", amount=usd("1.00"))
    assert await tickets_of(account, me) == []
    await done("freezeAccount", 2, reason="INVESTIGATION")
    (ticket,) = await tickets_of(account, me)
    assert ticket == {
        "topic": "ACCOUNT_FROZEN",
        "category": "CURRENT_ACCOUNT",
        "priority": "HIGH",
        "channel": "BRANCH",
        "queue": "ACCOUNTS",
        "status": "OPEN",
        "account": {"id": account.global_id},
        "assignee": None,
        "history": [{"number": 1, "kind": "OPENED", "status": "OPEN", "staff": None}],
        "comments": [],
    }
    told = await owner.fetch(
        "select event, actor_id is null as by_bank, command, subject_prefix from audit_record"
        " where customer_id = $1 and recorded_at ="
        " (select recorded_at from audit_record where event = 'ticket.opened' and customer_id = $1)"
        " order by event",
        account.owner,
    )
    assert [tuple(row) for row in told] == [
        ("account.frozen", False, "freezeAccount", "hld"),
        ("approval.approved", False, "approveRequest", "apr"),
        ("ticket.opened", True, "approveRequest", "tkt"),
    ]
    # While that one is running, there is no second.
    await done("unfreezeAccount", 3)
    await done("freezeAccount", 4, reason="COURT_ORDER")
    assert len(await tickets_of(account, me)) == 1
    await owner.execute(
        "update ticket set status = 'CLOSED', resolution = 'EXPLAINED' where customer_id = $1",
        account.owner,
    )
    await done("unfreezeAccount", 5)
    await done("freezeAccount", 6, reason="COURT_ORDER")
    assert len(await tickets_of(account, me)) == 2


async def test_an_unusual_transfer_opens_a_ticket_when_it_is_booked(
    client: Client, factory: Factory
) -> None:
    payer = await account_with(factory, "9000.00")
    weak = client.as_(Role.CUSTOMER, payer.owner, strong=False)
    for _ in range(5):
        assert "transaction" in await transfer(weak, payer, THERE, "1.00")
    refused = await transfer(weak, payer, THERE, "1.00")
    assert refused["code"] == "CONFIRMATION_NEEDED"
    me = owner_of(client, payer)
    assert await tickets_of(payer, me) == []
    # Signing in with a second factor counts instead of a code, and is looked at all the same.
    token = (await requirements(me, payer, THERE, "1.00"))["token"]
    assert "transaction" in await transfer(me, payer, THERE, "1.00", requirementsToken=token)
    assert "transaction" in await transfer(me, payer, THERE, "1.00")
    (ticket,) = await tickets_of(payer, me)
    assert (ticket["topic"], ticket["category"], ticket["channel"], ticket["account"]) == (
        "TRANSFER_UNUSUAL",
        "PAYMENT",
        "WEB",
        {"id": payer.global_id},
    )
