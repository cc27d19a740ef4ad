"""Texts from outside: decoded, bounded before they are kept, harmless before they are shown."""

import json
from pathlib import Path

LONGEST = 256
"""Characters that are kept of anything a client or server wrote."""

_AROUND = " \t\n\r\v\f\x1a\x85\xa0\u2028\u2029\ufeff"
"""White space, a byte order mark, and the Ctrl-Z with which DOS ends a text."""


def bounded(text: str) -> str:
    """`text` in characters that every database takes, cut where it is longer than needed."""
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def printable(text: str) -> str:
    """`text` on one line, with control characters as escapes: fit for a log or a terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


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
    encoding = json.detect_encoding(data)  # by the mark, or by where the NULs are
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(_not_decoded(error)) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip(_AROUND)
    body = text.lstrip(_AROUND)
    return "\n" * text.count("\n", 0, len(text) - len(body)) + body


def _not_decoded(error: UnicodeDecodeError) -> str:
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
    """`1 call`, `2 calls`; `many` where the plural is not made with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
