"""Who called, by the words that the report groups calls under."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.calls import Network
from hubv1.calls.call import client_address, name_caller
from hubv1.text import LONGEST


@pytest.mark.parametrize(
    ("named", "user_agent", "address", "name"),
    [
        ("", "curl/8.1", "10.0.0.7", "curl/8.1 at 10.0.0.7"),
        ("", "docker/1.5.0 go/1.4.1 kernel/3.13", "10.0.0.7", "docker/1.5.0 at 10.0.0.7"),
        ("", "Wget/1.21 (linux-gnu) x", "10.0.0.7", "Wget/1.21 at 10.0.0.7"),
        ("", "  curl/8.1", "::1", "curl/8.1 at ::1"),
        ("", "", "10.0.0.7", "unknown client at 10.0.0.7"),
        ("", "   ", "10.0.0.7", "unknown client at 10.0.0.7"),
        ("", "curl/8.1", "", "curl/8.1 at unknown address"),
        ("nightly-build", "curl/8.1", "10.0.0.7", "nightly-build"),
        (" nightly build ", "", "", "nightly build"),
        ("  ", "curl/8.1", "10.0.0.7", "curl/8.1 at 10.0.0.7"),
    ],
)
def test_a_caller_is_its_header_or_else_its_product_at_its_address(
    named: str, user_agent: str, address: str, name: str
) -> None:
    assert name_caller(named, user_agent, address) == name


@pytest.mark.parametrize(("named", "user_agent"), [("n" * 300, ""), ("", "u" * 300)])
def test_what_a_client_says_at_length_is_cut(named: str, user_agent: str) -> None:
    assert len(name_caller(named, user_agent, "10.0.0.7")) == LONGEST


@given(st.text(max_size=600), st.text(max_size=600))
def test_no_client_can_make_a_name_empty_or_longer_than_is_kept(
    named: str, user_agent: str
) -> None:
    assert 0 < len(name_caller(named, user_agent, "10.0.0.7")) <= LONGEST


def behind(*networks: str) -> list[Network]:
    return [ip_network(network) for network in networks]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "trusted", "address"),
    [
        ("10.0.0.1", ["192.0.2.7"], ["10.0.0.0/8"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7:5123"], ["10.0.0.0/8"], "192.0.2.7"),
        ("10.0.0.1", ["[2001:db8::7]:5123"], ["10.0.0.0/8"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["2001:db8::7"], ["10.0.0.0/8"], "2001:db8::7"),
        ("10.0.0.1", ["192.0.2.7, 10.0.0.2"], ["10.0.0.0/8"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7", "10.0.0.2"], ["10.0.0.0/8"], "192.0.2.7"),
        # Whatever stands before the first address that an untrusted host could write is made up.
        ("10.0.0.1", ["1.1.1.1, 192.0.2.7"], ["10.0.0.0/8"], "192.0.2.7"),
        ("192.0.2.7", ["1.1.1.1"], ["10.0.0.0/8"], "192.0.2.7"),
        ("10.0.0.1", ["1.1.1.1"], [], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, unknown, 10.0.0.2"], ["10.0.0.0/8"], "10.0.0.2"),
        ("10.0.0.1", [""], ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", [], ["10.0.0.0/8"], "10.0.0.1"),
        ("", ["1.1.1.1"], ["0.0.0.0/0"], ""),
    ],
)
def test_the_address_behind_trusted_proxies_is_the_last_that_one_of_them_wrote(
    peer: str, forwarded_for: list[str], trusted: list[str], address: str
) -> None:
    assert client_address(peer, forwarded_for, behind(*trusted)) == address


def test_a_list_of_hops_without_end_is_not_read_without_end() -> None:
    hops = ["10.0.0.9,"] * 100_000
    assert client_address("10.0.0.1", hops, behind("10.0.0.0/8")).startswith("10.0.0.")


def test_the_address_stays_where_a_name_is_cut() -> None:
    names = [name_caller("", "x" * 300, address) for address in ("10.0.0.7", "10.0.0.8")]
    assert all(len(name) == LONGEST for name in names)
    assert [name.partition("…")[2] for name in names] == [" at 10.0.0.7", " at 10.0.0.8"]
