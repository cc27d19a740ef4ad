"""The server behind `e2e.forked`, a program: reads requests line by line, and forks.

It loads what every mitmdump with the bridge loads: of other projects, and of the addon in this
checkout, which a fork forgets that is to load another one.
"""

import gc
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

LOADED = (
    "aiohttp",
    "cachetools",
    "mitmproxy.tools.dump",
    "mitmproxy.tools.main",
    "msgspec",
    "prometheus_client",
    "sqlalchemy.dialects.sqlite",
    "hubv1.addon",
    "hubv1.report",
)
ADDON = Path(__file__).parents[2] / "addon"


def serve() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                become_mitmdump(request)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def become_mitmdump(request: dict[str, Any]) -> None:
    """Run and end as the console script that pip makes for mitmdump would."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["start"]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    if str(ADDON / "bridge.py") not in sys.argv:
        for name in [name for name in sys.modules if name.partition(".")[0] == "hubv1"]:
            del sys.modules[name]
    main = importlib.import_module("mitmproxy.tools.main")
    sys.exit(main.mitmdump())


if __name__ == "__main__":
    sys.path.insert(1, str(ADDON))
    for name in LOADED:
        importlib.import_module(name)
    del sys.path[1]
    assert len([*Path("/proc/self/task").iterdir()]) == 1, "a thread would not be in the forks"
    gc.freeze()
    serve()
