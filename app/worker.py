"""Where the worker's parts meet: inside a server, or as a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from app import health, logs, metrics
from app.db.key_check import check_keys
from app.db.keys import Keys
from app.jobs.day_end import DayEnd, Rules
from app.jobs.service_desk import ServiceDesk
from app.jobs.worker import Worker
from app.metrics import Metrics
from app.settings import Settings


def create_day_end(settings: Settings, database_url: str, keys: Keys, measured: Metrics) -> DayEnd:
    """Make what closes the business days of one bank."""
    rules = Rules(settings.business_time_zone, settings.worker_batch, settings.idempotency_key_days)
    return DayEnd(database_url, keys, rules, measured.worker)


def create_worker(settings: Settings, database_url: str, keys: Keys, measured: Metrics) -> Worker:
    """Make the worker of one bank."""
    day_end = create_day_end(settings, database_url, keys, measured)
    desk = ServiceDesk(database_url, keys.audit, settings.worker_batch, measured.desk)
    return Worker(day_end, desk, settings.worker_heartbeat_seconds)


def create_worker_app(settings: Settings, *, database_url: str, keys: Keys) -> Starlette:
    """Make the worker as a process of its own, with ``/healthz`` and ``/metrics``."""
    logs.configure(settings.log_level)
    measured = Metrics()
    worker = create_worker(settings, database_url, keys, measured)

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        await check_keys(database_url, keys)
        async with worker.running():
            yield

    return Starlette(
        routes=[*health.alive(), *metrics.routes(measured, settings.metrics_networks)],
        lifespan=running,
    )
