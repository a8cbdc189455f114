"""Trusted documents: manifests, the ways in which clients name documents, and who is bound."""

import json
from collections.abc import AsyncIterator, Callable
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from audit_trail import until
from client import Client
from serving import serving
from structlog.testing import capture_logs
from websocket_client import opened

from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.main import create_app
from app.settings import Settings
from app.trusted import ManifestError

WHO = "query Who { viewer { actingRole } }"
MINE = """
query Mine($id: ID!, $first: Int = 5) {
  customer(id: $id) { name transactions(first: $first) { nodes { id } } }
}
"""
WRONG = "query Wrong {\n  nothing\n}"
OTHER = "{ viewer { roles } }"
DATA = {"data": {"viewer": {"actingRole": "CUSTOMER"}}}
RELAY_ID = md5(WHO.encode(), usedforsecurity=False).hexdigest()


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def apollo(*texts: str, **changes: Any) -> dict[str, Any]:
    operations = [
        {
            "id": digest(text),
            "name": text.split()[1].partition("(")[0],
            "type": "query",
            "body": text,
        }
        for text in texts
    ]
    made = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}
    return made | changes


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("manifests")
    of_apollo, of_relay = folder / "apollo.json", folder / "relay.json"
    of_apollo.write_text(json.dumps(apollo(WHO, MINE)))
    of_relay.write_text(json.dumps({RELAY_ID: WHO}))
    return f"{of_apollo},{of_relay}"


@pytest.fixture(scope="module")
async def address(
    database_url: str, keys: Keys, token_key: TokenKey, manifests: str
) -> AsyncIterator[str]:
    settings = Settings.read(trusted_documents=manifests, trusted_documents_only="customers")
    async with serving(database_url, keys, token_key, settings) as (given, _server):
        yield given


@pytest.fixture
async def customer(address: str, token_key: TokenKey) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
        yield Client(http, token_key).as_(Role.CUSTOMER)


async def post(client: Client, **body: Any) -> httpx.Response:
    return await client.http.post("/graphql", json=body, headers=client.headers)


async def get(client: Client, **parameters: Any) -> httpx.Response:
    given = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in parameters.items()
    }
    return await client.http.get("/graphql", params=given, headers=client.headers)


def persisted(sha: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha}}}


WAYS: list[dict[str, Any]] = [
    {"documentId": f"sha256:{digest(WHO)}"},
    {"documentId": digest(WHO)},
    {"documentId": RELAY_ID},
    {"doc_id": RELAY_ID},
    persisted(digest(WHO)),
    {"query": WHO},
    {"query": WHO, **persisted(digest(WHO))},
]


@pytest.mark.parametrize("send", [post, get])
@pytest.mark.parametrize("way", WAYS)
async def test_a_document_is_named(customer: Client, send: Any, way: dict[str, Any]) -> None:
    assert (await send(customer, **way)).json() == DATA


async def test_over_an_event_stream(customer: Client) -> None:
    customer.headers["accept"] = "text/event-stream"
    response = await post(customer, documentId=RELAY_ID)
    assert json.dumps(DATA, separators=(",", ":")) in response.text


async def test_over_websocket(address: str, token_key: TokenKey) -> None:
    async with opened(address) as socket:
        await socket.initialise(token_key.issue(Role.CUSTOMER, new_id()))
        await socket.send(type="subscribe", id="1", payload={"documentId": RELAY_ID})
        assert (await socket.receive())["payload"] == DATA
        assert (await socket.receive())["type"] == "complete"
        await socket.send(type="subscribe", id="2", payload={"query": OTHER})
        refused = await socket.receive()
        assert (refused["type"], refused["id"]) == ("error", "2")
        assert refused["payload"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    "given",
    [
        {"query": OTHER},
        {"query": f"{WHO} "},
        {"query": OTHER, **persisted(digest(OTHER))},
        persisted(digest(OTHER)),
        {"documentId": "nobody"},
    ],
)
async def test_customers_may_send_nothing_else(customer: Client, given: dict[str, Any]) -> None:
    # What somebody else registered is no way around it.
    staff = customer.as_(Role.TELLER)
    await post(staff, query=OTHER, **persisted(digest(OTHER)))
    response = await post(customer, **given)
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "not a trusted document" in error["message"]
    assert "data" not in response.json()


