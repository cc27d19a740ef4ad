"""How all tests run."""

import gc
import os
import sys
import warnings
from collections.abc import Generator, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings

from e2e.forked import close_fork_server
from hubv1.hub import http
from parts import Part, place
from standin import Catalog, Standin

with warnings.catch_warnings():
    # mitmproxy uses names that its parser has given up; loaded here, it does so but once.
    warnings.simplefilter("ignore", DeprecationWarning)
    import mitmproxy.addons  # noqa: F401

TESTS = Path(__file__).parent
STARTING = ("subprocess.Popen", "os.fork", "os.posix_spawn")
"""What Python tells of whoever starts a process."""

MEMORY = Path("/dev/shm")  # noqa: S108  # pytest makes folders of its own in it
ENOUGH = 4 << 30
"""Bytes that must be free there."""

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", type=Part, choices=[*Part], default=Part.ALL, help="see parts.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file of which no test is wanted need not be read."""
    part: Part = config.getoption("part")
    name = str(collection_path.relative_to(TESTS))
    return True if collection_path.is_file() and not part.has(name) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part: Part = config.getoption("part")
    chosen, others = list[tuple[int, pytest.Item]](), list[pytest.Item]()
    for item in items:
        id_ = f"{item.path.relative_to(TESTS)}::{item.nodeid.partition('::')[2]}"
        if part.has(id_):
            chosen.append((place(id_), item))
        else:
            others.append(item)
    config.hook.pytest_deselected(items=others)
    # Those that take longest are begun first, or the last of them would be waited for alone.
    items[:] = [item for _, item in sorted(chosen, key=itemgetter(0))]


def pytest_collection_finish() -> None:
    """The garbage collector need not go through thousands of tests again and again."""
    gc.collect()
    gc.freeze()


class NoProcesses:
    """In the part `quick` a test that starts a process fails."""

    def __init__(self) -> None:
        self._is_on = False
        sys.addaudithook(self._refuse)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._is_on = True
        try:
            return (yield)
        finally:
            self._is_on = False

    def _refuse(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._is_on and event in STARTING:
            raise AssertionError(f"starts a process, so list it in parts.py: {arguments[:2]}")


def pytest_configure(config: pytest.Config) -> None:
    if _is_fit(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    if config.getoption("part") is Part.QUICK:
        config.pluginmanager.register(NoProcesses())
        settings.load_profile("quick")


def _is_fit(folder: Path) -> bool:
    """Whether the files of the tests can be there: each commit waits for a disk otherwise."""
    try:
        system = os.statvfs(folder)
    except OSError:
        return False
    is_useful = os.access(folder, os.W_OK) and not system.f_flag & os.ST_NOEXEC
    return is_useful and system.f_bavail * system.f_frsize >= ENOUGH


@pytest.fixture(scope="session", autouse=True)
def _statements_are_compiled_once() -> Iterator[None]:
    """Each engine of SQLAlchemy's would compile its statements anew, which takes twice as long as
    all else that there is to a report of a small journal."""
    make, known = sa.create_engine, dict[str, sa.Engine]()

    def create_engine(*arguments: Any, **values: Any) -> sa.Engine:
        engine = make(*arguments, **values)
        if engine.dialect.name == "sqlite":
            first = known.setdefault(engine.driver, engine)
            engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
        return engine

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sa, "create_engine", create_engine)
        yield


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong is tried as often as ever, but not as late."""
    monkeypatch.setattr(http, "FIRST_WAIT", 0.001)


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
