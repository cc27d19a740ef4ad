"""How mitmproxy's own options apply to the bridge's requests to Docker's hosts."""

from pathlib import Path

from mitmproxy import exceptions
from mitmproxy.addons.upstream_auth import parse_upstream_auth
from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode, UpstreamMode

from hubv1.hub import Connections
from hubv1.listen import bracketed

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
"""mitmproxy's options that apply to them."""


def connections(options: Options) -> Connections:
    """The connection settings of the bridge's own requests: those of the proxy itself.

    In upstream mode they go through the parent proxy as well, through the first of several. Raises
    OptionsError for a mode that cannot be read.
    """
    try:
        modes = [ProxyMode.parse(spec) for spec in options.mode]
    except ValueError:
        # Its text repeats the mode, and with it the user info of a parent proxy.
        raise exceptions.OptionsError(  # type: ignore[no-untyped-call]  # mitmproxy's
            "mode has a value that mitmproxy cannot read. User name and password of a parent proxy "
            "belong into upstream_auth."
        ) from None
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
    """The Authorization that `upstream_auth` puts into every call to a reverse proxy."""
    # It belongs to one of mitmproxy's addons, which need not be loaded.
    given = options.upstream_auth if "upstream_auth" in options else None
    return parse_upstream_auth(given).decode() if given else ""


def confdir(options: Options) -> Path:
    """Mitmproxy's confdir, which does not exist yet at the first start."""
    return Path(options.confdir).expanduser()
