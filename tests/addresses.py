"""Addresses that no other process uses, for servers whose port has to be known before they start.

A port that is free now may be somebody else's in the next moment, since every client is given one
too. All of 127.0.0.0/8 is this machine, though: on an address that a test has for itself, a port
stays free until the test takes it, and again after its server was killed.
"""

import socket
from dataclasses import dataclass
from random import SystemRandom

_CLAIM = 61_000
"""The port by which an address is claimed, for as long as the tests run."""

_claims: list[socket.socket] = []


@dataclass(frozen=True)
class Address:
    """Where one server listens, or will."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def own_host() -> str:
    """A loopback address that is this process's own from now on."""
    chance = SystemRandom()
    while True:
        host = f"127.{chance.randrange(64, 128)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        claim = socket.socket()
        try:
            claim.bind((host, _CLAIM))
        except OSError:  # another test has it
            claim.close()
        else:
            _claims.append(claim)
            return host


def own_address() -> Address:
    """A port on an address of the test's own."""
    host = own_host()
    with socket.create_server((host, 0)) as free:
        return Address(host, int(free.getsockname()[1]))
