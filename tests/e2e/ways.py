"""The ways by which a client can come to a bridge, all of them open in one mitmdump."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.bridges import Mitmdump, eventually, running_bridge
from e2e.clients import clean_environment, output

DEAD = "http://127.0.0.1:1"
"""Where nothing listens."""
NAMELESS = "https://gone.invalid"
"""A name that no longer resolves, as those of the legacy hosts do where the tests run."""
V1 = "//index.docker.io/v1/repositories/acme/tool/tags"


@dataclass(frozen=True)
class Way:
    """One way to call v1; `{at}` in the client's words is where the bridge listens for it."""

    listener: str
    client: str
    """What a user would type, without -sS."""
    proxy_mode: str
    server_address: str
    url_scheme: str


PROXY = "--proxy http://{at}"
SOCKS = "--proxy socks5h://{at}"
TO_IT = "--connect-to ::{at}"


def _known(mode: str, client: str, *, listener: str = "", scheme: str = "https") -> Way:
    """A way on which the bridge learns the name that was asked."""
    return Way(listener or mode, client, mode, "index.docker.io", scheme)


WAYS = {
    "regular": _known("regular", f"{PROXY} http:{V1}", scheme="http"),
    "regular, TLS": _known("regular", f"{PROXY} https:{V1}"),
    "regular, HTTP/2": _known("regular", f"{PROXY} --http2 https:{V1}"),
    "regular, tunnelled": _known("regular", f"{PROXY} --proxytunnel http:{V1}", scheme="http"),
    "socks5": _known("socks5", f"{SOCKS} http:{V1}", scheme="http"),
    "socks5, TLS": _known("socks5", f"{SOCKS} https:{V1}"),
    "socks5, HTTP/2": _known("socks5", f"{SOCKS} --http2 https:{V1}"),
    "socks5, by address": _known(
        "socks5",
        "--proxy socks5://{at} --resolve index.docker.io:443:127.0.0.1 https:" + V1,
    ),
    "upstream": _known("upstream", f"{PROXY} http:{V1}", scheme="http"),
    "upstream, TLS": _known("upstream", f"{PROXY} https:{V1}"),
    "upstream, HTTP/2": _known("upstream", f"{PROXY} --http2 https:{V1}"),
    "reverse, dead": Way("dead", f"{TO_IT} http:{V1}", "reverse", "127.0.0.1", "http"),
    "reverse, dead, TLS": _known("reverse", f"{TO_IT} https:{V1}", listener="dead"),
    "reverse, no name": Way("nameless", f"{TO_IT} http:{V1}", "reverse", "gone.invalid", "http"),
    "reverse, no name, HTTP/2": _known(
        "reverse", f"{TO_IT} --http2 https:{V1}", listener="nameless"
    ),
    "reverse": Way(
        "origin", "http://{at}/v1/repositories/acme/tool/tags", "reverse", "127.0.0.1", "http"
    ),
}
HOST_KEPT = ("reverse, dead", "reverse, no name")
"""Where the name that was asked is only known with keep_host_header."""


@dataclass
class Doors:
    """A bridge with a listener for each kind of way."""

    bridge: Mitmdump
    addresses: dict[str, str]

    def curl(self, listener: str, words: str) -> str:
        """What curl prints, of somebody who knows nothing but the bridge and its CA."""
        line = f"curl -sS {words.replace('{at}', self.addresses[listener])}"
        trust = str(self.bridge.authority)
        return output(line, clean_environment(self.bridge.confdir, CURL_CA_BUNDLE=trust))


@contextmanager
def doors(
    confdir: Path,
    others: Mapping[str, str],
    arguments: Sequence[str],
    *,
    hub_url: str,
    strategy: str,
) -> Iterator[Doors]:
    """All modes at once, each on a loopback address of its own; `others` are the URLs of the
    parent proxy (`upstream`) and of a living host (`origin`)."""
    specs = {
        "regular": "regular",
        "socks5": "socks5",
        "upstream": f"upstream:{others['upstream']}",
        "dead": f"reverse:{DEAD}",
        "nameless": f"reverse:{NAMELESS}",
        "origin": f"reverse:{others['origin']}",
    }
    hosts = {name: f"127.0.0.{number}" for number, name in enumerate(specs, start=1)}
    modes = [f"--mode={spec}@{hosts[name]}:0" for name, spec in specs.items()]
    with running_bridge(confdir, *modes, *arguments, hub_url=hub_url, strategy=strategy) as bridge:

        def ports() -> dict[str, str]:
            return dict(re.findall(r"listening at (127\.0\.0\.\d+):(\d+)\.", bridge.log))

        eventually(lambda: len(ports()) == len(specs), "every mode listens")
        yield Doors(bridge, {name: f"{host}:{ports()[host]}" for name, host in hosts.items()})
