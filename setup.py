"""The packages to install; all else about them is in pyproject.toml, which cannot say this."""

from setuptools import find_packages, setup

setup(
    # `bridge.py` lies beside the package and is no module of it: mitmproxy puts the folder of what
    # it loads on sys.path, so that folder must have nothing else in it.
    packages=[*find_packages("addon"), "hubv1_addon"],
    package_dir={"": "addon", "hubv1_addon": "addon"},
)
