"""How all tests run."""

import os
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import settings

from e2e.forked import close_fork_server
from hubv1.hub import http
from standin import Catalog, Standin

with warnings.catch_warnings():
    # mitmproxy uses names that its parser has given up; loaded here, it does so but once.
    warnings.simplefilter("ignore", DeprecationWarning)
    import mitmproxy.addons  # noqa: F401

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong is tried as often as ever, but not as late."""
    monkeypatch.setattr(http, "FIRST_WAIT", 0.01)


@pytest.fixture(scope="session", autouse=True)
def _forks() -> Iterator[None]:
    """The server of `e2e.forked` ends with the tests."""
    yield
    close_fork_server()


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    catalog = Catalog()
    catalog.add("debian", ["12", "latest"])
    with Standin(catalog) as running:
        yield running


@pytest.fixture
def hub(running: Standin) -> Standin:
    running.faults.clear()
    running.forget_calls()
    return running
