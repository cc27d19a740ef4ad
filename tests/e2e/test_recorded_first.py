"""No answer leaves before its call is on disk, whatever becomes of the call."""

import select
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from e2e.bridges import PATIENCE, Mitmdump, eventually, running_bridge, with_authority
from e2e.clients import ask, connected
from e2e.origins import running_origin
from hubv1.api.routes import Outcome
from standin import Standin, faults

WAYS = {
    Outcome.TRANSLATED: ("/v1/repositories/tiny/tags", 200),
    Outcome.REDIRECTED: ("/v1/repositories/acme/redirected/tags", 308),
    Outcome.OBSERVED: ("/v1/repositories/acme/observed/tags", 200),
    Outcome.GONE: ("/v1/repositories/acme/gone/tags", 410),
    Outcome.PASSED: ("/v1/users/", 200),
    Outcome.REFUSED: ("/v1/repositories/acme/TOOL/tags", 404),
    Outcome.FAILED: ("/v1/repositories/acme/nonsense/tags", 502),
}
"""A path for each outcome, and the status of its answer."""
ASKED_OF_HUB = (Outcome.TRANSLATED, Outcome.FAILED)
RULES = ("redirect ~u /redirected/", "observe ~u /observed/", "gone ~u /gone/")


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "streamed"])
def front(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Path,
    shared_hub: Standin,
) -> Iterator[Mitmdump]:
    """A bridge in front of an old host."""
    confdir = with_authority(tmp_path_factory.mktemp("recorded"), authority)
    rules = [part for rule in RULES for part in ("--set", f"hub_rule={rule}")]
    streaming = ["--set", "stream_large_bodies=1"] if request.param else []
    with running_origin() as origin:
        mode = ("--mode", f"reverse:{origin.url}", "--set", "hub_cache_ttl=0")
        with running_bridge(confdir, *mode, *rules, *streaming, hub_url=shared_hub.url) as bridge:
            yield bridge


@contextmanager
def locked(journal: Path) -> Iterator[None]:
    """While it lasts nothing can be committed."""
    with closing(sqlite3.connect(journal, isolation_level=None, timeout=PATIENCE)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def has_answer(client: socket.socket) -> bool:
    readable, _, _ = select.select([client], [], [], 0)
    return bool(readable)


def others_are_served(front: Mitmdump) -> None:
    """Return once calls that came later have been answered, several times over."""
    for _ in range(5):
        assert ask(front, "/v2/").status == 200


@pytest.mark.parametrize("outcome", Outcome)
def test_an_answer_waits_for_its_row(front: Mitmdump, hub: Standin, outcome: Outcome) -> None:
    hub.faults.add("/nonsense/", faults.html())
    path, status = WAYS[outcome]
    front.new_rows()
    with connected(front) as client:
        with locked(front.journal):
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: index.docker.io\r\n\r\n".encode())
            if outcome in ASKED_OF_HUB:
                eventually(lambda: _has_answered(hub), "Hub has answered")
            others_are_served(front)
            assert not has_answer(client)
        assert client.recv(12) == f"HTTP/1.1 {status}".encode()
        row = front.new_row()
    assert (row["outcome"], row["http_response_status_code"]) == (outcome, status)


def _has_answered(hub: Standin) -> bool:
    return bool(hub.calls) and all(call.status for call in hub.calls)
