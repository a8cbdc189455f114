"""Declarations that cannot work are refused when the schema is built."""

from datetime import UTC
from uuid import UUID

import pytest
import strawberry
from hypothesis import given
from hypothesis import strategies as st

from app.db import tables
from app.planner.cursors import Cursors
from app.planner.declare import Node, column, projection
from app.planner.errors import RefusedError
from app.planner.global_id import GlobalId, format_id
from app.planner.projection import Order


def test_an_order_over_a_nullable_column_is_refused() -> None:
    with pytest.raises(TypeError, match="expires_on, which may be null"):

        @projection(
            tables.Card,
            prefix="crd",
            description="A card.",
            orders={"EXPIRY": Order(("expires_on",), "First to expire.")},
        )
        class Card(Node):
            level: str = column(description="Level.")


def test_a_field_without_a_declaration_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Card\.level is not declared with the kit"):

        @projection(tables.Card, prefix="crd", description="A card.")
        class Card(Node):
            level: str = strawberry.field(description="Level.")


@given(owner=st.uuids(), row=st.uuids(), prefix=st.from_regex(r"\A[a-z]{2,8}\Z"))
def test_global_ids_read_back(owner: object, row: object, prefix: str) -> None:
    text = format_id(prefix, owner, row)  # type: ignore[arg-type]
    assert GlobalId.parse(text) == (prefix, owner, row)


@given(st.text())
def test_no_text_breaks_the_reading_of_ids_and_cursors(text: str) -> None:
    with pytest.raises(RefusedError):
        GlobalId.parse(text)
    with pytest.raises(RefusedError):
        Cursors(b"s" * 64).read("list", text, [int])


@given(
    values=st.tuples(
        st.datetimes(timezones=st.just(UTC)),
        st.dates(),
        st.decimals(allow_nan=False, allow_infinity=False),
        st.uuids(),
        st.text(alphabet=st.characters(codec="utf-8")),
        st.integers(min_value=-(2**53), max_value=2**53),
    )
)
def test_cursors_read_back_in_their_own_scope(values: tuple[object, ...]) -> None:
    cursors = Cursors(b"s" * 64)
    types = [type(value) for value in values]
    below = UUID(int=7)
    cursor = cursors.write("list", [below], values)
    assert cursors.read("list", cursor, types).place_below([below]) == values
    with pytest.raises(RefusedError):
        cursors.read("list", cursor, types).place_below([UUID(int=8)])
    with pytest.raises(RefusedError):
        cursors.read("another list", cursor, types)
    with pytest.raises(RefusedError):
        Cursors(b"o" * 64).read("list", cursor, types)
