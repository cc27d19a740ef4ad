"""Names: what Hub allows passes unchanged, nothing else reaches a URL."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hubv1.api.names import Repository, decode_segment, is_tag, odd_tag, repository_or_none

ALLOWED = [
    ("library", "debian"),
    ("0", "1"),
    ("bitnami", "kube.state-metrics"),
    ("a_b", "c__d"),
    ("a---b", "c-d.e_f"),
    ("x" * 127, "y" * 127),
]
REFUSED = [
    ("library", "Debian"),
    ("Library", "debian"),
    ("library", ""),
    ("", "debian"),
    ("library", "."),
    ("library", ".."),
    ("..", "debian"),
    ("library", "debian\n"),
    ("library", "debian/tags"),
    ("library", "debian?page=2"),
    ("library", "debian#"),
    ("library", "debian%2F"),
    ("library", "de bian"),
    ("library", "a..b"),
    ("library", "a___b"),
    ("library", "a._b"),
    ("library", "-debian"),
    ("library", "debian-"),
    ("library", "_debian"),
    ("library", "débian"),
    ("library", "de\u0661ian"),  # a digit, but none of ASCII
    ("library", "\ufffd"),
    ("x" * 128, "y" * 127),
]


@pytest.mark.parametrize(("namespace", "name"), ALLOWED)
def test_names_that_hub_allows_make_a_repository(namespace: str, name: str) -> None:
    repository = repository_or_none(namespace, name)
    assert repository == Repository(namespace, name)
    assert str(repository) == f"{namespace}/{name}"


@pytest.mark.parametrize(("namespace", "name"), REFUSED)
def test_names_that_hub_does_not_allow_make_none(namespace: str, name: str) -> None:
    assert repository_or_none(namespace, name) is None


@pytest.mark.parametrize("tag", ["latest", "1", "_", "V1.0-rc_2", "a..b", "t" * 128])
def test_tags_that_hub_allows_pass(tag: str) -> None:
    assert is_tag(tag)


@pytest.mark.parametrize(
    "tag", ["", ".", "..", ".1", "-1", "a b", "a/b", "a:b", "a\n", "ä", "\u0661", "t" * 129]
)
def test_tags_that_hub_does_not_allow_fail(tag: str) -> None:
    assert not is_tag(tag)


@example(["a\nb"])
@given(st.lists(st.text(alphabet="aZ9_.-\n :", max_size=3) | st.just("t" * 128), max_size=5))
def test_of_many_tags_the_first_is_told_that_hub_does_not_allow(names: list[str]) -> None:
    assert odd_tag(names) == next((name for name in names if not is_tag(name)), None)


@given(st.from_regex(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+){0,3}", fullmatch=True))
def test_every_component_of_the_grammar_is_allowed(component: str) -> None:
    short = component[:100].rstrip("._-")
    assert repository_or_none("library", short)
    assert repository_or_none(short, "debian")


@given(st.text(max_size=20), st.text(alphabet="aZ9._-/%?#: \n", max_size=8))
def test_what_passes_needs_no_escaping_in_a_path(namespace: str, name: str) -> None:
    harmless = set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    for repository in (repository_or_none("library", name), repository_or_none(namespace, "x")):
        if repository is not None:
            for part in (repository.namespace, repository.name):
                assert set(part) <= harmless
                assert part.strip(".")
    if is_tag(name):
        assert set(name) <= harmless | set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        assert name.strip(".")


@pytest.mark.parametrize(
    ("segment", "decoded"),
    [
        (b"debian", "debian"),
        (b"%64ebian", "debian"),
        (b"a%2Fb", "a/b"),
        (b"a%2fb", "a/b"),
        (b"a+b", "a+b"),
        (b"%2561", "%61"),
        (b"%", "%"),
        (b"%zz", "%zz"),
        (b"%00", "\0"),
        (b"%C3%A9", "\ufffd\ufffd"),
        (b"\xff", "\ufffd"),
    ],
)
def test_percent_encoding_is_undone_once(segment: bytes, decoded: str) -> None:
    assert decode_segment(segment) == decoded


@given(st.binary())
def test_any_bytes_can_be_decoded(segment: bytes) -> None:
    assert len(decode_segment(segment)) <= len(segment)
