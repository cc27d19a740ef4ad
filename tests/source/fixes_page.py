"""docs/fixes.md, made from the table of idioms; `python -m source.fixes_page` writes it."""

import tempfile
from pathlib import Path
from textwrap import fill

from hubv1.source import Tree, scan_trees, write_fixes
from hubv1.source.idioms import LOUD, READERS, TESTS, Idiom

PAGE = Path(__file__).parents[2] / "docs" / "fixes.md"
LIST = "https://registry.hub.docker.com/v1/repositories/acme/app/tags"
START = """\
# Fixes

[`scripts/scan --fix`](scan.md) changes lines that equal one of these idioms, up to names, tags and
plain variables, and no others. The tests run the old lines of each by way of the bridge and the new
ones without it, and compare what they print and how they end: for a short and a long list, a tag
that is missing, a repository that does not exist, 429, and Docker Hub out of reach.

The new lines use what the script uses: curl or wget, and jq if the script has jq. What follows an
idiom, such as `| sort -V | tail -n 1`, stays and reads the whole list, or is not run. A repository
whose name is in one variable gets `library/` in front if it has no namespace.

"""


def page() -> str:
    """All of it."""
    parts = [START, f"## Lists\n\n{fill(LOUD, 100)}\n\n", *map(_entry, READERS)]
    parts += ["## Whether a tag is there\n\n", *map(_entry, TESTS)]
    return "".join(parts).rstrip("\n") + "\n"


def _entry(idiom: Idiom) -> str:
    old = idiom.old.replace("{list}", LIST).replace("{tag}", f"{LIST}/$TAG")
    text = f"### {idiom.name}\n\n```sh\n{old}\n```\n\nbecomes\n\n```sh\n{_fixed(old)}\n```\n\n"
    return text + (f"{fill(idiom.differs, 100)}\n\n" if idiom.differs not in {"", LOUD} else "")


def _fixed(old: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "old.sh")
        file.write_text(old + "\n", encoding="utf-8")
        scan = scan_trees(Tree([file], [], Path(folder)))
        write_fixes(scan, print)
        return file.read_text(encoding="utf-8").rstrip("\n")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
