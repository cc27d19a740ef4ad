"""`hub_fleet`: what may be in it, where else it may be, and that no text shows its password."""

import asyncio
import builtins
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from e2e.bridges import eventually
from fleet.asking import Fleet
from fleet.conftest import StartShipping
from fleet.postgres import PASSWORD, USER
from fleet.writing import some_calls, write
from hubv1.config import OPTIONS, BadOption, Config, read_config
from hubv1.fleet import Shipper
from hubv1.fleet.postgres import FleetDatabase
from hubv1.journal import JournalError, Location
from hubv1.journal.engines import open_for_reading
from onstage import on_stage

DEFAULTS: Mapping[str, Any] = {option.name: option.default for option in OPTIONS}
SECRET = "hun%74er2"
"""As it is written in URLs; `hunter2` otherwise."""
NOWHERE = f"postgresql+psycopg://{USER}:{SECRET}@127.0.0.1:1/hub?password=hunter2"


def settings(fleet: str, environment: str = "", **values: Any) -> Config:
    return read_config({**DEFAULTS, "hub_fleet": fleet, **values}, {"HUB_FLEET": environment})


def shown(*things: object) -> str:
    return "".join(f"{thing} {thing!r} {[thing]}" for thing in things)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("db.example", "takes a URL such as"),
        ("/var/lib/hunter2", "takes a URL such as"),
        ("mysql://bridge:hunter2@db.example/hub", "takes a URL such as"),
        ("postgresql+psycopg2://bridge:hunter2@db.example/hub", "takes a URL such as"),
        ("postgresql+psycopg://bridge:hunter2@db.example:port/hub", "takes a URL such as"),
        ("hunter2://:::", "takes a URL such as"),
        ("postgresql+psycopg://bridge:x@hunter2@db.example/hub", "an @ in a password is"),
        ("postgresql+psycopg://bridge:x@hunter2/y@db.example", "an @ in a password is"),
        ("postgresql+psycopg://bridge:x/hunter2@db.example/hub", "/ as %2F, ? as %3F and # as"),
        ("postgresql+psycopg://bridge:x?hunter2@db.example/hub", "/ as %2F, ? as %3F and # as"),
        ("postgresql+psycopg://bridge:x#hunter2@db.example/hub", "/ as %2F, ? as %3F and # as"),
        ("postgresql+psycopg://db.example/hub?password=x@hunter2", "an @ in a password is"),
        ("host=db.example password=hunter2", "takes a URL such as"),
    ],
)
def test_a_value_that_is_no_fleet_is_refused_without_showing_it(url: str, words: str) -> None:
    for given in ({"fleet": url}, {"fleet": "", "environment": url}):
        with pytest.raises(BadOption) as refused:
            settings(**given)
        assert words in str(refused.value)
        assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://bridge@db.example/hub",
        "postgresql://bridge@db.example/hub",
        "postgres://bridge@db.example/hub",
        "postgresql+psycopg://bridge:hun%2Fter@db.example:5433/hub?sslmode=verify-full",
        "postgresql+psycopg:///?service=hub",
        "postgresql+psycopg:///hub?host=/run/postgresql",
        "postgresql+psycopg:///hub?host=a.example:5432&host=b.example:5432",
    ],
)
def test_every_way_to_name_a_server_is_taken(url: str) -> None:
    assert settings(url).fleet == url


def test_the_environment_stands_in_for_an_empty_option() -> None:
    assert settings("", "postgresql://a/b").fleet == "postgresql://a/b"
    assert settings("postgresql://c/d", "postgresql://a/b").fleet == "postgresql://c/d"
    assert settings("").fleet == ""
    assert settings("", "\ufeffpostgresql://a/b\r\n").fleet == "postgresql://a/b"
    assert settings(" postgresql://c/d\n").fleet == "postgresql://c/d"


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@a/c", "postgresql+psycopg://a/c", "sqlite:////tmp/x"]
)
def test_a_journal_is_a_file_and_a_url_is_told_what_hub_fleet_is_for(url: str) -> None:
    for fleet in ("", "postgresql://a/b"):
        with pytest.raises(BadOption, match=r"path of an SQLite file.*hub_fleet is for") as refused:
            settings(fleet, hub_journal=url)
        assert "hunter2" not in str(refused.value)


def test_no_object_and_no_text_shows_the_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def playing() -> str:
        async with on_stage(tmp_path, hub_fleet=NOWHERE) as stage:
            components = stage.bridge.components
            assert components
            assert components.shipper
            shipping = components.shipper
            eventually(lambda: bool(shipping.status.trouble), "in trouble")
            listed = stage.context.master.commands.call_strings("hub.options", [])
            return "".join(listed) + shown(components, components.config, shipping, shipping.status)

    text = asyncio.run(playing()) + shown(Location(NOWHERE), FleetDatabase(Location(NOWHERE)))
    assert f"hub_fleet=postgresql+psycopg://{USER}:***@127.0.0.1:1/hub" in text
    for secret in (SECRET, "hunter2"):
        assert secret not in text + caplog.text
    assert "nothing can be shipped" in caplog.text


def test_a_fleet_that_is_away_stops_no_start_and_no_option_is_needed_for_none(
    tmp_path: Path,
) -> None:
    async def playing() -> None:
        async with on_stage(tmp_path, hub_fleet=NOWHERE) as stage:
            assert stage.bridge.components
            assert stage.bridge.components.shipper
            first = stage.bridge.components.shipper
            stage.configure(hub_deadline=10)
            assert stage.bridge.components.shipper is first
            stage.configure(hub_fleet="")
            assert stage.bridge.components.shipper is None
            first.close()  # it ends by itself, but may log until then, and the stage must be there

    asyncio.run(playing())


def test_service_and_password_files_work(
    path: Path, tmp_path: Path, fleet: Fleet, ship: StartShipping, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, passwords = tmp_path / "services", tmp_path / "passwords"
    services.write_text(
        f"[hub]\nhost={fleet.server.host}\nport={fleet.server.port}\nuser={USER}\ndbname={fleet.name}\n"
    )
    passwords.write_text(
        f"{fleet.server.host}:{fleet.server.port}:{fleet.name}:{USER}:{PASSWORD}\n"
    )
    passwords.chmod(0o600)
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    write(path, some_calls(3))
    ship(path, "postgresql+psycopg:///?service=hub")
    eventually(lambda: len(fleet.ids()) == 3, "shipped")


def test_a_missing_driver_is_one_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_psycopg(name: str, *rest: Any) -> Any:
        if name == "psycopg":
            raise ModuleNotFoundError("No module named 'psycopg'", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_psycopg)
    server = Location("postgresql://127.0.0.1:1/hub")
    for opened in (lambda: Shipper(path, server, "bridge-1"), lambda: open_for_reading(server)):
        with pytest.raises(JournalError) as caught:
            opened()
        assert str(caught.value) == (
            "A fleet needs the Python package psycopg, which is not installed: install "
            "hub-v1-bridge with its extra, 'hub-v1-bridge[fleet]', or 'psycopg[binary]' beside "
            "mitmproxy."
        )
