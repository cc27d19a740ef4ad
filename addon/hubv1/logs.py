"""The one way of every line of ours into a log: no text in a line can look like another line."""

import logging
import traceback
from collections.abc import Iterator

from hubv1.text import harmless

_NAME = "hub-v1-bridge-escapes"


class EscapingHandler(logging.Handler):
    """Rewrites each record before the handlers of the root logger have it: its message on one
    line, control characters and the like as escapes, URLs without user info, a traceback indented
    below.

    Records of a logger pass the handlers of those above it, the nearest first; filters of those
    above are not asked.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Escape the record; nothing is written here."""
        try:
            record.msg, record.args = "\n".join(_lines(record)), ()
        except Exception:  # noqa: BLE001  # arguments that do not fit, as any handler of logging's
            self.handleError(record)
            record.msg, record.args = "A line of the log cannot be made", ()
        record.exc_info = record.exc_text = record.stack_info = None


def install() -> None:
    """Let every line of this package's loggers pass an EscapingHandler."""
    logger = logging.getLogger(__package__)
    for old in [each for each in logger.handlers if each.get_name() == _NAME]:
        logger.removeHandler(old)  # of a package that was loaded before
    handler = EscapingHandler()
    handler.set_name(_NAME)
    logger.addHandler(handler)


def _lines(record: logging.LogRecord) -> Iterator[str]:
    yield harmless(record.getMessage())
    below = traceback.format_exception(*record.exc_info) if record.exc_info else []
    for line in "\n".join([*below, record.stack_info or ""]).splitlines():
        if line:
            yield f"  {harmless(line)}"
