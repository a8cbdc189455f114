"""What operations cost: told on request, bounded, and printed in the schema as it is counted."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from client import Client
from conftest import client_of
from graphql import (
    DirectiveNode,
    GraphQLObjectType,
    build_schema,
    get_operation_ast,
    parse,
    value_from_ast_untyped,
)

from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.limits import Size, measure
from app.schema.root import graphql_schema
from app.settings import Settings

SDL = Path(__file__).parents[2] / "schema.graphql"
PAGE = "{ customers(first: 50) { nodes { name accounts { id } } } }"
SUMMARIES = "{ a: bankSummary { on } b: bankSummary { on } }"


async def post(client: Client, query: str, *, asked: Any = True, **headers: str) -> httpx.Response:
    body: dict[str, Any] = {"query": query}
    if asked is not None:
        body["extensions"] = {"cost": asked}
    return await client.http.post("/graphql", json=body, headers=client.headers | headers)


async def test_the_cost_is_told_on_request(client: Client) -> None:
    body = (await post(client, PAGE)).json()
    cost = body["extensions"]["cost"]
    throttle = cost.pop("throttleStatus")
    assert cost == {"requestedQueryCost": 1, "maximumQueryCost": 1_000}
    assert throttle.pop("resetSeconds") in range(61)
    assert throttle == {"maximumAvailable": 30_000, "currentlyAvailable": 29_999}
    assert body["data"] is not None


async def test_clients_without_request_extensions_ask_by_a_header(client: Client) -> None:
    body = (await post(client, PAGE, asked=None, **{"GraphQL-Cost": "report"})).json()
    assert body["extensions"]["cost"]["requestedQueryCost"] == 1


@pytest.mark.parametrize("asked", [None, False, "yes", {}])
async def test_others_are_told_nothing(client: Client, asked: Any) -> None:
    assert "extensions" not in (await post(client, PAGE, asked=asked)).json()


async def test_what_costs_too_much_is_refused_and_told(client: Client) -> None:
    body = (await post(client, SUMMARIES)).json()
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert error["message"] == "the operation has 1001 units of cost; at most 1000 are allowed"
    assert body["extensions"]["cost"]["requestedQueryCost"] == 1_001
    # What is refused counts 1.
    assert body["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 29_999
    assert "data" not in body


async def test_the_bound_is_a_setting(database_url: str, keys: Keys, token_key: TokenKey) -> None:
    settings = Settings.read(query_cost_max=1, rate_per_viewer=0)
    async with client_of(database_url, keys, token_key, settings) as client:
        assert "errors" not in (await post(client, PAGE)).json()
        body = (await post(client, PAGE.replace("50", "100"))).json()
        assert body["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
        assert body["extensions"]["cost"] == {"requestedQueryCost": 2, "maximumQueryCost": 1}


def size(query: str) -> Size:
    document = parse(query)
    operation = get_operation_ast(document)
    assert operation is not None
    found, _ = measure(graphql_schema(), document, operation, {})
    return found


def printed(name: str, nodes: Any) -> dict[str, Any] | None:
    """The arguments of a directive in the printed schema."""
    found: list[DirectiveNode] = [
        each for each in nodes.directives or () if each.name.value == name
    ]
    if not found:
        return None
    return {
        each.name.value: value_from_ast_untyped(each.value) for each in found[0].arguments or ()
    }


def test_limits_count_what_the_schema_says() -> None:
    """Each weight that is printed, against what an operation with it is measured as."""
    schema = build_schema(SDL.read_text())
    weighty = {}
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and type_.ast_node is not None:
            weighty[type_.name] = printed("cost", type_.ast_node)
            for name, field in type_.fields.items():
                weighty[f"{type_.name}.{name}"] = printed("cost", field.ast_node)
    weights = {name: int(each["weight"]) for name, each in weighty.items() if each}
    commands = {name: cost for name, cost in weights.items() if name.startswith("Mutation.")}
    assert schema.mutation_type is not None
    assert commands == {f"Mutation.{name}": 400 for name in schema.mutation_type.fields}
    below = "{ customers(first: 3) { nodes { %s } } }"
    assert weights == commands | {
        "Query.bankSummary": size("{ bankSummary { on } }").weight,
        "Behaviour": size(below % "behaviour { startsOn }").nodes // 3 - 1,
        "CurrencyTotal": size(below % "totals { currency }").nodes // 3 - 1,
    }
    mutation = (
        'mutation { endService(input: {serviceId: "x", idempotencyKey: "y"}) { __typename } }'
    )
    assert size(mutation).weight == weights["Mutation.endService"]


def test_every_page_says_its_size() -> None:
    schema = build_schema(SDL.read_text())
    pages = {
        f"{type_.name}.{name}": printed("listSize", field.ast_node)
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for name, field in type_.fields.items()
        if str(field.type).removesuffix("!").endswith("Connection")
    }
    assert len(pages) > 8
    for said in pages.values():
        assert said == {
            "assumedSize": size("{ customers { nodes { id } } }").nodes,
            "slicingArguments": ["first", "last"],
            "sizedFields": ["edges", "nodes"],
            "requireOneSlicingArgument": False,
        }
