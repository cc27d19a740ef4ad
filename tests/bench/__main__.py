"""`scripts/bench`: what the bridge costs, against mitmdump without it."""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from mitmproxy.version import VERSION

from bench.compare import Comparison, Subject, compare
from e2e.bridges import ROOT, Mitmdump, running_bridge, running_mitmdump
from e2e.clients import clean_environment

EMPTY_HOOKS = """
class Empty:
    def request(self, flow): ...
    def response(self, flow): ...

addons = [Empty()]
"""

_serial = count()


def main() -> int:
    """Measure and print; the figures are for reading, so nothing fails."""
    options = _options()
    print(
        f"Python {platform.python_version()}, mitmproxy {VERSION}; CPU time of the mitmdump "
        f"process for each call, {options.rounds} rounds of {options.calls} calls in turns, "
        f"repositories of {options.tags} tags.\n"
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-v1-bench-")))
        hub = stack.enter_context(_standin(folder, options.tags))
        reverse = ["--mode", f"reverse:{hub}"]
        (folder / "empty.py").write_text(EMPTY_HOOKS)
        bare = stack.enter_context(running_mitmdump(folder / "bare", *reverse))
        hooks = ["-s", str(folder / "empty.py")]
        empty = stack.enter_context(running_mitmdump(folder / "empty", *reverse, *hooks))
        bridge = stack.enter_context(running_bridge(folder / "bridge", *reverse, hub_url=hub))
        for keep_alive in (False, True):
            kind = "over kept-alive connections" if keep_alive else "a connection for each call"
            print(f"{kind}:")
            for title, goal, peer, ours in (
                ("other traffic", 0.97, _v2("empty hooks", empty), _v2("the bridge", bridge)),
                ("a bridged call", 0.95, _v2("bare, the v2 call", bare), _v1("bridge", bridge)),
            ):
                result = compare(
                    peer, ours, rounds=options.rounds, calls=options.calls, keep_alive=keep_alive
                )
                _show(title, goal, peer, ours, result)
            print()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="of each comparison (default 9)")
    parser.add_argument("--calls", type=int, default=300, help="in a round (default 300)")
    parser.add_argument("--tags", type=int, default=100, help="of each repository (default 100)")
    return parser.parse_args()


@contextmanager
def _standin(folder: Path, tags: int) -> Iterator[str]:
    """The stand-in for Hub in a process of its own; gives its URL."""
    command = [sys.executable, "-m", "standin", "--bench-tags", str(tags), "--calls-kept", "0"]
    environment = clean_environment(folder) | {"PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout  # it was asked for
            yield str(json.loads(process.stdout.readline())["hub"])
        finally:
            process.terminate()


def _v2(name: str, mitmdump: Mitmdump) -> Subject:
    return _subject(
        name, mitmdump, "/v2/namespaces/bench/repositories/{}/tags?page_size=100&page=1"
    )


def _v1(name: str, mitmdump: Mitmdump) -> Subject:
    return _subject(name, mitmdump, "/v1/repositories/bench/{}/tags")


def _subject(name: str, mitmdump: Mitmdump, template: str) -> Subject:
    serial = next(_serial)
    return Subject(
        name,
        mitmdump.port,
        mitmdump.process.pid,
        lambda number: template.format(f"r{serial}-{number}"),
    )


def _show(title: str, goal: float, peer: Subject, ours: Subject, result: Comparison) -> None:
    costs = ", ".join(
        f"{subject.name} {cost.cpu_us:,.0f} µs"
        for subject, cost in ((peer, result.peer), (ours, result.ours))
    )
    print(f"  {title:16} {result.ratio:.2f} (goal {goal}): {costs}")


if __name__ == "__main__":
    sys.exit(main())
