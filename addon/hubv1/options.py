"""The addon's options: one row for each, and what makes a value sound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from hubv1.caller import CallerRules, Network
from hubv1.credentials import Basic
from hubv1.loopback import split_address
from hubv1.policy import Brownout, Mode, read_brownout

PREFIX = "hub_"

LEGACY_HOSTS = ("index.docker.io", "registry.hub.docker.com", "hub.docker.com")
"""The names under which Docker served API v1."""

LONGEST_DEADLINE = 3_600
LONGEST_CACHE_TTL = 86_400

OptionType = Any
"""`str`, `int`, `bool` or `Sequence[str]`: those of mitmproxy's that work from end to end."""
OptionValue = str | int | bool | Sequence[str]


class BadOption(Exception):
    """A value that cannot be used, and what to write instead, in one sentence."""


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
        "hub_journal_required",
        bool,
        False,
        "Refuse calls that cannot be recorded, instead of serving them.",
    ),
    Option("hub_metrics", str, "", "host:port to serve figures for Prometheus on. Empty: none."),
)

SECRET = "HUB_SECRET"  # noqa: S105  # its name
"""Environment variable with the secret of `hub_username`: options are shown, it must not be."""

_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-docker-token")

_KINDS = {int: "a whole number", bool: "true or false", str: "a text"}
_BY_NAME = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Settings:
    """The options' values, checked and ready for use."""

    mode: Mode
    rules: tuple[str, ...]
    """Modes and filters, as they were given."""
    brownout: Brownout
    hosts: frozenset[str]
    url: str
    registry_url: str
    """Empty for none."""
    cache_ttl: int
    """Seconds; 0 is off."""
    deadline: int
    account: Basic | None
    """The bridge's own."""
    challenge: bool
    callers: CallerRules
    journal: str
    """Empty for the default place."""
    journal_required: bool
    metrics: str
    """Address to serve them on; empty for none."""


def settings(values: Mapping[str, OptionValue], secret: str = "") -> Settings:
    """The settings of these option values; `secret` is that of `hub_username`. Raises BadOption."""
    return Settings(
        mode=_mode(str(values["hub_mode"])),
        rules=tuple(str(rule) for rule in _listed(values["hub_rule"])),
        brownout=_brownout(str(values["hub_brownout"])),
        hosts=_hosts(values["hub_hosts"]),
        url=_url("hub_url", str(values["hub_url"])),
        registry_url=_url_or_none("hub_registry_url", str(values["hub_registry_url"])),
        cache_ttl=_seconds("hub_cache_ttl", values["hub_cache_ttl"], 0, LONGEST_CACHE_TTL),
        deadline=_seconds("hub_deadline", values["hub_deadline"], 1, LONGEST_DEADLINE),
        account=_account(str(values["hub_username"]), secret),
        challenge=bool(values["hub_challenge"]),
        callers=CallerRules(
            _header(str(values["hub_caller_header"])), _networks(values["hub_trusted_proxies"])
        ),
        journal=str(values["hub_journal"]),
        journal_required=bool(values["hub_journal_required"]),
        metrics=_address("hub_metrics", str(values["hub_metrics"])),
    )


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
        is_sound = not isinstance(value, str) and all(
            isinstance(one, str) for one in _listed(value)
        )
        return None if is_sound else f"{name} takes a list of texts, not {value!r}."
    given = _listed(value)
    if option.type is bool and not given:
        return None  # `--set name` alone is true
    if len(given) != 1:
        return f"{name} takes one value, but was given {len(given) or 'none'}."
    if not _is_of(option.type, given[0], is_text=given is value):
        return f"{name} takes {_KINDS[option.type]}, not {given[0]!r}."
    return None


def _listed(value: object) -> Sequence[object]:
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


def _mode(name: str) -> Mode:
    if name not in list(Mode):
        raise BadOption(f"hub_mode takes one of {', '.join(Mode)}, not {name!r}.")
    return Mode(name)


def _brownout(text: str) -> Brownout:
    try:
        return read_brownout(text)
    except ValueError as error:
        raise BadOption(f"hub_brownout takes windows such as 5m/1h: {error}.") from error


def _hosts(given: OptionValue) -> frozenset[str]:
    hosts = frozenset(_host(str(host)) for host in _listed(given))
    if not hosts:
        raise BadOption("hub_hosts needs one host at least: without any, no call is a legacy call.")
    return hosts


def _host(host: str) -> str:
    name = host.strip().lower().rstrip(".")
    if not name or not set(name).isdisjoint("/:@ *"):
        raise BadOption(f"hub_hosts takes plain host names such as hub.docker.com, not {host!r}.")
    return name


def _networks(given: OptionValue) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(str(each).strip(), strict=False) for each in _listed(given))
    except ValueError as error:
        raise BadOption(
            f"hub_trusted_proxies takes addresses or networks such as 10.0.0.0/8: {error}."
        ) from error


def _address(option: str, address: str) -> str:
    try:
        if address:
            split_address(address)
    except ValueError as error:
        raise BadOption(f"{option} takes an address such as 127.0.0.1:9464: {error}.") from error
    return address


def _url(option: str, url: str) -> str:
    if "@" in url:
        raise BadOption(f"{option} must not hold a user name or password.")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        sound = sound and not any(char.isspace() or char == "%" for char in url)
    except ValueError:
        sound = False
    if not sound:
        raise BadOption(f"{option} takes a URL such as https://hub.docker.com, not {url!r}.")
    if parts.query or parts.fragment:
        raise BadOption(f"{option} takes a URL without a query or fragment.")
    return url.rstrip("/")


def _url_or_none(option: str, url: str) -> str:
    return _url(option, url) if url else ""


def _seconds(option: str, value: OptionValue, least: int, most: int) -> int:
    seconds = int(str(value))
    if not least <= seconds <= most:
        raise BadOption(f"{option} takes {least} to {most} seconds, not {seconds}.")
    return seconds


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


def _header(name: str) -> str:
    if not all(char.isalnum() or char in "-_" for char in name) or not name.isascii():
        raise BadOption(f"hub_caller_header takes a header name such as X-CI-Job, not {name!r}.")
    if name.lower() in _SECRET_HEADERS:
        raise BadOption(f"hub_caller_header must not be {name}: its value would be written down.")
    return name
