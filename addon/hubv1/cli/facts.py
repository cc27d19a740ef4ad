"""`facts`: whether Docker's hosts answer as the code assumes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import click

from hubv1.cli.docker_hosts import account_of, form_option, host_options, hosts_at, open_transport
from hubv1.cli.main import DONE, FAILED, FOUND, Command, say
from hubv1.proof import (
    FACTS,
    MOST_CALLS,
    PACE,
    CheckedFact,
    FactResult,
    Probes,
    as_json,
    as_line,
    as_markdown_table,
    check_facts,
    sum_up,
)

ENVIRONMENT_PREFIX = "HUB_FACTS"

_HELP = f"""\
Check whether Docker's hosts answer as the code assumes, fact by fact.

It makes at most {MOST_CALLS} requests within a minute, all of them GET unless it signs in with
--username. docs/facts.md has the table.

Exit codes: 0 every fact that could be asked holds; 1 nobody answered; 2 the arguments are wrong; 4
a fact differs.
"""


@click.command(cls=Command, help=_HELP, context_settings={"auto_envvar_prefix": ENVIRONMENT_PREFIX})
@host_options
@form_option
@click.option("--list", "is_list", is_flag=True, help="Ask nobody; print the table as Markdown.")
def facts(  # noqa: D103  # its help is above, with a figure in it
    hub: str,
    registry: str,
    username: str | None,
    form: str,
    *,
    is_list: bool,
) -> int:
    if is_list:
        click.echo(as_markdown_table(FACTS), nl=False)
        return DONE
    hosts, account = hosts_at(hub, registry), account_of(username)
    transport = open_transport(hosts)
    probes = Probes(hosts, transport, account, pace=0 if hosts.are_here else PACE)
    asked_at = datetime.now(UTC)
    is_json = form == "json"
    checked = asyncio.run(
        _checked(probes, (lambda _: None) if is_json else (lambda fact: click.echo(as_line(fact))))
    )
    click.echo(
        as_json(checked, probes, asked_at) if is_json else sum_up(checked, probes.calls),
        nl=not is_json,
    )
    if not probes.replies:
        say(f"Neither {hosts.hub} nor {hosts.registry} answered.")
        return FAILED
    return FOUND if any(each.result is FactResult.DIFFERS for each in checked) else DONE


async def _checked(probes: Probes, tell: Callable[[CheckedFact], object]) -> list[CheckedFact]:
    try:
        return await check_facts(FACTS, probes, tell)
    finally:
        await probes.transport.close()
