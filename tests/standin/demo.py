"""The repositories of the default catalogue: the sizes that make a bridge work for its living."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice, product

from .catalog import Catalog

DEBIAN_SUITES = ("bookworm", "bullseye", "buster", "trixie", "sid", "stable", "testing")
PHP_KINDS = ("", "-cli", "-fpm", "-zts", "-apache", "-alpine", "-fpm-alpine", "-zts-alpine")
PHP_SYSTEMS = ("", "-bookworm", "-bullseye", "-buster", "-trixie", "-stretch")


def fill(catalog: Catalog) -> None:
    """Adds the demo's repositories and accounts."""
    catalog.accounts |= {"acme": "secret", "globex": "other-secret"}
    catalog.add("library/hello-world", ["latest", "linux", "nanoserver"], description="Hello!")
    catalog.add("library/busybox", _first(100, _busybox()), description="The smallest of shells")
    catalog.add("library/alpine", _first(180, _alpine()), description="A small Linux")
    catalog.add("library/debian", _first(450, _debian()), description="The universal system")
    catalog.add("library/nginx", _first(640, _nginx()), description="A web server")
    # The real one has this many, far past what Hub pages out to anonymous callers.
    catalog.add("library/php", _first(15_590, _php()), description="A scripting language")
    catalog.add("acme/empty", [], description="Nothing pushed yet")
    catalog.add("acme/app", ["latest", "1.0", "1.1", "2.0-rc1"], private=True)
    catalog.add_rule("bench/", tags=100)


def _first(count: int, names: Iterable[str]) -> list[str]:
    """`latest` and the next distinct names, `count` together."""
    distinct = dict.fromkeys(chain(["latest"], names))
    return list(islice(distinct, count))


def _busybox() -> Iterator[str]:
    versions = (f"1.{minor}.{patch}" for minor in range(37, 27, -1) for patch in range(2))
    for version, libc in product(versions, ("", "-glibc", "-musl", "-uclibc", "-ubuntu")):
        yield version + libc


def _alpine() -> Iterator[str]:
    yield from ("edge", "3")
    for minor in range(22, 0, -1):
        yield f"3.{minor}"
        yield from (f"3.{minor}.{patch}" for patch in range(8))


def _debian() -> Iterator[str]:
    yield from (str(major) for major in range(13, 6, -1))
    for suite in DEBIAN_SUITES:
        yield from (suite, f"{suite}-slim", f"{suite}-backports")
    for year, month, suite in product((2025, 2024, 2023), range(12, 0, -1), DEBIAN_SUITES):
        yield from (f"{suite}-{year}{month:02}10", f"{suite}-{year}{month:02}10-slim")


def _nginx() -> Iterator[str]:
    kinds = ("", "-alpine", "-perl", "-alpine-slim", "-otel", "-bookworm", "-alpine-perl")
    yield from ("mainline", "stable", "alpine", "perl")
    for minor, patch, kind in product(range(29, 10, -1), range(8), kinds):
        yield f"1.{minor}.{patch}{kind}"


def _php() -> Iterator[str]:
    yield from ("8", "7", "5", "cli", "fpm", "apache", "alpine")
    releases = ((8, minor) for minor in range(5, -1, -1))
    older = ((7, minor) for minor in range(4, -1, -1))
    for major, minor in chain(releases, older, ((5, 6), (5, 5))):
        for patch, kind, system in product(range(33), PHP_KINDS, PHP_SYSTEMS):
            yield f"{major}.{minor}.{patch}{kind}{system}"
