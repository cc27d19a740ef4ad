"""Real clients with credentials, and a bridge with an account of its own."""

import base64
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from e2e import bridges
from e2e.bridges import Mitmdump
from e2e.clients import ask, behind, clean_environment, output, shell
from e2e.conftest import StartBridge
from standin import Catalog, Standin

V1 = "http://index.docker.io/v1/repositories"
OVER_TLS = "https://index.docker.io/v1/repositories"
NAMES = ["latest", "1.0", "2.0"]
UNAUTHORIZED = b'{"error": "Requires authorization"}'
CHALLENGE = 'Basic realm="auth required",Token'

Credentials = dict[str, str]


@pytest.fixture(scope="module")
def members() -> Iterator[Standin]:
    catalog = Catalog(accounts={"acme": "right", "joe": "geheim"})
    catalog.add("acme/app", NAMES, private=True)
    catalog.add_generated("acme/long", 450, private=True)
    catalog.add_generated("library/long", 1_200)
    catalog.add("library/tiny", NAMES)
    with Standin(catalog) as running:
        yield running


@pytest.fixture
def hub(members: Standin) -> Iterator[Standin]:
    members.faults.clear()
    members.forget_calls()
    yield members
    members.faults.clear()


@pytest.fixture
def start(start_bridge: StartBridge, hub: Standin) -> StartBridge:
    """Starts a bridge in front of the stand-in, registry included."""
    return partial(start_bridge, hub_url=hub.url, registry_url=hub.registry_url)


@pytest.fixture(scope="module")
def signed_process(
    tmp_path_factory: pytest.TempPathFactory, members: Standin
) -> Iterator[Mitmdump]:
    confdir = tmp_path_factory.mktemp("signed")
    with bridges.running_bridge(confdir, hub_url=members.url) as bridge:
        yield bridge


@pytest.fixture
def signed(signed_process: Mitmdump, hub: Standin) -> Mitmdump:
    """A bridge that is shared by tests which leave it as it is."""
    signed_process.new_rows()
    return signed_process


def basic(text: str) -> Credentials:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def names(text: str | bytes) -> list[str]:
    return [each["name"] for each in json.loads(text)]


def logins(hub: Standin) -> int:
    return sum(call.method == "POST" for call in hub.calls)


def test_curl_with_a_user_gets_a_private_repository(start: StartBridge, hub: Standin) -> None:
    with start() as bridge:
        env = behind(bridge)
        assert names(output(f"curl -fsS -u acme:right {OVER_TLS}/acme/app/tags", env)) == NAMES
        assert json.loads(output(f"curl -fsS -u acme:right {OVER_TLS}/acme/app/tags/1.0", env))
        assert len(json.loads(output(f"curl -fsS -u acme:right {V1}/acme/app/images", env))) > 3
        long = output(f"curl -fsS -u acme:right {OVER_TLS}/acme/long/tags", env)
        assert len(json.loads(long)) == 450
        assert shell(f"curl -fsS {OVER_TLS}/acme/app/tags", env).returncode == 22
        rows = bridge.rows()
    assert logins(hub) == 1
    assert [row["credentials"] for row in rows] == ["basic"] * 4 + ["none"]
    assert [row["user_name"] for row in rows] == ["acme"] * 4 + [""]
    assert [row["source"] for row in rows] == ["hub", "hub", "hub", "registry", "hub"]


@pytest.mark.parametrize("arguments", [["--set", "hub_challenge"], ["--set", "hub_challenge=true"]])
def test_wget_gets_it_after_a_challenge(
    start: StartBridge, hub: Standin, arguments: list[str]
) -> None:
    line = f"wget -q -O - --user=acme --password=right {OVER_TLS}/acme/app/tags"
    with start(*arguments) as bridge:
        assert names(output(line, behind(bridge))) == NAMES
        rows = bridge.rows()
    seen = [(row["credentials"], row["http_response_status_code"]) for row in rows]
    assert seen == [("none", 401), ("basic", 200)]
    assert [row["outcome"] for row in rows] == ["translated"] * 2


def test_without_the_option_wget_has_to_be_told_not_to_wait_for_one(
    start: StartBridge, hub: Standin
) -> None:
    line = f"wget -q -O - --user=acme --password=right {OVER_TLS}/acme/app/tags"
    with start() as bridge:
        env = behind(bridge)
        assert shell(line, env).returncode == 8
        assert names(output(line.replace("-q", "-q --auth-no-challenge"), env)) == NAMES


