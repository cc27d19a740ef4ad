"""How long a scan of a large tree takes, and in how much memory."""

import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.plan import Plan

ROOT = Path(__file__).parents[2]
CALL = "curl -s https://registry.hub.docker.com/v1/repositories/acme/app/tags | jq -r '.[].name'\n"
WORDS = ("def", "return", "import", "class", "const", "http", "docker", "image", "tag", "build")
SUFFIXES = ("py", "go", "js", "ts", "java", "sh", "yml", "md", "rb", "tf")


def trees(plan: Plan, folder: Path) -> Iterator[str]:
    """One process, the files warm in memory as after a checkout."""
    size = _write(folder, plan.files)
    command = [sys.executable, "-P", "scripts/lib/cli.py", "scan", str(folder)]
    command += ["-o", str(folder / "o.json")]
    times = []
    for _ in range(plan.races):
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (used.ru_utime + used.ru_stime) / plan.races
    yield (
        f"{plan.files:,} files of {size / 1e6:.0f} MB: {min(times):.1f} s (goal: 5 s on two idle "
        f"cores), of CPU time {cpu:.1f} s, and {used.ru_maxrss / 1024:.0f} MB of memory at most "
        "(goal: 150 MB)"
    )


def _write(folder: Path, files: int) -> int:
    """Files of 10 KB; every hundredth has a call in it, as many name Docker Hub otherwise."""
    chance, size = random.Random(1), 0  # noqa: S311  # no secret
    text = "\n".join(" ".join(chance.choices(WORDS, k=8)) for _ in range(230))
    for number in range(files):
        parent = folder / f"d{number % 200}"
        parent.mkdir(exist_ok=True)
        more = {0: CALL, 50: "see https://hub.docker.com/r/acme/app\n"}.get(number % 100, "")
        path = parent / f"f{number}.{chance.choice(SUFFIXES)}"
        size += path.write_text(f"{text[chance.randrange(500) :]}\n{more}")
    (folder / ".gitignore").write_text("*.log\n*.pyc\nnode_modules/\n/dist\nbuild/\n.env\n*.tmp\n")
    return size
