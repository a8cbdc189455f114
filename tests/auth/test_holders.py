"""Whom a token speaks for, and in which role."""

from typing import Any

import pytest
from bearer import WHO, refusal, send, viewer
from client import Client
from conftest import client_of
from factories import Factory
from issuer import Issuer
from structlog.testing import capture_logs

from app.auth.tokens import TokenKey
from app.db.ids import new_id
from app.db.keys import Keys
from app.settings import Settings


@pytest.fixture
def client(client_of_issuer: Client) -> Client:
    return client_of_issuer


async def test_a_staff_number_is_looked_up_once(
    issuer: Issuer, client: Client, factory: Factory
) -> None:
    staff = await factory.staff("TELLER")
    number = await factory.connection.fetchval("select number from staff where id = $1", staff.id)
    token = issuer.token(staff_id=number)
    await viewer(client, token)
    # What is known is not asked for again.
    await factory.connection.execute("update staff set active = false where id = $1", staff.id)
    await viewer(client, token)
    assert await refusal(client, issuer.token(staff_id=number, jti="x")) == "nobody has the number"


async def test_customers_are_named_by_number_or_id(
    issuer: Issuer, client: Client, factory: Factory
) -> None:
    customer = await factory.customer(number="C-bearer")
    query = "{ customers { nodes { number } } }"
    for named in ("C-bearer", str(customer.id), customer.global_id):
        token = issuer.token(customer_id=named, staff_id=None, roles=["CUSTOMER"])
        headers = {"authorization": f"Bearer {token}"}
        answer = await client.http.post("/graphql", json={"query": query}, headers=headers)
        assert answer.json()["data"]["customers"]["nodes"] == [{"number": "C-bearer"}]


async def test_a_request_acts_in_the_role_that_it_names(issuer: Issuer, client: Client) -> None:
    token = issuer.token(roles=["TELLER", "OTHER_SERVICE", "SERVICE_AGENT"], role="TELLER")
    assert (await viewer(client, token))["actingRole"] == "TELLER"
    acting = await viewer(client, token, X_Acting_Role="SERVICE_AGENT")
    assert (acting["actingRole"], acting["roles"]) == ("SERVICE_AGENT", ["TELLER", "SERVICE_AGENT"])


@pytest.mark.parametrize("role", ["ADMIN", "OWNER", "teller", "TELLER, SERVICE_AGENT"])
async def test_nobody_acts_in_a_role_that_is_not_theirs(
    issuer: Issuer, client: Client, role: str
) -> None:
    token = issuer.token(roles=["TELLER", "SERVICE_AGENT"], role="TELLER")
    response = await send(client, token, X_Acting_Role=role)
    assert response.status_code == 403
    (error,) = response.json()["errors"]
    assert error["message"] == (
        "that role is not yours: name one of yours in X-Acting-Role (TELLER, SERVICE_AGENT)"
    )
    assert error["extensions"] == {"code": "FORBIDDEN", "roles": ["TELLER", "SERVICE_AGENT"]}


async def test_whoever_has_several_roles_chooses_one(issuer: Issuer, client: Client) -> None:
    token = issuer.token(roles=["TELLER", "SERVICE_AGENT"])
    response = await send(client, token)
    assert response.status_code == 403
    assert response.json()["errors"][0]["message"].startswith("a request acts in exactly one role")
    assert (await viewer(client, token, X_Acting_Role="TELLER"))["actingRole"] == "TELLER"


async def test_a_person_with_two_posts_is_somebody_else_in_each(
    issuer: Issuer, client: Client
) -> None:
    token = issuer.token(roles=["TELLER", "CUSTOMER"], role="TELLER")
    await viewer(client, token)
    # The token does not say which customer its holder is.
    response = await send(client, token, X_Acting_Role="CUSTOMER")
    assert response.status_code == 401
    both = issuer.token(roles=["TELLER", "CUSTOMER"], role="TELLER", customer_id=str(new_id()))
    assert (await viewer(client, both, X_Acting_Role="CUSTOMER"))["actingRole"] == "CUSTOMER"


@pytest.mark.parametrize(
    ("changes", "strong"),
    [
        ({"acr": "strong", "auth_time": 0}, True),
        ({"amr": ["pwd", "otp"], "auth_time": 0}, True),
        ({"amr": ["pwd"], "auth_time": 0}, False),
        ({"amr": "otp", "auth_time": 0}, False),
        ({"acr": "1", "auth_time": 0}, False),
        ({"acr": "strong"}, False),
        ({"acr": "strong", "auth_time": "now"}, False),
        ({"acr": "strong", "auth_time": -3_500}, True),
        ({"acr": "strong", "auth_time": -3_700}, False),
        ({"acr": "strong", "auth_time": 600}, False),
    ],
)
async def test_strong_authentication_is_told_by_acr_or_amr_and_fresh_by_auth_time(
    issuer: Issuer, client: Client, changes: dict[str, Any], strong: bool
) -> None:
    at = changes.get("auth_time")
    if isinstance(at, int):
        changes = {**changes, "auth_time": issuer.claims()["iat"] + at}
    found = await viewer(client, issuer.token(**changes))
    assert found["stronglyAuthenticated"] is strong


