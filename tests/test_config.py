"""Options: a value that cannot be used gets one sentence, before anything is done with it."""

from collections.abc import Mapping
from typing import Any

import pytest

from hubv1.api.routes import LEGACY_HOSTS
from hubv1.config import OPTIONS, BadOption, complaints, read_config
from hubv1.hub.credentials import Basic

DEFAULTS: Mapping[str, Any] = {option.name: option.default for option in OPTIONS}
USERINFO = [
    "https://user:hunter2@hub.docker.com",
    "https://user:hunter2@hub.docker.com/path",
    "http://hunter2@hub.docker.com:8080",
    "https://:hunter2@hub.docker.com",
]
BROKEN_USERINFO = [
    "ftp://user:hunter2@hub.docker.com",
    "user:hunter2@hub.docker.com",
    "https://user:hunter2@",
    "https://user:hunter2@hub.docker.com:port",
    "https://user:hun/ter2@hub.docker.com",
    "https://user:hun?ter2@hub.docker.com",
    "https://user:hunter2@[::1",
]


def with_values(**values: Any) -> dict[str, Any]:
    return {**DEFAULTS, **values}


def refusal(**values: Any) -> str:
    with pytest.raises(BadOption) as refused:
        read_config(with_values(**values))
    return str(refused.value)


def test_every_option_has_the_prefix_a_sentence_and_a_default_that_is_sound() -> None:
    for option in OPTIONS:
        assert option.name.startswith("hub_")
        assert option.help.endswith(".")
    assert len(DEFAULTS) == len(OPTIONS)
    assert complaints(DEFAULTS) == {}
    sound = read_config(DEFAULTS)
    assert sound.hosts == set(LEGACY_HOSTS)
    assert sound.url == "https://hub.docker.com"
    assert sound.deadline == 30
    assert (sound.caller_header, sound.journal) == ("", "")


