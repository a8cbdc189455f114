"""GraphiQL: what the server sends, and what a person sees in a browser without a network."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from client import Client
from factories import Factory
from graphql import build_schema, parse, validate
from starlette.applications import Starlette
from webdriver import Browser, browser, missing, poll

from app import graphiql
from app.auth.permissions import Role
from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.db.migrate import upgrade
from app.main import create_app
from app.schema.root import print_sdl
from app.settings import Settings

SOURCES = Path(__file__).parents[1] / "web/graphiql/examples"
EXAMPLES = {path.stem: path.read_text() for path in sorted(SOURCES.glob("*.graphql"))}
BUILT = Path(graphiql.__file__).parent / "static/graphiql"


@pytest.fixture
async def pages() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=Starlette(routes=graphiql.routes()))
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
    assert len(EXAMPLES) == 4
    assert [name for name, text in EXAMPLES.items() if text not in plain] == [], "make graphiql"


def make_application(url: str, keys: Keys, token_key: TokenKey) -> Starlette:
    return create_app(Settings(), database_url=url, keys=keys, token_key=token_key)


async def make_bank(url: str, keys: Keys) -> None:
    """Make the customer whom the examples ask for."""
    await upgrade(url)
    connection = await asyncpg.connect(url)
    factory = Factory(connection, keys)
    await factory.business_date(date(2018, 12, 31))
    customer = await factory.customer(number="N00000507")
    account = await factory.account(customer, number="A00000001")
    await factory.postings(account, "25000.00", "-1250.00", "-12.34")
    await factory.loan(customer, paid=3)
    await factory.card(customer, account)
    await factory.ticket(customer)
    await connection.close()


@pytest.fixture(scope="session")
def bank_url(new_database: Callable[[str], str], keys: Keys) -> str:
    url = new_database("graphiql")
    asyncio.run(make_bank(url, keys))
    return url


@pytest.mark.parametrize("name", EXAMPLES)
async def test_example_answers(name: str, bank_url: str, keys: Keys, token_key: TokenKey) -> None:
    app = make_application(bank_url, keys, token_key)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank360") as http:
            (answer,) = (await Client(http, token_key).run(EXAMPLES[name])).values()
    assert answer.get("name", "Emma Avaya Smith") == "Emma Avaya Smith"


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Serve on a free port of the loopback address; gives the origin."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        poll(lambda: server.started or not thread.is_alive())
        assert server.started
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def stored(window: Browser) -> Any:
    code = "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    return window.script(code)


RUN = "//button[contains(@aria-label, 'Execute query')]"
TOKEN = "//input[@aria-label='Token']"


def tab(name: str) -> str:
    return f"//button[text()='{name}']"


@pytest.fixture
def origin(bank_url: str, keys: Keys, token_key: TokenKey) -> Iterator[str]:
    with served(make_application(bank_url, keys, token_key)) as running:
        yield running


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Browser]:
    if reason := missing():
        pytest.skip(reason)
    with browser(tmp_path) as opened:
        yield opened


def test_person_signs_in_and_runs_examples(
    origin: str, window: Browser, token_key: TokenKey
) -> None:
    token = token_key.issue(Role.COMPLIANCE, new_id(), strong=True)
    window.open(f"{origin}/graphiql")
    window.wait_for_text("bank360 token --role RELATIONSHIP_MANAGER")
    window.type(TOKEN, f"{token}\n")
    window.wait_for_text("Signed in as COMPLIANCE")
    window.click(RUN)
    window.wait_for_text('"name": "Emma Avaya Smith"')
    window.click("//button[@aria-label='Show GraphiQL Explorer']")
    window.wait_for_text("statementFrequency")
    for name, answer in (
        ("AccountTransactions", '"kind": "CASH_WITHDRAWAL"'),
        ("Timeline", '"__typename": "Ticket"'),
        ("WhoAmI", '"stronglyAuthenticated": true'),
    ):
        window.click(tab(name))
        window.wait_for_text(f"query {name}")
        window.click(RUN)
        window.wait_for_text(answer)

    assert stored(window) == '[{},{},""]'
    assert token not in window.get("/url")
    assert token not in window.get("/source")
    requested = window.requested_urls(f"{origin}/graphiql")
    assert f"{origin}/graphql" in requested
    assert [url for url in requested if not url.startswith((f"{origin}/", "data:"))] == []
    assert window.console() == []
    window.open(f"{origin}/graphiql")
    window.wait_for_text("Not signed in")


def test_editor_completes_and_checks_by_the_schema(
    origin: str, window: Browser, token_key: TokenKey
) -> None:
    window.open(f"{origin}/graphiql")
    window.type(TOKEN, token_key.issue(Role.ANALYST, new_id()) + "\n")
    window.wait_for_text("Signed in as ANALYST")
    window.click("//button[@aria-label='New tab']")
    window.click("//section[@aria-label='Operation Editor']//div[contains(@class,'view-lines')]")
    window.keys("{ viewer { stron")
    window.wait_for_text("stronglyAuthenticated")
    window.keys("\n")
    window.wait_for_text("{ viewer { stronglyAuthenticated}}")
    window.keys(" nonesuch ")
    squiggles = "return document.querySelectorAll('.squiggly-error').length"
    poll(lambda: window.script(squiggles) == 1)
    assert window.console() == []


def test_signing_out_takes_answers_off_the_page(
    origin: str, window: Browser, token_key: TokenKey
) -> None:
    window.open(f"{origin}/graphiql")
    window.type(TOKEN, token_key.issue(Role.COMPLIANCE, new_id()) + "\n")
    window.wait_for_text("Signed in as COMPLIANCE")
    window.click(RUN)
    window.wait_for_text('"name": "Emma Avaya Smith"')
    window.click("//button[text()='Sign out']")
    window.wait_for_text("Not signed in")
    window.wait_for_text("query Customer360")
    assert "Emma Avaya Smith" not in window.text()
    window.click(RUN)
    window.wait_for_text("sign in first")
    assert window.console() == []


def test_tokens_that_are_not_accepted_are_explained(
    window: Browser, bank_url: str, keys: Keys
) -> None:
    key = TokenKey.new()
    with served(make_application(bank_url, keys, key)) as origin:
        window.open(f"{origin}/graphiql")
        window.type(TOKEN, "to ken\n")
        window.wait_for_text("Not signed in: this is no token")
        window.type(TOKEN, key.issue(Role.ANALYST, new_id(), ttl_seconds=-120) + "\n")
        window.wait_for_text("Not signed in: the token is not accepted")
        window.type(TOKEN, key.issue(Role.ANALYST, new_id()) + "\n")
        window.wait_for_text("Signed in as ANALYST")
        window.click(tab("WhoAmI"))
        window.wait_for_text("query WhoAmI")
        key._key = TokenKey.new()._key
        window.click(RUN)
        window.wait_for_text("Not signed in: the token is not accepted")
        assert "query WhoAmI" in window.text()
