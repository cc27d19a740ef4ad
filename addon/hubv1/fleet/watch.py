"""An end to waiting for a server that says nothing any more."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection


@contextmanager
def watched(connection: Connection, seconds: float) -> Iterator[None]:
    """Cut the connection where the context lasts longer; whoever waits for it gets the driver's
    error then.

    The server has limits of its own, and the system notices a machine that is gone. Neither helps
    where the server is there and stands still.
    """
    driver: Any = connection.connection.driver_connection
    timer = threading.Timer(seconds, _cut, (driver.fileno(),))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(number: int) -> None:
    # A socket object of our own for a moment: the descriptor stays the driver's.
    with suppress(OSError), socket.socket(fileno=number) as one:
        try:
            one.shutdown(socket.SHUT_RDWR)
        finally:
            one.detach()
