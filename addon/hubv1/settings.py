"""The options' values, checked and ready for use."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from hubv1.caller import CallerRules, Network
from hubv1.credentials import Basic
from hubv1.fleet.address import check_address
from hubv1.formats import UnknownFormat, format_of
from hubv1.journal import COUNTS_DAYS, FILE_NAME, JournalError
from hubv1.loopback import split_address
from hubv1.options import BadOption, OptionValue, listed
from hubv1.policy import Brownout, Mode, read_brownout

LONGEST_DEADLINE = 3_600
LONGEST_CACHE_TTL = 86_400

SECRET = "HUB_SECRET"  # noqa: S105  # its name
"""Environment variable with the secret of `hub_username`: options are shown, it must not be."""
FLEET = "HUB_FLEET"
"""Environment variable that stands in for an empty `hub_fleet`."""

_URL = re.compile(r"[\w:/?#\[\]@!$&'()*+,;=.~-]+", re.ASCII)
"""The characters of RFC 3986 but for percent-encoding: what is made of it goes into headers."""
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-docker-token")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the bridge is to do."""

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
    journal: str = field(repr=False)
    """Empty for the default place; else a path or a URL, perhaps with a password."""
    journal_days: int
    """For which single calls are kept."""
    journal_required: bool
    fleet: str = field(repr=False)
    """URL of its database, perhaps with a password; empty for none."""
    reports: tuple[Path, ...]
    """Files to write the report to at the end."""
    show_upstream: bool
    metrics: str
    """Address to serve them on; empty for none."""


def read_settings(values: Mapping[str, OptionValue], secret: str = "", fleet: str = "") -> Settings:
    """The settings of these option values. `secret` is that of `hub_username`, `fleet` stands in
    for an empty `hub_fleet`. Raises BadOption."""
    return Settings(
        mode=_mode(str(values["hub_mode"])),
        rules=tuple(str(rule) for rule in listed(values["hub_rule"])),
        brownout=_brownout(str(values["hub_brownout"])),
        hosts=_hosts(values["hub_hosts"]),
        url=_url("hub_url", str(values["hub_url"])),
        registry_url=_url_or_none("hub_registry_url", str(values["hub_registry_url"])),
        cache_ttl=_number("hub_cache_ttl", values, 0, LONGEST_CACHE_TTL),
        deadline=_number("hub_deadline", values, 1, LONGEST_DEADLINE),
        account=_account(str(values["hub_username"]), secret),
        challenge=bool(values["hub_challenge"]),
        callers=CallerRules(
            _header(str(values["hub_caller_header"])), _networks(values["hub_trusted_proxies"])
        ),
        journal=str(values["hub_journal"]),
        journal_days=_number("hub_journal_days", values, 1, COUNTS_DAYS, "days"),
        journal_required=bool(values["hub_journal_required"]),
        fleet=_fleet(str(values["hub_fleet"]) or fleet, str(values["hub_journal"])),
        reports=_reports(values["hub_report"]),
        show_upstream=bool(values["hub_show_upstream"]),
        metrics=_address("hub_metrics", str(values["hub_metrics"])),
    )


def settings_in(environment: Mapping[str, str], values: Mapping[str, OptionValue]) -> Settings:
    """The same, with what the environment has. Raises BadOption."""
    secret = environment.get(SECRET, "").rstrip("\r\n")
    return read_settings(values, secret, environment.get(FLEET, "").strip())


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
    hosts = frozenset(_host(str(host)) for host in listed(given))
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
        return tuple(ip_network(str(each).strip(), strict=False) for each in listed(given))
    except ValueError as error:
        raise BadOption(
            f"hub_trusted_proxies takes addresses or networks such as 10.0.0.0/8: {error}."
        ) from error


def _reports(given: OptionValue) -> tuple[Path, ...]:
    """The files, of which one value may name several with commas between them."""
    names = [name.strip() for value in listed(given) for name in str(value).split(",")]
    return tuple(_report(name) for name in names if name)


def _report(name: str) -> Path:
    path = Path(name).expanduser()
    try:
        format_of(path)
    except UnknownFormat as error:
        raise BadOption(f"hub_report: {error}.") from error
    if path.is_dir() or not path.parent.is_dir():
        raise BadOption(f"hub_report takes files in folders that there are, not {name!r}.")
    return path.absolute()


def _address(option: str, address: str) -> str:
    try:
        if address:
            split_address(address)
    except ValueError as error:
        raise BadOption(f"{option} takes an address such as 127.0.0.1:9464: {error}.") from error
    return address


def _fleet(url: str, journal: str) -> str:
    try:
        if url:
            check_address(url, journal or FILE_NAME)
    except JournalError as error:
        raise BadOption(str(error)) from error
    return url


def _url(option: str, url: str) -> str:
    if "@" in url:
        raise BadOption(f"{option} must not hold a user name or password.")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        sound = sound and _URL.fullmatch(url) is not None
    except ValueError:
        sound = False
    if not sound:
        raise BadOption(f"{option} takes a URL such as https://hub.docker.com, not {url!r}.")
    if parts.query or parts.fragment:
        raise BadOption(f"{option} takes a URL without a query or fragment.")
    return url.rstrip("/")


def _url_or_none(option: str, url: str) -> str:
    return _url(option, url) if url else ""


def _number(
    option: str, values: Mapping[str, OptionValue], least: int, most: int, unit: str = "seconds"
) -> int:
    number = int(str(values[option]))
    if not least <= number <= most:
        raise BadOption(f"{option} takes {least} to {most} {unit}, not {number}.")
    return number


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
