"""Where engine, keys, schema and routes meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from app import graphiql, health, logs
from app.auth.tokens import TokenKey
from app.auth.viewer import Viewer
from app.db.database import Database
from app.db.key_check import check_keys
from app.db.keys import Keys
from app.db.redis import open_redis
from app.db.scope import RowScope
from app.execution import Executor
from app.http import Endpoint
from app.limits import Limits
from app.operation import Operations
from app.planner.cursors import Cursors
from app.planner.reader import Reader
from app.resolvers.context import Context
from app.schema.root import graphql_schema
from app.settings import Settings

# Smaller answers gain nothing from compression.
_COMPRESSED_FROM_BYTES: Final = 1_400


def create_app(
    settings: Settings, *, database_url: str, keys: Keys, token_key: TokenKey
) -> Starlette:
    """Make the application for one database; it connects when the server starts it."""
    logs.configure(settings.log_level)
    cursors = Cursors(keys.cursor_secret)
    redis_url = settings.redis_url

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await check_keys(database_url, keys)
        database = await Database.connect(
            database_url, settings.database_pool_size, settings.statement_timeout_seconds
        )
        app.state.database = database
        app.state.redis = open_redis(redis_url.get_secret_value() if redis_url else None)
        try:
            yield
        finally:
            await app.state.redis.aclose()
            await database.close()

    def context(viewer: Viewer) -> Context:
        database: Database = app.state.database
        reader = Reader(database, keys.ring, cursors, RowScope(viewer), settings.page_size_max)
        return Context(viewer, reader, keys.index)

    limits = Limits(
        depth=settings.query_depth_max,
        aliases=settings.query_aliases_max,
        root_fields=settings.query_root_fields_max,
        directives=settings.query_directives_max,
        nodes=settings.query_nodes_max,
    )
    executor = Executor(graphql_schema(), settings.query_tokens_max, limits)
    operations = Operations(executor, context, settings.operation_timeout_seconds)
    endpoint = Endpoint(operations, token_key.verify, settings.body_bytes_max)
    methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    app = Starlette(
        routes=[
            Route("/graphql", endpoint.answer, methods=methods),
            *health.routes(database_url),
            *graphiql.routes(),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=["X-Request-Id"],
            ),
            Middleware(GZipMiddleware, minimum_size=_COMPRESSED_FROM_BYTES),
        ],
        lifespan=lifespan,
    )
    return app


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
