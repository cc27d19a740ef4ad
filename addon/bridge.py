"""Answers Docker Hub API v1 from API v2. Load it with `mitmdump -s addon/bridge.py`."""

import importlib
import logging
import sys
from types import ModuleType

logger = logging.getLogger(__name__)


def _taken_out() -> dict[str, ModuleType]:
    """The parts that are loaded, taken out so that Python reads their files anew.

    mitmproxy loads this file again when it has changed, but leaves what it imports as it was.
    """
    names = [name for name in sys.modules if name.partition(".")[0] == "hubv1"]
    importlib.invalidate_caches()
    return {name: sys.modules.pop(name) for name in names}


def _bridge() -> list[object]:
    """The addon, made of the parts as they are now."""
    return [importlib.import_module("hubv1.addon").Bridge()]


def _bridge_or_former() -> list[object]:
    """The same, or of the former parts where those of now cannot be loaded."""
    former = _taken_out()
    try:
        return _bridge()
    except Exception as error:
        if former:
            logger.exception("The changed Hub v1 bridge cannot be loaded: the former one goes on.")
            _taken_out()
            sys.modules.update(former)
            return _bridge()
        if not isinstance(error, ModuleNotFoundError):
            raise
        # An error in the log ends mitmproxy's start-up, and a traceback would hide the sentence.
        logger.error(
            "The Hub v1 bridge needs the Python package %s, which mitmproxy's Python does not "
            "have. Install it there with: pip install -r requirements.txt",
            error.name,
        )
        return []


addons = _bridge_or_former()
