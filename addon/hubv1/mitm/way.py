"""The way to Docker's hosts, by mitmproxy's own options."""

from pathlib import Path

from mitmproxy.addons.upstream_auth import parse_upstream_auth
from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode, UpstreamMode

from hubv1.addresses import bracketed
from hubv1.hub import Connections

OPTIONS = frozenset(
    {
        "ssl_insecure",
        "ssl_verify_upstream_trusted_ca",
        "ssl_verify_upstream_trusted_confdir",
        "client_certs",
        "mode",
        "upstream_auth",
    }
)
"""Those that have a say in it."""


def connections(options: Options) -> Connections:
    """The settings for the bridge's own requests: what holds for the proxy's holds for them.

    In upstream mode they go through the parent proxy as well; of several, through the first.
    """
    modes = [ProxyMode.parse(spec) for spec in options.mode]
    parent = next((mode for mode in modes if isinstance(mode, UpstreamMode)), None)
    host, port = parent.address if parent else ("", 0)
    return Connections(
        insecure=options.ssl_insecure,
        ca_file=options.ssl_verify_upstream_trusted_ca or "",
        ca_folder=options.ssl_verify_upstream_trusted_confdir or "",
        client_certs=options.client_certs or "",
        proxy=f"{parent.scheme}://{bracketed(host)}:{port}" if parent else "",
        proxy_auth=(options.upstream_auth or "") if parent else "",
    )


def imposed_authorization(options: Options) -> str:
    """What `upstream_auth` makes of the Authorization of a call to a reverse proxy, whoever it is
    from."""
    # It belongs to an addon of mitmproxy's, which need not be there.
    given = options.upstream_auth if "upstream_auth" in options else None
    return parse_upstream_auth(given).decode() if given else ""


def confdir(options: Options) -> Path:
    """The folder of mitmproxy's, which at a first start is not there yet."""
    return Path(options.confdir).expanduser()
