"""How to lead a client to a bridge that is about to start."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from hubv1.listen import called
from hubv1.start.wishes import DEFAULTS, Wishes

_PROXIES = {
    "regular": ("forward proxy", "http"),
    "upstream": ("forward proxy", "http"),
    "socks5": ("SOCKS proxy", "socks5h"),
}
"""What a mode is to a client, and how curl writes it."""


def how_to_call(wishes: Wishes, program: str) -> Iterator[str]:
    """How to lead a client to the bridge, a line each."""
    options = DEFAULTS | dict(wishes.options)
    yield "The Hub v1 bridge. Ctrl-C ends it. Ways to call it:"
    yield ""
    for mode in wishes.modes or ["regular"]:
        yield from _how_to_call_mode(mode, options, wishes.confdir)
    if not wishes.modes:
        yield from _other_ways(options, wishes.confdir, program)
    yield ""


def _how_to_call_mode(mode: str, options: Mapping[str, str], confdir: Path) -> Iterator[str]:
    kind, address = _listening(mode, options)
    if kind in _PROXIES:
        ca = shlex.quote(str(confdir / "mitmproxy-ca-cert.pem"))
        name, scheme = _PROXIES[kind]
        yield f"As a {name}, with mitmproxy's own CA (the file is made at the first start):"
        yield f"  curl --proxy {scheme}://{address} --cacert {ca} \\"
        yield "    https://index.docker.io/v1/repositories/debian/tags"
    elif kind == "reverse":
        yield "As a reverse proxy, where the path alone says what is a legacy call:"
        yield f"  curl http://{address}/v1/repositories/debian/tags"
    else:
        yield f"In mode {mode}: https://docs.mitmproxy.org/stable/concepts/modes/"


def _other_ways(options: Mapping[str, str], confdir: Path, program: str) -> Iterator[str]:
    _, address = _listening("reverse", options)
    upstream = "registry-1.docker.io"
    settings = shlex.quote(f"confdir={confdir}")
    yield "As a reverse proxy:"
    yield f"  {program} -m reverse:https://index.docker.io"
    yield f"  curl http://{address}/v1/repositories/debian/tags"
    yield "By the hosts file of this machine, for clients that know no proxy but trust that CA:"
    yield "  127.0.0.1 index.docker.io registry.hub.docker.com"
    yield f"  sudo {program} -m reverse:https://{upstream}@443 \\"
    yield f"    -m reverse:http://{upstream}@80 --set {settings}"


def _listening(mode: str, options: Mapping[str, str]) -> tuple[str, str]:
    """Kind of a mode and the address to call it at; `reverse:https://x@0.0.0.0:443` has its own."""
    spec, _, own = mode.rpartition("@")
    if not spec:
        spec, own = own, ""
    own_host, _, own_port = own.rpartition(":")
    host, port = own_host or options["listen_host"], own_port or options["listen_port"]
    return spec.partition(":")[0], called(host, port)
