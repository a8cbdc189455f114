"""Metrics for Prometheus, in a registry of their own; no label has a value that clients choose.

Several worker processes write to files in the folder ``PROMETHEUS_MULTIPROC_DIR``, and each of
them answers with the sum.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import psutil
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.addresses import Network, client_address
from app.stream_metrics import StreamMetrics

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
PATH: Final = "/metrics"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_STATEMENTS: Final = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55)


class Metrics:
    """What this server counts and measures."""

    def __init__(self) -> None:
        """Make every metric, at zero."""
        self.registry = registry = CollectorRegistry()
        live: Any = {"registry": registry, "multiprocess_mode": "livesum"}
        self.operations = Counter(
            "bank360_operations", "Operations", ["kind", "outcome"], registry=registry
        )
        self.operation_seconds = Histogram(
            "bank360_operation_seconds",
            "Time from an operation's arrival to its answer",
            ["kind"],
            registry=registry,
            buckets=_SECONDS,
        )
        # Finding a metric by its labels takes longer than counting.
        self._known: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self.operation_statements = Histogram(
            "bank360_operation_statements",
            "SQL statements of an operation",
            registry=registry,
            buckets=_STATEMENTS,
        )
        self.commands = Counter(
            "bank360_commands",
            "Commands, by how they ended",
            ["command", "outcome"],
            registry=registry,
        )
        self.queries = Counter(
            "bank360_queries",
            "Queries by how they were answered: planned, or why not",
            ["path"],
            registry=registry,
        )
        self.refusals = Counter(
            "bank360_refusals", "Errors in answers, by code", ["code"], registry=registry
        )
        self.persisted_queries = Counter(
            "bank360_persisted_queries",
            "Documents asked for by hash, and stored under one",
            ["outcome"],
            registry=registry,
        )
        self.redis_failures = Counter(
            "bank360_redis_failures",
            "Times that Redis did not answer and requests went on without it",
            registry=registry,
        )
        self.websocket_connections = Gauge(
            "bank360_websocket_connections", "Open WebSocket connections", **live
        )
        self.pool = PoolMetrics(registry, live)
        self.reads = ReadsMetrics(registry)
        self.sequencer = SequencerMetrics(registry)
        self.streams = StreamMetrics(registry, live)
        self.worker = WorkerMetrics(registry)
        self.desk = DeskMetrics(registry)
        if FOLDER_VARIABLE not in os.environ:
            ProcessCollector(registry=registry)

    def written(self) -> bytes:
        """Write every metric in Prometheus' text format, summed over the worker processes."""
        folder = os.environ.get(FOLDER_VARIABLE)
        if folder is None:
            return generate_latest(self.registry)
        _forget_dead_processes(Path(folder))
        summed = CollectorRegistry()
        MultiProcessCollector(summed, folder)  # type: ignore[no-untyped-call]
        return generate_latest(summed)

    def operation(self, kind: str, outcome: str, seconds: float, statements: int) -> None:
        """Count an operation, how long it took and how many SQL statements."""
        known = self._known.get((kind, outcome))
        if known is None:
            counter = self.operations.labels(kind, outcome)
            known = self._known[kind, outcome] = counter, self.operation_seconds.labels(kind)
        counter, histogram = known
        counter.inc()
        histogram.observe(seconds)
        self.operation_statements.observe(statements)

    def command(self, name: str, outcome: str) -> None:
        """Count a command by its outcome: DONE, PENDING, REPLAYED, or a problem's code.

        PENDING waits for a second person.
        """
        self.commands.labels(name, outcome).inc()

    def refused(self, codes: Iterable[str]) -> None:
        """Count errors by their codes."""
        for code in codes:
            self.refusals.labels(code).inc()


class PoolMetrics:
    """What is seen of the pool of database connections; `app.db.lending.PoolObserver`."""

    def __init__(self, registry: CollectorRegistry, live: Any) -> None:
        """Make the metrics of the pool in ``registry``."""
        self._open = Gauge("bank360_database_connections", "Connections that are open", **live)
        self._used = Gauge("bank360_database_connections_used", "Connections in use", **live)
        self._waiting = Gauge("bank360_database_waiting", "Waiting for a connection", **live)
        self._seconds = Histogram(
            "bank360_database_acquire_seconds",
            "Time until a connection was free",
            registry=registry,
            buckets=_SECONDS,
        )
        self._busy = Counter(
            "bank360_database_busy", "Times no connection came free in time", registry=registry
        )

    def waits(self) -> None:
        """Tell that a statement waits for a connection."""
        self._waiting.inc()

    def waited(self) -> None:
        """Tell that it waits no longer, whatever came of it."""
        self._waiting.dec()

    def acquired(self, seconds: float) -> None:
        """Tell that a statement got a connection, after ``seconds``."""
        self._used.inc()
        self._seconds.observe(seconds)

    def opened(self, size: int) -> None:
        """Tell that the pool has ``size`` connections."""
        self._open.set(size)

    def was_busy(self) -> None:
        """Tell that a statement got none, because all were in use for too long."""
        self._busy.inc()

    def released(self) -> None:
        """Tell that a connection is free again."""
        self._used.dec()


