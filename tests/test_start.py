"""What `scripts/run` makes of its arguments, and how it says to call the bridge."""

import shlex
from pathlib import Path

import pytest

from hubv1.start.calling import how_to_call
from hubv1.start.wishes import read_wishes


def _curls(*arguments: str) -> list[str]:
    """The addresses that the user is told to call."""
    said = "\n".join(how_to_call(read_wishes(arguments), "scripts/run"))
    return [
        word for word in said.split() if word.startswith(("http://127.", "http://10.", "http://["))
    ]


def test_a_socks_proxy_is_called_as_one() -> None:
    said = "\n".join(how_to_call(read_wishes(["-m", "socks5@1080"]), "scripts/run"))
    assert "curl --proxy socks5h://127.0.0.1:1080 --cacert " in said


@pytest.mark.parametrize(
    "spelling",
    [
        "-p 9000",
        "-p9000",
        "-qp 9000",
        "--listen-port 9000",
        "--listen-port=9000",
        "--listen-p 9000",
        "--set listen_port=9000",
        "--set=listen_port=9000",
    ],
)
def test_every_spelling_of_the_port_replaces_the_default(tmp_path: Path, spelling: str) -> None:
    arguments = [*shlex.split(spelling), "--set", f"confdir={tmp_path}"]
    assert "listen_port" in read_wishes(arguments).options
    assert _curls(*arguments)[0] == "http://127.0.0.1:9000"


def test_what_looks_like_a_port_but_is_the_value_of_another_option_is_none(tmp_path: Path) -> None:
    arguments = ["-s", "p9000", "-wp", "--set", f"confdir={tmp_path}", "~u p9000"]
    assert set(read_wishes(arguments).options) == {"confdir"}


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        ("--listen-host 0.0.0.0", "http://127.0.0.1:8080"),
        ("--listen-host ::1", "http://[::1]:8080"),
        ("-m regular@10.0.0.1:9001", "http://10.0.0.1:9001"),
        ("-m reverse:https://index.docker.io@9002", "http://127.0.0.1:9002/v1/"),
        ("--set mode=reverse:https://index.docker.io -p 9003", "http://127.0.0.1:9003/v1/"),
    ],
)
def test_the_user_is_told_the_address_that_mode_and_host_make(
    tmp_path: Path, arguments: str, called: str
) -> None:
    first, *_ = _curls(*shlex.split(arguments), "--set", f"confdir={tmp_path}")
    assert first.startswith(called)


def test_what_config_yaml_says_is_not_replaced_by_a_default(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("listen_port: 9004\nmode: [regular]\n")
    wishes = read_wishes(["--set", f"confdir={tmp_path}"])
    assert (wishes.options["listen_port"], wishes.modes) == ("9004", ["regular"])
