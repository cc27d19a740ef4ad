"""Which host a client asked for, and how, as far as its flow tells."""

import pytest
from mitmproxy.proxy.mode_specs import ProxyMode

from hubv1.mitm.flows import requested_host, requested_scheme
from onstage import make_flow


@pytest.mark.parametrize(
    ("host", "header", "asked"),
    [
        ("index.docker.io", "mirror.example", "index.docker.io"),
        ("Index.Docker.IO.", "", "index.docker.io"),
        ("user:geheim@index.docker.io", "", "index.docker.io"),
        ("10.0.0.7", "index.docker.io", "index.docker.io"),
        ("2001:db8::7", "index.docker.io:443", "index.docker.io"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("10.example", "index.docker.io", "10.example"),
    ],
)
def test_the_request_line_names_the_host_unless_it_has_an_address(
    host: str, header: str, asked: str
) -> None:
    flow = make_flow()
    flow.request.data.host = host
    flow.request.headers["Host"] = header
    assert requested_host(flow) == asked


@pytest.mark.parametrize(("sni", "asked"), [("index.docker.io", "index.docker.io"), (None, "x.io")])
def test_behind_a_reverse_proxy_the_name_of_tls_counts(sni: str | None, asked: str) -> None:
    flow = make_flow()
    flow.client_conn.proxy_mode = ProxyMode.parse("reverse:https://hub.docker.com")
    flow.request.data.host = "hub.docker.com"
    flow.request.headers["Host"] = "x.io"
    flow.client_conn.sni = sni
    assert requested_host(flow) == asked


@pytest.mark.parametrize(("tls", "scheme"), [(True, "https"), (False, "http")])
def test_behind_a_reverse_proxy_the_clients_own_scheme_counts(*, tls: bool, scheme: str) -> None:
    flow = make_flow()
    flow.client_conn.proxy_mode = ProxyMode.parse("reverse:https://hub.docker.com")
    flow.client_conn.tls = tls
    flow.request.scheme = "https" if scheme == "http" else "http"
    assert requested_scheme(flow) == scheme