class ReadsMetrics:
    """What is seen of the records of reads; `app.db.reads.ReadsObserver`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the metrics of recorded reads in ``registry``."""
        self._batches = Histogram(
            "bank360_read_audit_batch_seconds",
            "Time that a batch of records of reads took to write",
            registry=registry,
            buckets=_SECONDS,
        )
        self._rows = Counter(
            "bank360_read_audit_rows", "Records of reads that were written", registry=registry
        )
        self._waits = Histogram(
            "bank360_read_audit_wait_seconds",
            "Time that an answer waited until its reads were recorded",
            registry=registry,
            buckets=_SECONDS,
        )
        self._failures = Counter(
            "bank360_read_audit_failures",
            "Answers held back because their reads were not recorded",
            registry=registry,
        )

    def recorded(self, rows: int, seconds: float) -> None:
        """Tell that a batch of so many rows was written in ``seconds``."""
        self._batches.observe(seconds)
        self._rows.inc(rows)

    def waited(self, seconds: float) -> None:
        """Tell that an answer waited so long for its record."""
        self._waits.observe(seconds)

    def failed(self) -> None:
        """Tell that an answer was held back."""
        self._failures.inc()


class SequencerMetrics:
    """What is seen of the sequencer; `app.jobs.sequencing.Observer`.

    Of several processes one numbers; the others show 0, and the sum or greatest counts.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the metrics of the sequencer in ``registry``."""
        greatest: Any = {"registry": registry, "multiprocess_mode": "livemax"}
        self._holds = Gauge(
            "bank360_audit_sequencers",
            "Processes that number audit records: one, of all servers together",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._position = Gauge(
            "bank360_audit_position", "Position of the last audit record", **greatest
        )
        self._waited = Gauge(
            "bank360_audit_lag_seconds",
            "How long the oldest record of the last batch had waited for its position",
            **greatest,
        )
        self._heads = Counter("bank360_audit_heads", "Heads that were signed", registry=registry)
        self._failures = Counter(
            "bank360_audit_failures",
            "Times the sequencer lost its database, could not keep a head, or found tampering",
            registry=registry,
        )

    def holds(self, *, lock: bool) -> None:
        """Tell whether it is this process that numbers."""
        self._holds.set(lock)
        if not lock:
            self._waited.set(0)

    def numbered(self, position: int, waited_seconds: float) -> None:
        """Tell the last position, and for how long the oldest record had waited for one."""
        self._position.set(position)
        self._waited.set(waited_seconds)

    def signed(self, heads: int) -> None:
        """Tell of signed heads."""
        self._heads.inc(heads)

    def failed(self) -> None:
        """Tell of a failure."""
        self._failures.inc()


class WorkerMetrics:
    """What is seen of the worker; `app.jobs.day_end.Observer`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the metrics of the worker in ``registry``."""
        self._due = Gauge(
            "bank360_business_days_due",
            "Business days that are over and not closed, when it was last looked",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._closed = Counter(
            "bank360_business_days_closed", "Business days that were closed", registry=registry
        )
        self._rows = Counter(
            "bank360_worker_rows",
            "Rows that steps of a day's end changed",
            ["step"],
            registry=registry,
        )
        self._seconds = Histogram(
            "bank360_worker_batch_seconds",
            "Time that one transaction of a step took",
            ["step"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._failures = Counter(
            "bank360_worker_failures",
            "Times that closing a day broke off, or the queue was lost",
            registry=registry,
        )

    def due(self, days: int) -> None:
        """Tell how many business days are over and not closed."""
        self._due.set(days)

    def worked(self, step: str, rows: int, seconds: float) -> None:
        """Tell that one transaction of a step changed so many rows."""
        self._rows.labels(step).inc(rows)
        self._seconds.labels(step).observe(seconds)

    def closed(self) -> None:
        """Tell that a day's end is done."""
        self._closed.inc()

    def failed(self) -> None:
        """Tell that a run was broken off."""
        self._failures.inc()


class DeskMetrics:
    """What is seen of the service desk's clock; `app.jobs.service_desk.DeskObserver`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the metrics of the service desk in ``registry``."""
        self._told = Counter(
            "bank360_tickets_told",
            "Tickets that the worker told to be due soon, or late",
            ["kind"],
            registry=registry,
        )
        self._routed = Counter(
            "bank360_tickets_routed",
            "Tickets that the worker gave to agents; openings give theirs themselves",
            registry=registry,
        )
        self._waiting = Gauge(
            "bank360_tickets_waiting",
            "Tickets that were nobody's when the worker last looked",
            registry=registry,
            multiprocess_mode="livemax",
        )

    def told(self, kind: str, tickets: int) -> None:
        """Tell that so many tickets were told to be due soon, or late."""
        self._told.labels(kind).inc(tickets)

    def routed(self, tickets: int) -> None:
        """Tell that so many tickets were given to agents."""
        self._routed.inc(tickets)

    def waiting(self, tickets: int) -> None:
        """Tell how many tickets are nobody's."""
        self._waiting.set(tickets)


def routes(metrics: Metrics, networks: Sequence[Network]) -> list[Route]:
    """Give ``/metrics``, which answers clients of these networks alone."""

    async def answer(request: Request) -> Response:
        address = client_address(request)
        if address is None or not any(address in network for network in networks):
            return PlainTextResponse("metrics are not shown to this address\n", 403)
        headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
        return Response(metrics.written(), headers=headers)

    return [Route(PATH, answer)]


def _forget_dead_processes(folder: Path) -> None:
    """Drop the gauges of worker processes that are gone; their counts stay in the sums."""
    pids = {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*.db")}
    for pid in pids:
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
