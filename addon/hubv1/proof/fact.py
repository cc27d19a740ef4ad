"""Facts about Docker's hosts, and the results of checking them."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from hubv1.hub import Reply
from hubv1.proof.probes import NotAsked, Probes, json_of
from hubv1.text import number, printable


class Certainty(StrEnum):
    """How certain a fact is without a check."""

    CONFIRMED = "confirmed"
    """Docker's documentation or several independent sources confirm it."""
    ONE_SOURCE = "one source"
    UNKNOWN = "unknown"
    """Nobody could confirm it: the code relies on one answer, and copes with others."""


class FactResult(StrEnum):
    """The result of a check."""

    HOLDS = "holds"
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    """It could not be checked, or nobody knew before what the answer is."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen, and whether the fact holds; None if that cannot be told."""

    holds: bool | None
    text: str


Check = Callable[[Probes], Awaitable[Evidence]]


class Source(NamedTuple):
    """The source of a fact."""

    text: str
    """Its name in Markdown."""
    date: str
    """The date of the information: a year, or as exact as `2026-08-11`."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An assumption of the code about Docker's hosts."""

    id: int
    sentence: str
    certainty: Certainty
    source: Source
    file: str
    """The file that relies on it, below `addon/hubv1`."""
    check: Check


@dataclass(frozen=True, slots=True)
class CheckedFact:
    """A fact, and the result of its check."""

    fact: Fact
    result: FactResult
    seen: str


class FactTable(list[Fact]):
    """A table to which a decorator adds facts."""

    def fact(
        self, id_: int, source: Source, file: str, known: Certainty = Certainty.CONFIRMED
    ) -> Callable[[Check], Check]:
        """Add a fact, which is the docstring of the decorated function that checks it."""

        def add(check: Check) -> Check:
            sentence = " ".join((check.__doc__ or "").split())
            self.append(Fact(id_, sentence, known, source, file, check))
            return check

        return add


async def check_facts(
    facts: Sequence[Fact], probes: Probes, say: Callable[[CheckedFact], object] = lambda _: None
) -> list[CheckedFact]:
    """Check each fact in turn; `say` hears of each result at once."""
    checked = []
    for fact in facts:
        checked.append(await _checked(fact, probes))
        say(checked[-1])
    return checked


async def _checked(fact: Fact, probes: Probes) -> CheckedFact:
    result = partial(CheckedFact, fact)
    try:
        seen = await fact.check(probes)
    except NotAsked as reason:
        return result(FactResult.UNKNOWN, f"not asked: {reason}")
    if seen.holds is None or fact.certainty is Certainty.UNKNOWN:
        return result(FactResult.UNKNOWN, seen.text)
    return result(FactResult.HOLDS if seen.holds else FactResult.DIFFERS, seen.text)


def status_is(reply: Reply, probes: Probes, *statuses: int) -> Evidence:
    """Whether the reply has one of these statuses; if not, the evidence shows all of it."""
    holds = reply.status in statuses
    return Evidence(holds, str(reply.status) if holds else probes.shown(reply))


def found_in(reply: Reply, probes: Probes, **kinds: type) -> Evidence:
    """Whether the reply is a JSON object of status 200 with these fields, of these types."""
    found = json_of(reply)
    wrong = [
        name
        for name, kind in kinds.items()
        if name not in found or not isinstance(found[name], kind)
    ]
    if reply.status != 200 or wrong:
        text = f"without a sound {', '.join(wrong)}: " if wrong and reply.status == 200 else ""
        return Evidence(holds=False, text=text + probes.shown(reply))
    return Evidence(holds=True, text=f"200 with {', '.join(kinds)}")


# The table and the results as text


def as_markdown_table(facts: Sequence[Fact]) -> str:
    """The table for docs/facts.md."""
    rows = [
        f"| {fact.id} | {fact.sentence} | {fact.certainty} | {' | '.join(fact.source)} | "
        f"{f'`{fact.file}`' if fact.file else 'none yet'} |"
        for fact in facts
    ]
    head = ["| # | fact | known | source | of | leaned on by |", "|---:|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def as_line(checked: CheckedFact) -> str:
    """A result for a terminal."""
    fact = checked.fact
    plain = fact.sentence.replace("`", "")
    return f"{checked.result:<8} {fact.id:>2}  {plain}  [{printable(checked.seen)}]"


def sum_up(checked: Sequence[CheckedFact], calls: int) -> str:
    """The number of facts that hold, as a sentence."""
    found = Counter(each.result for each in checked)
    said = (
        f"{number(found[FactResult.HOLDS], 'fact holds', 'facts hold')}",
        f"{number(found[FactResult.DIFFERS], 'differs', 'differ')}",
        f"{found[FactResult.UNKNOWN]:,} unknown",
    )
    return f"{', '.join(said)}; {number(calls, 'request')}."


def as_json(checked: Sequence[CheckedFact], probes: Probes, asked_at: datetime) -> str:
    """All results for programs."""
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
