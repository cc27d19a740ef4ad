"""What the Containerfile says, done by hand: there is no engine to run it where tests run."""

import json
import re
import subprocess
from pathlib import Path

from e2e.bridges import PATIENCE, ROOT, running
from e2e.clients import ask, clean_environment
from e2e.installed import PARTS
from standin import Standin

CALL = "http://index.docker.io/v1/repositories/library/tiny/tags"
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
NOBODY = 10001


def said(instruction: str) -> list[str]:
    """The arguments of all instructions of that name, each on one line."""
    text = CONTAINERFILE.replace("\\\n", " ")
    return re.findall(rf"^{instruction} +(.*)$", text, re.MULTILINE)


def test_it_copies_what_pip_needs_and_nothing_that_is_ignored() -> None:
    copied = {source for line in said("COPY") for source in line.split()[:-1]}
    assert copied == set(PARTS)
    assert all(f"!{source}" in IGNORED for source in copied)
    assert IGNORED[0] == "*"


def test_what_is_copied_to_a_folder_is_what_is_installed_from_there() -> None:
    targets = {line.split()[-1].removesuffix("addon") for line in said("COPY")}
    (run,) = said("RUN")
    assert targets == {"/source/"}
    assert run.split(" && ")[0].split() == ["pip", "install", "--no-cache-dir", '"/source[fleet]"']


def test_its_user_is_a_number_that_is_not_roots_and_owns_the_volume() -> None:
    (run,) = said("RUN")
    assert said("USER") == [str(NOBODY)]
    assert f"useradd --uid {NOBODY} --home-dir /data --create-home" in run
    assert said("VOLUME") == said("WORKDIR") == ["/data"]
    assert said("ENV") == ["HOME=/data"]


def test_it_serves_is_healthy_and_reports(programs: Path, hub: Standin, tmp_path: Path) -> None:
    (entrypoint,), (health,) = map(json.loads, said("ENTRYPOINT")), said("HEALTHCHECK")
    assert entrypoint[1:] == ["run", "--listen-host", "0.0.0.0"]
    data = tmp_path / "data"
    command = [str(programs / entrypoint[0]), *entrypoint[1:], "--listen-host", "127.0.0.1"]
    command += ["-p", "0", "--set", f"hub_url={hub.url}", "--set", "hub_registry_url="]
    with running(data, command) as bridge:
        assert ask(bridge, CALL).status == 200
        assert in_the_container(probe(health, bridge.port), programs, data).returncode == 0
    assert in_the_container(probe(health, bridge.port), programs, data).returncode != 0
    done = in_the_container(["hub-v1-report"], programs, data)
    assert (done.returncode, done.stderr) == (0, "")
    assert "library/tiny" in done.stdout
    assert (data / ".mitmproxy" / "mitmproxy-ca-cert.pem").is_file()


def probe(health: str, port: int) -> list[str]:
    """The command of a HEALTHCHECK, for that port instead of the container's."""
    command: list[str] = json.loads(health.partition(" CMD ")[2])
    assert any("8080" in word for word in command)
    return [word.replace("8080", str(port)) for word in command]


def in_the_container(
    command: list[str], programs: Path, data: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [programs / command[0], *command[1:]],
        cwd=data,
        env=clean_environment(data),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
