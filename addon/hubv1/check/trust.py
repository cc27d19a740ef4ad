"""The line that a client machine runs to see whether it trusts the bridge's CA."""

import socket

from hubv1.check.leading import Resolved
from hubv1.check.setup import Listener, Setup
from hubv1.listen import EVERYWHERE

_CALL = "/v1/repositories/library/hello-world/tags/latest"
_PROXIES = {"regular": "http", "upstream": "http", "socks5": "socks5h"}


def trust_line(setup: Setup, leads: Resolved) -> str:
    """A curl that prints JSON where the CA is trusted, and fails with error 60 where it is not.

    Empty where the bridge serves nobody.
    """
    host = next((name for name in sorted(setup.settings.hosts) if leads[name]), "")
    host = host or min(setup.settings.hosts, key=lambda name: (name != "index.docker.io", name))
    for listener in setup.listeners:
        if listener.kind in _PROXIES:
            login = " --proxy-user USER:PASSWORD" if setup.has_login else ""
            proxy = f"{_PROXIES[listener.kind]}://{_seen_from_outside(listener)}"
            return f"curl -sS --proxy {proxy}{login} https://{host}{_CALL}"
    for listener in setup.listeners:
        if listener.kind == "reverse" and not leads[host]:
            return f"curl -sS --connect-to ::{_seen_from_outside(listener)} https://{host}{_CALL}"
    return f"curl -sS https://{host}{_CALL}" if setup.listeners else ""


def _seen_from_outside(listener: Listener) -> str:
    if listener.host in EVERYWHERE:
        return f"{socket.gethostname()}:{listener.port}"
    return listener.address
