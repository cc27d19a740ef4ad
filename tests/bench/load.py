"""Clients that do nothing but call: one call a connection, as curl does, all over one, or all at
once."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

CLIENTS = 4
_HERE = "127.0.0.1"
_OK = b"HTTP/1.1 200"

_Place = tuple[str, int]
"""Host and port."""


def send(port: int, paths: list[str], *, keep_alive: bool, host: str = _HERE) -> int:
    """Call every path once through the proxy on `port`, some clients side by side.

    Gives the bytes of all bodies.
    """
    shares = [paths[number::CLIENTS] for number in range(CLIENTS)]
    client = _over_one_connection if keep_alive else _one_connection_each
    to = (host, port)
    with ThreadPoolExecutor(CLIENTS) as clients:
        return sum(done.result() for done in [clients.submit(client, to, one) for one in shares])


def send_at_once(port: int, path: str, calls: int) -> list[bytes]:
    """The bodies of as many equal calls, each on a connection that was open before the first."""
    with ExitStack() as stack:
        connections = [stack.enter_context(_connected((_HERE, port))) for _ in range(calls)]
        for connection in connections:
            connection.sendall(request(path, "close"))
        return [_body(path, _to_its_end(connection)) for connection in connections]


def _one_connection_each(to: _Place, paths: list[str]) -> int:
    size = 0
    for path in paths:
        with _connected(to) as connection:
            connection.sendall(request(path, "close"))
            size += len(_body(path, _to_its_end(connection)))
    return size


def _over_one_connection(to: _Place, paths: list[str]) -> int:
    size = 0
    with _connected(to) as connection:
        for path in paths:
            connection.sendall(request(path, "keep-alive"))
            size += one_answer(path, connection)
    return size


def _connected(to: _Place) -> socket.socket:
    return socket.create_connection(to)


def _to_its_end(connection: socket.socket) -> bytes:
    answer = bytearray()
    while chunk := connection.recv(65536):
        answer += chunk
    return bytes(answer)


def one_answer(path: str, connection: socket.socket) -> int:
    """Read an answer on a connection that goes on; gives the bytes of its body."""
    answer = bytearray()
    while b"\r\n\r\n" not in answer and (chunk := connection.recv(65536)):
        answer += chunk
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    name, _, length = head.lower().partition(b"\r\ncontent-length: ")
    size = int(length.split(b"\r\n")[0]) if name else 0
    missing = size - len(body)
    while missing > 0 and (chunk := connection.recv(65536)):
        missing -= len(chunk)
    _check(path, head)
    return size


def request(path: str, connection: str) -> bytes:
    """What curl would send; `connection` is `close` or `keep-alive`."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: index.docker.io\r\nUser-Agent: curl/8.1\r\n"
        f"Accept: */*\r\nConnection: {connection}\r\n\r\n"
    ).encode()


def _body(path: str, answer: bytes) -> bytes:
    _check(path, answer)
    return answer.partition(b"\r\n\r\n")[2]


def _check(path: str, answer: bytes) -> None:
    if not answer.startswith(_OK):
        raise RuntimeError(f"{path} was answered with {answer[:200]!r}")
