"""Answers Docker Hub API v1 from API v2. Load it with `mitmdump -s addon/bridge.py`."""

import json
import logging
import shlex
import sys
from pathlib import Path


def _load() -> list[object]:
    try:
        from hubv1.addon import Bridge  # noqa: PLC0415  # what it needs may be missing
    except ModuleNotFoundError as error:
        if getattr(sys, "frozen", False):
            raise  # to which mitmproxy adds advice for its binaries
        # An error in the log ends mitmproxy's start, and a traceback would hide the sentence.
        logging.getLogger(__name__).error(
            "The Hub v1 bridge needs the Python package %s, which mitmproxy's Python does not "
            "have. Install it there with: %s",
            error.name,
            shlex.join([sys.executable, "-m", "pip", "install", *_what_to_install()]),
        )
        return []
    return [Bridge()]


def _what_to_install() -> list[str]:
    """The requirements of this checkout, else the project as it was installed."""
    root = Path(__file__).resolve().parents[1]
    if (root / "requirements.txt").is_file():
        return ["-r", str(root / "requirements.txt")]
    for file in root.glob("hub_v1_bridge-*.dist-info/direct_url.json"):
        origin = json.loads(file.read_text(encoding="utf-8"))
        vcs = origin.get("vcs_info", {}).get("vcs")
        return [f"{vcs}+{origin['url']}" if vcs else origin["url"]]
    return ["hub-v1-bridge"]


addons = _load()
