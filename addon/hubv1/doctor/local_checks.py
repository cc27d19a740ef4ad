"""Checks on this machine: who can call, where names lead, journal and fleet.

They change nothing.
"""

import asyncio
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from mitmproxy.certs import Cert
from sqlalchemy.exc import SQLAlchemyError

from hubv1.components import journal_location
from hubv1.doctor.setup import CheckResult, Setup, ok, skipped, wrong
from hubv1.fleet import FleetDatabase, Outbox
from hubv1.fleet import reason_of as reason_of_fleet
from hubv1.journal import NO_FILE, JournalError, Location, read, reason_of, sqlite_uri
from hubv1.listen import EVERYWHERE, Listener, is_loopback
from hubv1.text import number, plainly

LEAST_BYTES = 50 * 1024 * 1024
"""Free bytes on the disk of the journal: about a day of calls on a busy machine."""

LOCK_SECONDS = 5
"""How long to wait for another program that is writing to the journal."""

_FOR_ANY_HOST = ("regular", "upstream", "socks5")
"""Modes in which the caller names the host."""
_IN_PLACE_OF_A_HOST = ("reverse", "transparent", "wireguard", "local", "tun")
"""Modes that take calls meant for another host."""
_RISKS = {
    "proxyauth": ("whoever reaches it can use it for any host", "--proxyauth USER:PASSWORD"),
    "allow_hosts": ("it opens the TLS of every host", "--allow-hosts '^({hosts}):'"),
}
"""The risk of a listener for other machines without these options, and how to set them."""
_SERVES_NOBODY = "mitmproxy is not to serve anybody."
_WITH_SUDO = "Start it with sudo: the bridge runs as you all the same. Or take a higher port."

Resolved = Mapping[str, bool | None]
"""Whether each name leads to this machine; None if it does not resolve."""


def connection_strategy(setup: Setup) -> CheckResult:
    """Whether the bridge can answer a call whose legacy host is dead."""
    if not setup.listeners:
        return skipped(_SERVES_NOBODY)
    strategy = setup.options.connection_strategy
    if strategy == "lazy":
        return ok("It is lazy: dead legacy hosts do not matter.")
    return wrong(
        f"It is {strategy}: mitmproxy connects to the legacy host before the bridge can "
        "answer, and if that host is dead the call fails.",
        "Set it: --set connection_strategy=lazy.",
    )


def listening(setup: Setup) -> CheckResult:
    """Whether mitmproxy can listen on its addresses, and who could use it for what."""
    if not setup.listeners:
        return skipped(_SERVES_NOBODY)
    for listener in setup.listeners:
        problem = None if setup.is_running else listener.problem(_WITH_SUDO)
        problem = problem or _exposure(listener, setup)
        if problem:
            return wrong(*problem)
    places = ", ".join(
        each.kind if each.port is None else f"{each.kind} {each.shown}" for each in setup.listeners
    )
    if any(each.is_for_others for each in setup.listeners):
        return ok(f"Other machines may call it, within bounds: {places}.")
    return ok(f"Only this machine can call it: {places}.")


def _exposure(listener: Listener, setup: Setup) -> tuple[str, str] | None:
    """The problem of a listener that is too open, and its remedy; None if there is none."""
    missing = [
        option
        for option, kinds in (
            ("proxyauth", _FOR_ANY_HOST),
            ("allow_hosts", (*_FOR_ANY_HOST, "transparent")),
        )
        if listener.kind in kinds and not getattr(setup.options, option)
    ]
    if not missing or not listener.is_for_others:
        return None
    hosts = "|".join(sorted(setup.config.hosts)).replace(".", r"\.")
    risks, remedies = zip(*map(_RISKS.__getitem__, missing), strict=True)
    sentence = (
        f"{listener.kind} mode takes calls from other machines at {listener.shown} without "
        f"{' and '.join(missing)}: {', and '.join(risks)}."
    )
    return sentence, f"Listen on 127.0.0.1, or set {' '.join(remedies).format(hosts=hosts)}."


async def resolve(setup: Setup) -> Resolved:
    """Where the names of the legacy hosts, and of hosts that the bridge calls, lead."""
    names = sorted({*setup.config.hosts, *(_host_and_port(url)[0] for _, url in _called(setup))})
    return dict(zip(names, await asyncio.gather(*map(_leads_here, names)), strict=True))


def legacy_names(setup: Setup, resolved: Resolved) -> CheckResult:
    """Whether the bridge takes the calls if legacy hosts lead to this machine."""
    hosts = sorted(setup.config.hosts)
    here = [name for name in hosts if resolved[name]]
    if not here:
        dead = [name for name in hosts if resolved[name] is None]
        have = "has" if len(dead) == 1 else "have"
        also = f" {', '.join(dead)} {have} no address, which does not matter." if dead else ""
        return ok(f"None leads to this machine, so clients have to be led to the bridge.{also}")
    shown = f"{', '.join(here)} {'leads' if len(here) == 1 else 'lead'} to this machine"
    if any(each.kind in _IN_PLACE_OF_A_HOST for each in setup.listeners):
        return ok(f"{shown}, where the bridge takes such calls.")
    return wrong(
        f"{shown}, but the bridge is no reverse proxy.",
        "Take that out of the hosts file or the DNS, or start the bridge with "
        "-m reverse:https://registry-1.docker.io@443.",
    )


