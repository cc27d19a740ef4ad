"""What `run` makes of its arguments: mitmproxy's reading of them, and our defaults."""

import asyncio
import shlex
from pathlib import Path

import click
import pytest
from mitmproxy import exceptions

from hubv1.cli.launch import Plan, Tool, declared_options, read_plan
from hubv1.cli.main import bridge_file
from hubv1.config import BadOption


def plan(confdir: Path, line: str = "", tool: Tool = Tool.MITMDUMP) -> Plan:
    """What becomes of that command line, for a user whose confdir is that one."""

    async def read() -> Plan:
        arguments = ["--set", f"confdir={confdir}", *shlex.split(line)]
        with click.Context(click.Command("run")):
            return read_plan(tool, await declared_options(tool), arguments)

    return asyncio.run(read())


@pytest.mark.parametrize("tool", [Tool.MITMDUMP, Tool.MITMWEB], ids=str)
def test_without_arguments_it_is_lazy_and_on_loopback(tmp_path: Path, tool: Tool) -> None:
    options = plan(tmp_path, tool=tool).options
    assert options.connection_strategy == "lazy"
    assert (options.listen_host, options.listen_port) == ("127.0.0.1", 8080)


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
    assert plan(tmp_path, spelling).options.listen_port == 9000


def test_what_looks_like_a_port_but_is_the_value_of_another_option_is_none(tmp_path: Path) -> None:
    assert plan(tmp_path, "-s p9000 -wp '~u p9000'").options.listen_port == 8080


@pytest.mark.parametrize(
    ("line", "strategy"), [("", "lazy"), ("--set connection_strategy=eager", "eager")]
)
def test_mitmproxys_own_default_can_be_had_where_it_is_asked_for(
    tmp_path: Path, line: str, strategy: str
) -> None:
    assert plan(tmp_path, line).options.connection_strategy == strategy


def test_config_yaml_goes_before_the_defaults_and_a_flag_before_both(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("listen_port: 9004\nmode: [socks5]\nhub_deadline: 7\n")
    options = plan(tmp_path).options
    assert (options.listen_port, options.mode, options.hub_deadline) == (9004, ["socks5"], 7)
    assert plan(tmp_path, "-p 9005").options.listen_port == 9005


@pytest.mark.parametrize("content", ["- a list\n", "just text\n", "mode: [\n", "mode: 7\n"])
def test_a_config_yaml_that_holds_no_options_is_refused_with_a_sentence(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises((BadOption, exceptions.OptionsError)):
        plan(tmp_path)


def test_scripts_of_config_yaml_are_loaded_too_but_the_bridge_once(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"scripts: [mine.py, {bridge_file()}]\n")
    assert plan(tmp_path).scripts == [str(tmp_path / "mine.py")]
    assert plan(tmp_path, "-s yours.py").scripts == []


@pytest.mark.parametrize("line", ["-n", "--options", "--commands"])
def test_what_serves_nobody_takes_no_port(tmp_path: Path, line: str) -> None:
    assert not plan(tmp_path, line).serves


def test_reading_the_arguments_overwrites_no_recording(tmp_path: Path) -> None:
    recording = tmp_path / "traffic.flow"
    recording.write_bytes(b"precious")
    assert plan(tmp_path, f"-w {recording}").options.save_stream_file == str(recording)
    assert recording.read_bytes() == b"precious"


def test_mitmweb_has_arguments_of_its_own(tmp_path: Path) -> None:
    assert plan(tmp_path, "--web-port 1", Tool.MITMWEB).options.web_port == 1
    with pytest.raises(click.UsageError, match="unrecognized arguments"):
        plan(tmp_path, "--web-port 1")