async def test_while_the_issuer_is_silent_nobody_new_is_let_in(
    issuer: Issuer, client: Client
) -> None:
    issuer.fails = True
    with capture_logs() as lines:
        response = await send(client, issuer.token())
    assert response.status_code == 503
    assert response.headers["retry-after"] == "10"
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR"}
    assert "the issuer does not answer" in error["message"]
    (line,) = [each for each in lines if each["event"] == "the issuer's keys could not be read"]
    assert line["reason"] == f"{issuer.url}/.well-known/openid-configuration answered 500"
    # It is left alone for a while.
    assert (await send(client, issuer.token())).status_code == 503
    assert issuer.asked.total() == 1


@pytest.mark.parametrize("named", ["realm_access.roles", "https://bank.example/roles"])
async def test_claims_may_have_other_names(
    issuer: Issuer, database_url: str, keys: Keys, token_key: TokenKey, named: str
) -> None:
    settings = Settings.read(
        issuer=issuer.url, roles_claim=named, staff_claim="employee", audience="api://bank"
    )
    roles = ["TELLER"]
    given = {named: roles} if "/" in named else {"realm_access": {"roles": roles}}
    token = issuer.token(
        **given, roles=None, staff_id=None, employee=str(new_id()), aud="api://bank"
    )
    async with client_of(database_url, keys, token_key, settings) as client:
        assert (await viewer(client, token))["actingRole"] == "TELLER"


async def test_roles_may_be_words_in_one_text(issuer: Issuer, client: Client) -> None:
    token = issuer.token(roles="openid TELLER SERVICE_AGENT", role="TELLER")
    assert (await viewer(client, token))["roles"] == ["TELLER", "SERVICE_AGENT"]


async def test_graphiql_signs_in_with_the_issuer(
    issuer: Issuer, database_url: str, keys: Keys, token_key: TokenKey
) -> None:
    nothing = {"offer": None, "customers": False}
    settings = Settings.read(
        issuer=issuer.url, audience="urn:bank360", graphiql_client_id="of-the-bank"
    )
    async with client_of(database_url, keys, token_key, settings) as client:
        issuer.fails = True
        assert (await client.http.get("/graphiql/sign-in")).json() == nothing
    issuer.fails = False
    async with client_of(database_url, keys, token_key, settings) as client:
        assert (await client.http.get("/graphiql/sign-in")).json()["offer"] == {
            "authorizationEndpoint": f"{issuer.url}/authorize",
            "tokenEndpoint": f"{issuer.url}/token",
            "clientId": "of-the-bank",
            "scope": "openid profile",
            "resource": "urn:bank360",
        }
        policy = (await client.http.get("/graphiql")).headers["content-security-policy"]
        assert f"connect-src 'self' {issuer.url};" in policy
    # Only a URI can be named as the resource.
    plain = settings.model_copy(update={"audience": "bank360"})
    async with client_of(database_url, keys, token_key, plain) as client:
        assert (await client.http.get("/graphiql/sign-in")).json()["offer"]["resource"] is None
    del issuer.metadata["token_endpoint"]
    async with client_of(database_url, keys, token_key, settings) as client:
        assert (await client.http.get("/graphiql/sign-in")).json() == nothing


async def test_graphiql_that_is_no_client_of_the_issuer_takes_tokens(client: Client) -> None:
    told = (await client.http.get("/graphiql/sign-in")).json()
    assert told == {"offer": None, "customers": False}


async def test_the_demos_own_tokens_are_refused_where_an_issuer_is_set(client: Client) -> None:
    assert (await client.send(WHO)).status_code == 401
    for path in ("/.well-known/openid-configuration", "/oauth/authorize"):
        assert (await client.http.get(path)).status_code == 404


async def test_customers_are_not_shown_the_schema_where_an_issuer_is_set(
    issuer: Issuer, client: Client
) -> None:
    queries = [
        "{ __schema { types { name } } }",
        '{ ...f } fragment f on Query { t: __type(name: "Customer") { name } }',
    ]
    customer = issuer.token(roles=["CUSTOMER"], customer_id=str(new_id()))
    for query in queries:
        for token, code in ((customer, "FORBIDDEN"), (issuer.token(), None)):
            headers = {"authorization": f"Bearer {token}"}
            sent = await client.http.post("/graphql", json={"query": query}, headers=headers)
            errors = sent.json().get("errors", [{"extensions": {"code": None}}])
            assert [error["extensions"]["code"] for error in errors] == [code]
    for harmless in ("{ __typename }", "{ viewer { __typename } } # __schema"):
        headers = {"authorization": f"Bearer {customer}"}
        sent = await client.http.post("/graphql", json={"query": harmless}, headers=headers)
        assert "errors" not in sent.json()
