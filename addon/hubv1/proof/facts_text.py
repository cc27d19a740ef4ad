"""The table of facts, and what came of looking, as text."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter

from hubv1.proof import hub_facts, registry_facts, tag_facts
from hubv1.proof.fact import CheckedFact, Fact, FactResult
from hubv1.proof.probes import Probes
from hubv1.text import number, printable

_TABLES = hub_facts.TABLE, tag_facts.TABLE, registry_facts.TABLE
FACTS: Sequence[Fact] = sorted(chain(*_TABLES), key=attrgetter("id"))
"""All of them. The last is about what may come while the others are asked."""


def as_markdown_table(facts: Sequence[Fact] = FACTS) -> str:
    """The table that docs/facts.md has."""
    rows = [
        f"| {fact.id} | {fact.sentence} | {fact.certainty} | {' | '.join(fact.source)} | "
        f"{f'`{fact.file}`' if fact.file else 'none yet'} |"
        for fact in facts
    ]
    head = ["| # | fact | known | source | of | leaned on by |", "|---:|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def as_line(checked: CheckedFact) -> str:
    """One fact and what came of looking, for a terminal."""
    fact = checked.fact
    plain = fact.sentence.replace("`", "")
    return f"{checked.result:<8} {fact.id:>2}  {plain}  [{printable(checked.seen)}]"


def in_sum(checked: Sequence[CheckedFact], calls: int) -> str:
    """How many facts hold, as a sentence."""
    found = Counter(each.result for each in checked)
    said = (
        f"{number(found[FactResult.HOLDS], 'fact holds', 'facts hold')}",
        f"{number(found[FactResult.DIFFERS], 'differs', 'differ')}",
        f"{found[FactResult.UNKNOWN]:,} unknown",
    )
    return f"{', '.join(said)}; {number(calls, 'request')}."


def as_json(checked: Sequence[CheckedFact], probes: Probes, asked_at: datetime) -> str:
    """All of it for programs."""
    facts = [
        {
            "id": each.fact.id,
            "fact": each.fact.sentence,
            "result": each.result,
            "seen": each.seen,
            "certainty": each.fact.certainty,
            "source": each.fact.source.text,
            "date": each.fact.source.date,
            "file": each.fact.file,
        }
        for each in checked
    ]
    about = {
        "asked_at": f"{asked_at:%Y-%m-%dT%H:%M:%SZ}",
        "hub": probes.hosts.hub,
        "registry": probes.hosts.registry,
        "requests": probes.calls,
    }
    return json.dumps({"facts": facts, **about}, indent=2) + "\n"
