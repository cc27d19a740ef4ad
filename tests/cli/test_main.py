"""The program as a whole: its help, versions and completion, and how wrong usage ends."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import hubv1
from hubv1.cli.main import COMMANDS, bridge_file, main

ROOT = Path(__file__).parents[2]
AS_INSTALLED = "import sys; from hubv1.cli.main import main; sys.exit(main())"
"""What pip makes of the entry point."""


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_has_a_line_for_every_command(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Usage: hub-v1-bridge [OPTIONS] COMMAND [ARGS]...")
    for name in COMMANDS:
        (line,) = (each for each in said.splitlines() if each.startswith(f"  {name} "))
        assert len(line.split()) > 3


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: hub-v1-bridge {name} ")


@pytest.mark.parametrize("command", [(), ("run",), ("report",)])
def test_version_is_that_of_the_bridge_and_of_mitmproxy(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--version"]) == 0
    bridge, mitmproxy, python = capsys.readouterr().out.splitlines()
    assert bridge == f"hub-v1-bridge {hubv1.__version__}"
    assert mitmproxy == f"mitmproxy {version('mitmproxy')}"
    assert python.startswith("Python 3.")


def test_the_path_of_the_addon_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["addon-path"]) == 0
    assert capsys.readouterr().out == f"{ROOT / 'addon' / 'bridge.py'}\n"
    assert bridge_file().is_file()


class TestWrongUsage:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["nonsense"], "hub-v1-bridge: No such command 'nonsense'."),
            (["--nonsense"], "hub-v1-bridge: No such option"),
            (["report", "--nonsense"], "hub-v1-bridge report: No such option"),
            (
                ["report", "--format"],
                "hub-v1-bridge report: Option '--format' requires an",
            ),
            (["run", "--web", "--console"], "hub-v1-bridge run: --web and --console do not go tog"),
            (["run", "--nonsense"], "hub-v1-bridge run: unrecognized arguments: --nonsense"),
            (["run", "-p"], "hub-v1-bridge run: argument --listen-port/-p: expected one argument"),
            (["run", "-p", "high"], "argument --listen-port/-p: invalid int value: 'high'"),
            (["run", "--set", "listen_port=high"], "ot an integer: high"),
            (["run", "-m", "nonsense"], "mode cannot be 'nonsense': unknown mode."),
            (
                ["run", "--set", "hub_ulr=x"],
                "hub_ulr is not an option of the Hub v1 bridge. Did",
            ),
            (
                ["run", "--set", "hub_deadline=soon"],
                "hub_deadline takes a whole number, not",
            ),
            (["run", "--set", "hub_deadline=0"], "hub_deadline takes 1 to 3600 seconds, not 0."),
            (["check", "--nonsense"], "hub-v1-bridge check: unrecognized arguments: --nonsense"),
            (["addon-path", "more"], "hub-v1-bridge addon-path: Got unexpected extra argument"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_ends_with_2_and_a_sentence_on_the_last_line_of_standard_error(
        self,
        arguments: list[str],
        said: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert main(arguments) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert said in printed.err.splitlines()[-1]
        assert list(tmp_path.iterdir()) == []

    def test_no_command_at_all_shows_which_there_are(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([]) == 2
        assert "  run " in capsys.readouterr().err

    def test_an_argument_of_run_without_run_is_told_so(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["--listen-host", "0.0.0.0"]) == 2
        assert capsys.readouterr().err.endswith("To start the bridge: hub-v1-bridge run …\n")

    def test_what_was_typed_reaches_no_terminal_as_it_is(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["report", "--\x1b[31mred\nforged"]) == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert "\\x1b[31mred\\nforged" in last


class TestCompletion:
    """As bash asks for it, when somebody presses tab."""

    def completed(self, *words: str) -> set[str]:
        typed = " ".join(["hub-v1-bridge", *words])
        asked = {
            "PYTHONPATH": str(ROOT / "addon"),
            "_HUB_V1_BRIDGE_COMPLETE": "bash_complete",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words)),
        }
        done = subprocess.run(
            [sys.executable, "-P", "-c", AS_INSTALLED],
            env={**os.environ, **asked},
            capture_output=True,
            text=True,
            check=False,
        )
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    def test_offers_the_commands(self) -> None:
        assert self.completed("") == set(COMMANDS)
        assert self.completed("re") == {"report"}

    def test_offers_what_an_option_takes(self) -> None:
        assert self.completed("report", "--fail-on", "un") == {"unbridged"}
        assert "--baseline" in self.completed("report", "--ba")

    def test_offers_the_options_of_mitmproxy_to_run(self) -> None:
        assert self.completed("run", "--listen") == {"--listen-host", "--listen-port"}
        assert self.completed("run", "--we") == {"--web"}

    def test_is_what_the_help_says(self) -> None:
        line = "_HUB_V1_BRIDGE_COMPLETE=bash_source hub-v1-bridge"
        script = f'hub-v1-bridge() {{ "{sys.executable}" -P -c "{AS_INSTALLED}"; }}; {line}'
        done = subprocess.run(
            ["bash", "-c", script],
            env={**os.environ, "PYTHONPATH": str(ROOT / "addon")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "complete -o nosort -F" in done.stdout
