"""Where engine, keys, schema and routes meet."""

import gc
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.routing import BaseRoute, Route

from app import health, logs, metrics
from app.auth.permissions import Role
from app.auth.promises import Promises
from app.auth.tokens import TokenKey
from app.auth.verifier import Verifier
from app.auth.viewer import ALWAYS, Viewer
from app.db.counters import Counters
from app.db.database import Database
from app.db.documents import Documents
from app.db.feed import Feed, FeedLimits
from app.db.head_file import HeadFile
from app.db.keys import Keys
from app.db.reads import Reads
from app.db.redis import Bounded, Redis, open_redis
from app.db.scope import RowScope
from app.db.wake_ups import WakeUps
from app.direct import Direct
from app.execution import Executor
from app.http import Endpoint
from app.identity import audience_of, open_identity
from app.jobs.sequencing import Sequencing
from app.lifespan import Lifespan
from app.limits import Limits
from app.messages import LoggedMessages
from app.metrics import Metrics
from app.multipart import MULTIPART
from app.operation import Operations
from app.persisted import PersistedQueries
from app.planner.cursors import Cursors
from app.planner.identities import identities_by_role
from app.planner.projection import Scope
from app.planner.reader import Reader
from app.rates import Policy, Rates
from app.resolvers.context import Context
from app.resolvers.messages import Messages
from app.schema.root import graphql_schema, planner
from app.settings import Settings
from app.streaming import StreamLimits, Streams
from app.trusted import TrustedDocuments
from app.websocket import WebSocketEndpoint
from app.websocket_connection import CLOSE_SECONDS, ConnectionLimits
from app.worker import create_worker

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
    "GraphQL-Cost",
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
_GRAPHQL: Final = "/graphql"
_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def create_app(
    settings: Settings,
    *,
    database_url: str,
    keys: Keys,
    token_key: TokenKey,
    data_dir: Path | None = None,
    works: bool = False,
    messages: Messages | None = None,
) -> Starlette:
    """Make the application for one database; ``data_dir`` also keeps the audit trail's last head.

    It connects when the server starts it, and closes business days too where it ``works``.
    ``messages`` carries codes to people; without it the demo shows them in its log, and a server
    with an issuer sends none.
    """
    logs.configure(settings.log_level)
    measured = Metrics()
    redis = open_redis(settings.redis_url.get_secret_value() if settings.redis_url else None)
    bounded = _bounded(measured)
    channel = partial(WakeUps, redis=redis if settings.redis_url else None, bounded=bounded)
    sequencing = _sequencing(database_url, keys, channel, measured, data_dir=data_dir)
    reads = Reads(keys.audit, measured.reads)
    identity = open_identity(
        settings,
        database_url=database_url,
        keys=keys,
        token_key=token_key,
        redis=redis,
        bounded=bounded,
    )
    context = _contexts(settings, keys, messages, lambda: app.state)
    operations = _operations(
        settings, context, reads=reads, redis=redis, bounded=bounded, measured=measured
    )
    feed = _feed(settings, database_url, sequencing.numbered, measured)
    lifespan = Lifespan(
        database_url,
        keys,
        readers=settings.database_pool_size,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        sequencing=sequencing,
        feed=feed,
        reads=reads,
        redis=redis,
        issuer=identity.issuer,
        measured=measured,
        plan_ahead=partial(operations.executor.plan_trusted, _customers()),
        worker=create_worker(settings, database_url, keys, measured) if works else None,
    )

    streams = _streams(settings, operations, feed)
    routes, direct = _graphql_routes(settings, streams, identity.verifier)
    app = Starlette(
        routes=[
            *routes,
            *health.routes(database_url),
            *metrics.routes(measured, settings.metrics_networks),
            *identity.routes,
        ],
        middleware=[direct, *_middleware(settings)],
        lifespan=lifespan.running,
    )
    return app


def _contexts(
    settings: Settings, keys: Keys, messages: Messages | None, state: Callable[[], State]
) -> Callable[[Viewer], Context]:
    """Give what makes an operation's context; ``state`` holds what the server opened."""
    cursors = Cursors(keys.cursor_secret)
    identities = identities_by_role(keys.identity_secret)
    promises = Promises(keys.promise_secret)
    # Only the demo's own sign-in goes without an issuer, on this machine alone.
    carried = messages or (None if settings.issuer else LoggedMessages())

    def context(viewer: Viewer) -> Context:
        opened = state()
        database: Database = opened.database
        reader = Reader(
            database,
            keys.ring,
            cursors,
            identities[viewer.role],
            RowScope(viewer),
            settings.page_size_max,
        )
        return Context(viewer, reader, keys.index, opened.writes, promises, carried)

    return context


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


def _feed(settings: Settings, database_url: str, numbered: WakeUps, measured: Metrics) -> Feed:
    limits = FeedLimits(
        timedelta(hours=settings.event_retention_hours),
        settings.event_replay_max,
        settings.event_queue_max,
    )
    return Feed(database_url, numbered, measured.streams, limits)


def _streams(settings: Settings, operations: Operations, feed: Feed) -> Streams:
    limits = StreamLimits(
        settings.subscriptions_max,
        settings.subscriptions_per_viewer_max,
        settings.subscription_check_seconds,
        settings.subscription_mark_seconds,
    )
    return Streams(operations, feed, limits)


def _graphql_routes(
    settings: Settings, streams: Streams, verifier: Verifier
) -> tuple[list[BaseRoute], Middleware]:
    endpoint = Endpoint(
        streams,
        verifier.verify,
        settings.body_bytes_max,
        settings.event_stream_keep_alive_seconds,
    )
    websockets = WebSocketEndpoint(
        streams,
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
    routes: list[BaseRoute] = [Route(_GRAPHQL, endpoint.answer, methods=_METHODS)]
    direct = Middleware(Direct, path=_GRAPHQL, answer=endpoint.answer, converse=websockets.answer)
    return routes, direct


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
        Middleware(
            GZipMiddleware,
            minimum_size=_GZIP_FROM_BYTES,
            compresslevel=_GZIP_LEVEL,
            # What is told piece by piece would wait in the compressor.
            exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, MULTIPART),
        ),
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
        cost=settings.query_cost_max,
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
    executor = Executor(
        graphql_schema(),
        planner(settings.page_size_max),
        settings.query_tokens_max,
        limits,
        settings.query_suggestions,
        audience_of(settings),
        lambda path: measured.queries.labels(path).inc(),
    )
    trusted = TrustedDocuments.load(settings.trusted_documents, settings.trusted_documents_only)
    executor.trust(trusted.documents)
    return Operations(
        executor,
        context,
        settings.operation_timeout_seconds,
        Rates(counters, quotas),
        reads,
        PersistedQueries(documents, measured),
        trusted,
        measured,
    )


def _customers() -> dict[Viewer, Scope]:
    """Give the viewers whose plans are made ahead: those of other posts come when asked for."""
    found = (Viewer(Role.CUSTOMER, (Role.CUSTOMER,), strong_until=each) for each in (ALWAYS, None))
    return {viewer: RowScope(viewer) for viewer in found}


def settle() -> None:
    """Tell the garbage collector that what was made so far stays.

    For a process that serves: code, schema and tables are half a million objects, through which
    it would go again and again while thousands of subscribers wait, for a third of a second.
    """
    gc.collect()
    gc.freeze()


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
    made = create_app(
        settings,
        database_url=settings.database_url.get_secret_value(),
        keys=keys,
        token_key=TokenKey.load(settings.data_dir),
        data_dir=settings.data_dir,
    )
    settle()
    return made
