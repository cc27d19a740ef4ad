"""Whether mitmproxy takes calls the way it should, and from nobody else."""

from collections.abc import Iterator

from hubv1.check.finding import Finding, skipped, sound, wrong
from hubv1.check.setup import Listener, Setup
from hubv1.listen import EVERYWHERE

_FOR_ANY_HOST = ("regular", "upstream", "socks5")
"""Modes in which the caller says which host it wants."""


def strategy(setup: Setup) -> Finding:
    """Whether a dead legacy host would end a call before the bridge can answer it."""
    if not setup.listeners:
        return skipped("connection strategy", "mitmproxy is not to serve anybody.")
    if setup.strategy == "lazy":
        return sound("connection strategy", "It is lazy: dead legacy hosts do not matter.")
    return wrong(
        "connection strategy",
        f"It is {setup.strategy}: mitmproxy connects to the legacy host before the bridge can "
        "answer, and where that host is dead the call fails.",
        "Set it: --set connection_strategy=lazy.",
    )


def exposure(setup: Setup) -> Finding:
    """Whether others than this machine's users can use the bridge, and for what."""
    if not setup.listeners:
        return skipped("listening", "mitmproxy is not to serve anybody.")
    for listener in setup.listeners:
        lacking = list(_lacking(listener, setup))
        if lacking:
            return _exposed(listener, lacking, setup)
    places = ", ".join(f"{each.kind} {_place(each)}".strip() for each in setup.listeners)
    if any(each.is_for_others for each in setup.listeners):
        return sound("listening", f"Other machines may call it, within bounds: {places}.")
    return sound("listening", f"Only this machine can call it: {places}.")


def _lacking(listener: Listener, setup: Setup) -> Iterator[str]:
    """The options without which a listener beyond loopback is open for too much."""
    if not listener.is_for_others:
        return
    if listener.kind in _FOR_ANY_HOST and not setup.has_login:
        yield "proxyauth"
    if listener.kind in (*_FOR_ANY_HOST, "transparent") and not setup.is_limited:
        yield "allow_hosts"


def _exposed(listener: Listener, lacking: list[str], setup: Setup) -> Finding:
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
    if listener.port is None:
        return ""
    if listener.host in EVERYWHERE:
        return f"*:{listener.port}"
    return listener.address
