"""Taking on a customer: what must be known, and the one form in which it is kept."""

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final

from app.domain import customer_data
from app.domain.closed_set import ClosedSet
from app.domain.customer import Gender, age_in_years
from app.domain.customer_data import Phone, PostalAddress
from app.domain.identity_number import Told, identity_number
from app.domain.problem import Problem, ProblemCode
from app.domain.service import Channel

_NAME_LENGTH_MAX: Final = 200
_OCCUPATION_LENGTH_MAX: Final = 100
# The oldest person of whom it is proven lived 122 years.
_AGE_MAX: Final = 125


class PartyType(ClosedSet):
    """What kind of party becomes a customer."""

    INDIVIDUAL = "INDIVIDUAL", "A natural person."
    BUSINESS = "BUSINESS", "A company or other organisation."


@dataclass(frozen=True)
class NationalId:
    """An identity number as it is given, with the country that gave it out (ISO 3166-1)."""

    country: str
    value: str


@dataclass(frozen=True)
class Application:
    """What somebody who becomes a customer says; birth date, gender, occupation for a person."""

    type: PartyType
    name: str
    national_id: NationalId
    birth_date: date | None = None
    gender: Gender | None = None
    occupation: str | None = None
    phone: str | None = None
    email: str | None = None
    address: PostalAddress | None = None
    language: str | None = None
    preferred_channel: Channel | None = None


@dataclass(frozen=True)
class Applicant:
    """Who becomes a customer, checked, each value in the form in which it is kept."""

    type: PartyType
    name: str
    national_id: str
    birth_date: date | None
    gender: Gender | None
    occupation: str | None
    phone: Phone | None
    email: str | None
    address: str | None
    language: str | None
    preferred_channel: Channel | None


def check(given: Application, today: date) -> Applicant:
    """Check an application at the business date; refuses the first thing that is wrong."""
    is_person = given.type is PartyType.INDIVIDUAL
    if is_person:
        _check_birth_date(given.birth_date, today)
    else:
        _check_no_person(given)
    number = identity_number(
        given.national_id.country, given.national_id.value, "nationalId", is_person=is_person
    )
    _check_told(given, number.told)
    return Applicant(
        type=given.type,
        name=_text(given.name, _NAME_LENGTH_MAX, ProblemCode.INVALID_NAME, "name"),
        national_id=number.text,
        birth_date=given.birth_date,
        gender=given.gender,
        occupation=_occupation(given.occupation),
        phone=customer_data.phone(given.phone, "phone") if given.phone is not None else None,
        email=customer_data.email(given.email, "email") if given.email is not None else None,
        address=given.address.stored("address") if given.address else None,
        language=customer_data.language(given.language, "language")
        if given.language is not None
        else None,
        preferred_channel=given.preferred_channel,
    )


def _check_birth_date(born_on: date | None, today: date) -> None:
    if born_on is None or born_on > today or age_in_years(born_on, today) > _AGE_MAX:
        raise Problem(ProblemCode.INVALID_BIRTH_DATE, "birthDate")


def _check_no_person(given: Application) -> None:
    for field, value in (
        ("birthDate", given.birth_date),
        ("gender", given.gender),
        ("occupation", given.occupation),
    ):
        if value is not None:
            raise Problem(ProblemCode.NOT_A_PERSON, field)


def _check_told(given: Application, told: Told) -> None:
    if told.born_on not in {None, given.birth_date}:
        raise Problem(ProblemCode.IDENTITY_NOT_MATCHING, "birthDate")
    if given.gender is not None and told.gender not in {None, given.gender}:
        raise Problem(ProblemCode.IDENTITY_NOT_MATCHING, "gender")


def _occupation(given: str | None) -> str | None:
    if given is None:
        return None
    return _text(given, _OCCUPATION_LENGTH_MAX, ProblemCode.INVALID_OCCUPATION, "occupation")


def _text(given: str, length_max: int, code: ProblemCode, field: str) -> str:
    """Give a text of letters with single spaces between its words."""
    text = " ".join(unicodedata.normalize("NFC", given).split())
    if len(text) > length_max or not text.isprintable() or not any(map(str.isalpha, text)):
        raise Problem(code, field)
    return text
