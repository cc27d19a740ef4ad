"""What a bridge works with, made of its settings; what need not change stays as it is."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from hubv1 import __version__
from hubv1.cache import AnswerCache
from hubv1.fleet import Shipping
from hubv1.hub import Connections, Exchange, HubClient, Transport
from hubv1.journal import FILE_NAME, Journal, Place
from hubv1.metrics import Metrics, Readings
from hubv1.mitm.rules import Rules, read_rules
from hubv1.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a bridge finds, or is, whatever its own settings say."""

    bridge_id: str
    """The pseudonym in Via, which tells this bridge's own requests from those of every other."""
    connections: Connections
    confdir: Path
    """mitmproxy's, which at a first start is not there yet."""
    observer: Callable[[Exchange], None] | None = None
    """Is shown the bridge's own calls."""
    imposed: str = field(default="", repr=False)
    """The Authorization that mitmproxy gives to all requests behind a reverse proxy, if any."""

    @property
    def via(self) -> str:
        """The bridge's own entry for the Via header."""
        return f"1.1 {self.bridge_id}"

    def transport(self) -> Transport:
        """New connections to Docker's hosts."""
        agent = f"hub-v1-bridge/{__version__}"
        return Transport(self.via, agent, self.connections, self.observer)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that lives as long as its settings."""

    settings: Settings
    surroundings: Surroundings
    rules: Rules
    hub: HubClient
    cache: AnswerCache
    journal: Journal
    shipping: Shipping | None
    metrics: Metrics | None

    @property
    def readings(self) -> Readings:
        """For the thread that shows them."""
        return Readings(
            self.journal.seen,
            dict(self.hub.statuses),
            self.journal.waiting,
            self.shipping.standing if self.shipping else None,
        )

    def without_metrics(self) -> "Parts":
        """The same, once the metrics' address is free for others."""
        if self.metrics:
            self.metrics.close()
        return replace(self, metrics=None)

    def retire(self, new: "Parts | None" = None) -> "asyncio.Future[None] | None":
        """Close what `new` does not go on working with; some of that only once it is idle."""
        if new is None or new.journal is not self.journal:
            self.journal.close()
        if self.shipping and (new is None or new.shipping is not self.shipping):
            self.shipping.close(is_end=new is None)
        if self.metrics and (new is None or new.metrics is not self.metrics):
            self.metrics.close()
        if new is None:
            return asyncio.ensure_future(self.hub.close())
        return asyncio.ensure_future(self.hub.retire()) if new.hub is not self.hub else None


def assembled(
    settings: Settings,
    surroundings: Surroundings,
    read: Callable[[], Readings],
    old: Parts | None = None,
) -> Parts:
    """The parts for `settings`, some of which may be `old` ones.

    `read` gives the metrics what they show. Raises BadOption, JournalError or OSError; then what
    was made is closed again, and the old parts go on as they were.
    """
    rules = read_rules(settings.mode, settings.rules)
    hub = _hub(settings, surroundings, old)
    cache = _cache(settings, hub, old)
    with ExitStack() as undoing:
        journal = _journal(settings, surroundings, old)
        if old is None or journal is not old.journal:
            undoing.callback(journal.close)
        metrics = _metrics(settings, read, old)
        if metrics is not None and (old is None or metrics is not old.metrics):
            undoing.callback(metrics.close)
        # The last thing that can fail.
        shipping = _shipping(settings, surroundings, journal, old)
        undoing.pop_all()
    journal.keep_for(settings.journal_days)
    if shipping is not None:
        shipping.keep_for(settings.journal_days)
    return Parts(settings, surroundings, rules, hub, cache, journal, shipping, metrics)


def _journal(settings: Settings, surroundings: Surroundings, old: Parts | None) -> Journal:
    if old and old.settings.journal == settings.journal:
        return old.journal
    if not settings.journal:
        surroundings.confdir.mkdir(parents=True, exist_ok=True)
    place = journal_place(settings, surroundings)
    return Journal(place, surroundings.bridge_id, settings.journal_days)


def journal_place(settings: Settings, surroundings: Surroundings) -> Place:
    """Where the journal is; raises JournalError where that can be none."""
    return Place(settings.journal or str(surroundings.confdir / FILE_NAME))


def _shipping(
    settings: Settings, surroundings: Surroundings, journal: Journal, old: Parts | None
) -> Shipping | None:
    if old and old.journal is journal and old.settings.fleet == settings.fleet:
        return old.shipping
    file = journal.place.file
    if not settings.fleet or file is None:
        return None
    place, bridge_id = Place(settings.fleet), surroundings.bridge_id
    return Shipping(file, place, bridge_id, settings.journal_days)


def _hub(settings: Settings, surroundings: Surroundings, old: Parts | None) -> HubClient:
    if old and _way(old.settings, old.surroundings) == _way(settings, surroundings):
        return old.hub
    return hub_client(settings, surroundings)


def hub_client(settings: Settings, surroundings: Surroundings) -> HubClient:
    """A new client, with connections of its own."""
    transport = surroundings.transport()
    return HubClient(settings.url, settings.registry_url, transport, settings.account)


def _cache(settings: Settings, hub: HubClient, old: Parts | None) -> AnswerCache:
    """Answers are those of one Hub."""
    if old and old.hub is hub and old.settings.cache_ttl == settings.cache_ttl:
        return old.cache
    return AnswerCache(settings.cache_ttl)


def _way(settings: Settings, surroundings: Surroundings) -> tuple[object, ...]:
    """What a Hub client is made for."""
    return (settings.url, settings.registry_url, settings.account, surroundings.connections)


def _metrics(settings: Settings, read: Callable[[], Readings], old: Parts | None) -> Metrics | None:
    if old and old.settings.metrics == settings.metrics:
        return old.metrics
    return Metrics(settings.metrics, read) if settings.metrics else None
