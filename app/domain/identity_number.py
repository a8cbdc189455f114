"""Identity numbers of persons and organisations: how each country's are checked and written."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import ModuleType
from typing import Final

from stdnum.br import cnpj, cpf
from stdnum.cn import ric, uscc
from stdnum.de import idnr
from stdnum.de import vat as de_vat
from stdnum.es import cif, dni, nie
from stdnum.exceptions import ValidationError
from stdnum.fi import hetu, ytunnus
from stdnum.fr import nir, siren
from stdnum.in_ import pan
from stdnum.it import codicefiscale, iva
from stdnum.jp import cn as jp_corporate
from stdnum.jp import in_ as jp_individual
from stdnum.kr import brn, rrn
from stdnum.pl import nip, pesel
from stdnum.se import orgnr, personnummer
from stdnum.tr import tckimlik, vkn
from stdnum.us import ein, itin, ssn

from app.domain.customer import Gender
from app.domain.problem import Problem, ProblemCode

_LENGTH_MAX: Final = 40


@dataclass(frozen=True)
class Told:
    """What a number tells of its holder; None where it does not say."""

    born_on: date | None = None
    gender: Gender | None = None


def _told_nothing(_number: str) -> Told:
    return Told()


def _told_by_cn(number: str) -> Told:
    # GB 11643: the sequence number, places 15 to 17, is odd for men.
    return Told(ric.get_birth_date(number), _odd_for_men(number[16]))


def _told_by_kr(number: str) -> Told:
    # The seventh digit is odd for men, also for residents from abroad.
    return Told(rrn.get_birth_date(number), _odd_for_men(number[6]))


def _told_by_pl(number: str) -> Told:
    gender = Gender.MALE if pesel.get_gender(number) == "M" else Gender.FEMALE
    return Told(pesel.get_birth_date(number), gender)


def _odd_for_men(digit: str) -> Gender:
    return Gender.MALE if int(digit) % 2 else Gender.FEMALE


@dataclass(frozen=True)
class Scheme:
    """How one country numbers its persons or its organisations.

    ``kinds`` are tried in order. A number that is not ``plain`` is kept behind the country's code,
    because the digits alone may be somebody else's in another country.
    """

    kinds: tuple[ModuleType, ...]
    told: Callable[[str], Told] = _told_nothing
    plain: bool = False

    def validated(self, given: str) -> tuple[str, str] | None:
        """Give the number without separators, and as it is written; None where it is none."""
        for kind in self.kinds:
            try:
                number: str = kind.validate(given)
            except ValidationError:
                continue
            write = getattr(kind, "format", None)
            return number, write(number) if write else number
        return None


@dataclass(frozen=True)
class Country:
    """The schemes of one country."""

    persons: Scheme
    organisations: Scheme


def _country(persons: tuple[ModuleType, ...], organisations: ModuleType) -> Country:
    return Country(Scheme(persons), Scheme((organisations,)))


# By ISO 3166-1 alpha-2 code. The modules of python-stdnum name each number's authority and form.
COUNTRIES: Final[Mapping[str, Country]] = {
    "BR": _country((cpf,), cnpj),
    "CN": Country(Scheme((ric,), _told_by_cn, plain=True), Scheme((uscc,), plain=True)),
    "DE": _country((idnr,), de_vat),
    "ES": _country((dni, nie), cif),
    "FI": _country((hetu,), ytunnus),
    "FR": _country((nir,), siren),
    "IN": _country((pan,), pan),
    "IT": _country((codicefiscale,), iva),
    "JP": _country((jp_individual,), jp_corporate),
    "KR": Country(Scheme((rrn,), _told_by_kr), Scheme((brn,))),
    "PL": Country(Scheme((pesel,), _told_by_pl), Scheme((nip,))),
    "SE": _country((personnummer,), orgnr),
    "TR": _country((tckimlik,), vkn),
    "US": Country(Scheme((ssn, itin), plain=True), Scheme((ein,))),
}


@dataclass(frozen=True)
class IdentityNumber:
    """A number as it is kept, and what it tells of its holder."""

    text: str
    told: Told


def identity_number(country: str, given: str, field: str, *, is_person: bool) -> IdentityNumber:
    """Read an identity number; refuses one that the country cannot have given out."""
    schemes = COUNTRIES.get(country)
    if schemes is None:
        raise Problem(ProblemCode.COUNTRY_NOT_SUPPORTED, f"{field}.country")
    scheme = schemes.persons if is_person else schemes.organisations
    # Documents print groups of digits; no number has a space that means anything.
    text = "".join(unicodedata.normalize("NFKC", given).split())
    # Within ASCII the checks below meet only the characters that they were written for.
    is_possible = text.isascii() and text.isprintable() and 0 < len(text) <= _LENGTH_MAX
    found = scheme.validated(text) if is_possible else None
    if found is None:
        raise Problem(ProblemCode.INVALID_NATIONAL_ID, f"{field}.value")
    number, written = found
    return IdentityNumber(written if scheme.plain else f"{country} {written}", scheme.told(number))
