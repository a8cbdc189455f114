"""Loans with their repayment schedules."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.db.retail_bank import codes, sources
from app.db.retail_bank.accounts import account_of
from app.db.retail_bank.files import CURRENCY, BadLine, Row
from app.db.retail_bank.store import DATA_ENDS_ON, Store, source_id
from app.domain.customer import DataSource
from app.domain.dates import add_months
from app.domain.loan import (
    Instalment,
    LoanPurpose,
    LoanStatus,
    RepaymentMethod,
    instalments_due,
    schedule,
)

TERM_MONTHS_MAX: Final = 600
_NUMBER: Final = re.compile(r"L[0-9]{8}")
_NO_RATE: Final = Decimal(0)
_NOTHING: Final = Decimal("0.00")
_OVER: Final = frozenset({LoanStatus.PAID_OFF, LoanStatus.DEFAULTED})
_LOAN_COLUMNS: Final = (
    "customer_id",
    "id",
    "number",
    "account_id",
    "purpose",
    "currency",
    "principal",
    "outstanding",
    "monthly_payment",
    "annual_rate",
    "term_months",
    "repayment_method",
    "status",
    "granted_on",
    "ends_on",
    "collateral_value",
    "source",
    "source_status",
)
_INSTALMENT_COLUMNS: Final = (
    "customer_id",
    "id",
    "loan_id",
    "number",
    "due_on",
    "principal",
    "interest",
    "paid",
)


@dataclass(frozen=True, slots=True)
class Borrowing:
    """A loan as a file describes one; the first ``paid_instalments`` lines are paid."""

    line: int
    number: str
    id: UUID
    customer_id: UUID
    account_id: UUID | None
    purpose: LoanPurpose
    principal: Decimal
    outstanding: Decimal
    monthly_payment: Decimal
    annual_rate: Decimal
    term_months: int
    status: LoanStatus
    granted_on: date
    paid_instalments: int
    source: DataSource
    source_status: str | None = None
    collateral_value: Decimal | None = None

    def row(self) -> tuple[object, ...]:
        """Give the loan's row for COPY."""
        return (
            self.customer_id,
            self.id,
            self.number,
            self.account_id,
            self.purpose,
            CURRENCY,
            self.principal,
            self.outstanding,
            self.monthly_payment,
            self.annual_rate,
            self.term_months,
            RepaymentMethod.EQUAL_INSTALMENT,
            self.status,
            self.granted_on,
            add_months(self.granted_on, self.term_months),
            self.collateral_value,
            self.source,
            self.source_status,
        )

    def schedule(self) -> Iterator[Instalment]:
        """Give the loan's schedule."""
        return schedule(
            self.principal, self.annual_rate, self.term_months, self.granted_on, CURRENCY
        )

    def instalment_rows(self, lines: Iterable[Instalment]) -> Iterator[tuple[object, ...]]:
        """Give the schedule's rows for COPY."""
        for line in lines:
            due = line.principal + line.interest
            yield (
                self.customer_id,
                source_id("instalment", self.number, str(line.number)),
                self.id,
                line.number,
                line.due_on,
                line.principal,
                line.interest,
                due if line.number <= self.paid_instalments else _NOTHING,
            )


def _schedules(
    loans: Iterable[Borrowing], look: Callable[[Borrowing, list[Instalment]], None] | None
) -> Iterator[tuple[object, ...]]:
    for loan in loans:
        lines = list(loan.schedule())
        if look is not None:
            look(loan, lines)
        yield from loan.instalment_rows(lines)


async def store_loans(
    store: Store,
    loans: Sequence[Borrowing],
    look: Callable[[Borrowing, list[Instalment]], None] | None = None,
) -> int:
    """Store those loans with their schedules that are not there; give their number.

    ``look`` is shown each of them with its schedule.
    """
    known = await store.known("loan", [(loan.customer_id, loan.id) for loan in loans])
    new = [loan for loan in loans if loan.id not in known]
    await store.copy("loan", _LOAN_COLUMNS, [loan.row() for loan in new])
    await store.copy("instalment", _INSTALMENT_COLUMNS, _schedules(new, look))
    return len(new)


def paid_instalments(status: LoanStatus, granted_on: date, term_months: int) -> int:
    """Give how many instalments a loan's state at the data's end says are paid.

    The files hold no payments by instalment. What is taken is the least that fits the state:
    PAID_OFF all, DEFAULTED all but the last, ACTIVE all that are due, IN_ARREARS all that are
    due but the latest. Raises BadLine where the state contradicts the loan's dates.
    """
    ends_on = add_months(granted_on, term_months)
    over = ends_on <= DATA_ENDS_ON
    if over != (status in _OVER):
        message = (
            f"status says {status}, but the term {'ended' if over else 'ends'} on {ends_on}"
            f" and the data on {DATA_ENDS_ON}"
        )
        raise BadLine(message)
    due = instalments_due(granted_on, term_months, DATA_ENDS_ON)
    if status in {LoanStatus.PAID_OFF, LoanStatus.ACTIVE}:
        return due
    if not due:
        message = f"status says {status}, but no instalment is due by {DATA_ENDS_ON}"
        raise BadLine(message)
    return due - 1


def term(row: Row, column: str) -> int:
    """Read a loan's term in months."""
    months = row.whole(column)
    if not 1 <= months <= TERM_MONTHS_MAX:
        message = f"{column} is not between 1 and {TERM_MONTHS_MAX} months"
        raise BadLine(message)
    return months


def _parse(store: Store, row: Row, seen: set[str]) -> Borrowing:
    number = row.matching("loan_id", _NUMBER, "a loan number such as L00000001")
    seen.add(row.once("loan_id", number, seen))
    account = account_of(store, row)
    principal, payment = row.money("amount"), row.money("payments")
    months = term(row, "duration")
    if principal <= 0 or principal != payment * months:
        message = f"amount {principal} is not {months} payments of {payment}"
        raise BadLine(message)
    status = row.code("status", codes.LOAN_STATES)
    granted_on = row.day("fulldate")
    paid = paid_instalments(status, granted_on, months)
    return Borrowing(
        line=row.line,
        number=number,
        id=source_id("loan", number),
        customer_id=account.owner_id,
        account_id=account.id,
        purpose=row.code("purpose", codes.LOAN_PURPOSES),
        principal=principal,
        outstanding=principal - payment * paid,
        monthly_payment=payment,
        annual_rate=_NO_RATE,
        term_months=months,
        status=status,
        granted_on=granted_on,
        paid_instalments=paid,
        source=DataSource.RETAIL_BANK,
        source_status=row.text("status"),
    )


async def import_loans(store: Store) -> None:
    """Store each loan under the owner of its account."""
    file = store.files[sources.LOANS]
    seen: set[str] = set()
    loans = list(file.parsed(lambda row: _parse(store, row, seen)))
    stored = await store_loans(store, loans)
    file.count.stored += stored
    file.count.already_there += len(loans) - stored
    store.advance(file)
