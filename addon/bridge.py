"""Answers Docker Hub API v1 from API v2. Load it with `mitmdump -s addon/bridge.py`."""

import logging

try:
    from hubv1.addon import Bridge
except ModuleNotFoundError as missing:
    # An error in the log ends mitmproxy's start-up, and a traceback would only hide the sentence.
    logging.getLogger(__name__).error(
        "The Hub v1 bridge needs the Python package %s, which mitmproxy's Python does not have. "
        "Install it there with: pip install -r requirements.txt",
        missing.name,
    )
    addons = []
else:
    addons = [Bridge()]
