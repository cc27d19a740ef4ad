"""The addon's options in one table, and the checked configuration that their values make."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mitmproxy.optmanager import OptManager

from hubv1.api.routes import LEGACY_HOSTS
from hubv1.calls import Brownout, Mode, Network, Rule, read_brownout, read_rule
from hubv1.fleet import check_fleet_url
from hubv1.formats import UnknownFormat, format_of
from hubv1.hub import Basic
from hubv1.journal import COUNTS_DAYS, DAYS, FILE_NAME, NO_FILE, JournalError, is_url, masked
from hubv1.listen import split_address
from hubv1.text import stripped, without_user_info

PREFIX = "hub_"
LONGEST_DEADLINE = 3_600
LONGEST_CACHE_TTL = 86_400

SECRET = "HUB_SECRET"  # noqa: S105  # its name
"""Environment variable with the secret of `hub_username`; options are shown, a secret is not."""
FLEET = "HUB_FLEET"
"""Environment variable that stands in for an empty `hub_fleet`."""

_URL = re.compile(r"[\w:/?#\[\]@!$&'()*+,;=.~-]+", re.ASCII)
"""The characters of RFC 3986 without percent-encoding: URLs of the bridge go into headers."""
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-docker-token")

OptionType = Any
"""`str`, `int`, `bool` or `Sequence[str]`: the types of mitmproxy's that work end to end."""
OptionValue = str | int | bool | Sequence[str]


class BadOption(Exception):
    """A value that cannot be used, and what to write instead, in one sentence."""

    def __init__(self, sentence: str) -> None:
        """The value may be quoted in it, a URL with a password perhaps."""
        super().__init__(without_user_info(sentence))


# Readers: each turns the value of an option into its field of Config, or raises BadOption.


def _any(_: str, value: Any) -> Any:  # noqa: ANN401  # an option's value
    return value


def _whole(least: int, most: int, unit: str) -> Callable[[str, Any], int]:
    def read(option: str, number: Any) -> int:  # noqa: ANN401  # an option's value
        if not least <= number <= most:
            raise BadOption(f"{option} takes {least} to {most} {unit}, not {number}.")
        return int(number)

    return read


def _mode(option: str, name: str) -> Mode:
    if name not in list(Mode):
        raise BadOption(f"{option} takes one of {', '.join(Mode)}, not {name!r}.")
    return Mode(name)


def _rules(option: str, given: Sequence[str]) -> tuple[Rule, ...]:
    try:
        return tuple(read_rule(each) for each in given)
    except ValueError as error:
        raise BadOption(f"{option} {error}.") from error


def _brownout(option: str, text: str) -> Brownout:
    try:
        return read_brownout(text)
    except ValueError as error:
        raise BadOption(f"{option} takes windows such as 5m/1h: {error}.") from error


def _hosts(option: str, given: Sequence[str]) -> frozenset[str]:
    hosts = frozenset(_host(option, host) for host in given)
    if not hosts:
        raise BadOption(f"{option} needs at least one host: without any, no call is a legacy call.")
    return hosts


def _host(option: str, host: str) -> str:
    name = host.strip().lower().rstrip(".")
    if not name or not set(name).isdisjoint("/:@ *"):
        raise BadOption(f"{option} takes plain host names such as hub.docker.com, not {host!r}.")
    return name


def _url(option: str, url: str) -> str:
    if "@" in url:
        raise BadOption(f"{option} must not hold a user name or password.")
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        is_sound = is_sound and _URL.fullmatch(url) is not None
    except ValueError:
        is_sound = False
    if not is_sound:
        raise BadOption(
            f"{option} takes a URL such as https://hub.docker.com, not {masked(url)!r}."
        )
    if parts.query or parts.fragment:
        raise BadOption(f"{option} takes a URL without a query or fragment.")
    return url.rstrip("/")


def _url_or_none(option: str, url: str) -> str:
    return _url(option, url) if url else ""


def _header(option: str, name: str) -> str:
    if not all(char.isalnum() or char in "-_" for char in name) or not name.isascii():
        raise BadOption(f"{option} takes a header name such as X-CI-Job, not {name!r}.")
    if name.lower() in _SECRET_HEADERS:
        raise BadOption(f"{option} must not be {name}: its value would be recorded.")
    return name


def _networks(option: str, given: Sequence[str]) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(each.strip(), strict=False) for each in given)
    except ValueError as error:
        raise BadOption(
            f"{option} takes addresses or networks such as 10.0.0.0/8: {error}."
        ) from error


