"""Who tells who is asking: a configured issuer, or the demo's own."""

from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.routing import BaseRoute

from app import graphiql
from app.auth.claims import ClaimNames, StrongAuthentication
from app.auth.issuer import RemoteKeys
from app.auth.refusals import IssuerUnavailableError
from app.auth.signatures import KeySource
from app.auth.tokens import ISSUER, TokenKey
from app.auth.verifier import Rules, Verifier
from app.db.keys import Keys
from app.db.people import id_of_number
from app.db.redis import Bounded, Redis
from app.db.revocations import Revocations
from app.introspection import Audience
from app.settings import Settings
from app.sign_in import DemoIssuer, is_loopback


class NoIssuerError(Exception):
    """A server that others can reach needs an issuer; the demo's sign-in lets everybody in."""

    def __init__(self, host: str) -> None:
        """Take the address that the server is to listen on."""
        super().__init__(
            f"listening on {host}, which others can reach, needs BANK360_ISSUER: the demo's own"
            " sign-in asks for no password, so it is for this machine alone"
        )


@dataclass(frozen=True)
class Identity:
    """Who tells who is asking: a configured issuer, or the demo's own."""

    verifier: Verifier
    issuer: RemoteKeys | None
    routes: list[BaseRoute]


def open_identity(
    settings: Settings,
    *,
    database_url: str,
    keys: Keys,
    token_key: TokenKey,
    redis: Redis,
    bounded: Bounded,
) -> Identity:
    """Tell who asks by tokens of the configured issuer, or of the demo's own.

    Raises NoIssuerError where others could reach a server without an issuer.
    """
    for_customers = audience_of(settings) == "everyone"
    revocations = Revocations(redis, bounded)
    if settings.issuer is not None:
        remote = RemoteKeys(settings.issuer)
        pages = graphiql.routes(partial(_offer, settings, remote), customers=for_customers)
        verifier = _verifier(settings, remote, database_url, revocations)
        return Identity(verifier, remote, pages)
    if not is_loopback(settings.host):
        raise NoIssuerError(settings.host)
    demo = DemoIssuer(token_key, settings.audience, database_url, keys.ring, redis)
    pages = graphiql.routes(demo.offer, customers=for_customers)
    verifier = _verifier(settings, token_key, database_url, revocations)
    return Identity(verifier, None, [*pages, *demo.routes()])


def audience_of(settings: Settings) -> Audience:
    """Tell who may ask for the schema."""
    return settings.introspection or ("staff" if settings.issuer else "everyone")


def _verifier(
    settings: Settings, keys: KeySource, database_url: str, revocations: Revocations
) -> Verifier:
    names = ClaimNames(
        settings.roles_claim, settings.role_claim, settings.staff_claim, settings.customer_claim
    )
    strong = StrongAuthentication(
        frozenset(settings.strong_acr), frozenset(settings.strong_amr), settings.strong_seconds
    )
    # The demo's tokens are written by `app.auth.tokens`, whatever the settings name claims.
    if settings.issuer is None:
        rules = Rules(ISSUER, settings.audience, ClaimNames(), strong)
    else:
        rules = Rules(settings.issuer, settings.audience, names, strong)
    return Verifier(keys, rules, partial(id_of_number, database_url), revocations.holds)


async def _offer(
    settings: Settings, issuer: RemoteKeys, _request: Request
) -> graphiql.Offer | None:
    """Tell GraphiQL how its users sign in with the issuer, where it is a client of it."""
    if settings.graphiql_client_id is None:
        return None
    try:
        await issuer.current()
    except IssuerUnavailableError:
        return None
    authorize, token = (
        issuer.metadata.get(name) for name in ("authorization_endpoint", "token_endpoint")
    )
    if not authorize or not token:
        return None
    audience = settings.audience
    return graphiql.Offer(
        authorize,
        token,
        settings.graphiql_client_id,
        settings.graphiql_scope,
        # RFC 8707, section 2: the value of "resource" is an absolute URI.
        audience if "://" in audience or audience.startswith("urn:") else None,
    )