def test_values_are_brought_into_one_form() -> None:
    made = read_config(
        with_values(
            hub_hosts=[" Index.Docker.IO. ", "hub.local"],
            hub_url="http://127.0.0.1:8080/hub/",
            hub_deadline=3600,
            hub_caller_header="X-CI_Job",
            hub_journal="/var/lib/journal.sqlite3",
            hub_journal_days=400,
        )
    )
    assert made.hosts == {"index.docker.io", "hub.local"}
    assert made.url == "http://127.0.0.1:8080/hub"
    assert (made.deadline, made.caller_header) == (3600, "X-CI_Job")
    assert (made.journal, made.journal_days) == ("/var/lib/journal.sqlite3", 400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hub_hosts", ["https://hub.docker.com"]),
        ("hub_hosts", ["hub.docker.com:443"]),
        ("hub_hosts", ["hub.docker.com", "*.docker.io"]),
        ("hub_hosts", ["a b"]),
        ("hub_hosts", [""]),
        ("hub_hosts", []),
        ("hub_url", "https://hub.docker.com "),
        ("hub_url", "https://hub.docker.com%20"),
        ("hub_url", "https://hub.docker.com/>;x"),
        ("hub_url", 'https://hub.docker.com/"'),
        ("hub_url", "https://hub.d\u00f6cker.com"),
        ("hub_hosts", ["."]),
        ("hub_url", ""),
        ("hub_url", "hub.docker.com"),
        ("hub_url", "ftp://hub.docker.com"),
        ("hub_url", "https://"),
        ("hub_url", "https://hub.docker.com:0"),
        ("hub_url", "https://hub.docker.com:http"),
        ("hub_url", "https://hub.docker.com:99999"),
        ("hub_url", "https://[::1"),
        ("hub_url", "https://hub.docker.com/#v2"),
        ("hub_url", "https://hub.docker.com/?x=1"),
        ("hub_deadline", 0),
        ("hub_deadline", -1),
        ("hub_deadline", 3601),
        ("hub_journal_days", 0),
        ("hub_journal_days", -1),
        ("hub_journal_days", 401),
        ("hub_caller_header", "X CI"),
        ("hub_caller_header", "X-CI:"),
        ("hub_caller_header", "X-CI\r\n"),
        ("hub_caller_header", "Büro"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_one_sentence(name: str, value: object) -> None:
    said = refusal(**{name: value})
    assert said.startswith(name)
    assert said.endswith(".")
    assert "\n" not in said
    assert "\r" not in said


def test_a_suffix_that_stands_for_no_report_is_told_as_such() -> None:
    said = refusal(hub_report=["x.pdf"])
    assert said.startswith("hub_report takes files for reports: a report's name ends in .html, ")


@pytest.mark.parametrize("url", USERINFO)
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    said = refusal(hub_url=url)
    assert "user name or password" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("url", BROKEN_USERINFO)
def test_a_password_in_a_url_that_is_broken_too_is_not_repeated_either(url: str) -> None:
    assert "ter2" not in refusal(hub_url=url)


@pytest.mark.parametrize("end", ["hunter2", "hunter2 ", "hunter2%20", "hunter2>", "hünter2hunter2"])
def test_a_query_in_a_url_is_not_repeated(end: str) -> None:
    assert "hunter2" not in refusal(hub_url=f"https://hub.docker.com/?token={end}")


def test_user_info_in_what_is_no_url_option_is_not_repeated_either() -> None:
    assert "hunter2" not in refusal(hub_hosts=["https://joe:hunter2@index.docker.io"])
    assert "hunter2" not in refusal(hub_metrics="http://joe:hunter2@127.0.0.1")
    assert "hunter2" not in refusal(hub_rule=["gone https://joe:hunter2@x ~"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hub_ulr": ["x"]}, "Did you mean hub_url?"),
        ({"hub_host": ["x"]}, "Did you mean hub_hosts?"),
        ({"hub_dead_line": ["3"]}, "Did you mean hub_deadline?"),
        ({"hub_zzzzzzzzzz": ["x"]}, "Its options are hub_mode, hub_rule, "),
        ({"hub_deadline": ["soon"]}, "hub_deadline takes a whole number, not 'soon'."),
        ({"hub_deadline": ["1.5"]}, "hub_deadline takes a whole number, not '1.5'."),
        ({"hub_deadline": [""]}, "hub_deadline takes a whole number, not ''."),
        ({"hub_deadline": True}, "hub_deadline takes a whole number, not True."),
        ({"hub_deadline": 1.5}, "hub_deadline takes a whole number, not 1.5."),
        ({"hub_deadline": None}, "hub_deadline takes a whole number, not None."),
        ({"hub_url": 5}, "hub_url takes a string, not 5."),
        ({"hub_url": ["http://a", "http://b"]}, "hub_url takes one value, but was given 2."),
        ({"hub_url": []}, "hub_url takes one value, but was given none."),
        ({"hub_deadline": "5"}, "hub_deadline takes a whole number, not '5'."),
        ({"hub_hosts": "a.b"}, "hub_hosts takes a list of strings, not 'a.b'."),
        ({"hub_hosts": [5]}, "hub_hosts takes a list of strings, not [5]."),
        ({"hub_journal_days": ["a week"]}, "hub_journal_days takes a whole number, not 'a week'."),
        ({"hub_usrname": ["acme"]}, "Did you mean hub_username?"),
        ({"hub_username": ["a", "b"]}, "hub_username takes one value, but was given 2."),
        ({"hub_username": []}, "hub_username takes one value, but was given none."),
        ({"hub_username": 5}, "hub_username takes a string, not 5."),
        ({"hub_chalenge": []}, "Did you mean hub_challenge?"),
        ({"hub_challenge": ["yes"]}, "hub_challenge takes true or false, not 'yes'."),
        ({"hub_challenge": ["True"]}, "hub_challenge takes true or false, not 'True'."),
        ({"hub_challenge": [""]}, "hub_challenge takes true or false, not ''."),
        ({"hub_challenge": ["true", "false"]}, "hub_challenge takes one value, but was given 2."),
        ({"hub_challenge": "true"}, "hub_challenge takes true or false, not 'true'."),
        ({"hub_challenge": 1}, "hub_challenge takes true or false, not 1."),
        ({"hub_challenge": None}, "hub_challenge takes true or false, not None."),
    ],
)
def test_what_mitmproxy_would_pass_over_in_silence_is_complained_of(
    given: dict[str, object], said: str
) -> None:
    [complaint] = complaints(given).values()
    assert said in complaint
    assert complaint.startswith(next(iter(given)))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"listen_port": ["x"], "hubris": ["x"]},
        {"hub_deadline": ["30"]},
        {"hub_deadline": [" 30 "]},
        {"hub_deadline": ["-1"]},
        {"hub_deadline": 30},
        {"hub_url": ["https://hub.docker.com"]},
        {"hub_url": "https://hub.docker.com"},
        {"hub_hosts": ["a", "b"]},
        {"hub_hosts": []},
        {"hub_username": ["acme"]},
        {"hub_username": "acme"},
        {"hub_username": ""},
        {"hub_challenge": []},
        {"hub_challenge": ["true"]},
        {"hub_challenge": ["false"]},
        {"hub_challenge": True},
    ],
)
def test_sound_values_and_the_options_of_others_are_not_complained_of(
    given: dict[str, object],
) -> None:
    assert complaints(given) == {}


