"""A Hub, or a gateway on the way, that repeats secrets: none of them gets further."""

import asyncio
import html
import json
import logging
import re
import socket
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from hubv1.hub.credentials import MASK, Basic, Bearer, Secrets
from onstage import answered, entries, make_flow, on_stage
from standin import Call, Standin, faults
from standin.rules import Action
from visitors import LOGIN, V1, Visitors, asked, members_only, of_listener, played

SECRET = 'päss/w+rd "<&>" %41=='
OWN = "the bridge's own/secret+1"
PAIR = f"acme:{SECRET}"
BASIC = "Basic " + b64encode(PAIR.encode()).decode()
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "URL": lambda text: quote(text, safe=""),
    "URL with slashes": quote,
    "URL in lower case": lambda text: re.sub(
        "%..", lambda found: found[0].lower(), quote(text, safe="")
    ),
    "URL of a browser": lambda text: quote(text, safe="!'()*"),
    "URL that is half encoded": lambda text: quote(text, safe=' "<&>+=').replace("%2F", "%2f"),
    "form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "HTML": html.escape,
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "twice": lambda text: f"{text} is not {text}",
    "far behind": lambda text: "x" * 200 + text,
    "many": lambda text: text * 1_000,
}

SOME = ("plain", "URL that is half encoded", "base64", "far behind")
"""What is masked in one place is masked in every other: each place has some of the forms."""


@pytest.fixture
def hub() -> Iterator[Standin]:
    catalog = members_only()
    catalog.accounts.update(acme=SECRET, own=OWN)
    with Standin(catalog) as running:
        yield running


def everything_shown(
    hub: Standin,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    path: str,
    authorization: str = "",
    **values: object,
) -> str:
    """What a call leaves behind: its answer, its flow's comment, its row and the log."""
    caplog.set_level(logging.DEBUG)
    sent = {"Authorization": authorization} if authorization else {}
    flow = make_flow(path, headers=sent)

    async def playing() -> None:
        async with on_stage(folder, hub.url, hub_registry_url=hub.registry_url, **values) as stage:
            await stage.play(flow)

    asyncio.run(playing())
    response = answered(flow)
    assert response.status_code >= 400
    (row,) = entries(folder / "journal.sqlite3")
    headers = str(response.headers)
    return f"{response.text} {headers} {flow.comment} {flow.metadata} {row} {caplog.text}"


def forms_of(*secrets: str) -> list[str]:
    forms = [FORMS[name] for name in FORMS if name not in ("twice", "far behind", "many")]
    return [form(secret) for secret in secrets for form in forms]


def has_none(text: str, *secrets: str) -> bool:
    return not any(form in text for form in forms_of(*secrets))


class TestHubRepeats:
    @pytest.mark.parametrize("form", FORMS)
    def test_a_secret_that_it_was_given_to_sign_in(
        self, hub: Standin, tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str
    ) -> None:
        # Why else a login is rejected is told in the bridge's own words.
        hub.faults.add(LOGIN, with_words("forbidden with personal access token", FORMS[form]))
        text = everything_shown(hub, tmp_path, caplog, f"{V1}/acme/app/images", BASIC)
        assert has_none(text, SECRET, PAIR)

    @pytest.mark.parametrize("form", FORMS)
    def test_the_token_that_it_gave_for_it(
        self, hub: Standin, tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str
    ) -> None:
        tokens: list[str] = []
        hub.before_request(lambda call: tokens.extend(bearers(call)))
        hub.faults.add("/tags", faults.repeats(403, FORMS[form]))
        text = everything_shown(hub, tmp_path, caplog, f"{V1}/acme/app/tags", BASIC)
        assert has_none(text, SECRET, PAIR, *tokens)
        assert tokens

    @pytest.mark.parametrize("form", SOME)
    def test_the_secret_of_a_caller_who_sent_it_as_basic(
        self, hub: Standin, tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str
    ) -> None:
        """A gateway may know what the client sent, by a header of its own for instance."""
        hub.faults.add("/tags", faults.status(403, {"message": f"no: {FORMS[form](PAIR)}"}))
        text = everything_shown(hub, tmp_path, caplog, f"{V1}/acme/app/tags", BASIC)
        assert has_none(text, SECRET, PAIR)

    @pytest.mark.parametrize("form", SOME)
    def test_a_callers_own_token(
        self, hub: Standin, tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str
    ) -> None:
        token = "a-token.of/some+length"
        hub.faults.add("/tags", faults.repeats(401, FORMS[form]))
        text = everything_shown(hub, tmp_path, caplog, f"{V1}/acme/app/tags", f"Bearer {token}")
        assert has_none(text, token)

    @pytest.mark.parametrize("form", SOME)
    @pytest.mark.parametrize("what", ["token", "secret"])
    def test_what_is_the_bridges_own_to_an_anonymous_caller(
        self,
        hub: Standin,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        form: str,
        what: str,
    ) -> None:
        monkeypatch.setenv("HUB_SECRET", OWN)
        tokens: list[str] = []
        hub.before_request(lambda call: tokens.extend(bearers(call)))
        said = faults.status(403, {"message": FORMS[form](OWN)})
        signed = faults.repeats(403, FORMS[form]) if what == "token" else said
        hub.faults.add("&page=2$", faults.status(403), times=1)
        hub.faults.add("&page=2$", signed)
        path = f"{V1}/many/images"
        text = everything_shown(hub, tmp_path, caplog, path, hub_username="own")
        assert has_none(text, OWN, *tokens)
        assert tokens


