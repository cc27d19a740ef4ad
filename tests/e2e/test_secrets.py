"""Credentials and query strings are nobody's business: not in a row, a line of log or an error."""

import base64

from e2e.bridges import PATIENCE, Mitmdump
from e2e.clients import Answer, ask, behind, shell
from e2e.conftest import StartBridge
from standin import Standin, faults

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


def test_a_callers_credentials_do_not_reach_hub(bridge: Mitmdump, hub: Standin) -> None:
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
