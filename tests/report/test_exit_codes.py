"""What calls mean for the migration: the worst decides, and nothing seen is not clean."""

import pytest

from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import Gap, Seen
from hubv1.report.build import build_report
from hubv1.report.model import State
from hubv1.report.prose import sentence
from report.made import NOW, history, report_of
from samples import make_entry

ENDINGS = [
    (Outcome.TRANSLATED, Verdict.BRIDGED, State.BRIDGED),
    (Outcome.TRANSLATED, Verdict.LOSSY, State.BRIDGED),
    (Outcome.TRANSLATED, Verdict.DEAD, State.UNBRIDGED),
    (Outcome.REDIRECTED, Verdict.BRIDGED, State.BRIDGED),
    (Outcome.REDIRECTED, Verdict.DEAD, State.BRIDGED),
    (Outcome.OBSERVED, Verdict.BRIDGED, State.UNBRIDGED),
    (Outcome.GONE, Verdict.BRIDGED, State.UNBRIDGED),
    (Outcome.PASSED, Verdict.DEAD, State.UNBRIDGED),
    (Outcome.REFUSED, Verdict.BRIDGED, State.UNBRIDGED),
    (Outcome.FAILED, Verdict.LOSSY, State.UNBRIDGED),
]


def both_orders(one: Outcome, other: Outcome) -> list[tuple[Outcome, Outcome]]:
    return [(one, other), (other, one)]


@pytest.mark.parametrize(("outcome", "verdict", "state"), ENDINGS)
def test_it_follows_from_how_a_call_ended(outcome: Outcome, verdict: Verdict, state: State) -> None:
    assert report_of(make_entry(outcome=outcome, verdict=verdict)).state is state


def test_every_outcome_has_one() -> None:
    assert {outcome for outcome, _, _ in ENDINGS} == set(Outcome)


@pytest.mark.parametrize("pair", both_orders(Outcome.TRANSLATED, Outcome.GONE), ids=str)
def test_the_higher_wins_whichever_came_first(pair: tuple[Outcome, ...]) -> None:
    assert report_of(*(make_entry(outcome=outcome) for outcome in pair)).state is State.UNBRIDGED


@pytest.mark.parametrize("pair", both_orders(Outcome.TRANSLATED, Outcome.FAILED), ids=str)
def test_the_higher_wins_among_journals_too(pair: tuple[Outcome, ...]) -> None:
    histories = [history(make_entry(outcome=outcome)) for outcome in pair]
    assert build_report(histories, NOW).state is State.UNBRIDGED


def test_traffic_without_a_legacy_call_is_clean() -> None:
    assert report_of(seen=Seen(flows=1)).state is State.CLEAN


def test_nothing_seen_is_not_clean() -> None:
    assert report_of().state is State.NOTHING_SEEN
    assert build_report([], NOW).state is State.NOTHING_SEEN


def test_a_client_that_rejected_the_certificate_alone_says_nothing_about_v1() -> None:
    report = report_of(seen=Seen(rejected_tls=1))
    assert report.state is State.NOTHING_SEEN
    assert "1 time a client did not trust the bridge's certificate" in sentence(report)


def test_calls_lost_in_a_gap_are_not_clean() -> None:
    gap = Gap(NOW, NOW, 5, "disk full")
    report = report_of(seen=Seen(flows=5), gaps=(gap,))
    assert report.state is State.UNBRIDGED
    assert "5 legacy calls more could not be recorded or read." in sentence(report)


def test_calls_answered_in_vain_are_named_whatever_became_of_others() -> None:
    entry = make_entry(verdict=Verdict.DEAD, outcome=Outcome.TRANSLATED)
    report = report_of(entry, entry)
    assert report.state is State.UNBRIDGED
    assert "all answered or redirected (2 in vain, since the route is dead)" in sentence(report)
    said = sentence(report_of(entry, make_entry(outcome=Outcome.GONE)))
    assert "1 answered or redirected (1 in vain, since the route is dead), 1 not" in said


def test_a_killed_bridges_calls_count_though_its_last_counts_were_lost() -> None:
    report = report_of(make_entry(), seen=Seen(flows=0, still_served=2))
    assert (report.seen.flows, report.state) == (3, State.BRIDGED)


def test_calls_refused_since_they_could_not_be_recorded_are_not_clean() -> None:
    report = report_of(seen=Seen(flows=5, refused_unrecorded=2))
    assert report.state is State.UNBRIDGED
    assert "2 calls refused, since they could not be recorded." in sentence(report)
