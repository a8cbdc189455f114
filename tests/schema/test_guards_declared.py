"""Closed by default: what says nothing about permission does not start."""

import pytest
import strawberry
from explain_schema import projection_of
from permissions_page import PAGE, page

from app.auth.permissions import MATRIX, Permission, Role
from app.planner.declare import root_field
from app.planner.enforcement import OpenFieldError, enforce, guarded_fields
from app.schema.root import graphql_schema


def _schema(query: type) -> object:
    return enforce(strawberry.Schema(query=query)._schema)


def test_a_root_field_that_says_nothing_is_refused() -> None:
    @strawberry.type
    class Query:
        number: int = strawberry.field(resolver=lambda: 1)

    with pytest.raises(OpenFieldError, match=r"root field Query\.number"):
        _schema(Query)


def test_a_type_that_says_nothing_is_refused() -> None:
    @strawberry.type
    class Thing:
        number: int

    @strawberry.type
    class Query:
        thing: Thing | None = root_field(lambda: None, description="A thing.", public=True)

    Query.__annotations__["thing"] = Thing | None
    with pytest.raises(OpenFieldError, match="type Thing"):
        _schema(Query)


def test_a_guarded_field_that_cannot_be_null_is_refused() -> None:
    @strawberry.type
    class Query:
        number: int = root_field(lambda: 1, description="A number.", requires=Permission.MONEY_READ)

    with pytest.raises(OpenFieldError, match=r"Query\.number is guarded"):
        _schema(Query)


def test_every_permission_guards_something() -> None:
    printed = PAGE.read_text(encoding="utf-8")
    section = printed[printed.index("## Types and fields") :]
    for permission in Permission:
        row = next(line for line in section.splitlines() if line.startswith(f"| `{permission}`"))
        assert row.count("`") > 2, row
    assert set(MATRIX) == set(Permission)


def test_strong_authentication_is_asked_only_of_those_who_see() -> None:
    for grant in MATRIX.values():
        assert grant.step_up <= grant.clear
        assert not grant.clear & grant.masked
        assert Role.ADMIN not in grant.masked


def test_personal_data_is_always_somebodys() -> None:
    """Whose it is has to be known, or showing it could not be recorded."""
    found = 0
    for type_, name, _, needs in guarded_fields(graphql_schema()):
        if needs.own is None or not needs.own.is_personal or type_.name in {"Query", "Mutation"}:
            continue
        projection = projection_of(type_)
        assert projection is not None, f"{type_.name}.{name}"
        assert projection.owner, f"{type_.name}.{name}"
        assert projection.key, f"{type_.name}.{name}"
        found += 1
    assert found >= 10


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
