"""How long what is known of a customer must be kept."""

from datetime import date

import pytest

from app.domain.retention import is_kept_by_law


@pytest.mark.parametrize(
    ("last_on", "today", "kept"),
    [
        (None, date(2026, 1, 1), False),
        (date(2016, 6, 30), date(2026, 6, 30), True),
        (date(2016, 6, 30), date(2026, 7, 1), False),
        (date(2012, 2, 29), date(2022, 2, 28), True),
        (date(2012, 2, 29), date(2022, 3, 1), False),
        (date(2030, 1, 1), date(2026, 1, 1), True),
    ],
)
def test_ten_years_after_the_last_business(last_on: date | None, today: date, kept: bool) -> None:
    assert is_kept_by_law(last_on, today) is kept
