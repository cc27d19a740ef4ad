"""The stand-in for Docker Hub and bridges in front of it, started as seldom as possible."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from mitmproxy.certs import CertStore

from addresses import Address
from e2e.bridges import ANYWHERE, Mitmdump, running_bridge, running_mitmdump, with_authority
from e2e.installed import install
from e2e.origins import Origin, running_origin
from standin import Catalog, Quirk, Settings, Standin, make_tag

StartBridge = Callable[..., AbstractContextManager[Mitmdump]]


def catalog() -> Catalog:
    """The demo's repositories, and some whose every byte can be written out in a test."""
    made = Catalog.default()
    made.accounts["joe"] = "geheimnis"
    made.add("library/tiny", ["10", "2", "latest", "1", "Beta"])
    made.add("library/untagged", [])
    made.add_generated("library/paged", 250)
    made.add("acme/tool", [make_tag("acme/tool", "1.0", Quirk.NONE)])
    return made


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mitmproxy's CA, for all bridges: making one takes longer than a start."""
    folder = tmp_path_factory.mktemp("authority")
    CertStore.from_store(folder, "mitmproxy", 2048)
    return folder


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs that pip installs."""
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="session")
def shared_hub() -> Iterator[Standin]:
    with Standin(catalog(), Settings()) as hub:
        yield hub


@pytest.fixture
def hub(shared_hub: Standin) -> Iterator[Standin]:
    """The stand-in for Docker Hub, without faults and with no call made yet."""
    shared_hub.faults.clear()
    shared_hub.forget_calls()
    yield shared_hub
    shared_hub.faults.clear()


@pytest.fixture
def secure_hub(tmp_path: Path) -> Iterator[Standin]:
    """A stand-in that speaks TLS, with a CA of its own."""
    with Standin(settings=Settings(tls=tmp_path / "tls")) as hub:
        yield hub


@pytest.fixture(scope="session")
def shared_origin() -> Iterator[Origin]:
    with running_origin() as origin:
        yield origin


@pytest.fixture
def origin(shared_origin: Origin) -> Origin:
    """An old host that nothing has reached yet."""
    shared_origin.arrivals.clear()
    return shared_origin


@pytest.fixture(scope="session")
def forward_bridge(
    tmp_path_factory: pytest.TempPathFactory, authority: Path, shared_hub: Standin
) -> Iterator[Mitmdump]:
    confdir = with_authority(tmp_path_factory.mktemp("forward"), authority)
    with running_bridge(confdir, hub_url=shared_hub.url) as bridge:
        yield bridge


@pytest.fixture
def bridge(forward_bridge: Mitmdump, hub: Standin) -> Mitmdump:
    """A bridge as forward proxy, shared by all tests that leave it as it is."""
    forward_bridge.new_rows()
    return forward_bridge


@pytest.fixture(scope="session")
def reverse_process(
    tmp_path_factory: pytest.TempPathFactory, authority: Path, shared_hub: Standin
) -> Iterator[Mitmdump]:
    confdir = with_authority(tmp_path_factory.mktemp("reverse"), authority)
    mode = f"reverse:{shared_hub.registry_url}"
    with running_bridge(confdir, "--mode", mode, hub_url=shared_hub.url) as bridge:
        yield bridge


@pytest.fixture
def reverse_bridge(reverse_process: Mitmdump, hub: Standin) -> Mitmdump:
    """A bridge as reverse proxy in front of index.docker.io, shared like the other."""
    reverse_process.new_rows()
    return reverse_process


@pytest.fixture
def start_bridge(tmp_path: Path, authority: Path) -> StartBridge:
    """Starts a bridge of the test's own, with more arguments for mitmdump."""

    def start(
        *arguments: str,
        name: str = "bridge",
        at: Address = ANYWHERE,
        under: Sequence[str] = (),
        **given: str,
    ) -> AbstractContextManager[Mitmdump]:
        confdir = with_authority(tmp_path / name, authority)
        return running_bridge(confdir, *arguments, at=at, under=under, **given)

    return start


@pytest.fixture
def start_mitmdump(tmp_path: Path, authority: Path) -> StartBridge:
    """Starts a mitmdump without the bridge."""

    def start(*arguments: str, name: str = "mitmdump") -> AbstractContextManager[Mitmdump]:
        return running_mitmdump(with_authority(tmp_path / name, authority), *arguments)

    return start
