"""Proof: facts about Docker's hosts, looked for where they are, and replacements held against what
callers get today."""

from hubv1.proof.fact import CheckedFact, Fact, FactResult, check_facts
from hubv1.proof.facts_text import FACTS, as_json, as_line, as_markdown_table, in_sum
from hubv1.proof.probes import DOCKERS, MOST_CALLS, PACE, Hosts, NotAsked, Probes
from hubv1.proof.proving import (
    MOST_TAGS,
    PROOF_PACE,
    Candidate,
    Prover,
    candidates_of,
    prove_all,
    urls_of,
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
    "in_sum",
    "prove_all",
    "urls_of",
]
