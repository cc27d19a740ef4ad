"""docs/licenses.md lists whatever is installed with the bridge, each under its own licence."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "licenses.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([\w-]+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
FAMILIES = {
    "Apache": r"\bApache\b",
    "BSD": r"\bBSD\b",
    "LGPL": r"\bLGPL|\bLesser General Public\b",
    "MIT": r"\bMIT\b",
    "MPL": r"\bMPL\b|\bMozilla\b",
    "PSF": r"\bPSF\b|\bPython Software Foundation\b",
}
"""What a licence may be, and how it is written."""


def installed() -> dict[str, Distribution]:
    """What requirements.txt brings here, and what that needs in turn, by name."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(bare) for line in lines if (bare := line.partition("#")[0].strip())]
    found: dict[str, Distribution] = {}
    seen = set()
    while wanted:
        one = wanted.pop()
        name = canonicalize_name(one.name)
        if (name, *one.extras) not in seen:
            seen.add((name, *one.extras))
            found[name] = distribution(name)
            wanted += _needed(found[name], one.extras)
    return found


def _needed(by: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for text in by.requires or ():
        one = Requirement(text)
        if one.marker is None or any(
            one.marker.evaluate({"extra": each}) for each in ("", *extras)
        ):
            yield one


def stated(by: Distribution) -> str:
    """What a package says of its licence: not all do, but for a file with its text."""
    fields = by.metadata.get_all("License-Expression", [])
    fields += [field.partition("\n")[0] for field in by.metadata.get_all("License", [])]
    classifiers = by.metadata.get_all("Classifier", [])
    return " ".join([*fields, *(each for each in classifiers if each.startswith("License"))])


def families(text: str) -> set[str]:
    return {name for name, pattern in FAMILIES.items() if re.search(pattern, text)}


def test_the_page_lists_every_package_under_its_licence() -> None:
    missing, other = [], []
    for name, found in sorted(installed().items()):
        said = stated(found)
        if name not in ROWS:
            missing.append(f"| `{name}` | {said} |")
        elif families(said) - families(ROWS[name]):
            other.append(f"{name}: {said!r}, not {ROWS[name]!r}")
    assert not missing
    assert not other


def test_every_licence_that_it_lists_is_one_that_may_be_used_beside_ours() -> None:
    assert ROWS
    for name, licence in ROWS.items():
        assert families(licence), name
        assert not re.search(r"(?<!L)\bA?GPL", licence), name
