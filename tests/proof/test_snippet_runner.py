"""Snippets are run with nothing of the user's and within a time, and what they start ends too."""

import asyncio
import time
from pathlib import Path

import pytest

from hubv1.hub import Basic
from hubv1.proof import snippet_runner
from hubv1.proof.comparison import Answered
from hubv1.proof.snippet_runner import Finished, RateLimitReached, SnippetRunner, reading_of
from hubv1.replacements import Snippet

ACCOUNT = Basic("acme", "secret-of-acme")


def run(code: str, *, signed: bool = False, seconds: float = 30) -> Finished:
    runner = SnippetRunner("https://registry.example", ACCOUNT, seconds)
    return asyncio.run(runner.run(Snippet("curl", "bash", code), is_signed=signed))


def test_it_sees_nothing_of_the_users_but_the_way_to_the_internet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".curlrc").write_text("user = me:mine")
    for name in ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "AWS_SECRET", "HUB_SECRET", "BASH_ENV"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    lines = run("env; ls -A; pwd").out.splitlines()
    assert str(tmp_path) not in " ".join(lines)
    assert "https_proxy=http://proxy.example" in lines
    assert [line for line in lines if "SECRET" in line or "DOCKER_" in line] == []
    assert "script" in lines


def test_credentials_are_for_snippets_that_sign_in_and_never_told() -> None:
    code = 'echo "${DOCKER_USERNAME:-nobody}"; echo "$DOCKER_TOKEN" >&2; exit 1'
    assert run(code).out == "nobody\n"
    signed = run(code, signed=True)
    assert (signed.out, ACCOUNT.secret in signed.err) == ("acme\n", False)


def test_nothing_is_left_behind() -> None:
    home = run("touch left; pwd").out.strip()
    assert not Path(home).exists()


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    began, file = time.monotonic(), tmp_path / "pid"
    done = run(f"sleep 600 & echo $! > {file}; wait", seconds=1)
    assert (done.code, reading_of(done, is_list=True).answered) == (None, Answered.DISTURBED)
    assert time.monotonic() - began < 60
    pid = int(file.read_text())
    status = Path(f"/proc/{pid}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_one_that_prints_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snippet_runner, "MOST_BYTES", 100_000)
    assert run("yes").code is None


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("curl: (22) The requested URL returned error: 404", Answered.ABSENT),
        ("curl: (22) The requested URL returned error: 403", Answered.FAILED),
        ("curl: (22) The requested URL returned error: 500 for /404", Answered.FAILED),
        ("No such tag.", Answered.ABSENT),
        ("https://hub.docker.com/v2/404/tags answered 503", Answered.FAILED),
        ("return urlopen(request, timeout=60)\nHTTP Error 404: Not Found", Answered.ABSENT),
        ("There are more pages.", Answered.FAILED),
        ("jq: error (at <stdin>:1): the list changed while it was read", Answered.DISTURBED),
        ("curl: (6) Could not resolve host: hub.docker.com", Answered.DISTURBED),
        ("curl: (60) SSL certificate problem: self-signed certificate", Answered.DISTURBED),
        ("urllib.error.URLError: <urlopen error timed out>", Answered.DISTURBED),
        ("dial tcp: lookup registry-1.docker.io: no such host", Answered.DISTURBED),
        ("reading manifest 11 in docker.io/acme/app: manifest unknown", Answered.ABSENT),
    ],
)
def test_why_one_failed_is_told_apart(said: str, answered: Answered) -> None:
    assert reading_of(Finished(1, "", said), is_list=False).answered is answered


def test_what_the_registry_hides_is_absent_for_a_list_alone() -> None:
    done = Finished(1, "", "requested access to the resource is denied")
    assert reading_of(done, is_list=True).answered is Answered.ABSENT
    assert reading_of(done, is_list=False).answered is Answered.FAILED


@pytest.mark.parametrize("said", ["returned error: 429", "toomanyrequests: slow down"])
def test_a_limit_is_told_apart(said: str) -> None:
    with pytest.raises(RateLimitReached):
        reading_of(Finished(22, "", said), is_list=True)
