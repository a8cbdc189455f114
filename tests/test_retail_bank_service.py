from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from retail_bank_support import Imports

from app.db.bank_itself import BANK_ID


async def test_complaints_become_tickets_with_history(imports: Imports) -> None:
    summary = await imports.run()
    tickets = await imports.rows(
        "select number, category, subject, status, priority, channel, queue, opened_at, due_at,"
        " breached_at, resolution, event_count from ticket order by number"
    )
    assert tickets == [
        (
            "CR0000001",
            "CURRENT_ACCOUNT",
            "Deposits and withdrawals",
            "CLOSED",
            "NORMAL",
            "EMAIL",
            "ACCOUNTS",
            datetime(2014, 7, 3, tzinfo=UTC),
            datetime(2014, 7, 24, tzinfo=UTC),
            None,
            "EXPLAINED",
            3,
        ),
        (
            "CR0000002",
            "CREDIT_CARD",
            "Late fee",
            "IN_PROGRESS",
            "HIGH",
            "PHONE",
            "CARDS",
            datetime(2015, 4, 12, tzinfo=UTC),
            datetime(2015, 4, 27, tzinfo=UTC),
            datetime(2015, 4, 27, tzinfo=UTC),
            None,
            3,
        ),
    ]
    assert await imports.rows(
        "select ticket.number, ticket_event.number, kind, occurred_at::date, ticket_event.status"
        " from ticket_event join ticket on ticket.id = ticket_id order by 1, 2"
    ) == [
        ("CR0000001", 1, "OPENED", date(2014, 7, 3), "OPEN"),
        ("CR0000001", 2, "FORWARDED", date(2014, 7, 9), "IN_PROGRESS"),
        ("CR0000001", 3, "CLOSED", None, "CLOSED"),
        ("CR0000002", 1, "OPENED", date(2015, 4, 12), "OPEN"),
        ("CR0000002", 2, "FORWARDED", date(2015, 4, 10), "IN_PROGRESS"),
        ("CR0000002", 3, "BREACHED", date(2015, 4, 27), None),
    ]
    assert any("1 were sent to the bank before they were received" in n for n in summary.notes)
    assert await imports.rows(
        "select distinct role from ticket join staff on staff.id = assignee_id"
        " join staff_role on staff_id = staff.id where role = 'SERVICE_AGENT'"
    ) == [("SERVICE_AGENT",)]


async def test_calls_and_reviews_become_contacts(imports: Imports) -> None:
    await imports.run()
    noah = await imports.customer_id("C00000002")
    contacts = await imports.rows(
        "select customer_id, kind, channel, started_at, ended_at, ticket_id is not null"
        " from interaction order by started_at"
    )

    def at(moment: str) -> datetime:
        return datetime.fromisoformat(moment).replace(tzinfo=UTC)

    def call(customer: UUID, began: str, ended: str, *, of_ticket: bool = False) -> tuple[Any, ...]:
        return (customer, "CALL", "PHONE", at(began), at(ended), of_ticket)

    assert contacts == [
        call(BANK_ID, "2015-02-03 15:47:13", "2015-02-03 15:50:33"),
        call(noah, "2015-04-12 13:34:11", "2015-04-12 13:40:23", of_ticket=True),
        call(BANK_ID, "2017-03-27 23:58:22", "2017-03-28 00:16:10"),
        (BANK_ID, "REVIEW", "WEB", at("2017-10-04"), None, False),
        (BANK_ID, "REVIEW", "WEB", at("2019-06-12"), None, False),
    ]
    told = await imports.rows(
        "select purpose, outcome, priority, agent, stars, product, source_ref, branch.code"
        " from interaction left join branch on branch.id = branch_id order by started_at"
    )
    nothing = (None,) * 4
    assert told == [
        (*nothing, None, None, None, None),
        ("CALL_BACK", "AGENT", 2, "MICHAL", None, None, "34536", None),
        ("NEW_CUSTOMER", "HANG_UP", 0, None, None, None, "34537", None),
        (*nothing, 5, "Eagle National Mortgage", None, "D18"),
        (*nothing, 1, "Eagle National Bank", None, "D01"),
    ]


async def test_what_was_said_in_contacts_is_sealed(imports: Imports) -> None:
    await imports.run()
    review = await imports.value("select id from interaction where text_ciphertext is not null")
    text = await imports.clear("interaction", "text_ciphertext", BANK_ID, review)
    assert text == "Great job!\n\nThank you, Ann"
    call = await imports.value("select id from interaction where source_ref = '34537'")
    phone = await imports.clear("interaction", "phone_ciphertext", BANK_ID, call)
    assert phone == "322-598-7152"
