"""The components of a running bridge, each made anew when the options that it needs change."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mitmproxy.options import Options

from hubv1 import __version__
from hubv1.calls import AnswerCache, Limits
from hubv1.config import Config
from hubv1.fleet import Shipper
from hubv1.hub import Connections, HubClient, Observer, Transport
from hubv1.journal import FILE_NAME, Journal, Location
from hubv1.metrics import Metrics, Readings
from hubv1.mitm import upstream

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Environment:
    """The surroundings of a bridge, which do not depend on its own options."""

    bridge_id: str  # the pseudonym in Via, by which this bridge recognises its own requests
    connections: Connections
    confdir: Path  # mitmproxy's, which does not exist before the first start
    observer: Observer | None = None  # sees the exchanges with Docker's hosts
    imposed_authorization: str = field(default="", repr=False)
    """The Authorization that mitmproxy puts into every call to a reverse proxy, if any."""
    via: str = field(init=False)  # the bridge's own entry in the Via header

    def __post_init__(self) -> None:
        """Derive the entry in the Via header."""
        object.__setattr__(self, "via", f"1.1 {self.bridge_id}")

    def transport(self) -> Transport:
        """A transport with connections of its own."""
        agent = f"hub-v1-bridge/{__version__}"
        return Transport(self.via, agent, self.connections, self.observer)


def read_environment(
    options: Options, bridge_id: str, observer: Observer | None = None
) -> Environment:
    """The environment of a bridge, from mitmproxy's options; raises OptionsError."""
    return Environment(
        bridge_id,
        upstream.connections(options),
        Path(options.confdir).expanduser(),
        observer,
        upstream.imposed_authorization(options),
    )


def new_bridge_id() -> str:
    """A pseudonym for Via that no other bridge has."""
    return f"hub-v1-bridge-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Components:
    """Everything that a bridge makes from its options."""

    config: Config
    limits: Limits
    environment: Environment
    keys: Mapping[str, object] = field(repr=False)
    """The settings that each component below depends on; a fleet's password may be in them."""
    hub: HubClient
    cache: AnswerCache
    journal: Journal
    shipper: Shipper | None
    metrics: Metrics | None

    @property
    def readings(self) -> Readings:
        """The current figures for the metrics."""
        return Readings(
            self.journal.seen,
            dict(self.hub.transport.statuses),
            self.journal.waiting,
            self.shipper.status if self.shipper else None,
            self.journal.lost,
        )

    def close(self, new: "Components | None" = None) -> "asyncio.Future[None] | None":
        """Close what `new` does not take over; a Hub client that is replaced closes once idle."""
        gone = {name for name, key in self.keys.items() if new is None or new.keys[name] != key}
        if "journal" in gone:
            self.journal.close()
        if self.shipper and "shipper" in gone:
            self.shipper.close(is_end=new is None)
        if self.metrics and "metrics" in gone:
            self.metrics.close()
        if "hub" not in gone:
            return None
        return asyncio.ensure_future(
            self.hub.close() if new is None else self.hub.transport.retire()
        )


def build_components(
    config: Config,
    environment: Environment,
    read: Callable[[], Readings],
    old: Components | None = None,
) -> Components:
    """Make the components for new options, and keep those of `old` that need not change.

    The metrics call `read` for figures. If this raises BadOption, JournalError or OSError, it has
    closed what it opened, and the old components go on working.
    """
    hub_key = (config.url, config.registry_url, config.account, environment.connections)
    keys: dict[str, object] = {
        "hub": hub_key,
        "cache": (hub_key, config.cache_ttl),
        "journal": config.journal,
        "metrics": config.metrics,
        "shipper": (config.journal, config.fleet),
    }

    def build(name: str, make: Callable[[], _T]) -> _T:
        if old is None or old.keys[name] != keys[name]:
            return make()
        kept: _T = getattr(old, name)
        return kept

    hub = build("hub", lambda: hub_client(config, environment))
    cache = build("cache", lambda: AnswerCache(config.cache_ttl))
    with ExitStack() as undo:
        journal = build("journal", lambda: _journal(config, environment))
        if old is None or journal is not old.journal:
            undo.callback(journal.close)
        metrics = build(
            "metrics", lambda: Metrics(config.metrics, read) if config.metrics else None
        )
        if metrics and (old is None or metrics is not old.metrics):
            undo.callback(metrics.close)
        shipper = build("shipper", lambda: _shipper(config, environment))
        undo.pop_all()  # nothing can fail any more
    journal.keep_for(config.journal_days)
    if shipper:
        shipper.keep_for(config.journal_days)
    limits = Limits(config.deadline, config.challenge)
    return Components(config, limits, environment, keys, hub, cache, journal, shipper, metrics)


def hub_client(config: Config, environment: Environment) -> HubClient:
    """A Hub client with connections of its own."""
    return HubClient(config.url, config.registry_url, environment.transport(), config.account)


def journal_location(config: Config, environment: Environment) -> Location:
    """Where the journal is; raises JournalError if no journal can be there."""
    return Location(config.journal or str(environment.confdir / FILE_NAME))


def _journal(config: Config, environment: Environment) -> Journal:
    if not config.journal:
        environment.confdir.mkdir(parents=True, exist_ok=True)
    location = journal_location(config, environment)
    return Journal(location, environment.bridge_id, config.journal_days)


def _shipper(config: Config, environment: Environment) -> Shipper | None:
    path = journal_location(config, environment).path
    if not config.fleet or path is None:
        return None
    return Shipper(path, Location(config.fleet), environment.bridge_id, config.journal_days)
