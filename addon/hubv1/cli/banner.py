"""Tells the user how clients reach the bridge, once it runs."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mitmproxy import ctx

from hubv1.cli.sudo import with_sudo
from hubv1.listen import Listener

_PROXIES = {
    "regular": ("forward proxy", "http"),
    "upstream": ("forward proxy", "http"),
    "socks5": ("SOCKS proxy", "socks5h"),
}
"""What a mode is for a client, and its scheme in a proxy URL for curl."""

_BY_HOSTS_FILE = (
    "-m reverse:https://registry-1.docker.io@443 -m reverse:http://registry-1.docker.io@80"
)


class Banner:
    """An addon that prints how to call the bridge, once mitmproxy listens."""

    def __init__(self, program: str, write: Callable[[str], object]) -> None:
        """`program` is the command that the user typed; `write` gets each line."""
        self._program = program
        self._write = write

    def running(self) -> None:
        """Print it; mitmproxy does not call this if the start fails."""
        servers = ctx.master.addons.get("proxyserver").servers  # type: ignore[no-untyped-call]  # mitmproxy's
        listeners = [
            Listener(server.mode.type_name, *address[:2])
            for server in servers
            for address in server.listen_addrs[:1] or [("", None)]
        ]
        has_default_mode = not ctx.options.has_changed("mode")  # type: ignore[no-untyped-call]  # mitmproxy's
        confdir = Path(ctx.options.confdir).expanduser()
        for line in how_to_call(listeners, confdir, self._program if has_default_mode else ""):
            self._write(line)


def how_to_call(listeners: Sequence[Listener], confdir: Path, program: str) -> Iterator[str]:
    """Lines that say how clients reach these listeners.

    With `program`, also how to start it in other usual modes.
    """
    yield "The Hub v1 bridge is running; Ctrl-C ends it. Ways to call it:"
    yield ""
    for listener in listeners:
        if listener.kind in _PROXIES:
            ca = shlex.quote(str(confdir / "mitmproxy-ca-cert.pem"))
            name, scheme = _PROXIES[listener.kind]
            yield f"As a {name}, with mitmproxy's own CA:"
            yield f"  curl --proxy {scheme}://{listener.address} --cacert {ca} \\"
            yield "    https://index.docker.io/v1/repositories/debian/tags"
        elif listener.kind == "reverse":
            yield "As a reverse proxy, which recognises legacy calls by their path alone:"
            yield f"  curl http://{listener.address}/v1/repositories/debian/tags"
        else:
            yield f"In mode {listener.kind}: https://docs.mitmproxy.org/stable/concepts/modes/"
    if program:
        yield "As a reverse proxy:"
        yield f"  {program} -m reverse:https://index.docker.io"
        for listener in listeners[:1]:
            yield f"  curl http://{listener.address}/v1/repositories/debian/tags"
        yield "Through this machine's hosts file, for clients that use no proxy but trust that CA:"
        yield "  127.0.0.1 index.docker.io registry.hub.docker.com"
        yield f"  {with_sudo(program, _BY_HOSTS_FILE.split())}"
    yield ""
