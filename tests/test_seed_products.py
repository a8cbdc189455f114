"""The invented bank: loans, holdings, tickets, households and segments."""

from datetime import date, timedelta

import pytest
from seed_support import BUSINESS_DATE, Bank

from app.db.service_desk import calendar_of
from app.domain.customer import Tier
from app.domain.loan import Classification, LoanStatus, classify
from app.domain.money import Currency, rounded
from app.domain.service import QUEUES, TicketEventKind, TicketPriority, TicketStatus
from app.domain.service_level import NEVER, STANDING_STILL, TARGETS, Milestone


@pytest.fixture
def bank(invented_bank: Bank) -> Bank:
    return invented_bank


def _days_past_due(bank: Bank) -> list[tuple[LoanStatus, int]]:
    found = bank.rows(
        """
        select status, coalesce((
            select max($1::date - due_on) from instalment
            where instalment.customer_id = loan.customer_id and loan_id = loan.id
                and due_on < $1 and paid < principal + interest
        ), 0) from loan
        """,
        BUSINESS_DATE,
    )
    return [(LoanStatus[status], days) for status, days in found]


def test_loans_are_in_every_state_and_grade(bank: Bank) -> None:
    loans = _days_past_due(bank)
    assert {status for status, _ in loans} == set(LoanStatus)
    assert {classify(days) for _, days in loans} == set(Classification)
    late = {LoanStatus.IN_ARREARS, LoanStatus.DEFAULTED, LoanStatus.WRITTEN_OFF}
    assert all((days > 0) == (status in late) for status, days in loans)


def test_loans_agree_with_their_schedules(bank: Bank) -> None:
    loans = bank.rows(
        """
        select loan.status, loan.principal, outstanding, ends_on, count(instalment.id),
            coalesce(sum(instalment.principal), 0),
            coalesce(sum(instalment.principal) filter (where paid = 0), 0),
            count(*) filter (where paid > 0 and paid <> instalment.principal + interest),
            count(*) filter (where (paid > 0) <> (paid_on is not null)), term_months
        from loan left join instalment using (customer_id)
        where instalment.loan_id is null or loan.id = instalment.loan_id
        group by loan.customer_id, loan.id
        """
    )
    for status, principal, outstanding, ends_on, lines, whole, rest, partly, undated, term in loans:
        if status in {"APPLIED", "APPROVED", "REJECTED"}:
            assert (lines, outstanding) == (0, 0)
            continue
        assert (lines, whole, rest) == (term, principal, outstanding)
        assert (partly, undated) == (0, 0)
        assert (outstanding == 0) == (status == "PAID_OFF")
        if status in {"PAID_OFF", "DEFAULTED"}:
            assert ends_on <= BUSINESS_DATE


def test_loan_payments_of_the_year_are_in_the_ledger(bank: Bank) -> None:
    paid = bank.value(
        "select sum(paid) from instalment where paid_on >= $1 and paid > 0", date(2025, 6, 30)
    )
    booked = bank.value(
        "select -sum(amount) from posting where kind = 'LOAN_PAYMENT' and balance_after is not null"
    )
    assert paid == booked > 0


def test_holdings_cost_what_units_cost_on_their_day(bank: Bank) -> None:
    lots = bank.rows(
        """
        select lot.units, lot.cost, price, holding.currency, acquired_on, customer_since
        from holding_lot lot
        join holding on (holding.customer_id, holding.id) = (lot.customer_id, lot.holding_id)
        join customer on customer.id = lot.customer_id
        left join product_price on product_price.product_id = holding.product_id
            and price_on = acquired_on
        """
    )
    assert lots
    for units, cost, price, currency, acquired_on, since in lots:
        assert cost == rounded(units * price, Currency[currency])
        assert since < acquired_on < BUSINESS_DATE
    wrong = bank.rows(
        """
        select holding.id from holding join holding_lot lot
            on (holding.customer_id, holding.id) = (lot.customer_id, lot.holding_id)
        group by holding.customer_id, holding.id
        having holding.units <> sum(lot.units) or holding.cost <> sum(lot.cost)
        """
    )
    assert wrong == []


def test_products_of_every_risk_level_have_a_price_on_each_weekday(bank: Bank) -> None:
    products = bank.rows(
        "select risk_level, currency, count(*), min(price_on), max(price_on) from product"
        " join product_price on product_id = product.id group by product.id"
    )
    assert {(level, currency) for level, currency, *_ in products} == {
        (f"R{level}", currency) for level in range(1, 6) for currency in ("CNY", "USD")
    }
    weekdays = {
        (261, date(2025, 6, 30), date(2026, 6, 30)),
        (262, date(2025, 6, 30), BUSINESS_DATE),
    }
    assert {tuple(rest) for _, _, *rest in products} <= weekdays
    too_bold = bank.rows(
        """
        select customer.id from holding join product on product.id = product_id
        join customer on customer.id = customer_id
        where substr(product.risk_level, 2)::int > substr(risk_appetite, 2)::int
        """
    )
    assert too_bold == []


