"""The file of proofs beside a journal, which `prove` writes and reports of the journal read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from hubv1.api.routes import Listing, route_named
from hubv1.journal import Location
from hubv1.report.input_file import ReportError, read_input
from hubv1.report.model import Finding, Report
from hubv1.report.output import write_whole
from hubv1.report.proven import Proof, ProofKey, ProofResult, Proven

SUFFIX = ".proof.json"
"""The end of the file's name, after the name of the journal."""

_MOST = 10_000
"""The most proofs in a file; the oldest are dropped."""
_PRIVATE = 0o600
_REPLACED = (Listing.TAGS, Listing.TAG, Listing.IMAGES)


class _File(msgspec.Struct):
    proofs: list[Proof]
    schema: Literal["hub-v1-proof/1"] = "hub-v1-proof/1"


def key_of(finding: Finding) -> ProofKey | None:
    """The key of the proof for a finding; None if nothing replaces its calls."""
    route = route_named(finding.route)
    is_replaced = route.listing in _REPLACED and not route.docker_token
    if route.listing is None or not is_replaced or "/" not in finding.repository:
        return None
    # Like the snippets: long lists of images may need an account.
    signs_in = finding.signed > 0 or (finding.paged > 0 and route.listing is Listing.IMAGES)
    return route.listing, finding.repository, signs_in


def file_beside(journal: str) -> Path | None:
    """The file of proofs for a journal; None for a journal in a server's database."""
    path = Location(journal).path
    return path and path.with_name(path.name + SUFFIX)


def read_proofs(
    journals: Iterable[str], files: Iterable[Path] = (), say: Callable[[str], None] = lambda _: None
) -> dict[ProofKey, Proof]:
    """The latest proof for each key in the files beside these journals, and in other ones.

    `say` hears of a file beside a journal that cannot be read. Raises ReportError for another one.
    """
    found: list[Proof] = []
    for journal in journals:
        path = file_beside(journal)
        if path is not None and path.exists():
            try:
                found += _read(path)
            except ReportError as error:
                say(f"{error} It is left out.")
    for path in files:
        found += _read(path)
    return {proof.key: proof for proof in sorted(found, key=lambda proof: proof.at)}


def write_proofs(path: Path, proofs: Mapping[ProofKey, Proof]) -> None:
    """Put these proofs into a file, in place of its older ones for the same.

    What could not be proven this time leaves an older proof alone. Raises OSError, and ReportError
    if the file cannot be read.
    """
    known: dict[ProofKey, Proof] = {}
    if path.exists() and path.stat().st_size:
        try:
            known = read_proofs((), [path])
        except ReportError as error:
            if isinstance(error.__cause__, OSError):
                raise
            # Else it is damaged: what it had can be found out again.
    known |= {
        key: proof
        for key, proof in proofs.items()
        if proof.result is not ProofResult.UNPROVEN or _is_unproven(known.get(key))
    }
    latest = sorted(known.values(), key=lambda proof: proof.at)[-_MOST:]
    path.touch(_PRIVATE)
    write_whole([as_proof_text(latest)], path)


def as_proof_text(proofs: Iterable[Proof]) -> str:
    """Proofs as they are kept, in JSON (schema `hub-v1-proof/1`)."""
    text = msgspec.json.format(msgspec.json.encode(_File([*proofs])), indent=2)
    return f"{text.decode()}\n"


def with_proofs(report: Report, proofs: Mapping[ProofKey, Proof]) -> Report:
    """The report with the proofs of its findings, and their sum for each caller."""
    if not proofs:
        return report
    keys: dict[str, list[ProofKey]] = {}
    for finding in report.findings:
        key = key_of(finding)
        if key is not None:
            keys.setdefault(finding.caller, []).append(key)
    used = {key: proofs[key] for each in keys.values() for key in each if key in proofs}
    callers = tuple(
        msgspec.structs.replace(use, proven=_proven(keys.get(use.caller, ()), used))
        for use in report.callers
    )
    return replace(report, callers=callers, proofs=used)


def unequal(report: Report) -> Sequence[Proof]:
    """Proofs of a difference, then those without a result, the latest first."""
    latest = sorted(report.proofs.values(), key=lambda proof: proof.at, reverse=True)
    return [
        proof
        for result in (ProofResult.DIFFERS, ProofResult.UNPROVEN)
        for proof in latest
        if proof.result is result
    ]


def _is_unproven(known: Proof | None) -> bool:
    return known is None or known.result is ProofResult.UNPROVEN


def _proven(keys: Sequence[ProofKey], proofs: Mapping[ProofKey, Proof]) -> Proven | None:
    found = [proofs[key] for key in keys if key in proofs]
    if not found:
        return None
    results = [proof.result for proof in found]
    return Proven(
        results.count(ProofResult.EQUAL),
        results.count(ProofResult.DIFFERS),
        len(keys),
        min(proof.at for proof in found),
    )


def _read(path: Path) -> list[Proof]:
    return read_input(path, "file of proofs", msgspec.json.Decoder(_File).decode).proofs