def test_every_trouble_is_told_at_once() -> None:
    assert len(complaints({"hub_ulr": ["x"], "hub_deadline": ["x"], "hub_hosts": ["x"]})) == 2


def test_an_option_that_would_hold_a_secret_is_none_and_its_value_not_repeated() -> None:
    [complaint] = complaints({"hub_secret": ["hunter2"]}).values()
    assert complaint.startswith("hub_secret is not an option of the Hub v1 bridge.")
    assert "hunter2" not in complaint


class TestTheBridgesOwnAccount:
    def refusal(self, user: str, secret: str) -> str:
        with pytest.raises(BadOption) as refused:
            read_config(with_values(hub_username=user), {"HUB_SECRET": secret})
        return str(refused.value)

    def test_is_a_name_with_a_secret_from_elsewhere(self) -> None:
        made = read_config(with_values(hub_username="acme"), {"HUB_SECRET": "hunter2"})
        assert made.account == Basic("acme", "hunter2")
        assert "hunter2" not in repr(made)

    @pytest.mark.parametrize("before", ["", "\ufeff", " \t"])
    @pytest.mark.parametrize("after", ["\n", "\r\n", " ", "\x1a"])
    def test_may_have_its_secret_from_any_file(self, before: str, after: str) -> None:
        environment = {"HUB_SECRET": f"{before}hunter2{after}"}
        made = read_config(with_values(hub_username="acme"), environment)
        assert made.account == Basic("acme", "hunter2")

    @pytest.mark.parametrize("secret", ["", "hunter2"])
    def test_is_none_without_a_name(self, secret: str) -> None:
        assert read_config(DEFAULTS, {"HUB_SECRET": secret}).account is None

    @pytest.mark.parametrize(
        ("user", "secret", "said"),
        [
            ("acme", "", "HUB_SECRET, which is empty."),
            ("acme:hunter2", "", "HUB_SECRET, which is empty."),
            ("acme:hunter2", "hunter2", "HUB_SECRET, which is set."),
            ("acme", "hunter2" * 2_000, "HUB_SECRET, which is set."),
        ],
    )
    def test_that_cannot_be_right_is_refused_in_one_sentence_without_its_secret(
        self, user: str, secret: str, said: str
    ) -> None:
        refused = self.refusal(user, secret)
        assert refused.startswith("hub_username takes the name of a Docker account")
        assert refused.endswith(said)
        assert "hunter2" not in refused


@pytest.mark.parametrize("value", [True, False])
def test_a_challenge_is_asked_for_or_not(value: bool) -> None:  # noqa: FBT001  # an option's value
    assert read_config(with_values(hub_challenge=value)).challenge is value
    assert read_config(DEFAULTS).challenge is False
