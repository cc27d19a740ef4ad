"""Who called, by the words that the report groups calls under."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.caller import Caller, identify
from hubv1.texts import LONGEST


@pytest.mark.parametrize(
    ("named", "user_agent", "address", "name"),
    [
        ("", "curl/8.1", "10.0.0.7", "curl/8.1 at 10.0.0.7"),
        ("", "Wget/1.21 (linux-gnu) x", "10.0.0.7", "Wget/1.21 at 10.0.0.7"),
        ("", "  curl/8.1", "::1", "curl/8.1 at ::1"),
        ("", "", "10.0.0.7", "no user agent at 10.0.0.7"),
        ("", "   ", "10.0.0.7", "no user agent at 10.0.0.7"),
        ("", "curl/8.1", "", "curl/8.1 at unknown address"),
        ("nightly-build", "curl/8.1", "10.0.0.7", "nightly-build"),
        (" nightly build ", "", "", "nightly build"),
        ("  ", "curl/8.1", "10.0.0.7", "curl/8.1 at 10.0.0.7"),
    ],
)
def test_a_caller_is_its_header_or_else_its_product_at_its_address(
    named: str, user_agent: str, address: str, name: str
) -> None:
    assert identify(named, user_agent, address) == Caller(name, address, user_agent)


@pytest.mark.parametrize(("named", "user_agent"), [("n" * 300, ""), ("", "u" * 300)])
def test_what_a_client_says_at_length_is_cut(named: str, user_agent: str) -> None:
    caller = identify(named, user_agent, "10.0.0.7")
    assert len(caller.name) == LONGEST
    assert len(caller.user_agent) == min(len(user_agent), LONGEST)


@given(st.text(max_size=600), st.text(max_size=600))
def test_no_client_can_make_a_name_empty_or_longer_than_is_kept(
    named: str, user_agent: str
) -> None:
    caller = identify(named, user_agent, "10.0.0.7")
    assert 0 < len(caller.name) <= LONGEST
    assert len(caller.user_agent) <= LONGEST


def test_the_version_stays_apart_from_the_rest_of_the_user_agent_in_the_name_alone() -> None:
    caller = identify("", "docker/1.5.0 go/1.4.1 kernel/3.13", "10.0.0.7")
    assert caller.name == "docker/1.5.0 at 10.0.0.7"
    assert caller.user_agent == "docker/1.5.0 go/1.4.1 kernel/3.13"
