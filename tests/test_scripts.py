"""The scripts as a user starts them, in a checkout of their own whose path has spaces in it."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from addresses import own_address
from checkouts import (
    PATIENCE,
    PROBE,
    copy_checkout,
    lines,
    link_packages,
    only,
    plain_tools,
    start,
)
from demo import picture
from e2e.clients import tool
from standin import Standin


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The first start of all in a new clone, from another folder."""
    checkout = copy_checkout(tmp_path_factory.mktemp("new clone") / "hub bridge")
    (checkout / "requirements.txt").write_text(link_packages(checkout))
    done = start(checkout / "scripts" / "run", "--version")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def checkout(first_start: subprocess.CompletedProcess[str]) -> Path:
    """A checkout that has been used before, and so has its environment."""
    return Path(first_start.args[0]).parents[1]


# --- the environment -----------------------------------------------------------------------------


def test_the_first_start_says_in_one_line_that_it_makes_an_environment(
    first_start: subprocess.CompletedProcess[str],
) -> None:
    assert "mitmproxy " in first_start.stdout
    (line,) = lines(first_start.stderr)
    assert line.startswith("scripts/run: making .venv with Python 3.")


def test_a_later_start_says_nothing(checkout: Path) -> None:
    done = start(checkout / "scripts" / "run", "--version")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_script_works_through_a_link_to_it(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "hub-bridge").symlink_to(checkout / "scripts" / "run")
    assert "mitmproxy " in start(tmp_path / "hub-bridge", "--version", cwd=tmp_path).stdout


def test_two_first_starts_at_once_in_a_copied_checkout_make_one_environment(
    checkout: Path, tmp_path: Path
) -> None:
    """The environment that was copied along still belongs to the checkout it came from."""
    bare = copy_checkout(tmp_path / "bare checkout", requirements="# nothing\n")
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


# --- scripts/run ----------------------------------------------------------------------------------


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
    log, at = tmp_path / "log", own_address()
    with Standin() as hub:
        settings = {"confdir": tmp_path / "conf dir", "hub_url": hub.url}
        settings["hub_journal"] = tmp_path / "journal.sqlite3"
        command = [checkout / "scripts" / "run", "--listen-host", at.host, "--listen-port", at.port]
        command += [word for pair in settings.items() for word in ("--set", "{}={}".format(*pair))]
        if mode == "reverse":
            command += ["-m", f"reverse:{hub.registry_url}"]
        with _running(command, log):
            assert _wait_for(lambda: "Ctrl-C ends it" in log.read_text()), log.read_text()
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
    done = start(checkout / "scripts" / "run", "-p")
    assert done.returncode != 0
    assert "expected one argument" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_tells_of_the_bridge_and_then_of_mitmdump(checkout: Path) -> None:
    said = start(checkout / "scripts" / "run", "--help").stdout
    assert said.startswith("Usage: scripts/run [OPTIONS] [MITMDUMP ARGUMENTS]...")
    assert "--listen-port" in said


# --- scripts/demo, scripts/test ------------------------------------------------------------------


def test_the_demo_goes_as_told_and_leaves_nothing_behind(checkout: Path, tmp_path: Path) -> None:
    done = start(checkout / "scripts" / "demo", env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "got from the bridge what v1 gave them" in done.stdout
    assert "\033" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_picture_of_the_demo_is_what_it_shows_on_a_terminal(
    checkout: Path, tmp_path: Path
) -> None:
    for program in picture.PROGRAMS.split():
        tool(program)
    (tmp_path / "bin").mkdir()
    said = picture.record(
        [str(checkout / "scripts" / "demo")], picture.environment(tmp_path / "bin")
    )
    kept = picture.PICTURE.read_text(encoding="utf-8")
    made_anew = "PYTHONPATH=addon:tests python -m demo.picture"
    assert _story(picture.words(picture.picture(said))) == _story(picture.words(kept)), made_anew
    assert "The bridge is killed with kill -9" in said
    assert all(
        heading in kept.replace("&#160;", " ") for heading in ("What to change", "15 clients")
    )


def _story(lines: Sequence[str]) -> list[str]:
    """What is told of the clients; not what programs of other versions say of errors."""
    told = itertools.takewhile(lambda line: "kill -9" not in line, lines)
    return [re.sub(r"\(.*\)?$", "(…)", line).rstrip() for line in told]


@pytest.mark.parametrize("script", ["run", "report", "demo", "bench", "lab", "test"])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_there_before_any_environment(tmp_path: Path, script: str, flag: str) -> None:
    bare = copy_checkout(tmp_path / "bare checkout")
    done = start(bare / "scripts" / script, flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: scripts/{script}")
    assert list(bare.glob(".venv*")) == []


@pytest.mark.parametrize("script", ["demo", "bench", "lab"])
def test_wrong_arguments_are_told_before_any_environment_is_made(
    tmp_path: Path, script: str
) -> None:
    bare = copy_checkout(tmp_path / "bare checkout")
    done = start(bare / "scripts" / script, "--nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert lines(done.stderr)[0].startswith(f"usage: scripts/{script}")
    assert lines(done.stderr)[-1].startswith(f"scripts/{script}: ")
    assert list(bare.glob(".venv*")) == []


def test_the_demo_names_the_clients_that_are_missing_and_plays_the_others(
    checkout: Path, tmp_path: Path
) -> None:
    poor = only(plain_tools(tmp_path), TMPDIR=str(tmp_path))
    done = start(checkout / "scripts" / "demo", env=poor)
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
