"""The addon's options in one table, and the checked configuration that their values make."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hubv1.api.routes import LEGACY_HOSTS
from hubv1.calls import Brownout, Mode, Network, Rule, read_brownout, read_rule
from hubv1.fleet import check_fleet_url
from hubv1.hub import Basic
from hubv1.journal import COUNTS_DAYS, DAYS, FILE_NAME, NO_FILE, JournalError, is_url, masked
from hubv1.listen import split_address
from hubv1.reporting import format_of
from hubv1.text import stripped, without_user_info

PREFIX = "hub_"

SECRET = "HUB_SECRET"  # noqa: S105  # its name
"""The environment variable with the secret of `hub_username`, since mitmproxy shows options."""
FLEET = "HUB_FLEET"  # the environment variable that replaces an empty `hub_fleet`

_URL = re.compile(r"[\w:/?#\[\]@!$&'()*+,;=.~-]+", re.ASCII)
"""RFC 3986's characters without percent-encoding, since URLs of the bridge go into headers."""
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-docker-token")
_KINDS = {
    int: ("a whole number", re.compile(r"\s*-?\d+\s*")),
    bool: ("true or false", re.compile("true|false|toggle")),
    str: ("a string", re.compile(".*", re.DOTALL)),
}
"""The name of each type for people, and the pattern of its values on the command line."""


class BadOption(Exception):
    """An option has a value that cannot be used; the text says what to write instead."""

    def __init__(self, sentence: str) -> None:
        """`sentence` may quote a URL with a password, which is masked."""
        super().__init__(without_user_info(sentence))


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as mitmproxy and docs/options.md list it."""

    name: str
    default: str | int | bool | Sequence[str]
    help: str
    reader: Callable[[Any], object] | None

    @property
    def type(self) -> Any:  # noqa: ANN401  # mitmproxy's: str, int, bool or Sequence[str]
        """The option's type in mitmproxy."""
        return Sequence[str] if isinstance(self.default, list) else type(self.default)

    def read(self, value: object) -> object:
        """The checked value for Config; raises BadOption."""
        try:
            return self.reader(value) if self.reader else value
        except JournalError as error:
            raise BadOption(str(error)) from error
        except ValueError as error:
            raise BadOption(f"{self.name} {error}.") from error


# Readers turn the value of an option into its field of Config. They raise ValueError with the rest
# of a sentence that begins with the option's name, or JournalError with a whole sentence.


def _whole(least: int, most: int, unit: str) -> Callable[[int], int]:
    def read(number: int) -> int:
        if not least <= number <= most:
            raise ValueError(f"takes {least} to {most} {unit}, not {number}")
        return number

    return read


def _mode(name: str) -> Mode:
    if name not in list(Mode):
        raise ValueError(f"takes one of {', '.join(Mode)}, not {name!r}")
    return Mode(name)


def _rules(given: Sequence[str]) -> tuple[Rule, ...]:
    return tuple(map(read_rule, given))


def _explained(reader: Callable[[Any], Any], example: str) -> Callable[[Any], Any]:
    """A reader whose errors also say what the option takes."""

    def read(value: object) -> object:
        try:
            return reader(value)
        except ValueError as error:
            raise ValueError(f"takes {example}: {error}") from error

    return read


def _hosts(given: Sequence[str]) -> frozenset[str]:
    if not given:
        raise ValueError("needs at least one host: without any, no call is a legacy call")
    return frozenset(map(_host, given))


def _host(host: str) -> str:
    name = host.strip().lower().rstrip(".")
    if not name or not set(name).isdisjoint("/:@ *"):
        raise ValueError(f"takes plain host names such as hub.docker.com, not {host!r}")
    return name


def _url(url: str) -> str:
    if "@" in url:
        raise ValueError("must not contain a user name or password")
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_sound = False
    if not is_sound or not _URL.fullmatch(url):
        raise ValueError(f"takes a URL such as https://hub.docker.com, not {masked(url)!r}")
    if parts.query or parts.fragment:
        raise ValueError("takes a URL without a query or fragment")
    return url.rstrip("/")


