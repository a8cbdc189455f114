"""Where engine, keys, schema and routes meet."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.routing import BaseRoute, Route, WebSocketRoute

from app import graphiql, health, logs, metrics
from app.auth.claims import ClaimNames, StrongAuthentication
from app.auth.issuer import RemoteKeys
from app.auth.promises import Promises
from app.auth.refusals import IssuerUnavailableError
from app.auth.signatures import KeySource
from app.auth.tokens import ISSUER, TokenKey
from app.auth.verifier import Rules, Verifier
from app.auth.viewer import Viewer
from app.db.counters import Counters
from app.db.database import Database
from app.db.documents import Documents
from app.db.head_file import HeadFile
from app.db.keys import Keys
from app.db.people import id_of_number
from app.db.reads import Reads
from app.db.redis import Bounded, Redis, open_redis
from app.db.revocations import Revocations
from app.db.scope import RowScope
from app.db.wake_ups import WakeUps
from app.execution import Executor
from app.http import Endpoint
from app.introspection import Audience
from app.jobs.sequencing import Sequencing
from app.lifespan import Lifespan
from app.limits import Limits
from app.messages import LoggedMessages
from app.metrics import Metrics
from app.operation import Operations
from app.persisted import PersistedQueries
from app.planner.cursors import Cursors
from app.planner.identities import identities_by_role
from app.planner.reader import Reader
from app.rates import Policy, Rates
from app.resolvers.context import Context
from app.resolvers.messages import Messages
from app.schema.root import graphql_schema, planner
from app.settings import Settings
from app.sign_in import DemoIssuer, is_loopback
from app.websocket import WebSocketEndpoint
from app.websocket_connection import CLOSE_SECONDS, ConnectionLimits

_log = structlog.get_logger("bank360.main")

# Smaller answers gain nothing from compression.
_GZIP_FROM_BYTES: Final = 1_400
# A page of 50 customers, 64 KB: level 9 takes 1.6 ms for 7.1 KB, this one 0.26 ms for 8.8 KB.
_GZIP_LEVEL: Final = 3
# What Apollo Client, urql, Relay and tracing send; a preflight asks for each by name.
_ALLOWED_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "X-Acting-Role",
    "Apollo-Require-Preflight",
    "Apollographql-Client-Name",
    "Apollographql-Client-Version",
    "GraphQL-Require-Preflight",
    "X-Apollo-Operation-Id",
    "X-Apollo-Operation-Name",
    "X-Requested-With",
    "Traceparent",
    "Tracestate",
)
_EXPOSED_HEADERS: Final = ("X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After")
# No browser keeps the answer to a preflight for longer (Chromium's bound).
_PREFLIGHT_SECONDS: Final = 7_200
# The endpoint refuses in its own words what is neither GET nor POST.
_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def create_app(
    settings: Settings,
    *,
    database_url: str,
    keys: Keys,
    token_key: TokenKey,
    data_dir: Path | None = None,
    messages: Messages | None = None,
) -> Starlette:
    """Make the application for one database; ``data_dir`` also keeps the audit trail's last head.

    ``messages`` carries codes to people; without it the demo shows them in its log, and a server
    with an issuer sends none. It connects when the server starts it.
    """
    logs.configure(settings.log_level)
    cursors = Cursors(keys.cursor_secret)
    identities = identities_by_role(keys.identity_secret)
    measured = Metrics()
    redis = open_redis(settings.redis_url.get_secret_value() if settings.redis_url else None)
    bounded = _bounded(measured)
    channel = partial(WakeUps, redis=redis if settings.redis_url else None, bounded=bounded)
    sequencing = _sequencing(database_url, keys, channel, measured, data_dir=data_dir)
    reads = Reads(keys.audit, measured.reads, sequencing.written.wake)
    identity = _identity(
        settings,
        database_url=database_url,
        keys=keys,
        token_key=token_key,
        redis=redis,
        bounded=bounded,
    )
    lifespan = Lifespan(
        database_url,
        keys,
        readers=settings.database_pool_size,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        sequencing=sequencing,
        reads=reads,
        redis=redis,
        issuer=identity.issuer,
        measured=measured,
    )

    # Only the demo's own sign-in goes without an issuer, on this machine alone.
    carried = messages or (None if settings.issuer else LoggedMessages())
    promises = Promises(keys.promise_secret)

    def context(viewer: Viewer) -> Context:
        database: Database = app.state.database
        reader = Reader(
            database,
            keys.ring,
            cursors,
            identities[viewer.role],
            RowScope(viewer),
            settings.page_size_max,
        )
        return Context(viewer, reader, keys.index, app.state.writes, promises, carried)

    operations = _operations(
        settings, context, reads=reads, redis=redis, bounded=bounded, measured=measured
    )
    app = Starlette(
        routes=[
            *_graphql_routes(settings, operations, identity.verifier),
            *health.routes(database_url),
            *metrics.routes(measured, settings.metrics_networks),
            *identity.routes,
        ],
        middleware=_middleware(settings),
        lifespan=lifespan.running,
    )
    return app


def _bounded(measured: Metrics) -> Bounded:
    def without_redis(error: BaseException) -> None:
        measured.redis_failures.inc()
        _log.warning("Redis does not answer; requests do without", error=type(error).__name__)

    return Bounded(without_redis)


def _sequencing(
    database_url: str,
    keys: Keys,
    channel: Callable[[str], WakeUps],
    measured: Metrics,
    *,
    data_dir: Path | None,
) -> Sequencing:
    return Sequencing(
        database_url,
        keys.audit,
        channel("bank360:audit:written"),
        channel("bank360:audit:numbered"),
        measured.sequencer,
        HeadFile.of(data_dir, keys.audit) if data_dir else None,
    )


def _graphql_routes(
    settings: Settings, operations: Operations, verifier: Verifier
) -> list[BaseRoute]:
    endpoint = Endpoint(
        operations,
        verifier.verify,
        settings.body_bytes_max,
        settings.event_stream_keep_alive_seconds,
    )
    websockets = WebSocketEndpoint(
        operations,
        verifier.verify,
        settings.cors_origins,
        settings.websocket_connections_max,
        ConnectionLimits(
            init_seconds=settings.websocket_init_seconds,
            drain_seconds=max(settings.shutdown_seconds_max - CLOSE_SECONDS, 0),
            operations=settings.websocket_operations_max,
            connections_of_viewer=settings.websocket_connections_per_viewer_max,
        ),
    )
    return [
        Route("/graphql", endpoint.answer, methods=_METHODS),
        WebSocketRoute("/graphql", websockets.answer),
    ]


def _middleware(settings: Settings) -> list[Middleware]:
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=_ALLOWED_HEADERS,
            expose_headers=_EXPOSED_HEADERS,
            max_age=_PREFLIGHT_SECONDS,
        ),
        Middleware(GZipMiddleware, minimum_size=_GZIP_FROM_BYTES, compresslevel=_GZIP_LEVEL),
    ]


def _operations(
    settings: Settings,
    context: Callable[[Viewer], Context],
    *,
    reads: Reads,
    redis: Redis,
    bounded: Bounded,
    measured: Metrics,
) -> Operations:
    limits = Limits(
        depth=settings.query_depth_max,
        aliases=settings.query_aliases_max,
        root_fields=settings.query_root_fields_max,
        directives=settings.query_directives_max,
        nodes=settings.query_nodes_max,
    )
    quotas = {
        Policy.VIEWER: settings.rate_per_viewer,
        Policy.ADDRESS: settings.rate_per_address,
        Policy.LOOK_UPS: settings.rate_of_look_ups,
        Policy.UNAUTHENTICATED: settings.rate_of_unauthenticated,
    }

    counters = Counters(redis if settings.redis_url else None, bounded)
    kept_seconds = settings.persisted_query_seconds
    documents = Documents(redis, bounded, kept_seconds) if kept_seconds else None
    return Operations(
        Executor(
            graphql_schema(),
            planner(settings.page_size_max),
            settings.query_tokens_max,
            limits,
            settings.query_suggestions,
            _audience(settings),
            lambda path: measured.queries.labels(path).inc(),
        ),
        context,
        settings.operation_timeout_seconds,
        Rates(counters, quotas),
        reads,
        PersistedQueries(documents, measured),
        measured,
    )


class NoIssuerError(Exception):
    """A server that others can reach needs an issuer; the demo's sign-in lets everybody in."""

    def __init__(self, host: str) -> None:
        """Take the address that the server is to listen on."""
        super().__init__(
            f"listening on {host}, which others can reach, needs BANK360_ISSUER: the demo's own"
            " sign-in asks for no password, so it is for this machine alone"
        )


