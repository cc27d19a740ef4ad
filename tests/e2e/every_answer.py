"""One answer of each kind that the bridge can give, as it comes over the wire."""

import http.client
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from e2e.bridges import Mitmdump, eventually
from e2e.clients import PATIENCE
from standin import Standin, faults
from standin.rules import Action

TTL = 1
"""Seconds for which this bridge keeps answers: a stale one should not take long to come by."""
OPTIONS = (
    *("--set", f"hub_cache_ttl={TTL}"),
    *("--set", "hub_journal_required=true"),
    *("--set", 'hub_rule=gone ~hq "(?i)X-Mode: gone"'),
    *("--set", 'hub_rule=redirect ~hq "(?i)X-Mode: redirect"'),
)


@dataclass(frozen=True)
class Told:
    """An answer with its headers as they were written, in their order."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each.lower() == name.lower()]

    def one(self, name: str) -> str:
        """The value of a header that is there once."""
        (value,) = self.all(name)
        return value


def told(bridge: Mitmdump, what: str, headers: Mapping[str, str] | None = None) -> Told:
    """What the bridge answers to a client that has it as its proxy."""
    with closing(http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=PATIENCE)) as to:
        url = f"http://index.docker.io/v1/repositories/{what}"
        to.request("GET", url, headers=dict(headers or {}))
        response = to.getresponse()
        return Told(response.status, response.reason, tuple(response.getheaders()), response.read())


def _troubled(action: Action) -> Callable[[Mitmdump, Standin], Told]:
    def tell(bridge: Mitmdump, hub: Standin) -> Told:
        hub.faults.add("/troubled/", action)
        return told(bridge, "bench/troubled/tags")

    return tell


def _hit(bridge: Mitmdump, hub: Standin) -> Told:
    answers: list[Told] = []

    def kept() -> bool:
        answers.append(told(bridge, "bench/kept/tags"))
        return "hit" in answers[-1].one("Cache-Status")

    eventually(kept, "a kept answer")
    return answers[-1]


def _stale(bridge: Mitmdump, hub: Standin) -> Told:
    answers = [told(bridge, "bench/stale/tags")]
    hub.faults.add("/stale/", faults.drop())

    def old() -> bool:
        answers.append(told(bridge, "bench/stale/tags"))
        return "ttl" in answers[-1].one("Cache-Status")

    eventually(old, "a stale answer")
    return answers[-1]


def _collapsed(bridge: Mitmdump, hub: Standin) -> Told:
    hub.faults.add("/crowded", faults.latency(0.5))
    rounds = iter(range(100))
    answers: list[Told] = []

    def collapsed() -> bool:
        what = f"bench/crowded-{next(rounds)}/tags"
        with ThreadPoolExecutor(2) as pool:
            two = list(pool.map(lambda _: told(bridge, what), range(2)))
        answers.extend(each for each in two if "collapsed" in each.one("Cache-Status"))
        return bool(answers)

    eventually(collapsed, "two calls at the same time")
    return answers[-1]


def _unrecorded(bridge: Mitmdump, hub: Standin) -> Told:
    with closing(sqlite3.connect(bridge.journal, timeout=PATIENCE)) as journal:
        journal.execute("ALTER TABLE calls RENAME TO away")
        try:
            return told(bridge, "tiny/tags")
        finally:
            journal.execute("ALTER TABLE away RENAME TO calls")


def _loop(bridge: Mitmdump, hub: Standin) -> Told:
    via = told(bridge, "tiny/tags").one("Via")
    return told(bridge, "tiny/tags", {"Via": via})


KINDS: Mapping[str, Callable[[Mitmdump, Standin], Told]] = {
    "miss": lambda bridge, _: told(bridge, "acme/tool/tags"),
    "hit": _hit,
    "stale": _stale,
    "collapsed": _collapsed,
    "tag": lambda bridge, _: told(bridge, "acme/tool/tags/1.0"),
    "images": lambda bridge, _: told(bridge, "acme/tool/images"),
    "no tag": lambda bridge, _: told(bridge, "acme/tool/tags/9"),
    "no repository": lambda bridge, _: told(bridge, "no/body/tags"),
    "impossible": lambda bridge, _: told(bridge, "NO/body/tags"),
    "unauthorized": _troubled(faults.status(401)),
    "forbidden": _troubled(faults.status(403, {"message": "not you"})),
    "redirect": lambda bridge, _: told(bridge, "tiny/tags?page=1", {"X-Mode": "redirect"}),
    "gone": lambda bridge, _: told(bridge, "tiny/tags", {"X-Mode": "gone"}),
    "unreachable": _troubled(faults.drop()),
    "nonsense": _troubled(faults.html()),
    "incomplete": _troubled(faults.count_lies(1_000)),
    "unrecorded": _unrecorded,
    "loop": _loop,
    # The last: for a while after it nobody is let through to Hub.
    "limited": _troubled(faults.rate_limited(20)),
}


def every_answer(bridge: Mitmdump, hub: Standin) -> dict[str, Told]:
    """An answer of each kind, from a bridge with OPTIONS."""
    answers = {}
    for kind, tell in KINDS.items():
        answers[kind] = tell(bridge, hub)
        hub.faults.clear()
    return answers