def _header(name: str) -> str:
    if not re.fullmatch(r"[\w-]*", name, re.ASCII):
        raise ValueError(f"takes a header name such as X-CI-Job, not {name!r}")
    if name.lower() in _SECRET_HEADERS:
        raise ValueError(f"must not be {name}: its value would be recorded")
    return name


def _networks(given: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ip_network(each.strip(), strict=False) for each in given)


def _reports(given: Sequence[str]) -> tuple[Path, ...]:
    """The paths in all values, each of which may have several, separated by commas."""
    names = [name.strip() for value in given for name in value.split(",")]
    return tuple(_report(name) for name in names if name)


def _report(name: str) -> Path:
    path = Path(name).expanduser()
    _explained(format_of, "files for reports")(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"takes files in folders that exist, not {name!r}")
    return path.absolute()


def _address(address: str) -> str:
    if address:
        split_address(address)
    return address


def _journal(path: str) -> str:
    if is_url(path):
        raise JournalError(NO_FILE)
    return path


def _fleet(url: str) -> str:
    if url:
        check_fleet_url(url)
    return url


def _option(
    default: object,
    meaning: str,
    reader: Callable[[Any], object] | None = None,
    *,
    is_shown: bool = True,
) -> Any:  # noqa: ANN401  # a field of any type
    """A field of Config that is an option, with its default and its help."""
    return field(repr=is_shown, metadata={"option": (default, meaning, reader)})


@dataclass(frozen=True, slots=True)
class Config:
    """The checked values of all options, each in a field that is named without `hub_`."""

    mode: Mode = _option(  # noqa: RUF009  # a field
        "translate",
        "What becomes of calls to the six retired routes: translate, observe, redirect, gone or "
        "brownout.",
        _mode,
    )
    rule: tuple[Rule, ...] = _option(
        [],
        "MODE FILTER, such as 'gone ~src 10.0.0.7': a mode for the calls that mitmproxy's filter "
        "matches. The first rule that matches decides; hub_mode applies to the rest.",
        _rules,
    )
    brownout: Brownout = _option(  # noqa: RUF009  # a field
        "5m/1h",
        "When v1 is gone in brownout mode: 5m/1h is the first 5 minutes of each hour (UTC).",
        _explained(read_brownout, "windows such as 5m/1h"),
    )
    hosts: frozenset[str] = _option(
        list(LEGACY_HOSTS),
        "Host names whose v1 calls are legacy calls. In reverse mode the path alone decides.",
        _hosts,
    )
    url: str = _option("https://hub.docker.com", "URL of Docker Hub API v2.", _url)
    registry_url: str = _option(
        "https://registry-1.docker.io",
        "URL of the registry API, for tag lists that Hub does not give in full. Empty: do without.",
        lambda url: url and _url(url),
    )
    cache_ttl: int = _option(
        10,
        "Seconds for which a complete answer is reused for equal calls. 0 turns the cache off. "
        "Errors, 404 included, are never cached.",
        _whole(0, 86_400, "seconds"),
    )
    deadline: int = _option(
        30,
        "Seconds within which a caller gets an answer, retries included.",
        _whole(1, 3_600, "seconds"),
    )
    username: str = _option(
        "",
        "Docker account for the pages that Hub refuses to a caller who could read the first one. "
        f"Its secret, or a token with public read access, is in the environment as {SECRET}.",
    )
    pages: bool = _option(
        False,
        "Read the pages of v2's tag lists that Hub refuses to anonymous callers with the account "
        "of hub_username, if the caller could read the first page.",
    )
    challenge: bool = _option(
        False,
        "Answer an anonymous caller's 404 with 401 and a Basic challenge, for clients such as "
        "wget that send credentials only after one.",
    )
    caller_header: str = _option(
        "",
        "Request header that names the caller, such as X-CI-Job. Empty: the caller is the user "
        "agent's product at its address.",
        _header,
    )
    trusted_proxies: tuple[Network, ...] = _option(
        [],
        "Addresses or networks of proxies in front of the bridge whose X-Forwarded-For is trusted.",
        _explained(_networks, "addresses or networks such as 10.0.0.0/8"),
    )
    journal: str = _option(
        "",
        f"Path of the journal, an SQLite file. Empty: {FILE_NAME} in mitmproxy's confdir.",
        _journal,
        is_shown=False,
    )
    journal_days: int = _option(
        DAYS,
        f"Days for which the journal keeps single calls. It keeps their counts for {COUNTS_DAYS}.",
        _whole(1, COUNTS_DAYS, "days"),
    )
    journal_required: bool = _option(
        False, "Refuse calls that cannot be recorded, instead of serving them."
    )
    anonymize: bool = _option(
        False, "Keep of callers' addresses the network alone (/24, IPv6 /48), and no user names."
    )
    fleet: str = _option(
        "",
        "URL of a PostgreSQL database to ship the journal to as well, such as "
        f"postgresql+psycopg://bridge@db.example/hub. Empty: {FLEET} in the environment, or none.",
        _fleet,
        is_shown=False,  # it may have a password
    )
    report: tuple[Path, ...] = _option(
        [],
        "Files to write the report to at shutdown, by suffix: .html, .md, .json, .csv or .txt.",
        _reports,
    )
    show_upstream: bool = _option(
        False,
        "Show the bridge's requests to Docker's hosts as flows, without credentials and tokens.",
    )
    metrics: str = _option(
        "",
        "host:port to serve Prometheus metrics on. Empty: none.",
        _explained(_address, "an address such as 127.0.0.1:9464"),
    )
    account: Basic | None = None  # `hub_username` with the secret from the environment


