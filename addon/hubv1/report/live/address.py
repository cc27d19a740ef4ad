"""Where the page is served, and the URL that somebody opens."""

import socket
from dataclasses import dataclass

from hubv1.listen import is_loopback, split_address

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # to be recognised, not to be listened on


@dataclass(frozen=True, slots=True)
class Address:
    """A host, name or address, and a port; port 0 is any that is free."""

    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> "Address":
        """The address in `host:port` or `[v6]:port`; a port alone is on this machine alone.

        Raises ValueError.
        """
        return cls(*split_address(f"127.0.0.1:{text}" if text.isdecimal() else text))

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine gets there."""
        return is_loopback(self.host)

    def url(self, port: int, token: str) -> str:
        """What to open, with the port that it became; the token is empty where none is needed."""
        host = socket.gethostname() if self.host in _EVERYWHERE else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{port}/" + (f"?token={token}" if token else "")
