"""Whether the server lives, and whether it can answer."""

from asyncpg import PostgresError
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.db.migrate import is_current


async def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "alive"})


def alive() -> list[Route]:
    """Give ``/healthz`` alone, of a process that answers nothing else."""
    return [Route("/healthz", _alive)]


def routes(database_url: str) -> list[Route]:
    """Give ``/healthz`` (alive) and ``/readyz`` (database, migrations and Redis answer)."""

    async def ready(request: Request) -> Response:
        missing = []
        try:
            if not await is_current(database_url):
                missing.append("the database needs 'bank360 migrate'")
        except (OSError, PostgresError):
            missing.append("the database does not answer")
        try:
            await request.app.state.redis.ping()
        except RedisError:
            missing.append("Redis does not answer")
        if missing:
            return JSONResponse({"status": "not ready", "missing": missing}, 503)
        return JSONResponse({"status": "ready"})

    return [*alive(), Route("/readyz", ready)]
