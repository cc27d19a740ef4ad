"""`prove`: whether the replacement of each finding gives what the bridge answers."""

import asyncio
import os
from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from hubv1.cli.docker_hosts import account_of, form_option, host_options, hosts_at, open_transport
from hubv1.cli.main import DONE, FAILED, FOUND, WRONG_USAGE, Command, Failure, error_in_words, say
from hubv1.cli.sudo import become_caller
from hubv1.hub import Basic, HubClient
from hubv1.journal import JournalError, Location, asked_tags
from hubv1.proof import (
    MOST_TAGS,
    PROOF_PACE,
    TOOLS,
    Candidate,
    Hosts,
    NotAsked,
    Prover,
    SnippetRunner,
    candidates_of,
    find_urls,
    prove_all,
)
from hubv1.report import (
    DEFAULT_JOURNAL,
    Proof,
    ProofKey,
    ProofResult,
    ReportError,
    UnknownNameError,
    as_proof_text,
    file_beside,
    read_proofs,
    report_from,
    write_proofs,
)
from hubv1.text import number, printable

ENVIRONMENT_PREFIX = "HUB_PROVE"
LIMIT = 50

_NARROWING = (
    *("captures", "since", "until", "route", "host", "outcome"),
    *("ignore", "baseline", "owners", "proof"),
)
"""The other options of a report, which stay unset."""

_NOT_KEPT = "The proofs cannot be kept: {} Name a file: -o FILE."

_HELP = f"""\
Check that the replacement of each finding of a report gives what the bridge answers.

For each repository that is called, it asks Docker Hub as the bridge does, runs the snippet that the
report shows, and compares names, their order, and whether there are any. If they differ, it reads
both again, to tell a difference from a list that changes. The report of the same journal shows the
results.

Exit codes: 0 nothing differs; 1 nothing could be compared; 2 the arguments are wrong; {FOUND} a
replacement differs.
"""


@click.command(cls=Command, help=_HELP, context_settings={"auto_envvar_prefix": ENVIRONMENT_PREFIX})
@click.option(
    "--journal",
    metavar="PATH-OR-URL",
    multiple=True,
    help=f"Journal whose findings to prove. May be given several times. Default: {DEFAULT_JOURNAL}",
)
@click.option("--caller", metavar="NAME", multiple=True, help="Only findings of that caller.")
@click.option(
    "--repository", metavar="NAME", multiple=True, help="Only findings for that repository."
)
@host_options
@click.option(
    "--tool",
    type=click.Choice([*TOOLS]),
    multiple=True,
    help="Run the snippets for that tool. Default: the shortest whose programs are installed.",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    default=LIMIT,
    help=f"Compare at most N, first those that never were. Default: {LIMIT}.",
)
@form_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Keep the proofs there, for report --proof FILE. Default: beside the journal.",
)
@click.pass_context
def prove(context: click.Context, /, **given: Any) -> int:  # noqa: ANN401, D103  # click's; its help is above
    options = Namespace(**given)
    become_caller(context.command_path)
    hosts, account = hosts_at(options.hub, options.registry), account_of(options.username)
    options.journal = options.journal or (DEFAULT_JOURNAL,)
    try:
        files = [options.output] if options.output else _files_beside(options.journal)
        candidates = _candidates(options)
    except (JournalError, ReportError, OSError) as error:
        raise Failure(error_in_words(error)) from error
    if not candidates:
        raise Failure("There is no finding with a replacement to compare.")
    _check_writable(files)
    proofs: dict[ProofKey, Proof] = {}

    def tell(candidate: Candidate, proof: Proof) -> None:
        proofs[proof.key] = proof
        if options.form == "terminal":
            click.echo(_line(candidate, proof))

    titles = [TOOLS[name] for name in options.tool] or [*TOOLS.values()]
    chosen, more = candidates[: options.limit], len(candidates[options.limit :])
    try:
        left = asyncio.run(_prove(chosen, hosts, account, titles, tell))
    finally:  # also after Ctrl-C
        _keep(proofs, files)
    if options.form == "json":
        click.echo(as_proof_text(proofs.values()), nl=False)
    else:
        click.echo(_in_sum(proofs, files))
    if more and not left:
        left = f"{number(more, 'replacement')} more: run it again, or with a higher --limit."
    if left:
        say(left)
    return _exit_code({proof.result for proof in proofs.values()})


def _exit_code(results: Collection[ProofResult]) -> int:
    if ProofResult.DIFFERS in results:
        return FOUND
    return DONE if ProofResult.EQUAL in results else FAILED


def _line(candidate: Candidate, proof: Proof) -> str:
    line = f"{proof.result:<8}  {candidate.in_words}: {proof.in_words}"
    return printable(f"{line} ({proof.tool})" if proof.tool else line)


async def _prove(
    candidates: Sequence[Candidate],
    hosts: Hosts,
    account: Basic | None,
    titles: Sequence[str],
    tell: Callable[[Candidate, Proof], None],
) -> str:
    transport = open_transport(hosts)
    client = HubClient(hosts.hub, hosts.registry, transport)
    try:
        urls = await find_urls(hosts, transport)
        runner = SnippetRunner(hosts.registry, account)
        pace = 0 if hosts.are_here else PROOF_PACE
        prover = Prover(client, runner, urls, titles, account, pace)
        return await prove_all(candidates, prover, tell)
    except NotAsked as reason:
        raise Failure(f"{reason}.") from reason
    finally:
        await client.close()


def _files_beside(journals: Sequence[str]) -> list[Path]:
    """The files in which reports of these journals look for proofs. Raises UsageError."""
    files = [*filter(None, map(file_beside, journals))]
    if not files:
        raise click.UsageError("a database has no folder to keep proofs in: name a file, -o FILE")
    return files


def _candidates(options: Namespace) -> list[Candidate]:
    """The replacements to prove for the journals, the most important first."""
    named = [options.output] if options.output and options.output.exists() else []
    known = read_proofs(() if options.output else options.journal, named, say)
    everything = Namespace(**dict.fromkeys(_NARROWING), **vars(options))
    try:
        made = report_from(everything, datetime.now(UTC), lambda _: None)
    except UnknownNameError as error:
        raise Failure(str(error), WRONG_USAGE) from error
    tags: defaultdict[str, list[str]] = defaultdict(list)
    for journal in options.journal:
        for repository, tag in asked_tags(Location(journal)):
            if len(tags[repository]) < MOST_TAGS:
                tags[repository].append(tag)
    return candidates_of(made.findings, known, tags, can_sign_in=bool(options.username))


def _check_writable(files: Sequence[Path]) -> None:
    """Raise Failure before minutes of work if a file cannot be written."""
    for file in files:
        written = file if file.exists() else file.parent
        if not os.access(written, os.W_OK):
            raise Failure(_NOT_KEPT.format(f"{written} cannot be written."))


def _keep(proofs: Mapping[ProofKey, Proof], files: Sequence[Path]) -> None:
    try:
        for file in files if proofs else ():
            write_proofs(file, proofs)
    except (ReportError, OSError) as error:
        raise Failure(_NOT_KEPT.format(error_in_words(error))) from error


def _in_sum(proofs: Mapping[ProofKey, Proof], files: Sequence[Path]) -> str:
    found = Counter(proof.result for proof in proofs.values())
    counts = (
        f"{found[ProofResult.EQUAL]:,} of {len(proofs):,} proven equal",
        number(found[ProofResult.DIFFERS], "differs", "differ"),
        f"{found[ProofResult.UNPROVEN]:,} unproven",
    )
    return f"{', '.join(counts)}. Kept in {printable(', '.join(map(str, files)))}."
