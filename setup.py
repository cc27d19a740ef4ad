"""The packages to install and what they need; all else is in pyproject.toml, which cannot say
this."""

from pathlib import Path

from setuptools import find_packages, setup

text = Path(__file__).with_name("requirements.txt").read_text(encoding="utf-8")
needed, *extras = text.split("# extra: ")


def requirements(lines: str) -> list[str]:
    """Those of a part of requirements.txt."""
    bare = (line.partition("#")[0].strip() for line in lines.splitlines())
    return [line for line in bare if line]


setup(
    # `bridge.py` lies beside the package and is no module of it: mitmproxy puts the folder of what
    # it loads on sys.path, so that folder must have nothing else in it.
    packages=[*find_packages("addon"), "hubv1_addon"],
    package_dir={"": "addon", "hubv1_addon": "addon"},
    install_requires=requirements(needed),
    extras_require={
        extra.partition("\n")[0].strip(): requirements(extra.partition("\n")[2]) for extra in extras
    },
)
