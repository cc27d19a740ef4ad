"""Texts from outside: bounded before they are kept, made harmless before they are shown."""

LONGEST = 256
"""Characters that are kept of anything a client or server wrote."""


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


def plainly(error: BaseException) -> str:
    """What went wrong, for a sentence that names the file already: without number and path."""
    return str((isinstance(error, OSError) and error.strerror) or error)