def loop(setup: Setup, resolved: Resolved) -> CheckResult:
    """Whether the bridge would call itself."""
    if setup.proxy:
        return skipped(f"{setup.proxy} resolves the names that it is given.")
    for option, url in _called(setup):
        host, port = _host_and_port(url)
        if resolved[host] and any(_takes(each, host, port) for each in setup.listeners):
            return wrong(
                f"{option} {url} leads back to this bridge.",
                f"Take {host} out of the hosts file, or let {option} lead to where it really is.",
            )
    return ok("Nothing that the bridge calls leads back to it.")


def _called(setup: Setup) -> Iterator[tuple[str, str]]:
    """The URLs that the bridge and its reverse proxies call, each with its option."""
    yield "hub_url", setup.config.url
    if setup.config.registry_url:
        yield "hub_registry_url", setup.config.registry_url
    for listener in setup.listeners:
        if listener.target:
            yield "the reverse proxy's", listener.target


def _takes(listener: Listener, host: str, port: int) -> bool:
    """Whether the listener takes what is sent to that port of this machine."""
    is_here = listener.host in (*EVERYWHERE, host) or is_loopback(listener.host)
    return listener.port == port and is_here


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


async def _leads_here(name: str) -> bool | None:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return None
    return any(_is_own(family, address) for family, _, _, _, address in found)


def _is_own(family: int, address: tuple[object, ...]) -> bool:
    """Whether an address is this machine's: only then can it be bound."""
    if ip_address(str(address[0]).partition("%")[0]).is_loopback:
        return True
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind(address)
        return True
    return False


def authority(setup: Setup) -> CheckResult:
    """Whether mitmproxy has its CA, or could make it."""
    if not setup.listeners:
        return skipped(_SERVES_NOBODY)
    file = setup.environment.confdir / "mitmproxy-ca.pem"
    try:
        if not file.exists():
            with tempfile.TemporaryFile(dir=_nearest(file)):
                return ok(f"It will be made in {file.parent}.")
        certificate = Cert.from_pem(file.read_bytes())
    except OSError as error:
        remedy = "Name a folder that can be written: --set confdir=FOLDER."
        return wrong(f"{file}: {plainly(error).removesuffix('.')}.", remedy)
    except ValueError:
        return wrong(f"{file} has no certificate.", "Move it away: the next start makes another.")
    if certificate.has_expired():
        return wrong(
            f"{file} expired on {certificate.notafter:%Y-%m-%d}.",
            "Move it away: the next start makes another, which clients have to trust.",
        )
    return ok(f"It is in {file.parent}, and valid until {certificate.notafter:%Y-%m-%d}.")


def _nearest(file: Path) -> Path:
    """The nearest folder above the file that exists."""
    return next(folder for folder in file.parents if folder.exists())


def journal(setup: Setup) -> CheckResult:
    """Whether the bridge could write the journal."""
    remedy = "Name another path: --set hub_journal=PATH."
    try:
        location = journal_location(setup.config, setup.environment)
        folder = _folder(_file(location), setup)
        state = _state(location, folder)
        free = shutil.disk_usage(folder).free
    except JournalError as error:
        return wrong(str(error), remedy)
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        return wrong(f"{location}: {reason_of(error).removesuffix('.')}.", remedy)
    if free < LEAST_BYTES:
        return wrong(f"{location} has {free:,} bytes of its disk left.", f"Make room. {remedy}")
    return ok(f"{state} at {location}, and can be written.")


def _folder(file: Path, setup: Setup) -> Path:
    """The folder of the journal, or the nearest one if a start would make the confdir."""
    if setup.config.journal:
        return file.parent
    return _nearest(file)


def _file(location: Location) -> Path:
    if location.file is None:
        raise JournalError(NO_FILE)
    return location.file


def _state(location: Location, folder: Path) -> str:
    """The state of the journal in words, after a test of reading and writing."""
    file = _file(location)
    if not file.exists():
        with tempfile.TemporaryFile(dir=folder):
            return "It will be made"
    with read(location):
        _try_lock(file)
    log = file.with_name(f"{file.name}-wal")  # it has the latest rows
    size = file.stat().st_size + (log.stat().st_size if log.exists() else 0)
    return f"It has {size:,} bytes, the last calls included,"


def _try_lock(file: Path) -> None:
    """Take and release the lock for writing. Raises sqlite3.Error or OSError."""
    if not os.access(file, os.W_OK):
        raise PermissionError(f"{file} may not be written by this user")
    uri = sqlite_uri(file, "mode=rw")
    with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS)) as connection:
        connection.execute("BEGIN IMMEDIATE")


def fleet(setup: Setup) -> CheckResult:
    """Whether the fleet's database can be used; changes nothing there."""
    if not setup.config.fleet:
        return skipped("The bridge ships to none (hub_fleet is empty).")
    location, waiting = Location(setup.config.fleet), number(_waiting(setup), "row")
    try:
        with closing(FleetDatabase(location)) as database:
            is_there = database.look()
    except (JournalError, SQLAlchemyError) as error:
        reason = reason_of_fleet(error, location)
        return wrong(
            f"{location} cannot be used: {reason}. Waiting in the journal: {waiting}.",
            "Check hub_fleet and the server; nothing is lost meanwhile.",
        )
    state = "" if is_there else " Its tables will be made at the start."
    return ok(f"{location} answers; still to be shipped: {waiting}.{state}")


def _waiting(setup: Setup) -> int:
    """The number of rows to ship; 0 without a journal, or if it was never shipped."""
    try:
        with closing(Outbox(_file(journal_location(setup.config, setup.environment)))) as outbox:
            return outbox.waiting()
    except (JournalError, SQLAlchemyError):
        return 0
