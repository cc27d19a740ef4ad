"""The addon's options: one row for each, and what is wrong with those given at the start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from hubv1.journal import DAYS
from hubv1.texts import without_user_info

PREFIX = "hub_"

LEGACY_HOSTS = ("index.docker.io", "registry.hub.docker.com", "hub.docker.com")
"""The names under which Docker served API v1."""

OptionType = Any
"""`str`, `int`, `bool` or `Sequence[str]`: those of mitmproxy's that work from end to end."""
OptionValue = str | int | bool | Sequence[str]


class BadOption(Exception):
    """A value that cannot be used, and what to write instead, in one sentence."""

    def __init__(self, sentence: str) -> None:
        """The value may be quoted in it, a URL with a password perhaps."""
        super().__init__(without_user_info(sentence))


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as mitmproxy and README list it."""

    name: str
    type: OptionType
    default: OptionValue
    help: str


OPTIONS: tuple[Option, ...] = (
    Option(
        "hub_mode",
        str,
        "translate",
        "What becomes of calls to the six retired routes: translate, observe, redirect, gone or "
        "brownout.",
    ),
    Option(
        "hub_rule",
        Sequence[str],
        [],
        "MODE FILTER, say 'gone ~src 10.0.0.7': a mode for the calls that mitmproxy's filter "
        "matches. The first rule that matches decides, hub_mode for the rest.",
    ),
    Option(
        "hub_brownout",
        str,
        "5m/1h",
        "When v1 is gone in mode brownout: for the first 5 minutes of each hour, say.",
    ),
    Option(
        "hub_hosts",
        Sequence[str],
        list(LEGACY_HOSTS),
        "Host names whose v1 calls are legacy calls. In reverse mode the path alone decides.",
    ),
    Option("hub_url", str, "https://hub.docker.com", "Where Docker Hub API v2 is."),
    Option(
        "hub_registry_url",
        str,
        "https://registry-1.docker.io",
        "Where the registry API is, for lists of tags that Hub does not give in full. Empty: do "
        "without.",
    ),
    Option(
        "hub_cache_ttl",
        int,
        10,
        "Seconds for which a complete answer is given to equal calls. 0 keeps none. A 404 or any "
        "other error is never kept.",
    ),
    Option("hub_deadline", int, 30, "Seconds that a caller waits at most for its answer."),
    Option(
        "hub_username",
        str,
        "",
        "Docker account for pages that Hub refuses to a caller who could read the first one. Its "
        "secret, or a token with public read access, is in the environment as HUB_SECRET.",
    ),
    Option(
        "hub_challenge",
        bool,
        False,
        "Answer an anonymous caller's 404 with 401 and a Basic challenge, for clients such as "
        "wget that send their credentials only then.",
    ),
    Option(
        "hub_caller_header",
        str,
        "",
        "Request header that names the caller, a CI job say. Empty: the user agent's product at "
        "its address is the caller.",
    ),
    Option(
        "hub_trusted_proxies",
        Sequence[str],
        [],
        "Addresses or networks of proxies in front of the bridge whose X-Forwarded-For is "
        "believed.",
    ),
    Option(
        "hub_journal",
        str,
        "",
        "Path or SQLAlchemy URL of the journal. Empty: hub-journal.sqlite3 in mitmproxy's confdir.",
    ),
    Option(
        "hub_journal_days",
        int,
        DAYS,
        "Days for which single calls are kept in the journal. Their counts stay for 400.",
    ),
    Option(
        "hub_journal_required",
        bool,
        False,
        "Refuse calls that cannot be recorded, instead of serving them.",
    ),
    Option(
        "hub_fleet",
        str,
        "",
        "URL of a PostgreSQL database that the journal is shipped to as well, say "
        "postgresql+psycopg://bridge@db.example/hub. Empty: HUB_FLEET in the environment, or none.",
    ),
    Option(
        "hub_report",
        Sequence[str],
        [],
        "Files to write the report to at the end, by suffix: .html, .md, .json, .csv or .txt.",
    ),
    Option(
        "hub_show_upstream",
        bool,
        False,
        "Show the bridge's own calls to Docker's hosts as flows, without credentials and tokens.",
    ),
    Option("hub_metrics", str, "", "host:port to serve figures for Prometheus on. Empty: none."),
)

_KINDS = {int: "a whole number", bool: "true or false", str: "a text"}
_BY_NAME = {option.name: option for option in OPTIONS}


def complaints(given: Mapping[str, object]) -> dict[str, str]:
    """What is wrong with options given before the addon was loaded: a sentence for each name.

    mitmproxy ignores a name it does not know, and a value of the wrong type disables the addon
    without a word, so both are looked at here. `given` maps each name to the strings of the
    command line, or to a value from config.yaml.
    """
    ours = ((name, value) for name, value in given.items() if name.startswith(PREFIX))
    return {name: complaint for name, value in ours if (complaint := _complaint(name, value))}


def _complaint(name: str, value: object) -> str | None:
    option = _BY_NAME.get(name)
    if option is None:
        near = get_close_matches(name, _BY_NAME, 1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(_BY_NAME)}."
        return f"{name} is not an option of the Hub v1 bridge. {hint}"
    if option.type == Sequence[str]:
        is_sound = not isinstance(value, str) and all(isinstance(one, str) for one in listed(value))
        return None if is_sound else f"{name} takes a list of texts, not {value!r}."
    given = listed(value)
    if option.type is bool and not given:
        return None  # `--set name` alone is true
    if len(given) != 1:
        return f"{name} takes one value, but was given {len(given) or 'none'}."
    if not _is_of(option.type, given[0], is_text=given is value):
        return f"{name} takes {_KINDS[option.type]}, not {given[0]!r}."
    return None


def listed(value: object) -> Sequence[object]:
    """The values of an option that may have several, or the one of another."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _is_of(kind: OptionType, value: object, *, is_text: bool) -> bool:
    """`is_text`: from the command line, where everything is."""
    if kind is str:
        return isinstance(value, str)
    if isinstance(value, str):
        return is_text and _is_written(kind, value)
    return type(value) is kind


def _is_written(kind: OptionType, text: str) -> bool:
    if kind is bool:
        return text in ("true", "false", "toggle")
    return text.strip().removeprefix("-").isdecimal()
