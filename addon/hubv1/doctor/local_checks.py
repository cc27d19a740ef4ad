"""What can be seen on this machine: who can call, where names lead, journal and fleet.

Nothing is left behind by looking.
"""

import asyncio
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlsplit

from sqlalchemy.exc import SQLAlchemyError

from hubv1.doctor.setup import CheckResult, Setup, ok, skipped, wrong
from hubv1.fleet import FleetDatabase, Outbox
from hubv1.fleet import reason_of as reason_of_fleet
from hubv1.journal import NO_FILE, JournalError, Place, read, reason_of
from hubv1.listen import EVERYWHERE, Listener, is_loopback, shown_address, split_address
from hubv1.text import number

LEAST_BYTES = 50 * 1024 * 1024
"""On the disk of the journal: about a day of calls on a busy machine."""

LOCK_SECONDS = 5
"""How long to wait for another program that writes to the journal."""

_FOR_ANY_HOST = ("regular", "upstream", "socks5")
"""Modes in which the caller says which host it wants."""
_IN_PLACE_OF_A_HOST = ("reverse", "transparent", "wireguard", "local", "tun")
"""Modes that take calls meant for another host."""
_ANOTHER_PLACE = "Name another place: --set hub_journal=PATH."

Resolved = Mapping[str, bool | None]
"""For each name whether it leads to this machine; None where it leads nowhere."""


# --- who can call ---------------------------------------------------------------------------------


def strategy(setup: Setup) -> CheckResult:
    """Whether a dead legacy host would end a call before the bridge can answer it."""
    if not setup.listeners:
        return skipped("connection strategy", "mitmproxy is not to serve anybody.")
    if setup.strategy == "lazy":
        return ok("connection strategy", "It is lazy: dead legacy hosts do not matter.")
    return wrong(
        "connection strategy",
        f"It is {setup.strategy}: mitmproxy connects to the legacy host before the bridge can "
        "answer, and where that host is dead the call fails.",
        "Set it: --set connection_strategy=lazy.",
    )


def listening(setup: Setup) -> CheckResult:
    """Whether mitmproxy can listen where it is to, and who can use it then, and for what."""
    if not setup.listeners:
        return skipped("listening", "mitmproxy is not to serve anybody.")
    found = None if setup.is_running else _unavailable(setup)
    for listener in setup.listeners:
        found = found or _exposed(listener, setup)
    if found:
        return found
    places = ", ".join(f"{each.kind} {_place(each)}".strip() for each in setup.listeners)
    if any(each.is_for_others for each in setup.listeners):
        return ok("listening", f"Other machines may call it, within bounds: {places}.")
    return ok("listening", f"Only this machine can call it: {places}.")


def _unavailable(setup: Setup) -> CheckResult | None:
    """What is wrong where an address cannot be had now."""
    metrics = setup.settings.metrics
    shown = [Listener("hub_metrics", *split_address(metrics))] if metrics else []
    for listener in (*setup.listeners, *shown):
        try:
            listener.try_to_listen()
        except PermissionError as error:
            mend = "Start it with sudo: the bridge runs as you all the same. Or take a higher port."
            return wrong("listening", listener.why_not(error), mend)
        except OSError as error:
            mend = f"Choose another address: {listener.moved_by}."
            return wrong("listening", listener.why_not(error), mend)
    return None


def _lacking(listener: Listener, setup: Setup) -> Iterator[str]:
    """The options without which a listener beyond loopback is open for too much."""
    if not listener.is_for_others:
        return
    if listener.kind in _FOR_ANY_HOST and not setup.has_login:
        yield "proxyauth"
    if listener.kind in (*_FOR_ANY_HOST, "transparent") and not setup.is_limited:
        yield "allow_hosts"


def _exposed(listener: Listener, setup: Setup) -> CheckResult | None:
    """What is wrong where a listener is open for too much."""
    lacking = list(_lacking(listener, setup))
    if not lacking:
        return None
    meaning = {
        "proxyauth": "whoever reaches it can use it for any host",
        "allow_hosts": "it opens the TLS of every host",
    }
    hosts = "|".join(sorted(setup.settings.hosts)).replace(".", r"\.")
    settings = {
        "proxyauth": "--proxyauth USER:PASSWORD",
        "allow_hosts": f"--allow-hosts '^({hosts}):'",
    }
    return wrong(
        "listening",
        f"{listener.kind} mode takes calls from other machines at {_place(listener)} without "
        f"{' and '.join(lacking)}: {', and '.join(meaning[each] for each in lacking)}.",
        f"Listen on 127.0.0.1, or set {' '.join(settings[each] for each in lacking)}.",
    )


def _place(listener: Listener) -> str:
    return "" if listener.port is None else shown_address(listener.host, listener.port)


# --- where names lead -----------------------------------------------------------------------------


async def resolve(setup: Setup) -> Resolved:
    """Where the names of the legacy hosts lead, and those that the bridge itself calls."""
    called = [_host_and_port(url)[0] for _, url in _called(setup)]
    names = sorted({*setup.settings.hosts, *called})
    return dict(zip(names, await asyncio.gather(*map(_leads_here, names)), strict=True))


