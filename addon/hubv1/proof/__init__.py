"""Proof: facts about Docker's hosts are checked, and replacements compared with v1's answers."""

from collections.abc import Sequence
from operator import attrgetter

from hubv1.proof import hub_facts, registry_facts, tag_facts
from hubv1.proof.fact import (
    CheckedFact,
    Fact,
    FactResult,
    as_json,
    as_line,
    as_markdown_table,
    check_facts,
    sum_up,
)
from hubv1.proof.probes import DOCKERS, MOST_CALLS, PACE, Hosts, NotAsked, Probes
from hubv1.proof.proving import (
    MOST_TAGS,
    PROOF_PACE,
    Candidate,
    Prover,
    candidates_of,
    find_urls,
    prove_all,
)
from hubv1.proof.snippet_runner import TOOLS, SnippetRunner, Urls

__all__ = [
    "DOCKERS",
    "FACTS",
    "MOST_CALLS",
    "MOST_TAGS",
    "PACE",
    "PROOF_PACE",
    "TOOLS",
    "Candidate",
    "CheckedFact",
    "Fact",
    "FactResult",
    "Hosts",
    "NotAsked",
    "Probes",
    "Prover",
    "SnippetRunner",
    "Urls",
    "as_json",
    "as_line",
    "as_markdown_table",
    "candidates_of",
    "check_facts",
    "find_urls",
    "prove_all",
    "sum_up",
]

FACTS: Sequence[Fact] = sorted(
    [*hub_facts.TABLE, *tag_facts.TABLE, *registry_facts.TABLE], key=attrgetter("id")
)
"""All facts by number; the last one is about replies to the others."""
