"""The scripts as a user starts them, in a checkout of their own whose path has spaces in it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from hubv1.start.calling import how_to_call
from hubv1.start.wishes import read_wishes
from standin import Standin

ROOT = Path(__file__).resolve().parents[1]
VERSION = "{}.{}".format(*sys.version_info)
PATIENCE = 120
# What the scripts call, Python aside; enough for all of them.
PLAIN_TOOLS = ("bash", "basename", "cat", "dirname", "env", "realpath", "rm", "sort")
PROBE = Path("scripts", "probe")
PROBE_SCRIPT = """\
#!/usr/bin/env bash
source "$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")/lib/setup.sh"
use_venv .venv "" requirements.txt
"$VENV/bin/python" -c 'import sys; print(sys.prefix)'
"""


def _copy_checkout(folder: Path, requirements: str | None = None) -> Path:
    """What a clone has that the scripts need; `requirements` in the place of the real ones."""
    for part in ("scripts", "addon", "tests/standin", "tests/demo"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    shutil.copy(ROOT / "requirements.txt", folder)
    if requirements is not None:
        (folder / "requirements.txt").write_text(requirements)
    probe = folder / PROBE
    probe.write_text(PROBE_SCRIPT)
    probe.chmod(0o755)
    return folder


def _start(
    command: Path, *arguments: object, cwd: Path = Path("/"), env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command, *map(str, arguments)],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The first start of all in a new clone, from another folder."""
    checkout = _copy_checkout(tmp_path_factory.mktemp("new clone") / "hub bridge")
    done = _start(checkout / "scripts" / "run", "--version")
    if "cannot reach the package index" in done.stderr and os.environ.get("CI") != "true":
        pytest.skip("no network to install from")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def checkout(first_start: subprocess.CompletedProcess[str]) -> Path:
    """A checkout that has been used before, and so has its environment."""
    return Path(first_start.args[0]).parents[1]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout that needs no packages, so that its environment is made fast."""
    return _copy_checkout(tmp_path / "bare checkout", requirements="# nothing\n")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH in which there is no Python, nor anything else that need not be."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in PLAIN_TOOLS:
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def _only(tools: Path, **more: str) -> dict[str, str]:
    return {"PATH": str(tools), "HOME": str(tools), **more}


def _put_python(tools: Path, script: str) -> None:
    python = tools / f"python{VERSION}"
    python.write_text(f"#!{shutil.which('sh')}\n{script}\n")
    python.chmod(0o755)


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


# --- the environment -----------------------------------------------------------------------------


def test_the_first_start_says_in_one_line_that_it_makes_an_environment(
    first_start: subprocess.CompletedProcess[str],
) -> None:
    assert "Mitmproxy" in first_start.stdout
    (line,) = _lines(first_start.stderr)
    assert line.startswith("scripts/run: making .venv with Python 3.")


def test_a_later_start_says_nothing(checkout: Path) -> None:
    done = _start(checkout / "scripts" / "run", "--version")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_script_works_through_a_link_to_it(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "hub-bridge").symlink_to(checkout / "scripts" / "run")
    assert "Mitmproxy" in _start(tmp_path / "hub-bridge", "--version", cwd=tmp_path).stdout


def test_two_first_starts_at_once_in_a_copied_checkout_make_one_environment(
    checkout: Path, bare: Path
) -> None:
    """The environment that was copied along still belongs to the checkout it came from."""
    (bare / ".venv").mkdir()
    shutil.copy(checkout / ".venv" / "made-for", bare / ".venv")
    shutil.copytree(checkout / ".venv" / "bin", bare / ".venv" / "bin", symlinks=True)
    started = [
        subprocess.Popen([bare / PROBE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [(*each.communicate(timeout=PATIENCE), each.returncode) for each in started]
    assert [(out.strip(), status) for out, _, status in ended] == [(str(bare / ".venv"), 0)] * 2
    said = "".join(err for _, err, _ in ended)
    assert said.count("making .venv") == 1
    assert "waiting for another script" in said


def test_what_pip_cannot_install_is_said_and_made_good_once_it_can(bare: Path) -> None:
    requirements = bare / "requirements.txt"
    requirements.write_text("./no-such-wheel-0-py3-none-any.whl\n")
    done = _start(bare / PROBE)
    assert done.returncode == 1
    assert "no-such-wheel" in done.stderr
    assert _lines(done.stderr)[-1] == (
        "scripts/probe: pip could not install requirements.txt; its own words are above."
    )
    requirements.write_text("# all is well\n")
    assert _start(bare / PROBE).returncode == 0
    requirements.write_text("# and has changed\n")
    done = _start(bare / PROBE)
    assert _lines(done.stderr) == ["scripts/probe: bringing .venv up to date with requirements.txt"]


def test_without_a_network_it_says_what_to_set(bare: Path) -> None:
    (bare / "requirements.txt").write_text("mitmproxy\n")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1"}
    alone = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    done = _start(bare / PROBE, env={**os.environ, **nowhere, **alone})
    assert done.returncode == 1
    assert "pip cannot reach the package index. Behind a proxy set https_proxy" in done.stderr


def test_without_any_python_it_says_how_to_get_one(bare: Path, tools: Path) -> None:
    done = _start(bare / "scripts" / "run", env=_only(tools))
    assert done.returncode == 1
    assert done.stderr == (
        "scripts/run: Found no Python 3.11 or later. Install one, on Debian or Ubuntu with "
        "'sudo apt-get install python3 python3-venv', elsewhere with 'pyenv install 3.13'.\n"
    )


def test_a_python_that_cannot_make_environments_is_named_with_what_it_lacks(
    bare: Path, tools: Path
) -> None:
    without = 'import sys; sys.modules["ensurepip"] = None; exec(sys.stdin.read())'
    _put_python(tools, f"shift 2; exec {shlex.quote(sys.executable)} -I -c '{without}' \"$@\"")
    done = _start(bare / "scripts" / "run", env=_only(tools))
    assert done.returncode == 1
    (line,) = _lines(done.stderr)
    assert f"python{VERSION} cannot make virtual environments: it lacks ensurepip." in line
    assert f"'sudo apt-get install python{VERSION}-venv'" in line


def test_a_shim_that_fails_is_passed_over_for_a_python_of_pyenv(bare: Path, tools: Path) -> None:
    _put_python(tools, "echo 'pyenv: command not found' >&2; exit 127")
    real = tools / "pyenv" / "versions" / f"{VERSION}.0" / "bin" / f"python{VERSION}"
    real.parent.mkdir(parents=True)
    real.symlink_to(Path(sys.executable).resolve())
    (bare / PROBE).write_text(PROBE_SCRIPT.partition("use_venv")[0] + "find_python ''\n")
    done = _start(bare / PROBE, env=_only(tools, PYENV_ROOT=str(tools / "pyenv")))
    assert (done.stdout.strip(), done.stderr) == (str(real.resolve()), "")


# --- scripts/run ---------------------------------------------------------------------------------


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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not condition():
        time.sleep(0.05)
    return condition()


@contextmanager
def _running(command: Sequence[object], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(word) for word in command], stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_curl_line_that_it_prints_gets_the_tags(
    checkout: Path, tmp_path: Path, mode: str
) -> None:
    log = tmp_path / "log"
    with Standin() as hub:
        settings = {"confdir": tmp_path / "conf dir", "hub_url": hub.url}
        settings["hub_journal"] = tmp_path / "journal.sqlite3"
        command = [checkout / "scripts" / "run", "--listen-port", _free_port()]
        command += [word for pair in settings.items() for word in ("--set", "{}={}".format(*pair))]
        if mode == "reverse":
            command += ["-m", f"reverse:{hub.registry_url}"]
        with _running(command, log):
            assert _wait_for(lambda: "listening at 127.0.0.1:" in log.read_text()), log.read_text()
            assert "eager" not in log.read_text()
            said = log.read_text().replace("\\\n", "")
            curl = next(line for line in said.splitlines() if line.startswith("  curl"))
            env = {**os.environ, "no_proxy": ""}
            tags = subprocess.check_output(["bash", "-c", curl + " --silent"], env=env)
    assert tags.startswith(b'[{"layer": "", "name": "latest"}, ')


def test_an_argument_replaces_the_connection_strategy(checkout: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    settings = ["connection_strategy=eager", f"confdir={tmp_path}", "listen_port=0"]
    words = [word for setting in settings for word in ("--set", setting)]
    with _running([checkout / "scripts" / "run", *words], log):
        assert _wait_for(lambda: "Set connection_strategy=lazy" in log.read_text()), log.read_text()


def test_mitmdump_itself_says_what_is_wrong_with_an_argument(checkout: Path) -> None:
    done = _start(checkout / "scripts" / "run", "-p")
    assert done.returncode != 0
    assert "expected one argument" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_tells_of_the_bridge_and_then_of_mitmdump(checkout: Path) -> None:
    said = _start(checkout / "scripts" / "run", "--help").stdout
    assert said.startswith("usage: scripts/run [--check] [mitmdump arguments]")
    assert "--listen-port" in said


# --- scripts/demo, scripts/test ------------------------------------------------------------------


def test_the_demo_goes_as_told_and_leaves_nothing_behind(checkout: Path, tmp_path: Path) -> None:
    done = _start(checkout / "scripts" / "demo", env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "got from the bridge what v1 gave them" in done.stdout
    assert "\033" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_names_the_clients_that_are_missing_and_plays_the_others(
    checkout: Path, tools: Path, tmp_path: Path
) -> None:
    done = _start(checkout / "scripts" / "demo", env=_only(tools, TMPDIR=str(tmp_path)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Left out, since they are not installed: GNU wget or awk, curl" in done.stdout
    assert "All 4 clients" in done.stdout


def test_the_demo_cleans_up_when_it_is_interrupted(checkout: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = ["env", f"TMPDIR={temporary}", checkout / "scripts" / "demo"]
    with _running(command, log) as demo:
        assert _wait_for(lambda: "bridged" in log.read_text())
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(PATIENCE) == 128 + signal.SIGINT
        assert _wait_for(lambda: not _group_lives(demo.pid))
    assert list(temporary.iterdir()) == []
    assert "Traceback" not in log.read_text()


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_all_parts_of_the_tests_are_run_though_the_first_fails(bare: Path) -> None:
    (bare / "tests" / "requirements.txt").write_text("# no linters, no pytest\n")
    done = _start(bare / "scripts" / "test", "--python", VERSION)
    summary = done.stdout.partition("== summary\n")[2]
    assert done.returncode == 1
    assert f"environment for Python {VERSION}" in _lines(summary)[0]
    assert "FAILED" in _lines(summary)[1]
    assert "ruff check" in _lines(summary)[1]
    assert "tests with Python" in _lines(summary)[-1]


def test_in_ci_a_missing_python_is_a_failure(bare: Path, tools: Path) -> None:
    done = _start(bare / "scripts" / "test", env=_only(tools, CI="true"))
    assert done.returncode == 1
    assert "FAILED           tests with Python 3.11: not installed" in done.stdout
    assert "FAILED           tests with Python 3.13: not installed" in done.stdout
