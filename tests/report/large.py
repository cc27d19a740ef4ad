"""A big report: 2,000 callers over 90 days, as a company of some size would have them."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from hubv1.api.routes import Outcome, route_named
from hubv1.journal import Count, Gap, History, Seen, Summary
from hubv1.report.build import build_report
from hubv1.report.model import Report
from report.made import NOW

CALLERS = 2_000
DAYS = 90

_TAGS, _TAG, _IMAGES, _PING = (
    "GET /v1/repositories/{namespace}/{name}/tags",
    "GET /v1/repositories/{namespace}/{name}/tags/{tag_name}",
    "GET /v1/repositories/{namespace}/{name}/images",
    "* /v1/_ping",
)
_DOCKER = (
    "docker/24.0.7 go/go1.20.10 git-commit/311b9ff kernel/5.15.0-91-generic os/linux arch/amd64 "
    "UpstreamClient(Docker-Client/24.0.7 \\(linux\\))"
)
_AGENTS = ("curl/8.5.0", "curl/7.68.0", "Wget/1.21.2", "python-requests/2.31.0", _DOCKER)
_TEAMS = ("platform", "billing", "search", "mobile", "data", "web")
_IMAGES_BUILT = ("base", "api", "worker", "proxy", "migrate", "cron", "tools")


def large_report(callers: int = CALLERS, days: int = DAYS, now: datetime = NOW) -> Report:
    """The same each time."""
    chance = random.Random(1)  # noqa: S311  # nothing is secret
    counts = [count for at in range(callers) for count in _caller(chance, at, days, now)]
    by_day = {
        ((now - timedelta(days=ago)).date(), outcome): 1 + chance.randrange(weight * (ago + 10))
        for ago in range(days)
        for outcome, weight in (
            (Outcome.TRANSLATED, 90),
            (Outcome.PASSED, 8),
            (Outcome.REFUSED, 4),
            (Outcome.FAILED, 1),
        )
    }
    gaps = (Gap(now - timedelta(days=3, minutes=4), now - timedelta(days=3), 17, "disk full"),)
    seen = Seen(flows=4_711_000, still_served=1_204, rejected_tls=12)
    return build_report([History(seen, gaps, iter(()), lambda _: Summary(counts, by_day))], now)


def _caller(chance: random.Random, at: int, days: int, now: datetime) -> Iterator[Count]:
    """One of them: most ask for one thing, some for two or three."""
    agent = chance.choices(_AGENTS, (40, 15, 20, 20, 5))[0]
    address = f"10.{chance.randrange(32)}.{chance.randrange(256)}.{at % 250 + 1}"
    is_job = chance.random() < 0.25
    name = f"{chance.choice(_TEAMS)}/nightly-{at}" if is_job else f"{agent.split()[0]} at {address}"
    last = now - timedelta(minutes=int(chance.expovariate(1 / 4_000)) % (days * 1440))
    first = max(now - timedelta(days=days), last - timedelta(days=chance.randrange(1, days)))
    for _ in range(chance.choices((1, 2, 3), (80, 15, 5))[0]):
        calls = 1 + int(chance.paretovariate(0.8)) % 5_000
        route = chance.choices((_TAGS, _TAG, _IMAGES, _PING), (60, 30, 6, 4))[0]
        outcome = _outcome(chance, route)
        yield Count(
            caller=name,
            client_address=address,
            user_agent_original=agent,
            server_address="index.docker.io",
            route=route,
            repository="" if route == _PING else _repository(chance),
            verdict=route_named(route).verdict,
            outcome=outcome,
            calls=calls,
            this_hour=calls % 5 if now - last < timedelta(minutes=5) else 0,
            first_at=first,
            last_at=last - timedelta(days=chance.randrange(2)),
            signed=int(chance.random() < 0.1),
            paged=int(chance.random() < 0.2),
        )


def _outcome(chance: random.Random, route: str) -> Outcome:
    if route == _PING:
        return Outcome.PASSED
    others = (Outcome.TRANSLATED, Outcome.REFUSED, Outcome.FAILED)
    return chance.choices(others, (96, 3, 1))[0]


def _repository(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return f"library/{chance.choice(('debian', 'alpine', 'nginx', 'postgres', 'node'))}"
    return f"{chance.choice(_TEAMS)}/{chance.choice(_IMAGES_BUILT)}"
