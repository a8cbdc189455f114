"""What a customer's data must look like, and the one form in which it is kept."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import orjson
import phonenumbers

from app.domain.problem import Problem, ProblemCode

# RFC 5321, section 4.5.3.1: 64 octets before the sign, 255 after it, 254 for both.
_EMAIL: Final = re.compile(r"[^@\s\"(),:;<>\[\]\\]{1,64}@([\w-]{1,63}\.)+[^\W\d_]{2,63}")
_EMAIL_LENGTH_MAX: Final = 254
_COUNTRY: Final = re.compile("[A-Z]{2}")
# RFC 5646: language, and where given script, region and variants.
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_LINE_LENGTH_MAX: Final = 200


@dataclass(frozen=True)
class Phone:
    """A telephone number: as it is kept, its country's calling code, and the national digits."""

    text: str
    country_code: str
    national: str


def phone(given: str, field: str) -> Phone:
    """Read an international telephone number; refuses one that no country has."""
    try:
        number = phonenumbers.parse(unicodedata.normalize("NFKC", given).strip())
    except phonenumbers.NumberParseException as error:
        raise Problem(ProblemCode.INVALID_PHONE, field) from error
    if not phonenumbers.is_valid_number(number):
        raise Problem(ProblemCode.INVALID_PHONE, field)
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.national_significant_number(number)
    return Phone(text, str(number.country_code), national)


def email(given: str, field: str) -> str:
    """Read an e-mail address (RFC 5321; no comments, quotes or address literals)."""
    text = unicodedata.normalize("NFKC", given).strip()
    if len(text) > _EMAIL_LENGTH_MAX or not _EMAIL.fullmatch(text) or ".." in text:
        raise Problem(ProblemCode.INVALID_EMAIL, field)
    return text


def language(given: str, field: str) -> str:
    """Read a language tag (BCP 47)."""
    if not _LANGUAGE.fullmatch(given):
        raise Problem(ProblemCode.INVALID_LANGUAGE, field)
    return given


@dataclass(frozen=True)
class PostalAddress:
    """A postal address as it is given: street, town and country are needed."""

    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str

    def stored(self, field: str) -> str:
        """Give the form that is kept, a JSON object of texts; refuses a part that is missing."""
        parts = {
            "line1": self.line1,
            "line2": self.line2,
            "city": self.city,
            "region": self.region,
            "postalCode": self.postal_code,
            "country": self.country,
        }
        trimmed = {name: (text or "").strip() for name, text in parts.items()}
        for name in ("line1", "city"):
            if not trimmed[name]:
                raise Problem(ProblemCode.INVALID_ADDRESS, f"{field}.{name}")
        for name, text in trimmed.items():
            if len(text) > _LINE_LENGTH_MAX or not all(map(str.isprintable, text)):
                raise Problem(ProblemCode.INVALID_ADDRESS, f"{field}.{name}")
        if not _COUNTRY.fullmatch(trimmed["country"]):
            raise Problem(ProblemCode.INVALID_ADDRESS, f"{field}.country")
        return orjson.dumps({name: text for name, text in trimmed.items() if text}).decode()
