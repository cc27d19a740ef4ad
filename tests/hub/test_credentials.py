"""What an Authorization header is taken for."""

from base64 import b64encode

import pytest

from hubv1.hub.credentials import LONGEST_SECRET, Anonymous, Basic, Bearer, read_credentials


def basic(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return f"Basic {b64encode(raw).decode()}"


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("", "none"),
        ("   ", "none"),
        ('Token signature=0a1b,repository="library/debian",access=read', "token"),
        (basic(":"), "basic"),
        ("Digest username=acme", "other"),
        ("Negotiate YII=", "other"),
    ],
)
def test_anonymous_calls_are_alike_and_say_how_they_came_to_be(header: str, kind: str) -> None:
    found = read_credentials(header)
    assert found == Anonymous()
    assert found.kind == kind


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic("acme:secret"), Basic("acme", "secret")),
        (basic("acme:a:b"), Basic("acme", "a:b")),
        (basic("acme:sécret"), Basic("acme", "sécret")),
        (basic("acme:sécret".encode("latin-1")), Basic("acme", "sécret")),
        (basic("acme:secret").replace("Basic", "BASIC  "), Basic("acme", "secret")),
        ("Bearer abc.def-_~+/==", Bearer("abc.def-_~+/==")),
        (basic("acme:secret").replace(" ", "\t"), Basic("acme", "secret")),
        ("bearer abc", Bearer("abc")),
    ],
)
def test_credentials_are_read_as_they_were_meant(header: str, expected: object) -> None:
    found = read_credentials(header)
    assert found == expected
    assert isinstance(found, Basic | Bearer)
    assert found.is_possible


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        basic("no colon"),
        basic("acme:"),
        basic(":secret"),
        basic("acme:" + "x" * LONGEST_SECRET),
        "Bearer",
        "Bearer two words",
        "Bearer näh",
        "Bearer " + "x" * (LONGEST_SECRET + 1),
    ],
)
def test_what_cannot_be_right_is_still_not_anonymous(header: str) -> None:
    found = read_credentials(header)
    assert isinstance(found, Basic | Bearer)
    assert not found.is_possible


@pytest.mark.parametrize("text", ["hush", "hush:"])
def test_a_secret_in_the_place_of_the_name_is_not_taken_for_one(text: str) -> None:
    assert read_credentials(basic(text)).user == ""


def test_no_secret_is_shown() -> None:
    shown = repr([Basic("acme", "hush"), Bearer("hush")])
    assert "hush" not in shown
    assert "acme" in shown
