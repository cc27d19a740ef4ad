"""How the user is told to call a bridge that runs."""

from pathlib import Path

import pytest

from hubv1.cli.banner import how_to_call
from hubv1.listen import Listener

CONFDIR = Path("/srv/my mitmproxy")


def said(*listeners: Listener, program: str = "") -> str:
    return "\n".join(how_to_call(listeners, CONFDIR, program))


@pytest.mark.parametrize(
    ("listener", "line"),
    [
        (Listener("regular", "127.0.0.1", 8080), "curl --proxy http://127.0.0.1:8080 --cacert "),
        (Listener("regular", "0.0.0.0", 8080), "curl --proxy http://127.0.0.1:8080 --cacert "),
        (Listener("upstream", "10.0.0.1", 9001), "curl --proxy http://10.0.0.1:9001 --cacert "),
        (Listener("regular", "::1", 8080), "curl --proxy http://[::1]:8080 --cacert "),
        (Listener("socks5", "127.0.0.1", 1080), "curl --proxy socks5h://127.0.0.1:1080 --cacert "),
        (Listener("reverse", "127.0.0.1", 9002), "curl http://127.0.0.1:9002/v1/repositories/"),
        (
            Listener("wireguard", "10.0.0.1", 51820),
            "In mode wireguard: https://docs.mitmproxy.org/",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Listener) else "",
)
def test_each_way_is_told_with_the_address_it_has(listener: Listener, line: str) -> None:
    assert line in said(listener)


def test_a_folder_with_a_space_is_quoted() -> None:
    file = "--cacert '/srv/my mitmproxy/mitmproxy-ca-cert.pem' \\"
    assert file in said(Listener("regular", "127.0.0.1", 8080))


def test_all_listeners_are_told() -> None:
    text = said(Listener("regular", "127.0.0.1", 8080), Listener("reverse", "127.0.0.1", 8081))
    assert "--proxy http://127.0.0.1:8080" in text
    assert "curl http://127.0.0.1:8081/v1/" in text


def test_the_other_usual_ways_are_told_by_the_name_that_the_user_calls() -> None:
    text = said(Listener("regular", "127.0.0.1", 8080), program="scripts/run")
    assert "  scripts/run -m reverse:https://index.docker.io\n" in text
    assert (
        "  sudo scripts/run -m reverse:https://registry-1.docker.io@443 -m reverse:http://" in text
    )
    assert "sudo" not in said(Listener("regular", "127.0.0.1", 8080))
