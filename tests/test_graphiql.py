"""GraphiQL: what the server sends."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from client import Client
from graphiql_bank import make_application
from graphql import build_schema, parse, validate
from starlette.applications import Starlette
from starlette.requests import Request

from app import graphiql
from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.keys import Keys
from app.db.people import find_person
from app.schema.root import print_sdl

SOURCES = Path(__file__).parents[1] / "web/graphiql/examples"
EXAMPLES = {path.stem: path.read_text() for path in sorted(SOURCES.glob("*.graphql"))}
BUILT = Path(graphiql.__file__).parent / "static/graphiql"


async def offer(_request: Request) -> graphiql.Offer | None:
    return None


@pytest.fixture
async def pages() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=Starlette(routes=graphiql.routes(offer, customers=True)))
    async with httpx.AsyncClient(transport=transport, base_url="http://bank360") as http:
        yield http


def policy(response: httpx.Response) -> dict[str, str]:
    directives = response.headers["Content-Security-Policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)


STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "worker-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}


async def test_page_has_a_strict_policy_and_a_nonce_of_its_own(pages: httpx.AsyncClient) -> None:
    nonces = set()
    for _ in range(2):
        page = await pages.get("/graphiql")
        assert page.status_code == 200
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        (nonce,) = set(re.findall(r'nonce="([^"]+)"', page.text))
        assert policy(page) == STRICT | {"style-src": f"'self' 'nonce-{nonce}'"}
        nonces.add(nonce)
    assert len(nonces) == 2


async def test_page_may_call_the_issuer_that_it_signs_in_with() -> None:
    offered = graphiql.Offer(
        "https://login.bank.example/authorize?x=1",
        "https://login.bank.example:8443/token",
        "graphiql-of-the-bank",
        "openid",
        "urn:bank360",
    )

    async def find(_request: Request) -> graphiql.Offer | None:
        return offered

    app = Starlette(routes=graphiql.routes(find, customers=False))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bank360") as http:
        page = await http.get("/graphiql")
        assert policy(page)["connect-src"] == "'self' https://login.bank.example:8443"
        told = await http.get("/graphiql/sign-in")
    assert told.json() == {
        "offer": {
            "authorizationEndpoint": offered.authorization_endpoint,
            "tokenEndpoint": offered.token_endpoint,
            "clientId": "graphiql-of-the-bank",
            "scope": "openid",
            "resource": "urn:bank360",
        },
        "customers": False,
    }
    assert policy(told) == STRICT


async def test_without_an_offer_people_paste_tokens(pages: httpx.AsyncClient) -> None:
    told = await pages.get("/graphiql/sign-in")
    assert told.json() == {"offer": None, "customers": True}
    callback = await pages.get("/graphiql/callback?code=x")
    assert policy(callback)["script-src"] == "'self'"
    assert callback.headers["Cache-Control"] == "no-store"


async def test_files_have_right_types_and_may_be_kept(pages: httpx.AsyncClient) -> None:
    types = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
    types[".ttf"] = "font/ttf"
    for path in (BUILT / "assets").iterdir():
        file = await pages.get(f"/graphiql/assets/{path.name}")
        assert file.content == path.read_bytes()
        assert file.headers["Content-Type"] == types[path.suffix]
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        assert policy(file) == STRICT


@pytest.mark.parametrize("name", ["none.js", "..%2Findex.html", "%2e%2e/index.html", ""])
async def test_other_names_are_not_found(pages: httpx.AsyncClient, name: str) -> None:
    assert (await pages.get(f"/graphiql/assets/{name}")).status_code == 404


async def test_only_reading_is_allowed(pages: httpx.AsyncClient) -> None:
    refused = await pages.post("/graphiql")
    assert refused.status_code == 405
    assert {"GET", "HEAD"} == set(refused.headers["Allow"].split(", "))


def test_page_and_files_name_no_file_of_another_host() -> None:
    page = (BUILT / "index.html").read_text()
    (icon, *addresses) = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert icon == "data:,"
    for address in addresses:
        assert (BUILT / address.removeprefix("/graphiql/")).is_file()
    for style in BUILT.glob("assets/*.css"):
        for address in re.findall(r"url\(['\"]?([^)]*)", style.read_text()):
            assert address.startswith(("/graphiql/assets/", "data:image/")), (style, address)
        assert "@import" not in style.read_text()
    loads = re.compile(r"(?:\bfrom|\bimport\(|importScripts\(|new Worker\()\s*[\"'`](?:https?:)?//")
    hosts = ("unpkg.com", "esm.sh", "jsdelivr", "cdnjs", "googleapis", "gstatic")
    for script in BUILT.glob("assets/*.js"):
        text = script.read_text()
        assert not loads.search(text), script
        assert not [host for host in hosts if host in text], script
        assert "sourceMappingURL=" not in text.rpartition("\n")[2], script


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_valid(name: str) -> None:
    assert validate(build_schema(print_sdl()), parse(EXAMPLES[name])) == []


def test_built_page_has_the_examples() -> None:
    scripts = "".join(path.read_text() for path in BUILT.glob("assets/index-*.js"))
    plain = scripts.replace("\\n", "\n").replace("\\`", "`").replace('\\"', '"')
    assert len(EXAMPLES) == 5
    assert [name for name, text in EXAMPLES.items() if text not in plain] == [], "make graphiql"


@pytest.mark.parametrize("name", EXAMPLES)
async def test_example_answers(name: str, bank_url: str, keys: Keys, token_key: TokenKey) -> None:
    role = Role.RELATIONSHIP_MANAGER
    person = await find_person(bank_url, role, "S1")
    assert person is not None
    app = make_application(bank_url, keys, token_key)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank360") as http:
            client = Client(http, token_key).as_(role, person.id)
            (answer,) = (await client.run(EXAMPLES[name])).values()
    assert "code" not in answer
    assert answer.get("name", "Emma Avaya Smith") == "Emma Avaya Smith"
