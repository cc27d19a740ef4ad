"""Addresses to listen on, as they are called."""

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # to be recognised, not to be listened on
"""What to listen on means every address of this machine."""


def bracketed(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def called(host: str, port: int | str | None) -> str:
    """Host and port by which this machine reaches what listens there."""
    return f"{bracketed('127.0.0.1' if host in EVERYWHERE else host)}:{port}"
