"""Secrets are in no text that the bridge's objects, commands or errors show."""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubv1.components import Environment
from hubv1.config import OPTIONS, read_config
from hubv1.hub import Connections, HubClient, RequestBudget, Transport
from hubv1.hub.auth import HubAuth
from hubv1.hub.credentials import Basic, Bearer, read_credentials
from hubv1.hub.exchange import Reply, Request
from hubv1.hub.registry import Registry
from onstage import answered, make_flow, on_stage
from samples import VIA
from standin import Standin, faults
from visitors import LOGIN, V1, members_only, of_listener

SECRET = "hush-hush"
OWN = "own-hush-hush"
PAIR = b64encode(f"acme:{SECRET}".encode()).decode()
SIGNED = {"Authorization": f"Basic {PAIR}"}


@pytest.fixture
def hub() -> Iterator[Standin]:
    catalog = members_only()
    catalog.accounts.update(acme=SECRET, own=OWN)
    with Standin(catalog) as running:
        yield running


def shown(*things: object) -> str:
    """All that print, a format string and a debugger show of them."""
    return "".join(f"{thing} {thing!r} {[thing]}" for thing in things)


def test_no_object_that_holds_a_secret_shows_it() -> None:
    given = Basic("acme", SECRET)
    upstream = Transport(VIA, "tests")
    config = read_config(
        {option.name: option.default for option in OPTIONS}
        | {"hub_username": "own", "hub_fleet": f"postgresql://own:{OWN}@127.0.0.1/hub"},
        {"HUB_SECRET": OWN},
    )
    text = shown(
        given,
        Bearer(SECRET),
        read_credentials(SIGNED["Authorization"]),
        read_credentials(f"Bearer {SECRET}"),
        RequestBudget(given),
        RequestBudget(Bearer(SECRET)),
        Request("GET", "http://a/b", Bearer(SECRET)),
        Request("POST", "http://a/b", given),
        config,
        Environment(
            "bridge-1", Connections(), Path(), imposed_authorization=SIGNED["Authorization"]
        ),
        HubClient("http://a", "http://b", Transport(VIA, "tests"), given),
        HubAuth("http://a", upstream),
        Registry("http://b", upstream),
    )
    assert "acme" in text
    assert not any(secret in text for secret in (SECRET, OWN, PAIR))


def test_a_reply_does_not_show_what_may_be_a_token() -> None:
    assert SECRET not in shown(Reply("http://a", 200, {}, SECRET.encode()))


def test_a_bridge_with_an_account_shows_no_secret_in_options_parts_and_log(
    hub: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HUB_SECRET", OWN)
    caplog.set_level(logging.DEBUG)
    paths = ("acme/app/tags", "acme/many/tags", "many/images", "x/broken/tags", "nosuch/tags")

    async def playing() -> str:
        values = {"hub_username": "own", "hub_registry_url": hub.registry_url}
        async with on_stage(tmp_path, hub.url, **values) as stage:
            listed = stage.context.master.commands.call_strings("hub.options", [])
            flows = [await stage.play(make_flow(f"{V1}/{path}", headers=SIGNED)) for path in paths]
            flows.append(await stage.play(make_flow(f"{V1}/many/images")))
            hub.faults.add(LOGIN, faults.html())
            other = {"Authorization": "Basic " + b64encode(f"joe:{SECRET}".encode()).decode()}
            flows.append(await stage.play(make_flow(f"{V1}/acme/app/tags", headers=other)))
            seen = [answered(flow).get_text() or "" for flow in flows]
            assert [answered(flow).status_code for flow in flows] == [200] * 3 + [
                502,
                404,
                200,
                502,
            ]
            opened = stage.bridge.calls.pending
            return "".join([*listed, *seen, shown(stage.bridge.components, stage.bridge, opened)])

    hub.faults.add("/broken/", faults.html())
    text = asyncio.run(playing()) + caplog.text
    tokens = [
        call.headers["authorization"].split()[1]
        for call in of_listener(hub, "hub")
        if "authorization" in call.headers
    ]
    assert "hub_username='own'" in text
    assert "challenge=False" in text
    assert len(set(tokens)) == 2
    for secret in (SECRET, OWN, PAIR, *tokens):
        assert secret not in text


def test_a_fault_of_the_bridge_itself_shows_no_secret(
    hub: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Transport, "send", broken)
    caplog.set_level(logging.DEBUG)

    async def playing() -> bytes:
        async with on_stage(tmp_path, hub.url) as stage:
            flow = await stage.play(make_flow(f"{V1}/acme/app/tags", headers=SIGNED))
            assert answered(flow).status_code == 502
            return answered(flow).content or b""

    body = asyncio.run(playing()).decode()
    assert "RuntimeError" in caplog.text
    for secret in (SECRET, PAIR):
        assert secret not in caplog.text + body
