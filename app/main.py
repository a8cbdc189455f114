"""Where engine, keys, schema and routes meet."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route, WebSocketRoute

from app import graphiql, health, logs, metrics
from app.auth.tokens import TokenKey
from app.auth.viewer import Viewer
from app.db.counters import Counters
from app.db.database import Database
from app.db.documents import Documents
from app.db.key_check import check_keys
from app.db.keys import Keys
from app.db.redis import Bounded, Redis, open_redis
from app.db.scope import RowScope
from app.execution import Executor
from app.http import Endpoint
from app.limits import Limits
from app.metrics import Metrics
from app.operation import Operations
from app.persisted import PersistedQueries
from app.planner.cursors import Cursors
from app.planner.identities import identities_by_role
from app.planner.reader import Reader
from app.rates import Policy, Rates
from app.resolvers.context import Context
from app.schema.root import graphql_schema
from app.settings import Settings
from app.websocket import WebSocketEndpoint
from app.websocket_connection import CLOSE_SECONDS, ConnectionLimits

_log = structlog.get_logger("bank360.main")

# Smaller answers gain nothing from compression.
_COMPRESSED_FROM_BYTES: Final = 1_400
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


def create_app(
    settings: Settings, *, database_url: str, keys: Keys, token_key: TokenKey
) -> Starlette:
    """Make the application for one database; it connects when the server starts it."""
    logs.configure(settings.log_level)
    cursors = Cursors(keys.cursor_secret)
    identities = identities_by_role(keys.identity_secret)
    measured = Metrics()
    redis = open_redis(settings.redis_url.get_secret_value() if settings.redis_url else None)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await check_keys(database_url, keys)
        database = await Database.connect(
            database_url,
            settings.database_pool_size,
            settings.statement_timeout_seconds,
            measured.pool,
        )
        app.state.database = database
        app.state.redis = redis
        try:
            yield
        finally:
            await redis.aclose()
            await database.close()

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
        return Context(viewer, reader, keys.index)

    operations = _operations(settings, context, redis, measured)
    endpoint = Endpoint(
        operations,
        token_key.verify,
        settings.body_bytes_max,
        settings.event_stream_keep_alive_seconds,
    )
    websockets = WebSocketEndpoint(
        operations,
        token_key.verify,
        settings.cors_origins,
        settings.websocket_connections_max,
        ConnectionLimits(
            init_seconds=settings.websocket_init_seconds,
            drain_seconds=max(settings.shutdown_seconds_max - CLOSE_SECONDS, 0),
            operations=settings.websocket_operations_max,
            connections_of_viewer=settings.websocket_connections_per_viewer_max,
        ),
    )
    methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    app = Starlette(
        routes=[
            Route("/graphql", endpoint.answer, methods=methods),
            WebSocketRoute("/graphql", websockets.answer),
            *health.routes(database_url),
            *metrics.routes(measured, settings.metrics_networks),
            *graphiql.routes(),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=_ALLOWED_HEADERS,
                expose_headers=_EXPOSED_HEADERS,
                max_age=_PREFLIGHT_SECONDS,
            ),
            Middleware(GZipMiddleware, minimum_size=_COMPRESSED_FROM_BYTES),
        ],
        lifespan=lifespan,
    )
    return app


def _operations(
    settings: Settings, context: Callable[[Viewer], Context], redis: Redis, measured: Metrics
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

    def without_redis(error: BaseException) -> None:
        measured.redis_failures.inc()
        _log.warning("Redis does not answer; rates are not limited", error=type(error).__name__)

    bounded = Bounded(without_redis)
    counters = Counters(redis if settings.redis_url else None, bounded)
    kept_seconds = settings.persisted_query_seconds
    documents = Documents(redis, bounded, kept_seconds) if kept_seconds else None
    return Operations(
        Executor(graphql_schema(), settings.query_tokens_max, limits, settings.query_suggestions),
        context,
        settings.operation_timeout_seconds,
        Rates(counters, quotas),
        PersistedQueries(documents, measured),
        measured,
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
    )
