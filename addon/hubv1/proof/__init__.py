"""Proof: facts about Docker's hosts, looked for where they are, and replacements held against what
callers get today."""

from hubv1.proof.fact import CheckedFact, Fact, FactResult, check_facts
from hubv1.proof.facts_text import FACTS, as_json, as_line, as_markdown_table, in_sum
from hubv1.proof.probes import DOCKERS, MOST_CALLS, PACE, Hosts, Probes

__all__ = [
    "DOCKERS",
    "FACTS",
    "MOST_CALLS",
    "PACE",
    "CheckedFact",
    "Fact",
    "FactResult",
    "Hosts",
    "Probes",
    "as_json",
    "as_line",
    "as_markdown_table",
    "check_facts",
    "in_sum",
]
