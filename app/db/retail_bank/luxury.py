"""The luxury loan portfolio: customers and loans of source LUXURY."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.db.loading import Posts
from app.db.retail_bank import codes, sources
from app.db.retail_bank.clients import NATIONAL_ID, PHONE, POSTAL_CODE, full_name
from app.db.retail_bank.customers import Address, Person, store_customers
from app.db.retail_bank.files import CURRENCY, MONTH_FIRST, BadLine, Row
from app.db.retail_bank.loans import Borrowing, store_loans, term
from app.db.retail_bank.store import DATA_ENDS_ON, Store, batches, source_id
from app.domain.customer import DataSource, Tier
from app.domain.loan import Instalment, LoanStatus, annuity_payment

_NUMBER: Final = re.compile(r"LL[0-9]{7}")
_CUSTOMER_PREFIX: Final = "P-"
# All the portfolio's properties are in New York City, which is district 1.
_DISTRICT: Final = 1
_PAYMENT_TOLERANCE: Final = Decimal("0.01")
# Loans stored at once: their schedules are some 30,000 rows.
_BATCH_LOANS: Final = 100


@dataclass
class Disagreements:
    """Where the portfolio's figures do not fit a repayment schedule."""

    granted_later: int = 0
    paid_ahead: int = 0
    other_payment: int = 0
    other_balance: int = 0

    def look(self, loan: Borrowing, lines: list[Instalment]) -> None:
        """Compare a loan's figures with its schedule."""
        payment = annuity_payment(loan.principal, loan.annual_rate, loan.term_months, CURRENCY)
        paid = lines[: loan.paid_instalments]
        self.granted_later += loan.granted_on > DATA_ENDS_ON
        self.paid_ahead += bool(paid) and paid[-1].due_on > DATA_ENDS_ON
        self.other_payment += abs(payment - loan.monthly_payment) > payment * _PAYMENT_TOLERANCE
        rest = loan.principal - sum(line.principal for line in paid)
        self.other_balance += rest != loan.outstanding

    def sentences(self) -> list[str]:
        """Give a note for each kind that occurs."""
        kinds = (
            (self.other_balance, "state a balance that is not what their schedule leaves"),
            (self.other_payment, "state a payment more than 1 % away from the annuity"),
            (self.paid_ahead, f"state payments that are due after {DATA_ENDS_ON}"),
            (self.granted_later, f"were granted after {DATA_ENDS_ON}"),
        )
        return [f"Luxury loans: {count:,} {what}; kept as stated" for count, what in kinds if count]


def _parse(store: Store, row: Row, seen: set[str]) -> tuple[Person, Borrowing]:
    number = row.matching("loan_id", _NUMBER, "a loan number such as LL0000001")
    seen.add(row.once("loan_id", number, seen))
    branch_id = store.branches.get(_DISTRICT)
    if branch_id is None:
        message = f"the branch of the portfolio, district {_DISTRICT}, is not in the bank"
        raise BadLine(message)
    granted_on = row.day("funded_date", MONTH_FIRST)
    months = term(row, "duration_months")
    paid = row.whole("total_past_payments")
    principal, outstanding = row.money("funded_amount"), row.money("loan_balance")
    rate, payment = row.decimal("interest_rate"), row.money("payments")
    if principal <= 0 or payment <= 0 or outstanding < 0 or not 0 <= rate < 1 or paid > months:
        message = (
            "funded_amount, payments, loan_balance, interest_rate or total_past_payments"
            " is out of range"
        )
        raise BadLine(message)
    customer_number = f"{_CUSTOMER_PREFIX}{number}"
    person = Person(
        line=row.line,
        id=source_id("client", customer_number),
        number=customer_number,
        source=DataSource.LUXURY,
        tier=Tier.PLATINUM,
        branch_id=branch_id,
        customer_since=granted_on,
        name=full_name(row, "firstname", "middlename", "lastname"),
        national_id=row.matching("social", NATIONAL_ID, "a social security number"),
        phone=row.matching("phone", PHONE, "a telephone number"),
        occupation=row.optional("title"),
        address=Address(
            line1=row.text("address_1"),
            line2=row.optional("address_2"),
            city=row.text("city"),
            region=row.text("state"),
            postal_code=row.matching("zip_code", POSTAL_CODE, "a postal code"),
        ),
    )
    loan = Borrowing(
        line=row.line,
        number=number,
        id=source_id("loan", number),
        customer_id=person.id,
        account_id=None,
        purpose=row.code("purpose", codes.LUXURY_PURPOSES),
        principal=principal,
        outstanding=outstanding,
        monthly_payment=payment,
        annual_rate=rate,
        term_months=months,
        status=LoanStatus.ACTIVE if outstanding else LoanStatus.PAID_OFF,
        granted_on=granted_on,
        paid_instalments=paid,
        source=DataSource.LUXURY,
        collateral_value=row.money("property_value"),
    )
    return person, loan


async def import_luxury_loans(store: Store, posts: Posts) -> list[str]:
    """Store each loan of the portfolio with its borrower; give notes on its figures."""
    file = store.files[sources.LUXURY_LOANS]
    seen: set[str] = set()
    disagreements = Disagreements()
    for batch in batches(file.parsed(lambda row: _parse(store, row, seen)), _BATCH_LOANS):
        new, there = await store_customers(store, file, posts, [person for person, _ in batch])
        borrowers = {person.id for person in (*new, *there)}
        loans = [loan for _, loan in batch if loan.customer_id in borrowers]
        stored = await store_loans(store, loans, disagreements.look)
        file.count.stored += stored
        file.count.already_there += len(loans) - stored
        store.advance(file)
    return disagreements.sentences()