def _reports(option: str, given: Sequence[str]) -> tuple[Path, ...]:
    """The files; one value may name several, separated by commas."""
    names = [name.strip() for value in given for name in value.split(",")]
    return tuple(_report(option, name) for name in names if name)


def _report(option: str, name: str) -> Path:
    path = Path(name).expanduser()
    try:
        format_of(path)
    except UnknownFormat as error:
        raise BadOption(f"{option}: {error}.") from error
    if path.is_dir() or not path.parent.is_dir():
        raise BadOption(f"{option} takes files in folders that exist, not {name!r}.")
    return path.absolute()


def _address(option: str, address: str) -> str:
    try:
        if address:
            split_address(address)
    except ValueError as error:
        raise BadOption(f"{option} takes an address such as 127.0.0.1:9464: {error}.") from error
    return address


def _journal(_option: str, path: str) -> str:
    if is_url(path):
        raise BadOption(NO_FILE)
    return path


def _fleet(_option: str, url: str) -> str:
    try:
        if url:
            check_fleet_url(url)
    except JournalError as error:
        raise BadOption(str(error)) from error
    return url


def _account(user: str, secret: str) -> Basic | None:
    if not user:
        return None
    account = Basic(user, secret)
    if ":" in user or not account.is_possible:
        raise BadOption(
            f"hub_username takes the name of a Docker account, without a secret; that is taken "
            f"from the environment variable {SECRET}, which is {'set' if secret else 'empty'}."
        )
    return account


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as mitmproxy and README list it."""

    name: str
    type: OptionType
    default: OptionValue
    help: str
    read: Callable[[str, Any], object] = _any
    """Turns name and value into the field of Config; raises BadOption."""


OPTIONS: tuple[Option, ...] = (
    Option(
        "hub_mode",
        str,
        "translate",
        "What becomes of calls to the six retired routes: translate, observe, redirect, gone or "
        "brownout.",
        _mode,
    ),
    Option(
        "hub_rule",
        Sequence[str],
        [],
        "MODE FILTER, such as 'gone ~src 10.0.0.7': a mode for the calls that mitmproxy's filter "
        "matches. The first rule that matches decides; hub_mode applies to the rest.",
        _rules,
    ),
    Option(
        "hub_brownout",
        str,
        "5m/1h",
        "When v1 is gone in brownout mode: 5m/1h is the first 5 minutes of each hour (UTC).",
        _brownout,
    ),
    Option(
        "hub_hosts",
        Sequence[str],
        list(LEGACY_HOSTS),
        "Host names whose v1 calls are legacy calls. In reverse mode the path alone decides.",
        _hosts,
    ),
    Option("hub_url", str, "https://hub.docker.com", "URL of Docker Hub API v2.", _url),
    Option(
        "hub_registry_url",
        str,
        "https://registry-1.docker.io",
        "URL of the registry API, for tag lists that Hub does not give in full. Empty: do without.",
        _url_or_none,
    ),
    Option(
        "hub_cache_ttl",
        int,
        10,
        "Seconds for which a complete answer is reused for equal calls. 0 turns the cache off. "
        "Errors, 404 included, are never cached.",
        _whole(0, LONGEST_CACHE_TTL, "seconds"),
    ),
    Option(
        "hub_deadline",
        int,
        30,
        "Seconds within which a caller gets an answer, retries included.",
        _whole(1, LONGEST_DEADLINE, "seconds"),
    ),
    Option(
        "hub_username",
        str,
        "",
        "Docker account for the pages that Hub refuses to a caller who could read the first one. "
        f"Its secret, or a token with public read access, is in the environment as {SECRET}.",
    ),
    Option(
        "hub_challenge",
        bool,
        False,
        "Answer an anonymous caller's 404 with 401 and a Basic challenge, for clients such as "
        "wget that send credentials only after one.",
    ),
    Option(
        "hub_caller_header",
        str,
        "",
        "Request header that names the caller, such as X-CI-Job. Empty: the caller is the user "
        "agent's product at its address.",
        _header,
    ),
    Option(
        "hub_trusted_proxies",
        Sequence[str],
        [],
        "Addresses or networks of proxies in front of the bridge whose X-Forwarded-For is trusted.",
        _networks,
    ),
    Option(
        "hub_journal",
        str,
        "",
        f"Path of the journal, an SQLite file. Empty: {FILE_NAME} in mitmproxy's confdir.",
        _journal,
    ),
    Option(
        "hub_journal_days",
        int,
        DAYS,
        f"Days for which the journal keeps single calls. It keeps their counts for {COUNTS_DAYS}.",
        _whole(1, COUNTS_DAYS, "days"),
    ),
    Option(
        "hub_journal_required",
        bool,
        False,
        "Refuse calls that cannot be recorded, instead of serving them.",
    ),
    Option(
        "hub_anonymize",
        bool,
        False,
        "Keep of callers' addresses the network alone (/24, IPv6 /48), and no user names.",
    ),
    Option(
        "hub_fleet",
        str,
        "",
        "URL of a PostgreSQL database to ship the journal to as well, such as "
        f"postgresql+psycopg://bridge@db.example/hub. Empty: {FLEET} in the environment, or none.",
        _fleet,
    ),
    Option(
        "hub_report",
        Sequence[str],
        [],
        "Files to write the report to at shutdown, by suffix: .html, .md, .json, .csv or .txt.",
        _reports,
    ),
    Option(
        "hub_show_upstream",
        bool,
        False,
        "Show the bridge's requests to Docker's hosts as flows, without credentials and tokens.",
    ),
    Option(
        "hub_metrics", str, "", "host:port to serve Prometheus metrics on. Empty: none.", _address
    ),
)

_KINDS = {int: "a whole number", bool: "true or false", str: "a string"}
_BY_NAME = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Config:
    """The checked values of all options: one field each, named without the prefix `hub_`."""

    mode: Mode
    rule: tuple[Rule, ...]
    brownout: Brownout
    hosts: frozenset[str]
    url: str
    registry_url: str
    """Empty for none."""
    cache_ttl: int
    """Seconds; 0 is off."""
    deadline: int
    """Seconds."""
    username: str
    challenge: bool
    caller_header: str
    trusted_proxies: tuple[Network, ...]
    journal: str = field(repr=False)
    """Empty for the default path."""
    journal_days: int
    journal_required: bool
    anonymize: bool
    fleet: str = field(repr=False)
    """URL of the fleet's database, perhaps with a password; empty for none."""
    report: tuple[Path, ...]
    show_upstream: bool
    metrics: str
    """Address to serve them on; empty for none."""
    account: Basic | None = None
    """The bridge's own: `hub_username` with the secret from the environment."""