def test_curl_that_waits_for_a_challenge_gets_it_too(start: StartBridge, hub: Standin) -> None:
    line = f"curl -fsS --anyauth -u acme:right {OVER_TLS}/acme/app/tags/1.0"
    with start("--set", "hub_challenge") as bridge:
        assert json.loads(output(line, behind(bridge)))
        assert [row["http_response_status_code"] for row in bridge.rows()] == [401, 200]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_rejected_login_is_v1s_401_to_the_byte(
    start: StartBridge, hub: Standin, method: str
) -> None:
    with start() as bridge:
        answers = [
            ask(bridge, f"{V1}/acme/app/tags", method, headers=basic("acme:wrong"))
            for _ in range(10)
        ]
        rows = bridge.rows()
    for answer in answers:
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == CHALLENGE
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-length"] == str(len(UNAUTHORIZED))
        assert answer.body == (UNAUTHORIZED if method == "GET" else b"")
    assert logins(hub) == len(hub.calls) == 1
    assert {row["error_type"] for row in rows} == {"unauthorized"}
    assert {row["user_name"] for row in rows} == {"acme"}


@pytest.mark.parametrize(
    ("headers", "status", "kind", "user"),
    [
        ({}, 200, "none", ""),
        ({"Authorization": ""}, 200, "none", ""),
        ({"Authorization": 'Token signature=1,repository="library/tiny"'}, 200, "token", ""),
        ({"Authorization": "Digest username=joe"}, 200, "other", ""),
        (basic(":"), 200, "basic", ""),
        (basic("joe:geheim"), 200, "basic", "joe"),
        (basic("joe:falsch"), 401, "basic", "joe"),
        (basic("joe:"), 401, "basic", ""),
        (basic("geheim"), 401, "basic", ""),
        (basic(":geheim"), 401, "basic", ""),
        ({"Authorization": "Basic geheim!"}, 401, "basic", ""),
        ({"Authorization": "Bearer x.y.z"}, 401, "bearer", ""),
        ({"Authorization": "Bearer x y"}, 401, "bearer", ""),
    ],
)
def test_the_journal_says_what_a_call_was_made_with(
    signed: Mitmdump, headers: Credentials, status: int, kind: str, user: str
) -> None:
    assert ask(signed, f"{V1}/tiny/tags", headers=headers).status == status
    row = signed.new_row()
    assert (row["credentials"], row["user_name"]) == (kind, user)
    assert row["http_response_status_code"] == status


@pytest.fixture
def with_secret(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts the secret of the bridge's own account where the bridge looks for it."""

    def put(secret: str) -> None:
        environment = partial(clean_environment, HUB_SECRET=secret)
        monkeypatch.setattr(bridges, "clean_environment", environment)

    return put


class TestAnAccountOfTheBridge:
    path = f"{V1}/long/images"

    def test_reads_on_where_hub_refuses_anybody_else(
        self, start: StartBridge, with_secret: Callable[[str], None]
    ) -> None:
        with_secret("right")
        with start("--set", "hub_username=acme") as bridge:
            answer = ask(bridge, self.path)
            private = ask(bridge, f"{V1}/acme/app/tags")
            rows = bridge.rows()
        assert (answer.status, private.status) == (200, 404)
        assert len(json.loads(answer.body)) > 1_200
        assert [row["source"] for row in rows] == ["account", "hub"]
        assert {(row["credentials"], row["user_name"]) for row in rows} == {("none", "")}

    def test_that_is_missing_is_named_in_the_answer(self, start: StartBridge) -> None:
        with start() as bridge:
            answer = ask(bridge, self.path)
        assert answer.status == 502
        problem = json.loads(answer.body)
        assert problem["error"] == "incomplete"
        assert "hub_username" in problem["detail"]
        assert "HUB_SECRET" in problem["detail"]

    def test_that_is_rejected_is_named_in_answer_and_log_and_asked_once(
        self, start: StartBridge, hub: Standin, with_secret: Callable[[str], None]
    ) -> None:
        with_secret("wrong")
        with start("--set", "hub_username=acme") as bridge:
            answers = [ask(bridge, self.path) for _ in range(3)]
            assert "Docker Hub does not let the bridge's own account in" in bridge.log
        assert [json.loads(answer.body)["error"] for answer in answers] == ["incomplete"] * 3
        assert logins(hub) == 1


@pytest.fixture
def ended(tmp_path: Path, authority: Path) -> Callable[..., bridges.Finished]:
    """Starts a bridge that has to give up by itself."""

    def run(settings: list[str], secret: str) -> bridges.Finished:
        folder = bridges.with_authority(tmp_path / "bridge", authority)
        arguments = bridges.bridge_arguments(folder)
        given = [each for one in settings for each in ("--set", one)]
        return bridges.finished(folder, *arguments, *given, HUB_SECRET=secret)

    return run


@pytest.mark.parametrize(
    ("settings", "secret", "said"),
    [
        (["hub_username=acme"], "", "environment variable HUB_SECRET, which is empty"),
        (["hub_username=acme:right"], "right", "without a secret"),
    ],
)
def test_a_set_up_that_cannot_work_stops_the_start(
    ended: Callable[..., bridges.Finished], settings: list[str], secret: str, said: str
) -> None:
    done = ended(settings, secret)
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout
    assert "right" not in done.stdout
