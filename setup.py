"""The packages to install and what they need; all else about them is in pyproject.toml, which
cannot say either."""

import re
from pathlib import Path

from setuptools import find_packages, setup

_HEADING = re.compile(r"# \[(\w+)\]")

needed: list[str] = []
extras: dict[str, list[str]] = {}

# requirements.txt is the one list: whatever is under a heading such as `# [fleet]` is an extra.
here = needed
for line in Path(__file__).with_name("requirements.txt").read_text(encoding="utf-8").splitlines():
    heading = _HEADING.fullmatch(line.strip())
    if heading:
        here = extras.setdefault(heading[1], [])
    elif requirement := line.partition("#")[0].strip():
        here.append(requirement)

setup(
    # `bridge.py` lies beside the package and is no module of it: mitmproxy puts the folder of what
    # it loads on sys.path, so that folder must have nothing else in it.
    packages=[*find_packages("addon"), "hubv1_addon"],
    package_dir={"": "addon", "hubv1_addon": "addon"},
    install_requires=needed,
    extras_require=extras,
)
