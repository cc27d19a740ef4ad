"""Writes the kept files of the version at hand, with PYTHONPATH=addon:tests python -m kept.

Run it with the oldest mitmproxy when a release is cut, since a newer one may write flows that the
oldest cannot read. What a released version has written is never written again.
"""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mitmproxy import http
from mitmproxy.io import FlowWriter

import hubv1
from hubv1.cli.main import main
from onstage import Stage, answer, make_flow, on_stage
from standin import Catalog, Standin, faults

FOLDER = Path(__file__).parent
JOURNAL, REPORT, FLOWS = "journal.sqlite3", "report.json", "traffic.flow"

_V1 = "/v1/repositories"
_RULES = ["gone ~u ended", "observe ~u watched", "redirect ~u moved"]
_SIGNED = {"Authorization": "Basic YWNtZTpyaWdodA==", "X-Job": "nightly build"}
CALLS: dict[str, dict[str, str]] = {
    f"{_V1}/debian/tags": {},
    f"{_V1}/debian/tags/12": {"User-Agent": "Wget/1.21"},
    f"{_V1}/debian/tags/no-such": {},
    f"{_V1}/acme/app/images": _SIGNED,
    f"{_V1}/acme/long/tags": _SIGNED,
    f"{_V1}/acme/hidden/tags": {},
    f"{_V1}/acme/ended/tags": {},
    f"{_V1}/acme/moved/images": {},
    f"{_V1}/acme/watched/tags": {"User-Agent": "=cmd|' /C calc'!A0 \u202e<b>"},
    f"{_V1}/BAD/tags": {},
    f"{_V1}/debian/images": {"X-Docker-Token": "true"},
    f"{_V1}/broken/tags": {},
    "/v1/users/": {},
    "/v1/search?q=debian": {},
    "/v2/": {},
}
"""A call of each kind that a journal, a report or a flow tells apart, with its headers."""


def _catalog() -> Catalog:
    catalog = Catalog(accounts={"acme": "right"})
    catalog.add("debian", ["12", "latest"])
    catalog.add("acme/app", ["1.0", "latest"], private=True)
    catalog.add_generated("acme/long", 350, private=True)
    catalog.add("acme/hidden", ["1"], private=True)
    return catalog


async def _play(stage: Stage) -> list[http.HTTPFlow]:
    flows = [make_flow(path, headers=headers) for path, headers in CALLS.items()]
    for flow in flows:
        await stage.play(flow, answer(410))
    rejecting: Any = SimpleNamespace(sni="index.docker.io", peername=("192.0.2.7", 50_000))
    stage.bridge.tls_failed_client(SimpleNamespace(conn=rejecting))  # type: ignore[arg-type]  # as much of it as is read
    with closing(sqlite3.connect(stage.journal)) as other:  # for a gap
        other.execute("ALTER TABLE calls RENAME TO away")
        await stage.play(make_flow())
        other.execute("ALTER TABLE away RENAME TO calls")
    flows.append(await stage.play(make_flow()))
    return flows


def write(folder: Path) -> None:
    """Write the three files there."""

    async def playing() -> list[http.HTTPFlow]:
        with Standin(_catalog()) as hub:
            hub.faults.add("/broken/", faults.status(503))
            options = {"hub_rule": _RULES, "hub_caller_header": "X-Job"}
            async with on_stage(folder, hub.url, **options) as stage:
                return await _play(stage)

    flows = asyncio.run(playing())
    with (folder / FLOWS).open("wb") as file:
        for flow in flows:
            FlowWriter(file).add(flow)  # type: ignore[no-untyped-call]  # mitmproxy's
    sources = ["--journal", str(folder / JOURNAL)]
    main(["report", *sources, "--format", "json", "-o", str(folder / REPORT)])


if __name__ == "__main__":
    target = FOLDER / hubv1.__version__
    if target.exists():
        sys.exit(f"{target} is there already: what a release has written stays as it is.")
    target.mkdir()
    write(target)