def test_tickets_tell_their_history(bank: Bank) -> None:
    tickets = bank.rows(
        """
        select ticket.status, event_count, breached_at, csat,
            array_agg(event.number order by event.number),
            array_agg(event.kind order by event.number),
            array_agg(event.status order by event.number) filter (where event.status is not null),
            array_agg(occurred_at order by event.number)
        from ticket join ticket_event event
            on (event.customer_id, event.ticket_id) = (ticket.customer_id, ticket.id)
        group by ticket.customer_id, ticket.id
        """
    )
    assert {TicketStatus[row[0]] for row in tickets} == set(TicketStatus)
    for status, count, breached_at, csat, numbers, kinds, reached, moments in tickets:
        assert numbers == list(range(1, count + 1))
        assert kinds[0] == TicketEventKind.OPENED
        assert reached[-1] == status
        assert moments == sorted(moments)
        assert (breached_at is not None) == (TicketEventKind.BREACHED in kinds)
        assert (csat is not None) == (TicketEventKind.RATED in kinds)
    comments = dict(bank.rows("select internal, count(*) from ticket_comment group by internal"))
    assert comments[True] > 0
    assert comments[False] > 0
    bodies = {body for _, body in bank.clear("ticket_comment", "body")}
    assert "Called the customer back." in bodies


def test_households_are_written_under_each_member(bank: Bank) -> None:
    kinds = {kind for (kind,) in bank.rows("select distinct kind from relationship")}
    assert kinds == {"SPOUSE", "PARENT", "CHILD", "EMPLOYER", "EMPLOYEE", "SHARES_ACCOUNT"}
    lonely = bank.rows(
        """
        select one.id from relationship one where not exists (
            select from relationship other
            where other.customer_id = one.related_customer_id
                and other.related_customer_id = one.customer_id
                and (one.kind, other.kind) in (('SPOUSE', 'SPOUSE'), ('PARENT', 'CHILD'),
                    ('CHILD', 'PARENT'), ('EMPLOYER', 'EMPLOYEE'), ('EMPLOYEE', 'EMPLOYER'),
                    ('SHARES_ACCOUNT', 'SHARES_ACCOUNT'))
        )
        """
    )
    assert lonely == []
    owners = bank.rows("select customer_id, account_id, holder_id, role from account_holder")
    held = bank.rows("select owner_id, account_id, customer_id, role from held_account")
    assert sorted(map(str, owners)) == sorted(map(str, held))
    assert {role for *_, role in owners} == {"JOINT_HOLDER", "AUTHORISED_USER"}


def test_segments_have_the_members_that_their_definition_says(bank: Bank) -> None:
    members = dict(
        bank.rows(
            "select code, count(*) from segment join segment_membership on segment_id = id"
            " group by code"
        )
    )
    assert members["HIGH_VALUE"] == bank.value(
        "select count(*) from customer where tier in ('GOLD', 'PLATINUM') and status <> 'CLOSED'"
    )
    assert members["NEW"] == bank.value(
        "select count(*) from customer where customer_since >= $1 and type <> 'BANK'",
        date(2026, 4, 1),
    )
    assert members["INVESTOR"] == bank.value("select count(distinct customer_id) from holding")
    busy = bank.value(
        """
        select count(*) from segment_membership m join segment on segment.id = segment_id
        join posting on posting.customer_id = m.customer_id
        where code = 'DORMANT' and booked_at >= '2026-01-01Z' and kind <> 'INTEREST_CREDITED'
        """
    )
    assert (members["DORMANT"] > 0, busy) == (True, 0)
    assert members["MORTGAGE"] == bank.value(
        "select count(distinct customer_id) from loan"
        " where purpose = 'HOME' and status in ('ACTIVE', 'IN_ARREARS')"
    )


def test_running_tickets_are_due_as_the_rules_say(bank: Bank) -> None:
    tickets = bank.rows(
        """
        select ticket.status, tier, priority, opened_at, due_at, due_for, left_seconds, worked,
            running_since, urgent_at, queue, breached_at, breach_told_at
        from ticket join customer on customer.id = ticket.customer_id
        """
    )
    late = 0
    for row in tickets:
        status, tier, priority, opened_at, due_at, due_for, left, worked, running = row[:9]
        urgent_at, queue, breached_at, told_at = row[9:]
        target = TARGETS[Tier[tier], TicketPriority[priority]].of(Milestone[due_for])
        assert due_for == ("ANSWER" if status == "OPEN" else "SOLUTION")
        assert left == (target - worked) // timedelta(seconds=1)
        assert (running is None) == (TicketStatus[status] in STANDING_STILL)
        assert breached_at == told_at
        if running is not None:
            late += breached_at is not None
            assert (worked, running) == (timedelta(0), opened_at)
            assert due_at == urgent_at == calendar_of(queue).add_working_time(opened_at, target)
        else:
            assert urgent_at == NEVER
    running = [row for row in tickets if row[8] is not None]
    assert late < len(running) / 2


def test_the_service_desk_has_agents_for_every_queue(bank: Bank) -> None:
    for queue in set(QUEUES.values()):
        languages = bank.rows(
            "select distinct unnest(languages) from service_agent"
            " join staff_queue using (staff_id) where queue = $1",
            queue,
        )
        assert set(languages) == {("zh",), ("en",)}
    wrong = bank.value(
        "select count(*) from service_agent where open_tickets <> (select count(*) from ticket"
        " where assignee_id = staff_id and status not in ('RESOLVED', 'CLOSED'))"
    )
    assert wrong == 0
    assert bank.value("select sum(open_tickets) from service_agent") > 0
    assert bank.value("select count(*) from service_agent where open_tickets >= capacity") == 0