def test_the_words_around_it_are_told(hub: Standin) -> None:
    hub.faults.add("/tags", faults.repeats(403))
    result = asked(hub, f"{V1}/acme/app/images", Basic("acme", SECRET))
    assert result.error == f"bad token {MASK}, try again"


def bearers(call: Call) -> list[str]:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return [token] if scheme == "Bearer" else []


def with_words(words: str, form: Callable[[str], str]) -> Action:
    return faults.repeats(403, lambda sent: f"{form(sent)} {words}")


class TestTheRegistryRepeats:
    @pytest.mark.parametrize("form", SOME)
    @pytest.mark.parametrize("match", ["/token", "/tags/list"])
    def test_what_it_was_sent(
        self,
        hub: Standin,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        match: str,
        form: str,
    ) -> None:
        """It is only told in the log; the caller hears of Hub's trouble."""
        hub.faults.add("/v2/namespaces", faults.status(500), listener="hub")
        tokens: list[str] = []
        hub.before_request(lambda call: tokens.extend(bearers(call)))
        listener = "auth" if match == "/token" else "registry"
        skip = int(listener == "registry")  # until it is sent something
        hub.faults.add(match, faults.repeats(403, FORMS[form]), listener=listener, skip=skip)
        text = everything_shown(hub, tmp_path, caplog, f"{V1}/acme/app/tags", BASIC)
        assert has_none(text, SECRET, PAIR, *tokens)
        assert "The registry does not list acme/app" in text

    def test_a_token_that_cannot_be_part_of_a_request(
        self, hub: Standin, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        token = "half-a-token\r\nX-More: the-other-half"
        hub.faults.add("/v2/namespaces", faults.status(500), listener="hub")
        hub.faults.add("/token", faults.status(200, {"token": token}), listener="auth")
        text = everything_shown(hub, tmp_path, caplog, f"{V1}/debian/tags")
        assert "half-a-token" not in text
        assert "the-other-half" not in text


def test_a_tag_that_cannot_be_one_may_hold_a_secret(
    hub: Standin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page = {"count": 1, "next": None, "results": [{"name": f"x {SECRET}"}]}
    hub.faults.add("/tags", faults.status(200, page), listener="hub")
    text = everything_shown(hub, tmp_path, caplog, f"{V1}/acme/app/tags", BASIC)
    assert "a tag that cannot be one" in text
    assert has_none(text, SECRET)


def test_a_header_that_cannot_be_read_may_hold_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nX-Token\x00: " + SECRET.encode() + b"\r\n\r\n") as url:
        hub = type("Elsewhere", (), {"url": url, "registry_url": ""})
        text = everything_shown(hub, tmp_path, caplog, f"{V1}/acme/app/images", BASIC)  # type: ignore[arg-type]  # all that is asked of it
    assert "unreachable" in text
    assert not any(form in text for form in forms_of(SECRET, PAIR))


@contextmanager
def answering(raw: bytes) -> Iterator[str]:
    """The URL of a server that lets everybody in and answers all else with these bytes."""
    token = b'{"access_token": "a-token-of-its-own"}'
    welcome = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(token), token)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                request = connection.recv(65_536)
                connection.sendall(welcome if request.startswith(b"POST") else raw)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    "token",
    [
        "dckr_pat_abcdefghijklmnopqrstuvwxyz0",
        "dckr_oat_7awgM4jG5SQvxcvmNzhKj8PQjxo",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqb2UifQ.c2lnbmF0dXJl",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi",
    ],
)
def test_what_looks_like_somebody_elses_token_is_masked_too(hub: Standin, token: str) -> None:
    hub.faults.add("/tags", faults.status(403, {"message": f"token {token} is not valid"}))
    assert asked(hub, f"{V1}/debian/tags").error == f"token {MASK} is not valid"


def test_another_callers_secret_is_masked_too(hub: Standin) -> None:
    async def one_after_the_other(visitors: Visitors) -> str:
        await visitors.ask(f"{V1}/acme/app/tags", Basic("acme", SECRET))
        hub.faults.add("/tags", faults.status(403, {"message": f"not {SECRET}"}))
        return (await visitors.ask(f"{V1}/debian/tags")).error

    assert played(hub, one_after_the_other) == f"not {MASK}"


def test_hubs_other_words_are_told_as_they_are(hub: Standin) -> None:
    words = "pull access denied: the eyes of basic users, bearer bonds and tokens; see /v2/x?y=z"
    hub.faults.add("/tags", faults.status(403, {"message": words}))
    assert asked(hub, f"{V1}/debian/tags").error == words


def test_a_secret_that_is_a_word_of_hubs_hides_nothing_that_matters(hub: Standin) -> None:
    """Hub's words decide what its answer means, whatever somebody's secret is."""
    hub.catalog.accounts["acme"] = "personal access token"
    hub.faults.add("/tags", faults.no_personal_tokens(), listener="hub")
    result = asked(hub, f"{V1}/acme/app/tags", Basic("acme", "personal access token"))
    assert (result.answer.status, result.source) == (200, "registry")
    assert of_listener(hub, "registry")


@for_all(
    st.one_of(
        st.builds(Basic, st.text(min_size=1), st.text(min_size=1)),
        st.builds(Bearer, st.text("abc./-+~=", min_size=1)),
    ),
    st.text(),
    st.text(),
)
def test_no_text_keeps_a_secret_of_its_own_call(
    given: Basic | Bearer, front: str, back: str
) -> None:
    secret = given.secret if isinstance(given, Basic) else given.token
    masked = Secrets().masked(f"{front}{secret}{back}", given)
    assert not any(secret in part for part in masked.split(MASK))
