"""How commands reach Docker's hosts: their URLs, the account and the proxy."""

import os
import re
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import click

import hubv1
from hubv1.components import new_bridge_id
from hubv1.config import SECRET
from hubv1.hub import Basic, Connections, Transport
from hubv1.proof import DOCKERS, Hosts
from hubv1.text import stripped

_URL = re.compile(r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[\w./~-]*)?", re.ASCII)
"""URLs that are safe within quotes in a script."""

_Command = TypeVar("_Command", bound=Callable[..., object])


def _read_url(_: click.Context, __: click.Parameter, value: str) -> str:
    if _URL.fullmatch(value) is None:
        raise click.BadParameter("it takes a URL such as https://hub.docker.com")
    return value.rstrip("/")


def host_options(command: _Command) -> _Command:
    """The options `--hub`, `--registry` and `--username`."""
    account = f"Docker account, with its secret in {SECRET}. Default: nobody signs in."
    command = click.option("--username", metavar="NAME", help=account)(command)
    command = _url_option("--registry", DOCKERS.registry, "the registry")(command)
    return _url_option("--hub", DOCKERS.hub, "Docker Hub")(command)


def _url_option(flag: str, default: str, host: str) -> Callable[[_Command], _Command]:
    text = f"Where {host} is. Default: {default}."
    return click.option(flag, metavar="URL", default=default, callback=_read_url, help=text)


form_option = click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "json"]),
    default="terminal",
    help="Default: terminal.",
)


def hosts_at(hub: str, registry: str) -> Hosts:
    """Docker's hosts, or stand-ins for them, whose registry is also the index."""
    return Hosts(hub, registry, DOCKERS.index if registry == DOCKERS.registry else registry)


def account_of(username: str | None) -> Basic | None:
    """The account of that name; raises UsageError if its secret is not set."""
    if not username:
        return None
    account = Basic(username, stripped(os.environ.get(SECRET, "")))
    if not account.is_possible:
        raise click.UsageError(
            f"--username needs the secret of {username} in the environment, as {SECRET}"
        )
    return account


def open_transport(hosts: Hosts) -> Transport:
    """Connections to these hosts, through the proxy that the environment names."""
    return Transport(
        f"1.1 {new_bridge_id()}", f"hub-v1-bridge/{hubv1.__version__}", _connections(hosts.hub)
    )


def _connections(url: str) -> Connections:
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all", "")
    if not proxy or proxy_bypass(parts.netloc):
        return Connections()
    given = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    auth = f"{unquote(given.username)}:{unquote(given.password or '')}" if given.username else ""
    place = given.netloc.rpartition("@")[2]
    return Connections(proxy=f"{given.scheme}://{place}", proxy_auth=auth)
