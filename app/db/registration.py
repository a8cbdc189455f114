"""Statements by which the unit of work takes on a customer."""

from datetime import date, timedelta
from secrets import randbelow
from typing import Any, Final
from uuid import UUID

from app.auth.permissions import Role
from app.db import customer_writes
from app.db.ids import new_id
from app.db.key_check import make_key
from app.db.unit_of_work import Unit
from app.domain.audit import ServiceEvidence, ServiceReason
from app.domain.customer import CustomerStatus, DataSource, KycStatus, Tier
from app.domain.customer_number import NUMBERS, customer_number
from app.domain.problem import Problem, ProblemCode
from app.domain.registration import Applicant

# With a hundred million customers, one in ten to the tenth registrations is told to try again.
_DRAWS_MAX: Final = 5
_SERVICE: Final = timedelta(minutes=30)


async def business_date(unit: Unit) -> date:
    """Give the business date, which does not change before the command ends."""
    (row,) = await unit.fetch("select booking_date() as today")
    today: date = row["today"]
    return today


async def branch_of_registrar(unit: Unit) -> UUID | None:
    """Give the branch that the viewer works for; refuses who does not work for the bank."""
    rows = await unit.fetch(
        "select branch_id from staff where id = $1 and active", unit.viewer.staff_id
    )
    if not rows:
        raise Problem(ProblemCode.STAFF_NOT_FITTING)
    branch_id: UUID | None = rows[0]["branch_id"]
    return branch_id


async def check_branch(unit: Unit, branch_id: UUID, field: str) -> None:
    """Refuse a branch that the bank does not have."""
    if not await unit.fetch("select from branch where id = $1", branch_id):
        raise Problem(ProblemCode.NOT_FOUND, field)


async def store(unit: Unit, applicant: Applicant, branch_id: UUID, since: date) -> UUID:
    """Store a new customer with key and look-up rows; refuses an identity that is known."""
    customer = new_id()
    # First of all: of two who register the same person at once, the second waits here.
    await _claim_identity(unit, customer, applicant.national_id)
    number = await _draw_number(unit, customer)
    wrapped, unit.ciphers[customer] = await make_key(unit.connection, unit.keys.ring, customer)
    await unit.insert(
        "customer",
        id=customer,
        number=number,
        type=applicant.type,
        source=DataSource.BANK360,
        status=CustomerStatus.ACTIVE,
        kyc_status=KycStatus.PENDING,
        tier=Tier.NORMAL,
        gender=applicant.gender,
        occupation=applicant.occupation,
        language=applicant.language,
        preferred_channel=applicant.preferred_channel,
        branch_id=branch_id,
        customer_since=since,
        **_encrypted(unit, customer, applicant),
    )
    await unit.insert("customer_key", customer_id=customer, wrapped_key=wrapped)
    await customer_writes.index_phone(unit, customer, applicant.phone)
    await customer_writes.index_email(unit, customer, applicant.email)
    await _index_name(unit, customer, applicant.name)
    return customer


async def begin_service(unit: Unit, customer: UUID) -> None:
    """Let the viewer serve a customer who is at the counter for half an hour."""
    await unit.insert(
        "begun_service",
        customer_id=customer,
        id=new_id(),
        staff_id=unit.viewer.staff_id,
        role=unit.viewer.role,
        reason=ServiceReason.WALK_IN,
        evidence=ServiceEvidence.IDENTITY_DOCUMENT,
        begun_at=unit.at,
        ends_at=unit.at + _SERVICE,
    )


async def become_manager(unit: Unit, customer: UUID) -> None:
    """Make the viewer the customer's manager."""
    await unit.insert(
        "assignment",
        customer_id=customer,
        role=Role.RELATIONSHIP_MANAGER,
        staff_id=unit.viewer.staff_id,
        assigned_at=unit.at,
    )


async def _claim_identity(unit: Unit, customer: UUID, national_id: str) -> None:
    claimed = await unit.fetch(
        "insert into national_id_index (digest, customer_id) values ($1, $2)"
        " on conflict do nothing returning customer_id",
        unit.keys.index.national_id(national_id),
        customer,
    )
    if not claimed:
        raise Problem(ProblemCode.ALREADY_REGISTERED, "nationalId")


async def _draw_number(unit: Unit, customer: UUID) -> str:
    # Drawn, not counted: a number must not tell how many customers there are, or who came when.
    for _ in range(_DRAWS_MAX):
        number = customer_number(randbelow(NUMBERS))
        if await unit.fetch(
            "insert into customer_number (number, customer_id) values ($1, $2)"
            " on conflict do nothing returning number",
            number,
            customer,
        ):
            return number
    raise Problem(ProblemCode.TRY_AGAIN)


def _encrypted(unit: Unit, customer: UUID, applicant: Applicant) -> dict[str, Any]:
    born_on, phone = applicant.birth_date, applicant.phone
    clear = {
        "name": applicant.name,
        "birth_date": born_on.isoformat() if born_on else None,
        "national_id": applicant.national_id,
        "phone": phone.text if phone else None,
        "email": applicant.email,
        "address": applicant.address,
    }
    return {
        f"{name}_ciphertext": unit.encrypt(customer, f"customer.{name}_ciphertext", customer, value)
        for name, value in clear.items()
    }


async def _index_name(unit: Unit, customer: UUID, name: str) -> None:
    digests = unit.keys.index.name_prefixes(name)
    await unit.change(
        "insert into name_index (digest, customer_id) select unnest($1::bytea[]), $2::uuid",
        list(digests),
        customer,
        rows=len(digests),
    )
