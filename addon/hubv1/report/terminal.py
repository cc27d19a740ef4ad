"""The report for a terminal, or for a log that keeps what one would show."""

from io import StringIO
from itertools import groupby

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hubv1.outcome import BRIDGED, CLEAN
from hubv1.report.model import Finding, Report, Traffic
from hubv1.report.moments import minute
from hubv1.report.sentence import number, sentence
from hubv1.routes import Verdict
from hubv1.texts import printable

WIDTH_WITHOUT_TERMINAL = 120

_VERDICT_STYLES = {
    Verdict.BRIDGED: "green",
    Verdict.LOSSY: "yellow",
    Verdict.DEAD: "red",
    Verdict.SERVED: "dim",
}
_STATE_STYLES = {CLEAN: "bold green", BRIDGED: "bold yellow"}
_FIGURES = ("Calls", "This hour")
_REPOSITORIES_SHOWN = 5


def as_text(report: Report, *, width: int | None, color: bool) -> str:
    """The report as lines of at most `width` characters, URLs excepted; None is for a log."""
    out = StringIO()
    console = Console(
        file=out,
        width=width or WIDTH_WITHOUT_TERMINAL,
        force_terminal=color,
        no_color=None if color else True,  # None lets NO_COLOR decide
        highlight=False,
        emoji=False,
        markup=False,
    )
    style = _STATE_STYLES.get(report.exit_code, "bold red")
    console.print(Text(f"{sentence(report)}\n", style))
    if report.callers:
        console.print(_callers(report), _routes(report))
        _print_findings(console, report)
    console.print(Text(_seen(report.seen), "dim"))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _callers(report: Report) -> Table:
    columns = ("Caller", "Calls", "This hour", "Last call", "Verdict", "Repositories")
    table = _table("Who still calls v1", *columns)
    for use in report.callers:
        table.add_row(
            Text(printable(use.caller)),
            str(use.calls),
            str(use.this_hour),
            minute(use.last_seen),
            _verdict(use.verdict),
            Text(_some(use.repositories)),
        )
    return table


def _routes(report: Report) -> Table:
    table = _table("What they call", "Route", "Calls", "Last call", "Verdict")
    for use in report.routes:
        calls, last = str(use.calls), minute(use.last_seen)
        table.add_row(Text(printable(use.route)), calls, last, _verdict(use.verdict))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for column in columns:
        table.add_column(column, justify="right" if column in _FIGURES else "left", overflow="fold")
    return table


def _print_findings(console: Console, report: Report) -> None:
    """What each caller has to change, by route. URLs are never wrapped, so that one can copy
    them."""
    console.print(Text("What to change", "bold"))
    order = {use.caller: place for place, use in enumerate(report.callers)}
    findings = sorted(report.findings, key=lambda one: (order[one.caller], one.route, one.change))
    for caller, its in groupby(findings, key=lambda one: one.caller):
        console.print(Text(f"\n  {printable(caller)}", "bold"))
        for (route, change), same in groupby(its, key=lambda one: (one.route, one.change)):
            console.print(Text(f"    {printable(route)}"))
            console.print(Padding(Text(change, "italic"), (0, 0, 0, 6)))
            for finding in same:
                _print_finding(console, finding)
    console.print()


def _print_finding(console: Console, finding: Finding) -> None:
    line = Text(f"      {number(finding.calls, 'call')}")
    if finding.repository:
        line.append(f"  {printable(finding.repository)}")
    if finding.successor:
        line.append("  ->  ").append(printable(finding.successor), "cyan")
    console.print(line, soft_wrap=True)


def _seen(seen: Traffic) -> str:
    parts = [
        f"Seen: {number(seen.flows, 'flow')}",
        number(seen.legacy, "legacy call"),
        f"{number(seen.still_served, 'search', 'searches')}, which Hub still serves",
    ]
    if seen.hosts:
        parts.append(f"hosts {', '.join(printable(host) for host in seen.hosts)}")
    if seen.rejected_tls:
        times = number(seen.rejected_tls, "time")
        parts.append(f"a client rejected the bridge's certificate {times}")
    if seen.gaps:
        lost = sum(gap.calls for gap in seen.gaps)
        parts.append(f"{number(lost, 'call')} not recorded, in {number(len(seen.gaps), 'gap')}")
    return "; ".join(parts) + "."


def _verdict(verdict: Verdict) -> Text:
    return Text(verdict.value, _VERDICT_STYLES[verdict])


def _some(names: tuple[str, ...]) -> str:
    shown = printable(", ".join(names[:_REPOSITORIES_SHOWN]))
    more = len(names) - _REPOSITORIES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
