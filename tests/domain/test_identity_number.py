"""Identity numbers: what countries give out, and what they do not."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_11_10

from app.domain.customer import Gender
from app.domain.customer_number import NUMBERS, customer_number
from app.domain.identity_number import COUNTRIES, Told, identity_number
from app.domain.problem import Problem, ProblemCode

# Numbers from the documentation of python-stdnum: persons, then organisations.
EXAMPLES = {
    "BR": (("390.533.447-05", "BR 390.533.447-05"), ("16727230000197", "BR 16.727.230/0001-97")),
    "CN": (("360426199101010071", "360426199101010071"), ("91110000600037341L",) * 2),
    "DE": (("36 574 261 809", "DE 36 574 261 809"), ("DE136695976", "DE 136695976")),
    "ES": (("54362315-K", "ES 54362315K"), ("J99216582", "ES J99216582")),
    "FI": (("131052-308T", "FI 131052-308T"), ("2077474-0", "FI 2077474-0")),
    "FR": (("295109912611193", "FR 2 95 10 99 126 111 93"), ("404833048", "FR 404 833 048")),
    "IN": (("ACUPA7085R", "IN ACUPA7085R"), ("ACUPA7085R", "IN ACUPA7085R")),
    "IT": (("RCCMNL83S18D969H", "IT RCCMNL83S18D969H"), ("00743110157", "IT 00743110157")),
    "JP": (("621498320257", "JP 6214 9832 0257"), ("5835678256246", "JP 5-8356-7825-6246")),
    "KR": (("9710139019902", "KR 971013-9019902"), ("1168200276", "KR 116-82-00276")),
    "PL": (("44051401359", "PL 44051401359"), ("8567346215", "PL 856-734-62-15")),
    "SE": (("880320-0016", "SE 880320-0016"), ("1234567897", "SE 123456-7897")),
    "TR": (("17291716060", "TR 17291716060"), ("4540536920", "TR 4540536920")),
    "US": (("536904399", "536-90-4399"), ("911144442", "US 91-1144442")),
}


@pytest.mark.parametrize("country", COUNTRIES)
def test_numbers_are_kept_as_their_country_writes_them(country: str) -> None:
    for is_person, (number, written) in zip((True, False), EXAMPLES[country], strict=True):
        for typed in (number, f"  {number.lower()} "):
            read = identity_number(country, typed, "nationalId", is_person=is_person)
            assert read.text == written


# A digit changed; where a country has no check digit, a number that it gives to nobody.
WRONG = {
    "BR": ("390.533.447-06", "16727230000198"),
    "CN": ("360426199101010072", "91110000600037342L"),
    "DE": ("36 574 261 890", "DE136695978"),
    "ES": ("54362315-Z", "J99216583"),
    "FI": ("131052-308U", "2077474-1"),
    "FR": ("295109912611199", "404833047"),
    "IN": ("ACUPA70852", "ABMPA32111"),
    "IT": ("RCCMNL83S18D969A", "00743110158"),
    "JP": ("621498320258", "2835678256246"),
    "KR": ("971013-9019903", "11682002760"),
    "PL": ("44051401358", "8567346216"),
    "SE": ("880320-0018", "1234567891"),
    "TR": ("17291716050", "4540536921"),
    "US": ("666-00-0000", "07-1144442"),
}


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_wrong_number_is_refused(country: str) -> None:
    for is_person, wrong in zip((True, False), WRONG[country], strict=True):
        with pytest.raises(Problem) as refused:
            identity_number(country, wrong, "nationalId", is_person=is_person)
        assert refused.value.code is ProblemCode.INVALID_NATIONAL_ID
        assert refused.value.field == "nationalId.value"


@given(
    st.sampled_from(sorted(COUNTRIES)),
    st.text() | st.text(alphabet="0123456789ABCDEFXYZ-./ ", min_size=8, max_size=20),
    st.booleans(),
)
def test_whatever_is_typed_is_a_number_or_a_problem(
    country: str, typed: str, is_person: bool
) -> None:
    with suppress(Problem):
        identity_number(country, typed, "nationalId", is_person=is_person)


@pytest.mark.parametrize("country", ["AQ", "cn", "", "China"])
def test_a_country_that_nobody_checks_is_named(country: str) -> None:
    with pytest.raises(Problem) as refused:
        identity_number(country, "1", "nationalId", is_person=True)
    assert refused.value.code is ProblemCode.COUNTRY_NOT_SUPPORTED
    assert refused.value.field == "nationalId.country"


@pytest.mark.parametrize(
    ("country", "number", "told"),
    [
        ("CN", "360426199101010071", Told(date(1991, 1, 1), Gender.MALE)),
        ("PL", "44051401359", Told(date(1944, 5, 14), Gender.MALE)),
        ("KR", "971013-9019902", Told(date(1897, 10, 13), Gender.MALE)),
        ("US", "536-90-4399", Told()),
    ],
)
def test_some_numbers_tell_of_their_holder(country: str, number: str, told: Told) -> None:
    assert identity_number(country, number, "nationalId", is_person=True).told == told


def test_a_number_without_its_country_is_nobody_elses() -> None:
    """A person's and a company's nine digits may be the same in America."""
    person = identity_number("US", "536-90-4399", "nationalId", is_person=True).text
    company = identity_number("US", "53-6904399", "nationalId", is_person=False).text
    assert (person, company) == ("536-90-4399", "US 53-6904399")


def test_customer_numbers_have_a_check_digit() -> None:
    for place in (0, 79_462, NUMBERS - 1):
        number = customer_number(place)
        assert number[:-1] == f"B{place:010d}"
        assert mod_11_10.is_valid(number[1:])
        wrong = str((int(number[5]) + 1) % 10)
        assert not mod_11_10.is_valid(number[1:5] + wrong + number[6:])