OPTIONS: tuple[Option, ...] = tuple(
    Option(PREFIX + each.name, *each.metadata["option"]) for each in fields(Config) if each.metadata
)
_BY_NAME = {option.name: option for option in OPTIONS}


def read_config(values: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Config:
    """Check the values of all options; raises BadOption.

    The environment may have the secret of `hub_username` (HUB_SECRET) and a replacement for an
    empty `hub_fleet` (HUB_FLEET).
    """
    environment = environment or {}
    fleet = stripped(values["hub_fleet"]) or stripped(environment.get(FLEET, ""))
    given = {**values, "hub_fleet": fleet}
    read: dict[str, Any] = {
        option.name.removeprefix(PREFIX): option.read(given[option.name]) for option in OPTIONS
    }
    secret = stripped(environment.get(SECRET, ""))
    return Config(**read, account=_account(read["username"], secret))


def _account(user: str, secret: str) -> Basic | None:
    if not user:
        return None
    account = Basic(user, secret)
    if ":" in user or not account.is_possible:
        raise BadOption(
            "hub_username takes the name of a Docker account, without a secret; the secret is read "
            f"from the environment variable {SECRET}, which is {'set' if secret else 'empty'}."
        )
    return account


def complaints(given: Mapping[str, object]) -> dict[str, str]:
    """A sentence for each wrong option that was given before the addon was loaded, by its name.

    mitmproxy ignores an unknown name, and a value of the wrong type silently disables the addon, so
    both are checked here. `given` is mitmproxy's OptManager.deferred, which has strings of the
    command line as a list in `val`, and plain values of config.yaml.
    """
    found = {
        name: _complaint(name, getattr(value, "val", value))
        for name, value in given.items()
        if name.startswith(PREFIX)
    }
    return {name: complaint for name, complaint in found.items() if complaint}


def _complaint(name: str, value: object) -> str | None:
    option = _BY_NAME.get(name)
    if option is None:
        near = get_close_matches(name, _BY_NAME, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Its options are {', '.join(_BY_NAME)}."
        return f"{name} is not an option of the Hub v1 bridge. {hint}"
    if option.type == Sequence[str]:
        is_sound = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return None if is_sound else f"{name} takes a list of strings, not {value!r}."
    given = value if isinstance(value, list) else [value]
    if option.type is bool and not given:
        return None  # `--set name` alone is true
    if len(given) != 1:
        return f"{name} takes one value, but was given {len(given) or 'none'}."
    kind, spelling = _KINDS[option.type]
    is_spelled = given is value and isinstance(given[0], str) and spelling.fullmatch(given[0])
    if is_spelled or type(given[0]) is option.type:
        return None
    return f"{name} takes {kind}, not {given[0]!r}."
