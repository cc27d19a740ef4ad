"""Credentials and query strings are nobody's business: not in a row, a line of log or an error."""

import base64
from collections.abc import Iterator
from functools import partial

import pytest

from e2e import bridges
from e2e.bridges import PATIENCE, Mitmdump
from e2e.clients import Answer, ask, behind, clean_environment, shell
from e2e.conftest import StartBridge
from standin import Catalog, Settings, Standin, faults

SECRET = "geheimnis"
BASIC = base64.b64encode(f"joe:{SECRET}".encode()).decode()
HEADERS = {
    "Authorization": f"Basic {BASIC}",
    "Proxy-Authorization": f"Basic {BASIC}",
    "Cookie": f"session={SECRET}",
    "X-Api-Key": SECRET,
}


def _calls(proxy: Mitmdump, base: str) -> list[Answer]:
    """Calls of every kind and end, each with secrets wherever one can put them."""
    query = f"?token={SECRET}&password={SECRET}"
    return [
        ask(proxy, f"{base}/v1/repositories/{what}{query}", method, headers=HEADERS)
        for method, what in (
            ("GET", "tiny/tags"),
            ("HEAD", "tiny/images"),
            ("GET", "tiny/tags/9"),
            ("GET", "TINY/tags"),
            ("GET", "bench/broken/tags"),
            ("GET", "bench/down/tags"),
            ("PUT", "acme/app/images"),
        )
    ]


def _told(bridge: Mitmdump) -> bytes:
    """Everything that is left behind: the log and all files of the journal."""
    files = [bridge.log_file, *bridge.journal.parent.glob("journal.sqlite3*")]
    return b"".join(file.read_bytes() for file in files)


def test_secrets_of_a_call_are_written_nowhere(start_bridge: StartBridge, hub: Standin) -> None:
    hub.faults.add("/broken/", faults.html())
    hub.faults.add("/down/", faults.status(503, ""))
    with start_bridge("--mode", f"reverse:{hub.registry_url}", hub_url=hub.url) as bridge:
        answers = _calls(bridge, "")
        told = _told(bridge)
    assert [answer.status for answer in answers] == [200, 200, 404, 404, 502, 502, 410]
    assert len(bridge.rows()) == 7
    for text in (told, _told(bridge), *(answer.body for answer in answers)):
        assert SECRET.encode() not in text
        assert BASIC.encode() not in text


def test_a_callers_secrets_reach_hub_in_the_body_of_its_login_alone(
    bridge: Mitmdump, hub: Standin
) -> None:
    ask(
        bridge,
        f"http://hub.docker.com/v1/repositories/bench/theirs/tags?x={SECRET}",
        headers=HEADERS,
    )
    assert hub.calls
    for call in hub.calls:
        assert SECRET not in call.path
        assert SECRET not in str(call.headers)


def test_user_info_in_a_url_is_written_nowhere(bridge: Mitmdump) -> None:
    line = f"curl -sS http://joe:{SECRET}@index.docker.io/v1/repositories/tiny/tags"
    assert shell(line, behind(bridge)).returncode == 0
    assert bridge.new_row()["server_address"] == "index.docker.io"
    assert SECRET.encode() not in _told(bridge)


def test_user_info_in_a_host_header_is_written_nowhere(start_bridge: StartBridge) -> None:
    front = ("--mode", "reverse:http://127.0.0.1:1", "--set", "keep_host_header")
    with start_bridge(*front) as bridge:
        host = f"joe:{SECRET}@index.docker.io"
        ask(bridge, "/v1/repositories/tiny/tags", headers={"Host": host})
        assert len(bridge.rows()) == 1
    assert SECRET.encode() not in _told(bridge)


def test_secrets_of_a_call_that_hub_never_answered_are_written_nowhere(
    start_bridge: StartBridge, hub: Standin
) -> None:
    hub.faults.add("/hanging/", faults.hang())
    url = f"http://index.docker.io/v1/repositories/bench/hanging/tags?token={SECRET}"
    with start_bridge("--set", "hub_deadline=1", hub_url=hub.url) as bridge:
        assert ask(bridge, url, headers=HEADERS).status == 502
        bridge.process.kill()
        bridge.process.wait(PATIENCE)
    assert bridge.rows()
    assert SECRET.encode() not in _told(bridge)
    assert BASIC.encode() not in _told(bridge)


