"""What stays of masked values."""

from datetime import date

import pytest

from app.domain import masks


@pytest.mark.parametrize(
    ("clear", "shown"),
    [
        ("Emma Avaya Smith", "E••• S•••"),
        ("Cher", "C•••"),
        ("王小明", "王•••"),
        ("欧阳娜娜", "欧阳•••"),
        ("王", "王•••"),
        ("", "•••"),
    ],
)
def test_names(clear: str, shown: str) -> None:
    assert masks.name(clear) == shown


@pytest.mark.parametrize(
    ("clear", "shown"),
    [
        ("+86 138 1234 5678", "+86 •••78"),
        ("+8613812345678", "•••78"),
        ("13812345678", "•••78"),
        ("367-171-6840", "•••40"),
        ("+1 (367) 171-6840", "+1 •••40"),
    ],
)
def test_phones(clear: str, shown: str) -> None:
    assert masks.phone(clear) == shown


@pytest.mark.parametrize(
    ("clear", "shown"),
    [
        ("emma.smith@example.com", "e•••@e•••.com"),
        ("王@bank.com.cn", "王•••@b•••.cn"),
        ("root@localhost", "r•••@l•••"),
    ],
)
def test_emails(clear: str, shown: str) -> None:
    assert masks.email(clear) == shown


def test_national_ids_keep_two_characters() -> None:
    assert masks.national_id("11010519491231002X") == "•••2X"
    assert masks.national_id("690-40-5090") == "•••90"


@pytest.mark.parametrize(
    ("clear", "shown"),
    [
        ("6222 0212 3456 7890 123", "•••0123"),
        ("A00000077", "•••077"),
        ("V1234", "•••4"),
        ("12", "•••"),
    ],
)
def test_numbers_keep_four_characters_and_of_short_ones_fewer(clear: str, shown: str) -> None:
    assert masks.number(clear) == shown


def test_birth_dates_keep_the_year() -> None:
    assert masks.birth_date(date(1990, 12, 13)) == date(1990, 1, 1)


@pytest.mark.parametrize("mask", [masks.name, masks.phone, masks.national_id, masks.number])
def test_a_mask_does_not_tell_the_length(mask: object) -> None:
    assert callable(mask)
    lengths = {len(str(mask("1" * digits))) for digits in range(13, 40)}
    assert len(lengths) == 1
