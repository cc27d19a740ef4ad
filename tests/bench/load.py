"""Clients that do nothing but call: one call a connection, as curl does, or all over one."""

import socket
from concurrent.futures import ThreadPoolExecutor

CLIENTS = 4
_OK = b"HTTP/1.1 200"


def send(port: int, paths: list[str], *, keep_alive: bool) -> None:
    """Call every path once through the proxy on `port`, some clients side by side."""
    shares = [paths[number::CLIENTS] for number in range(CLIENTS)]
    client = _over_one_connection if keep_alive else _one_connection_each
    with ThreadPoolExecutor(CLIENTS) as clients:
        for done in [clients.submit(client, port, share) for share in shares]:
            done.result()


def _one_connection_each(port: int, paths: list[str]) -> None:
    for path in paths:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(_request(path, "close"))
            answer = bytearray()
            while chunk := connection.recv(65536):
                answer += chunk
        _check(path, bytes(answer))


def _over_one_connection(port: int, paths: list[str]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for path in paths:
            connection.sendall(_request(path, "keep-alive"))
            _check(path, _one_answer(connection))


def _one_answer(connection: socket.socket) -> bytes:
    answer = bytearray()
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    name, _, length = head.lower().partition(b"\r\ncontent-length: ")
    missing = int(length.split(b"\r\n")[0]) - len(body) if name else 0
    while missing > 0:
        missing -= len(connection.recv(65536))
    return head


def _request(path: str, connection: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: index.docker.io\r\nUser-Agent: curl/8.1\r\n"
        f"Accept: */*\r\nConnection: {connection}\r\n\r\n"
    ).encode()


def _check(path: str, answer: bytes) -> None:
    if not answer.startswith(_OK):
        raise RuntimeError(f"{path} was answered with {answer[:200]!r}")