OWN_SECRET = "eigenes-geheimnis"
DEBUG = ("--set", "termlog_verbosity=debug", "--set", "hub_deadline=3")
KINDS = {
    "right": f"joe:{SECRET}",
    "wrong": f"joe:{SECRET}-old",
    "unknown": f"nobody:{SECRET}",
    "too long": f"joe:{SECRET * 1_000}",
    "no colon": SECRET,
    "no name": f":{SECRET}",
}
TROUBLES = {
    "/html/": faults.html(),
    "/echo/": faults.status(418, {"message": "no", "secret": SECRET}),
    "/down/": faults.status(503),
    "/hangs/": faults.hang(),
    "/refused/": faults.status(403, {"message": "no"}),
    "/signs-off/": faults.status(401, {"message": "no"}),
    "/moved/": faults.redirect("/elsewhere"),
}


@pytest.fixture
def members() -> Iterator[Standin]:
    """A Docker Hub with two accounts, whose every login is allowed to be wrong."""
    catalog = Catalog(accounts={"joe": SECRET, "own": OWN_SECRET})
    catalog.add("joe/app", ["1.0", "latest"], private=True)
    catalog.add_generated("joe/long", 450, private=True)
    catalog.add_generated("library/long", 1_200)
    with Standin(catalog, Settings(failed_logins=0)) as hub:
        yield hub


def _authorizations() -> list[str]:
    pairs = [base64.b64encode(text.encode()).decode() for text in KINDS.values()]
    given = [f"Basic {pair}" for pair in pairs]
    return [*given, f"Bearer {SECRET}.x.y", f"Bearer {SECRET} x", f"Basic {SECRET}!", SECRET]


def _all_kinds(bridge: Mitmdump) -> list[Answer]:
    """Calls with credentials of every kind, for what is there, is not, or goes wrong."""
    good = ["joe/app/tags", "joe/app/tags/1.0", "joe/app/images", "joe/long/tags", "long/images"]
    bad = [f"joe/{trouble.strip('/')}/tags" for trouble in TROUBLES]
    base = "http://index.docker.io/v1/repositories"
    calls = [(what, each) for what in good for each in _authorizations()]
    calls += [(what, HEADERS["Authorization"]) for what in bad]
    return [ask(bridge, f"{base}/{what}", headers={"Authorization": each}) for what, each in calls]


def _tokens(hub: Standin) -> set[str]:
    """Every token that was shown to any of Docker's hosts, and its parts."""
    given = (call.headers.get("authorization", "") for call in hub.calls)
    values = {each.removeprefix("Bearer ") for each in given if each.startswith("Bearer ")}
    return values | {value.rpartition(".")[2] for value in values if len(value) > 100}


@pytest.mark.parametrize("login", ["sound", "lies"])
def test_no_secret_is_told_whatever_a_call_is_made_with_and_becomes(
    start_bridge: StartBridge,
    members: Standin,
    monkeypatch: pytest.MonkeyPatch,
    login: str,
) -> None:
    monkeypatch.setattr(
        bridges, "clean_environment", partial(clean_environment, HUB_SECRET=OWN_SECRET)
    )
    for match, action in TROUBLES.items():
        members.faults.add(match, action, listener="hub")
    if login == "lies":
        lie = {"access_token": f"{SECRET}\r\n", "secret": SECRET, "message": SECRET}
        members.faults.add("/v2/auth/token", faults.status(200, lie))
    own = ("--set", "hub_username=own")
    given = {"hub_url": members.url, "registry_url": members.registry_url}
    with start_bridge(*DEBUG, *own, **given) as bridge:
        answers = _all_kinds(bridge)
        assert {answer.status for answer in answers} >= {401, 502}
        told = _told(bridge)
    bodies = [answer.body + str(answer.headers).encode() for answer in answers]
    tokens = _tokens(members)
    assert len(tokens) > (4 if login == "sound" else 0)
    secrets = {SECRET, OWN_SECRET, *(each.partition(" ")[2] for each in _authorizations()[:6])}
    for text in (told, _told(bridge), *bodies):
        for secret in secrets | tokens:
            assert secret.encode().lower() not in text.lower()
