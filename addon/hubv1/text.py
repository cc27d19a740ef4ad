"""Texts from outside: decoded, bounded before they are kept, harmless before they are shown or
logged."""

import json
import logging
import re
import traceback
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

_HANDLER_NAME = "hub-v1-bridge-escapes"

LONGEST = 256
"""Characters that are kept of anything a client or server wrote."""

_AROUND = " \t\n\r\v\f\x1a\x85\xa0\u2028\u2029\ufeff"
"""White space, a byte order mark, and the Ctrl-Z with which DOS ends a text."""


_USER_INFO = re.compile(
    r"(?<=://)(?![^\s/?#@:]*:\*\*\*@)[^\s/?#@:]*:\S*@|(?:(?<=http://)|(?<=https://))[^\s/?#@:]+@"
)
"""User and password, unless that is masked already; a user alone if it may be a token."""


def bounded(text: str, longest: int = LONGEST) -> str:
    """`text` in characters that every database takes, cut if it is longer than that."""
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return text if len(text) <= longest else text[: max(longest - 1, 0)] + "…"


def printable(text: str) -> str:
    """`text` on one line, with control characters as escapes: fit for a log or a terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def without_user_info(text: str, mask: str = "***@") -> str:
    """`text` with user names and passwords in its URLs masked, up to the last @ of a word, since a
    password may have one in it, or a slash."""
    return _USER_INFO.sub(mask, text) if "@" in text else text


def harmless(text: str) -> str:
    """`text` for a line that people read: printable, and URLs in it without user info."""
    return printable(without_user_info(text))


def readable(raw: bytes) -> str:
    """Bytes from the wire as text, whatever they are; nothing is lost, nothing raises."""
    return raw.decode("utf-8", "backslashreplace")


def read_text(path: Path) -> str:
    """The text in a file that somebody wrote, as `decode_text` has it; raises OSError too."""
    return decode_text(path.read_bytes())


def decode_text(data: bytes) -> str:
    """Text from a file, whatever editor saved it; raises ValueError that names the encoding.

    UTF-8, or UTF-16 or UTF-32 as Windows writes them. A byte order mark and white space around
    the text go, lines end with a newline, and each keeps its number.
    """
    encoding = json.detect_encoding(data)  # by the mark or by the NULs
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(encoding_error(error)) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip(_AROUND)
    body = text.lstrip(_AROUND)
    return "\n" * text.count("\n", 0, len(text) - len(body)) + body


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in `10.0.0.7`, `10.0.0.7:5123` or `[2001:db8::7]:5123`, or None.

    An address of IPv6 that wraps one of IPv4 (`::ffff:10.0.0.7`) is that one.
    """
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def stripped(text: str) -> str:
    """`text` of an environment variable, which a file may have been read into: without the byte
    order mark, line end and white space around it."""
    return text.strip(_AROUND)


def encoding_error(error: UnicodeDecodeError) -> str:
    """What to say of a text that is not in the encoding that it seems to be in."""
    name = error.encoding.upper().removesuffix("-SIG")
    if name != "UTF-8":
        return f"it seems to be {name}, but byte {error.start + 1} is not: save it as UTF-8"
    line = error.object.count(b"\n", 0, error.start) + 1
    byte = error.object[error.start]
    return (
        f"it is not UTF-8: line {line} has the byte 0x{byte:02X}, as in ISO 8859-1 or "
        "Windows-1252: save it as UTF-8"
    )


def plainly(error: BaseException) -> str:
    """What went wrong, for a sentence that names the file already: without number and path."""
    return str((isinstance(error, OSError) and error.strerror) or error)


def number(count: int, one: str, many: str = "") -> str:
    """`1 call`, `2 calls`; `many` if the plural is not made with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


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
            record.msg, record.args = "\n".join(_log_lines(record)), ()
        except Exception:  # noqa: BLE001  # arguments that do not fit, as any handler of logging's
            self.handleError(record)
            record.msg, record.args = "A log line could not be formatted", ()
        record.exc_info = record.exc_text = record.stack_info = None


def escape_log_lines() -> None:
    """Let every line of this package's loggers pass an EscapingHandler."""
    logger = logging.getLogger(__package__)
    for old in [each for each in logger.handlers if each.get_name() == _HANDLER_NAME]:
        logger.removeHandler(old)  # of a package that was loaded before
    handler = EscapingHandler()
    handler.set_name(_HANDLER_NAME)
    logger.addHandler(handler)


def _log_lines(record: logging.LogRecord) -> Iterator[str]:
    yield harmless(record.getMessage())
    below = traceback.format_exception(*record.exc_info) if record.exc_info else []
    for line in "\n".join([*below, record.stack_info or ""]).splitlines():
        if line:
            yield f"  {harmless(line)}"
