"""The components of a running bridge, which live as long as the options that they are made of."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from hubv1 import __version__
from hubv1.calls import AnswerCache, Limits
from hubv1.config import Config
from hubv1.fleet import Shipper
from hubv1.hub import Connections, HubClient, Observer, Transport
from hubv1.journal import FILE_NAME, Journal, Place
from hubv1.metrics import Metrics, Readings


@dataclass(frozen=True, slots=True)
class Environment:
    """What a bridge finds around it, whatever its own options say."""

    bridge_id: str
    """The pseudonym in Via, by which this bridge recognises its own requests."""
    connections: Connections
    confdir: Path
    """mitmproxy's, which does not exist yet at the first start."""
    observer: Observer | None = None
    """Sees the exchanges with Docker's hosts."""
    imposed_authorization: str = field(default="", repr=False)
    """The Authorization that mitmproxy puts into every call to a reverse proxy, if any."""
    via: str = field(init=False)
    """The bridge's own entry in the Via header."""

    def __post_init__(self) -> None:
        """Derive the entry in the Via header."""
        object.__setattr__(self, "via", f"1.1 {self.bridge_id}")

    def transport(self) -> Transport:
        """Open new connections to Docker's hosts."""
        agent = f"hub-v1-bridge/{__version__}"
        return Transport(self.via, agent, self.connections, self.observer)


@dataclass(frozen=True, slots=True)
class Components:
    """Everything that lives as long as the options that it is made of."""

    config: Config
    limits: Limits
    environment: Environment
    hub: HubClient
    cache: AnswerCache
    journal: Journal
    shipper: Shipper | None
    metrics: Metrics | None

    @property
    def readings(self) -> Readings:
        """The figures of the moment, for the metrics."""
        return Readings(
            self.journal.seen,
            dict(self.hub.transport.statuses),
            self.journal.waiting,
            self.shipper.status if self.shipper else None,
            self.journal.lost,
        )

    def close(self, new: "Components | None" = None) -> "asyncio.Future[None] | None":
        """Close what `new` does not take over; the Hub client closes later, once it is idle."""
        if new is None or new.journal is not self.journal:
            self.journal.close()
        if self.shipper and (new is None or new.shipper is not self.shipper):
            self.shipper.close(is_end=new is None)
        if self.metrics and (new is None or new.metrics is not self.metrics):
            self.metrics.close()
        if new is None:
            return asyncio.ensure_future(self.hub.close())
        return (
            asyncio.ensure_future(self.hub.transport.retire()) if new.hub is not self.hub else None
        )


def build_components(
    config: Config,
    environment: Environment,
    read: Callable[[], Readings],
    old: Components | None = None,
) -> Components:
    """Make the components for new options; those of `old` that need not change are kept.

    The metrics call `read` for figures. Raises BadOption, JournalError or OSError; then whatever
    was opened is closed again, and the old components go on working.
    """
    hub = _hub(config, environment, old)
    cache = _cache(config, hub, old)
    with ExitStack() as undoing:
        journal = _journal(config, environment, old)
        if old is None or journal is not old.journal:
            undoing.callback(journal.close)
        metrics = _metrics(config, read, old)
        if metrics is not None and (old is None or metrics is not old.metrics):
            undoing.callback(metrics.close)
        # The last one that can fail.
        shipper = _shipper(config, environment, journal, old)
        undoing.pop_all()
    journal.keep_for(config.journal_days)
    if shipper is not None:
        shipper.keep_for(config.journal_days)
    limits = Limits(config.deadline, config.challenge)
    return Components(config, limits, environment, hub, cache, journal, shipper, metrics)


def hub_client(config: Config, environment: Environment) -> HubClient:
    """Make a Hub client with connections of its own."""
    return HubClient(config.url, config.registry_url, environment.transport(), config.account)


def journal_place(config: Config, environment: Environment) -> Place:
    """Where the journal is; raises JournalError where no journal can be."""
    return Place(config.journal or str(environment.confdir / FILE_NAME))


def _journal(config: Config, environment: Environment, old: Components | None) -> Journal:
    if old and old.config.journal == config.journal:
        return old.journal
    if not config.journal:
        environment.confdir.mkdir(parents=True, exist_ok=True)
    return Journal(journal_place(config, environment), environment.bridge_id, config.journal_days)


def _shipper(
    config: Config, environment: Environment, journal: Journal, old: Components | None
) -> Shipper | None:
    if old and old.journal is journal and old.config.fleet == config.fleet:
        return old.shipper
    path = journal.place.path
    if not config.fleet or path is None:
        return None
    return Shipper(path, Place(config.fleet), environment.bridge_id, config.journal_days)


def _hub(config: Config, environment: Environment, old: Components | None) -> HubClient:
    if old and _upstream(old.config, old.environment) == _upstream(config, environment):
        return old.hub
    return hub_client(config, environment)


def _upstream(config: Config, environment: Environment) -> tuple[object, ...]:
    """All that a Hub client depends on."""
    return (config.url, config.registry_url, config.account, environment.connections)


def _cache(config: Config, hub: HubClient, old: Components | None) -> AnswerCache:
    """A new Hub gets a new cache."""
    if old and old.hub is hub and old.config.cache_ttl == config.cache_ttl:
        return old.cache
    return AnswerCache(config.cache_ttl)


def _metrics(
    config: Config, read: Callable[[], Readings], old: Components | None
) -> Metrics | None:
    if old and old.config.metrics == config.metrics:
        return old.metrics
    return Metrics(config.metrics, read) if config.metrics else None