async def test_staff_may(customer: Client) -> None:
    staff = customer.as_(Role.TELLER)
    answer = (await post(staff, query=OTHER)).json()
    assert answer == {"data": {"viewer": {"roles": ["TELLER"]}}}
    (error,) = (await post(staff, documentId="nobody")).json()["errors"]
    assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"documentId": 7}, "'documentId' must be a text"),
        ({"doc_id": ""}, "'doc_id' must be a text that is not empty"),
        ({"documentId": "sha256:abc"}, "64 hexadecimal digits"),
        ({"documentId": RELAY_ID, "query": WHO}, "not both"),
        (
            {"documentId": f"sha256:{digest(OTHER)}", "query": WHO},
            "is not the SHA-256 of the query",
        ),
    ],
)
async def test_wrong_ids(customer: Client, given: dict[str, Any], says: str) -> None:
    response = await post(customer, **given)
    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert says in error["message"]


async def test_they_are_planned_before_anybody_asks(
    database_url: str, keys: Keys, token_key: TokenKey, manifests: str
) -> None:
    settings = Settings.read(trusted_documents=manifests)
    app = create_app(settings, database_url=database_url, keys=keys, token_key=token_key)
    with capture_logs() as logs:
        async with app.router.lifespan_context(app):
            await until(lambda: any(each["event"] == "trusted documents" for each in logs))
    (told,) = [each for each in logs if each["event"] == "trusted documents"]
    # Both manifests have one of the documents; customers may be strongly authenticated or not.
    assert (told["documents"], told["plans"]) == (2, 4)


Create = Callable[..., object]


@pytest.fixture
def create(database_url: str, keys: Keys, token_key: TokenKey) -> Create:
    """Make the application with some manifests."""

    def make(*paths: Path) -> object:
        settings = Settings.read(trusted_documents=",".join(map(str, paths)))
        return create_app(settings, database_url=database_url, keys=keys, token_key=token_key)

    return make


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (None, "No such file or directory"),
        ("{", "line 1, column"),
        ([], "a manifest is a JSON object"),
        ({"a": 7}, "operation 1: id and document must be texts"),
        (apollo(WHO, version=2), "the format must be apollo-persisted-query-manifest, version 1"),
        (apollo(WHO, operations={}), "'operations' must be a list"),
        (apollo(WHO, operations=[7]), "operation 1: must be an object"),
        (apollo(WHO, operations=[{"id": "x"}]), "operation 1: id and document must be texts"),
        ({f"sha256:{digest(OTHER)}": WHO}, "this is not the SHA-256 of its text"),
        ({"a": "{ viewer {"}, "document a: line 1, column 11: Syntax Error"),
        (
            apollo(WRONG),
            f"document Wrong ({digest(WRONG)}): line 2, column 3: Cannot query field 'nothing'",
        ),
    ],
)
def test_a_wrong_manifest_keeps_the_server_from_starting(
    tmp_path: Path, create: Create, manifest: Any, says: str
) -> None:
    path = tmp_path / "manifest.json"
    if manifest is not None:
        path.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    with pytest.raises(ManifestError) as caught:
        create(path)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_two_documents_under_one_id(tmp_path: Path, create: Create) -> None:
    paths = [tmp_path / "one.json", tmp_path / "two.json"]
    for path, text in zip(paths, (WHO, OTHER), strict=True):
        path.write_text(json.dumps({"same": text}))
    with pytest.raises(ManifestError, match=r"two\.json: document same: another document"):
        create(*paths)


def test_many_wrong_documents_are_told_briefly(tmp_path: Path, create: Create) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({f"d{n}": f"{{ nothing{n} }}" for n in range(12)}))
    with pytest.raises(ManifestError, match="and 2 more") as caught:
        create(path)
    assert str(caught.value).count("\n") == 10


def test_whoever_is_bound_needs_a_manifest(
    database_url: str, keys: Keys, token_key: TokenKey
) -> None:
    settings = Settings.read(trusted_documents_only="customers")
    with pytest.raises(ManifestError, match="taken from customers, but no manifest is named"):
        create_app(settings, database_url=database_url, keys=keys, token_key=token_key)
