"""Standing orders: when they may begin and end."""

from datetime import date

from app.domain.problem import Problem, ProblemCode


def check_days(first_on: date, ends_on: date | None, today: date) -> None:
    """Refuse an order that should have been paid before, or that ends before it begins."""
    if first_on < today:
        raise Problem(ProblemCode.INVALID_DATE, "firstOn")
    if ends_on is not None and ends_on < first_on:
        raise Problem(ProblemCode.INVALID_DATE, "endsOn")
