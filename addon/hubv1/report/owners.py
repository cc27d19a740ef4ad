"""Who runs which caller: the file of owners for --owners, and a template of one."""

import json
from collections import defaultdict
from collections.abc import Sequence
from glob import escape
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

import msgspec

from hubv1.journal import OTHERS, is_named
from hubv1.report.input_file import read_input
from hubv1.report.model import CallerUse, Report, Team
from hubv1.report.prose import listed
from hubv1.text import parse_address, printable

_Network = IPv4Network | IPv6Network
_NAMED = 5
_REPOSITORIES = 10
_HEAD = """\
# Who runs which caller, for `report --owners FILE`. Give each team its name, and merge entries of
# one team. A caller belongs to the first entry of which a network, caller or repository matches;
# * stands for any text in callers and repositories. `mail` and `link` may be left out.
"""


class Owner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the file."""

    team: str
    mail: str = ""
    link: str = ""
    networks: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()


class _File(msgspec.Struct, forbid_unknown_fields=True):
    owner: list[Owner]


def read_owners(path: Path) -> Sequence[Owner]:
    """The entries of that file; raises ReportError."""
    return read_input(path, "file of owners", _decode)


def _decode(text: str) -> list[Owner]:
    owners = msgspec.toml.decode(text, type=_File).owner
    for owner in owners:
        if not owner.team.strip():
            raise ValueError("an entry needs a team")
        if not (owner.networks or owner.callers or owner.repositories):
            raise ValueError(f"the entry of {owner.team!r} names no network, caller or repository")
        for network in owner.networks:
            ip_network(network)
    return owners


def teams_of(report: Report, owners: Sequence[Owner]) -> tuple[Team, ...]:
    """The callers of the report by team, those without an owner first, then in the order of the
    file."""
    known = [(owner, [*map(ip_network, owner.networks)]) for owner in owners]
    callers: dict[str, list[str]] = {team: [] for team in ("", *(owner.team for owner in owners))}
    for use in report.callers:
        found = (owner.team for owner, networks in known if _owns(owner, networks, use))
        callers[next(found, "")].append(use.caller)
    details: dict[str, tuple[str, str]] = {"": ("", "")}
    for owner in owners:
        mail, link = details.get(owner.team, ("", ""))
        details[owner.team] = mail or owner.mail, link or owner.link
    return tuple(
        Team(team, *details[team], tuple(names)) for team, names in callers.items() if team or names
    )


def _owns(owner: Owner, networks: Sequence[_Network], use: CallerUse) -> bool:
    if owner.callers and is_named(use.caller, owner.callers):
        return True
    if owner.repositories and any(is_named(one, owner.repositories) for one in use.repositories):
        return True
    address = _address(use) if networks else None
    return address is not None and any(address in network for network in networks)


def _address(use: CallerUse) -> IPv4Address | IPv6Address | None:
    return parse_address(use.address.partition("%")[0])


def owners_template(report: Report) -> str:
    """A file of owners to start from: an entry for each network, or name without an address."""
    by_network: defaultdict[str, list[CallerUse]] = defaultdict(list)
    named: list[CallerUse] = []
    for use in report.callers:
        address = _address(use)
        if use.caller == OTHERS:
            continue
        if address is None or not use.caller.endswith(f" at {use.address}"):
            named.append(use)
        else:
            width = 24 if address.version == 4 else 64  # of IP
            by_network[str(ip_network(address).supernet(new_prefix=width))].append(use)
    entries = [("networks", [net], uses) for net, uses in sorted(by_network.items())]
    entries += [("callers", [escape(use.caller)], [use]) for use in named]
    return "\n".join([_HEAD, *(_entry(f"team-{at}", *each) for at, each in enumerate(entries, 1))])


def _entry(team: str, kind: str, names: Sequence[str], uses: Sequence[CallerUse]) -> str:
    seen = [printable(use.caller) for use in uses]
    repositories = [*dict.fromkeys(printable(one) for use in uses for one in use.repositories)]
    lines = [
        f"# seen: {listed(seen, _NAMED)}",
        *([f"# for: {listed(repositories, _REPOSITORIES)}"] if repositories else []),
        "[[owner]]",
        f'team = "{team}"',
        'mail = ""',
        f"{kind} = [{', '.join(map(json.dumps, names))}]",
        "",
    ]
    return "\n".join(lines)
