"""docs/retiring.md is made of the route table, and the table has all that Docker's own list has.

`python tests/api/test_retiring_page.py` writes the page anew.
"""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "addon"))

from hubv1.api.routes import RETIRING, Route, recognise_retiring
from hubv1.replacements import successor_for

PAGE = Path(__file__).parents[2] / "docs" / "retiring.md"
LIST: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("docker_deprecated.toml").read_text(encoding="utf-8")
)
TEXT = f"""\
# What Docker retires next

Docker has deprecated routes of Hub's API v2, and since August 2026 Hub refuses anonymous callers
the pages of long tag lists. The bridge passes such calls on as they are and records them after
their answer, as well as may be: `hub_journal_required` never refuses one. Pages that Hub gives are
not recorded. The [report](report.md) shows these calls apart from v1; they change no figure,
standing or gate of v1, and `--fail-on retiring` is their own gate.

Calls count on `hub.docker.com` and `registry.hub.docker.com`, never on `index.docker.io`, whose
`/v2/` is the registry API. Behind a reverse proxy the upstream server has to be one of the two, or
`hub_url`. The bridge never reads the body of a login.

`GET` includes HEAD for a single repository. [Docker's list]({LIST["source"]}), as it was on
{LIST["read_on"]}, names no day on which the routes end. [pages.md](pages.md) tells how an anonymous
caller gets the refused pages all the same.

| route | since | call instead | what to do |
|---|---|---|---|
"""


def page() -> str:
    return TEXT + "".join(map(_row, RETIRING))


def _row(route: Route) -> str:
    instead = successor_for(route, None)
    since = route.retired or "no day given"
    return f"| `{route.name}` | {since} | `{instead}` | {route.sentence} {route.instead} |\n"


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("given", LIST["route"], ids=lambda given: given["path"])
def test_the_table_has_what_dockers_list_has(given: dict[str, Any]) -> None:
    path = given["path"].format(namespace="acme", repository="app").encode()
    for method in given["methods"]:
        call = recognise_retiring(method, path)
        assert call, f"{method} {given['path']} has no row in the route table"
        assert call.route.retired == given.get("since")
        assert call.route.successor == given["instead"]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
