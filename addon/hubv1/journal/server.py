"""Databases on a server: no wait for one that says nothing any more is without an end."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Engine, PoolProxiedConnection, create_engine

from hubv1.journal.database_url import POSTGRESQL
from hubv1.journal.place import Place

_WAYS = {
    "connect_timeout": "10",
    # A server whose machine is gone is noticed by the system, which ends what waits for it.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "hub-v1-bridge",
}
"""What libpq is told, unless the URL says otherwise."""


def server_engine(place: Place) -> Engine:
    """For one thread, of a database on a server; raises ImportError where its driver is not
    there."""
    url = place.url
    ways = _WAYS if url.drivername == POSTGRESQL else {}
    given = {name: value for name, value in ways.items() if name not in url.query}
    # Rows go to the driver as sequences, see the journal's statements.
    return create_engine(url, paramstyle="format", connect_args=given, pool_size=1, max_overflow=0)


@contextmanager
def watched(connection: PoolProxiedConnection, seconds: float) -> Iterator[None]:
    """Cut the connection where the context lasts longer; whoever waits for it gets the driver's
    error then.

    The server has limits of its own, and the system notices a machine that is gone. Neither helps
    where the server is there and stands still.
    """
    driver: Any = connection.driver_connection
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
