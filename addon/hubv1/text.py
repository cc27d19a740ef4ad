"""Texts from outside: decoding them, bounding them, and making them safe to show or log."""

import json
import logging
import re
import traceback
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

_HANDLER_NAME = "hub-v1-bridge-escapes"

LONGEST = 256  # characters that are kept of any text from a client or server

_AROUND = " \t\n\r\v\f\x1a\x85\xa0\u2028\u2029\ufeff"
"""White space, a byte order mark, and the Ctrl-Z with which DOS ends a text."""
_USER_INFO = re.compile(
    r"(?<=://)(?![^\s/?#@:]*:\*\*\*@)[^\s/?#@:]*:\S*@|(?:(?<=http://)|(?<=https://))[^\s/?#@:]+@"
)
"""A user with an unmasked password, or a user alone that may be a token."""


def bounded(text: str, longest: int = LONGEST) -> str:
    """`text` in characters that every database can store, cut if it is longer than that."""
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return text if len(text) <= longest else text[: max(longest - 1, 0)] + "…"


def printable(text: str) -> str:
    """`text` on one line, with escaped control characters: safe for a log or a terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def without_user_info(text: str, mask: str = "***@") -> str:
    """`text` with masked user names and passwords in its URLs, up to the last @ of a word, since a
    password may contain an @ or a slash."""
    return _USER_INFO.sub(mask, text) if "@" in text else text


def harmless(text: str) -> str:
    """`text` for people: printable, and without user info in its URLs."""
    return printable(without_user_info(text))


def readable(raw: bytes) -> str:
    """Any bytes as text, with escapes for those that are no UTF-8."""
    return raw.decode("utf-8", "backslashreplace")


def read_text(path: Path) -> str:
    """The text in a file that a person wrote, as `decode_text` returns it; raises OSError too."""
    return decode_text(path.read_bytes())


def decode_text(data: bytes) -> str:
    """The text in the bytes of a file, whichever editor saved it; raises ValueError that names the
    encoding.

    The encoding is UTF-8, or UTF-16 or UTF-32 as Windows writes them. The result is without a byte
    order mark and surrounding white space; lines end with a newline and keep their numbers.
    """
    encoding = json.detect_encoding(data)  # by the byte order mark or by NULs
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(encoding_error(error)) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip(_AROUND)
    body = text.lstrip(_AROUND)
    return "\n" * text.count("\n", 0, len(text) - len(body)) + body


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in `10.0.0.7`, `10.0.0.7:5123` or `[2001:db8::7]:5123`, or None.

    An IPv6 address that wraps an IPv4 address (`::ffff:10.0.0.7`) becomes that.
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
    """The `text` of an environment variable without surrounding white space, line end and byte
    order mark, which it may have from a file."""
    return text.strip(_AROUND)


def encoding_error(error: UnicodeDecodeError) -> str:
    """A sentence about a text that is not in the encoding that it seems to be in."""
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
    """The reason for an error, without its number and path, for a sentence that names the file."""
    return str((isinstance(error, OSError) and error.strerror) or error)


def number(count: int, one: str, many: str = "") -> str:
    """`1 call`, `2 calls`; `many` is a plural that does not just add an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


class EscapingHandler(logging.Handler):
    """Rewrites each record before the root logger's handlers get it: the message on one line, with
    escaped control characters and without user info in URLs, and a traceback indented below.

    A handler can do this, since a record visits the handlers of its own logger's ancestors from the
    nearest to the root; the ancestors' filters are not applied.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Rewrite the record, without writing it anywhere."""
        try:
            record.msg, record.args = "\n".join(_log_lines(record)), ()
        except Exception:  # noqa: BLE001  # wrong arguments, which logging's handlers report too
            self.handleError(record)
            record.msg, record.args = "A log line could not be formatted", ()
        record.exc_info = record.exc_text = record.stack_info = None


def escape_log_lines() -> None:
    """Add an EscapingHandler to this package's logger."""
    logger = logging.getLogger(__package__)
    for old in [each for each in logger.handlers if each.get_name() == _HANDLER_NAME]:
        logger.removeHandler(old)  # from an earlier loading of the package
    handler = EscapingHandler()
    handler.set_name(_HANDLER_NAME)
    logger.addHandler(handler)


def _log_lines(record: logging.LogRecord) -> Iterator[str]:
    yield harmless(record.getMessage())
    below = traceback.format_exception(*record.exc_info) if record.exc_info else []
    for line in "\n".join([*below, record.stack_info or ""]).splitlines():
        if line:
            yield f"  {harmless(line)}"