def legacy_names(setup: Setup, resolved: Resolved) -> CheckResult:
    """Whether legacy hosts lead here, and then somebody takes their calls."""
    subject = "legacy hosts"
    here = [name for name in sorted(setup.settings.hosts) if resolved[name]]
    if not here:
        dead = [name for name in sorted(setup.settings.hosts) if resolved[name] is None]
        also = f" ({', '.join(dead)} to nowhere, which does not matter)" if dead else ""
        return ok(
            subject, f"None leads to this machine{also}: clients have to be led to the bridge."
        )
    shown = f"{', '.join(here)} {'leads' if len(here) == 1 else 'lead'}"
    if any(each.kind in _IN_PLACE_OF_A_HOST for each in setup.listeners):
        return ok(subject, f"{shown} to this machine, where the bridge takes such calls.")
    return wrong(
        subject,
        f"{shown} to this machine, but the bridge is no reverse proxy.",
        "Take that out of the hosts file or the DNS, or start the bridge with "
        "-m reverse:https://registry-1.docker.io@443.",
    )


def loop(setup: Setup, resolved: Resolved) -> CheckResult:
    """Whether the bridge would call itself."""
    if setup.connections.proxy:
        return skipped("loop", f"{setup.connections.proxy} resolves the names that it is given.")
    for option, url in _called(setup):
        host, port = _host_and_port(url)
        if resolved[host] and any(_takes(each, host, port) for each in setup.listeners):
            return wrong(
                "loop",
                f"{option} {url} leads back to this bridge.",
                f"Take {host} out of the hosts file, or let {option} lead to where it really is.",
            )
    return ok("loop", "Nothing that the bridge calls leads back to it.")


def _called(setup: Setup) -> Iterator[tuple[str, str]]:
    yield "hub_url", setup.settings.url
    if setup.settings.registry_url:
        yield "hub_registry_url", setup.settings.registry_url
    for listener in setup.listeners:
        if listener.target:
            yield "the reverse proxy's", listener.target


def _takes(listener: Listener, host: str, port: int) -> bool:
    """Whether what is sent to that port of this machine reaches the listener."""
    if listener.port != port:
        return False
    return listener.host in (*EVERYWHERE, host) or is_loopback(listener.host)


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


async def _leads_here(name: str) -> bool | None:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return any(_is_own(str(address[0])) for *_, address in found)


def _is_own(address: str) -> bool:
    """Whether it is an address of this machine: nobody can listen on another's."""
    if ip_address(address.partition("%")[0]).is_loopback:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


# --- the journal and the fleet -----------------------------------------------------------------


def journal(setup: Setup) -> CheckResult:
    """Whether the journal could be written now."""
    place = setup.journal
    try:
        return _of_a_file(place, setup)
    except (JournalError, OSError, sqlite3.Error, SQLAlchemyError) as error:
        reason = place.without_secrets(reason_of(error)).removesuffix(".")
        sentence = str(error) if isinstance(error, JournalError) else f"{place}: {reason}."
        return wrong("journal", sentence, _ANOTHER_PLACE)


def _of_a_file(place: Place, setup: Setup) -> CheckResult:
    file = place.file
    if file is None:
        raise JournalError(NO_FILE)
    folder = file.parent
    if folder == setup.confdir and not folder.exists():
        folder = next(each for each in folder.parents if each.exists())  # it is made at the start
    if not file.exists():
        _try_folder(folder)
        state = "It will be made"
    else:
        with read(place):
            _try_lock(file)
        state = f"It has {_size(file):,} bytes, the last calls included,"
    free = shutil.disk_usage(folder).free
    if free < LEAST_BYTES:
        return wrong(
            "journal",
            f"{place} has {free:,} bytes of its disk left.",
            f"Make room. {_ANOTHER_PLACE}",
        )
    return ok("journal", f"{state} at {place}, and can be written.")


def _try_folder(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass


def _try_lock(file: Path) -> None:
    """Take the lock that writing needs, and give it back. Raises sqlite3.Error or OSError."""
    if not os.access(file, os.W_OK):
        raise PermissionError(f"{file} may not be written by this user")
    uri = f"file:{quote(str(file))}?mode=rw"
    with closing(
        sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS, isolation_level=None)
    ) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def _size(file: Path) -> int:
    """With the log beside it, which has what was written last."""
    log = file.with_name(f"{file.name}-wal")
    return file.stat().st_size + (log.stat().st_size if log.exists() else 0)


def fleet(setup: Setup) -> CheckResult:
    """Whether the fleet's database can be used; nothing is changed there."""
    if not setup.settings.fleet:
        return skipped("fleet", "There is none (hub_fleet is empty).")
    place, waiting = Place(setup.settings.fleet), _waiting(setup.journal.file)
    try:
        with closing(FleetDatabase(place)) as database:
            is_there = database.look()
    except (JournalError, SQLAlchemyError) as error:
        reason = reason_of_fleet(error, place)
        return wrong(
            "fleet",
            f"{place} cannot be used: {reason}. Waiting in the journal: {number(waiting, 'row')}.",
            "Look at hub_fleet and at the server; nothing is lost meanwhile.",
        )
    state = "" if is_there else " Its tables will be made at the start."
    return ok("fleet", f"{place} answers; still to be shipped: {number(waiting, 'row')}.{state}")


def _waiting(journal: Path | None) -> int:
    """Rows in that journal; none where it was never shipped, or is not there."""
    if journal is None:
        return 0
    try:
        with closing(Outbox(journal)) as outbox:
            return outbox.waiting()
    except SQLAlchemyError:
        return 0
