"""The schema as a contract."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_non_null_type,
    is_specified_scalar_type,
)

from app.auth.approvals import FOUR_EYES
from app.schema.root import graphql_schema, print_sdl

TYPES = [
    type_
    for name, type_ in sorted(graphql_schema().type_map.items())
    if not name.startswith("__") and not is_specified_scalar_type(type_)
]

SUBSCRIPTION = graphql_schema().subscription_type
assert SUBSCRIPTION is not None
TOLD = [get_named_type(field.type) for field in SUBSCRIPTION.fields.values()]

# What mutations answer beside their payload and a problem, unless it is a second person.
OTHERS = {"approveRequest": {"StaleApproval"}}


def test_the_file_is_what_the_code_prints() -> None:
    file = Path(__file__).parents[2] / "schema.graphql"
    assert file.read_text(encoding="utf-8") == print_sdl()


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_everything_is_described(type_: GraphQLNamedType) -> None:
    assert type_.description
    if isinstance(type_, GraphQLEnumType):
        assert all(value.description for value in type_.values.values())
    if isinstance(type_, GraphQLInputObjectType):
        assert all(field.description for field in type_.fields.values())
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for field in type_.fields.values():
            assert field.description
            assert all(argument.description for argument in field.args.values())


@pytest.mark.parametrize(
    "type_", [type_ for type_ in TYPES if isinstance(type_, GraphQLObjectType)], ids=str
)
def test_a_field_that_leads_to_guarded_data_can_be_null(type_: GraphQLObjectType) -> None:
    """A denied non-null field would take its parent along."""
    guarded = {"Customer", "Account", "Loan", "Ticket", "Transaction", "Card", "Interaction"}
    for name, field in type_.fields.items():
        if get_named_type(field.type).name.removesuffix("Connection") in guarded:
            row = type_.name.endswith(("Connection", "Edge"))
            assert row or not is_non_null_type(field.type), f"{type_.name}.{name}"


def test_unions_hold_objects_with_ids() -> None:
    for type_ in TYPES:
        # What a mutation answers is no object, but leads to one; so does what is told of an event.
        if isinstance(type_, GraphQLUnionType) and not type_.name.endswith("Result"):
            names = "position" if type_ in TOLD else "id"
            assert all(names in member.fields for member in type_.types)


def test_subscriptions_tell_messages_with_positions() -> None:
    message = graphql_schema().type_map["StreamMessage"]
    assert len(TOLD) == 3
    for union in TOLD:
        assert isinstance(union, GraphQLUnionType)
        assert {"StreamPosition", "ResyncRequired"} <= {each.name for each in union.types}
        assert all(message in each.interfaces for each in union.types)
        fields: dict[str, str] = {}
        for member in union.types:
            for name, field in member.fields.items():
                # Else a client could not select both in one operation.
                assert fields.setdefault(name, str(field.type)) == str(field.type)


def test_mutations_answer_a_payload_or_a_problem() -> None:
    mutation = graphql_schema().mutation_type
    assert mutation is not None
    for name, field in mutation.fields.items():
        verb = name[0].upper() + name[1:]
        assert set(field.args) == {"input"}
        assert str(field.args["input"].type) == f"{verb}Input!"
        union = get_named_type(field.type)
        assert isinstance(union, GraphQLUnionType)
        assert union.name == f"{verb}Result"
        others = {"PendingApproval"} if name in FOUR_EYES else OTHERS.get(name, set())
        assert {member.name for member in union.types} == {f"{verb}Payload", "Problem", *others}


def test_connections_have_the_shape_of_relay() -> None:
    found = 0
    for type_ in TYPES:
        if isinstance(type_, GraphQLObjectType) and type_.name.endswith("Connection"):
            found += 1
            assert set(type_.fields) == {"edges", "nodes", "pageInfo", "totalCount"}
    assert found > 3