def read_config(
    values: Mapping[str, OptionValue], environment: Mapping[str, str] | None = None
) -> Config:
    """Check the values of all options; raises BadOption.

    The environment may hold the secret of `hub_username` (HUB_SECRET) and a stand-in for an empty
    `hub_fleet` (HUB_FLEET).
    """
    environment = environment or {}
    fleet = stripped(str(values["hub_fleet"])) or stripped(environment.get(FLEET, ""))
    given = {**values, "hub_fleet": fleet}
    read: dict[str, Any] = {
        option.name.removeprefix(PREFIX): option.read(option.name, given[option.name])
        for option in OPTIONS
    }
    secret = stripped(environment.get(SECRET, ""))
    return Config(**read, account=_account(read["username"], secret))


def given_options(manager: OptManager) -> dict[str, object]:
    """The options given before the addon declared them: strings of the command line as a list,
    values of config.yaml as they are."""
    return {name: getattr(value, "val", value) for name, value in manager.deferred.items()}


def complaints(given: Mapping[str, object]) -> dict[str, str]:
    """What is wrong with options given before the addon was loaded: a sentence for each name.

    mitmproxy ignores a name it does not know, and a value of the wrong type disables the addon
    without a word, so both are checked here. `given` is what `given_options` returns.
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
        is_sound = not isinstance(value, str) and all(
            isinstance(one, str) for one in _listed(value)
        )
        return None if is_sound else f"{name} takes a list of strings, not {value!r}."
    given = _listed(value)
    if option.type is bool and not given:
        return None  # `--set name` alone is true
    if len(given) != 1:
        return f"{name} takes one value, but was given {len(given) or 'none'}."
    if not _is_of(option.type, given[0], is_text=given is value):
        return f"{name} takes {_KINDS[option.type]}, not {given[0]!r}."
    return None


def _listed(value: object) -> Sequence[object]:
    """The values of an option that may have several, or the one value of another."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _is_of(kind: OptionType, value: object, *, is_text: bool) -> bool:
    """Whether a value has that type; on the command line (`is_text`) all values are strings."""
    if kind is str:
        return isinstance(value, str)
    if isinstance(value, str):
        return is_text and _is_written(kind, value)
    return type(value) is kind


def _is_written(kind: OptionType, text: str) -> bool:
    if kind is bool:
        return text in ("true", "false", "toggle")
    return text.strip().removeprefix("-").isdecimal()
