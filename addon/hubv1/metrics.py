"""Metrics for Prometheus: the number of calls, how they ended and how long they took.

Callers, repositories and tags are no labels, since their number has no bound; the journal has them.
"""

import contextlib
import itertools
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, Counter, Histogram, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from hubv1 import __version__
from hubv1.api.routes import ROUTES, Outcome, is_retiring
from hubv1.fleet import ShippingStatus
from hubv1.journal import CallRecord, Seen
from hubv1.listen import METRICS, Listener, is_welcome, split_address

logger = logging.getLogger(__name__)

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class Readings:
    """Figures that other components count, read when Prometheus scrapes."""

    seen: Seen = field(default_factory=Seen)
    upstream: Mapping[str, int] = field(default_factory=dict)
    """Requests to Docker's hosts by status, `none` for those without an answer."""
    waiting: int = 0  # calls that wait to be written to the journal
    fleet: ShippingStatus | None = None
    lost: int = 0  # calls that were answered and are not in the journal


class Metrics(Collector):
    """The metrics, and the HTTP server that exposes them."""

    def __init__(self, address: str, read: Callable[[], Readings]) -> None:
        """Serve on `address`, `host:port`; raises ValueError or OSError if that is impossible.

        The server calls `read` in its own thread.
        """
        self._read = read
        registry = CollectorRegistry()
        registry.register(self)
        self._calls = Counter(
            "hub_v1_calls",
            "Legacy calls by route and by what became of them.",
            ("route", "outcome"),
            registry=registry,
        )
        # Counters begin at 0, since PromQL's `increase` ignores the first value of a series.
        for route, outcome in itertools.product(ROUTES, Outcome):
            self._calls.labels(route.name, outcome)
        self._retiring = Counter(
            "hub_v1_retiring_calls",
            "Calls to what Docker retires next of API v2, by route and by what became of them.",
            ("route", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "hub_v1_call_duration_seconds",
            "From the arrival of a legacy call until its answer was ready.",
            ("outcome",),
            registry=registry,
            buckets=_BUCKETS,
        )
        self._cache = Counter(
            "hub_v1_cache_results",
            "How far equal calls shared an answer.",
            ("result",),
            registry=registry,
        )
        listener = Listener(METRICS, *split_address(address))
        try:
            self._server = _serve(listener, make_wsgi_app(registry))
        except OSError as error:
            reason = listener.why_not(error)
            raise OSError(f"hub_metrics cannot be served on {address}: {reason}") from error

    @property
    def port(self) -> int:
        """The port of the server."""
        return int(self._server.server_port)

    def count(self, entry: CallRecord) -> None:
        """Count a call; calls to API v2 have a counter of their own."""
        if is_retiring(entry.route):
            self._retiring.labels(entry.route, entry.outcome).inc()
            return
        self._calls.labels(entry.route, entry.outcome).inc()
        self._seconds.labels(entry.outcome).observe(entry.duration_ms / 1000)
        if entry.cache:
            self._cache.labels(entry.cache).inc()

    def collect(self) -> Iterator[Metric]:
        """The figures that other components count, for the Prometheus client."""
        now = self._read()
        info = GaugeMetricFamily("hub_v1_bridge_info", "The bridge.", labels=("version",))
        info.add_metric((__version__,), 1)
        yield info
        upstream = CounterMetricFamily(
            "hub_v1_upstream_calls", "Requests to Docker's hosts by status.", labels=("status",)
        )
        for status, calls in now.upstream.items():
            upstream.add_metric((status,), calls)
        yield upstream
        for name, meaning, value in (
            ("flows", "Flows, legacy or not.", now.seen.flows),
            ("still_served", "v1 searches, which Hub still serves.", now.seen.still_served),
            (
                "rejected_tls",
                "TLS handshakes for a legacy host by clients that do not trust the bridge's CA.",
                now.seen.rejected_tls,
            ),
            (
                "unrecorded_calls",
                "Legacy calls that were answered and are not in the journal.",
                now.lost,
            ),
            (
                "refused_unrecorded_calls",
                "Legacy calls that were refused because they could not be recorded.",
                now.seen.refused_unrecorded,
            ),
        ):
            yield CounterMetricFamily(f"hub_v1_{name}", meaning, value)
        yield GaugeMetricFamily(
            "hub_v1_journal_waiting", "Calls that wait to be written to the journal.", now.waiting
        )
        if now.fleet is not None:
            at = now.fleet.shipped_at
            yield GaugeMetricFamily(
                "hub_v1_fleet_backlog",
                "Rows of the journal that the fleet does not have.",
                now.fleet.waiting,
            )
            yield GaugeMetricFamily(
                "hub_v1_fleet_last_success_timestamp_seconds",
                "When the fleet was last reached, in seconds since 1970; 0 if it never was.",
                at.timestamp() if at else 0,
            )

    def close(self) -> None:
        """Stop serving."""
        with contextlib.suppress(OSError):
            # Wakes the server's thread, which would notice `shutdown` only twice a second.
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingWSGIServer):
    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  # socketserver's
        """Print no traceback for a client that says nothing or breaks off."""
        logger.debug("hub_metrics: no answer to %s: %r", client_address, sys.exception())


class _ServerOfV6(_Server):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Log nothing: Prometheus scrapes every few seconds."""


def _serve(listener: Listener, show: WSGIApplication) -> WSGIServer:
    def guarded(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if is_welcome(listener.host, environment.get("HTTP_HOST", "")):
            return show(environment, start)
        start("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"These metrics are for this machine alone.\n"]

    kind = _ServerOfV6 if ":" in listener.host else _Server
    server = make_server(listener.host, listener.port or 0, guarded, kind, _Silent)
    threading.Thread(target=server.serve_forever, name="hub metrics", daemon=True).start()
    return server
