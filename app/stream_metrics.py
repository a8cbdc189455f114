"""Metrics of events and of those who follow them."""

from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class StreamMetrics:
    """What is seen of events and subscriptions; `app.db.feed.FeedObserver`."""

    def __init__(self, registry: CollectorRegistry, live: Any) -> None:
        """Make the metrics of events in ``registry``."""
        self._subscriptions = Gauge("bank360_subscriptions", "Subscriptions that run", **live)
        self._position = Gauge(
            "bank360_feed_position",
            "Position up to which events were read for subscribers",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._waited = Gauge(
            "bank360_feed_lag_seconds",
            "Time from when the last event was recorded until it was read for subscribers",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._events = Counter(
            "bank360_feed_events", "Events that were read for subscribers", registry=registry
        )
        self._deliveries = Histogram(
            "bank360_delivery_seconds",
            "Time from when an event was recorded until it was told to a subscriber",
            registry=registry,
            buckets=_SECONDS,
        )
        self._behind = Counter(
            "bank360_subscribers_behind",
            "Times that a subscriber took events too slowly and was told from the database",
            registry=registry,
        )
        self._resyncs = Counter(
            "bank360_resyncs",
            "Times that a subscriber was not told all that it had missed",
            ["reason"],
            registry=registry,
        )
        self._failures = Counter(
            "bank360_feed_failures",
            "Times that the database did not answer when events were read",
            registry=registry,
        )

    def read(self, events: int, position: int, waited_seconds: float) -> None:
        """Tell of events that were read, and how long ago the last of them was recorded."""
        self._events.inc(events)
        self._position.set(position)
        self._waited.set(waited_seconds)

    def delivered(self, recorded_at: datetime) -> None:
        """Tell that something was told to a subscriber."""
        self._deliveries.observe(max((datetime.now(UTC) - recorded_at).total_seconds(), 0.0))

    def followers(self, change: int) -> None:
        """Tell that somebody began or ceased to follow."""
        self._subscriptions.inc(change)

    def fell_behind(self) -> None:
        """Tell that somebody took events too slowly, and reads the chain instead."""
        self._behind.inc()

    def resynced(self, reason: str) -> None:
        """Tell that somebody is not told all that was missed."""
        self._resyncs.labels(reason).inc()

    def feed_failed(self) -> None:
        """Tell that the database did not answer."""
        self._failures.inc()