@dataclass(frozen=True)
class _Identity:
    """Who tells who is asking: a configured issuer, or the demo's own."""

    verifier: Verifier
    issuer: RemoteKeys | None
    routes: list[BaseRoute]


def _identity(
    settings: Settings,
    *,
    database_url: str,
    keys: Keys,
    token_key: TokenKey,
    redis: Redis,
    bounded: Bounded,
) -> _Identity:
    for_customers = _audience(settings) == "everyone"
    revocations = Revocations(redis, bounded)
    if settings.issuer is not None:
        remote = RemoteKeys(settings.issuer)
        pages = graphiql.routes(partial(_offer, settings, remote), customers=for_customers)
        verifier = _verifier(settings, remote, database_url, revocations)
        return _Identity(verifier, remote, pages)
    if not is_loopback(settings.host):
        raise NoIssuerError(settings.host)
    demo = DemoIssuer(token_key, settings.audience, database_url, keys.ring, redis)
    pages = graphiql.routes(demo.offer, customers=for_customers)
    verifier = _verifier(settings, token_key, database_url, revocations)
    return _Identity(verifier, None, [*pages, *demo.routes()])


def _audience(settings: Settings) -> Audience:
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


def create_from_environment() -> Starlette:
    """Make the application from environment variables alone: for server worker processes."""
    settings = Settings.read()
    if settings.database_url is None:
        message = "DATABASE_URL is not set"
        raise RuntimeError(message)
    keys = Keys.load(
        settings.data_dir,
        settings.master_key.get_secret_value() if settings.master_key else None,
        settings.index_key.get_secret_value() if settings.index_key else None,
    )
    return create_app(
        settings,
        database_url=settings.database_url.get_secret_value(),
        keys=keys,
        token_key=TokenKey.load(settings.data_dir),
        data_dir=settings.data_dir,
    )
