"""The page of a long report: how long it takes to make, and until Chromium shows it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from bench.history import DAYS, cost_of, write
from bench.lines import count_line
from bench.plan import Plan

MADE, PAINTED, KILOBYTES = 2.0, 1.0, 400
"""The goals: seconds for the whole command, seconds until something is seen, and the size."""

_FIRST_PAINT = """new Promise((tell) => {
  new PerformanceObserver((list) => {
    for (const each of list.getEntriesByName("first-contentful-paint")) tell(each.startTime);
  }).observe({ type: "paint", buffered: true });
})"""


def page(plan: Plan, folder: Path) -> Iterator[str]:
    """The command, the file it writes, and that file in Chromium."""
    journal, file = folder / "journal.sqlite3", folder / "report.html"
    write(journal, plan.page_calls, plan.page_callers)
    yield (
        f"the page of {plan.page_calls:,} calls by {plan.page_callers:,} callers in {DAYS} days, "
        f"the middle of {plan.races} times:"
    )
    asked = ("-o", str(file), "--journal", str(journal))
    made = [cost_of(*asked).seconds for _ in range(plan.races)]
    yield count_line("made", median(made), MADE, "seconds, of scripts/report from start to end")
    yield count_line("size", file.stat().st_size / 1000, KILOBYTES, "kilobytes")
    program = shutil.which("chromium")
    if program is None:
        yield "  Chromium is left out: chromium is not installed."
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        painted = [_painted(browser, file.as_uri()) for _ in range(plan.races)]
        browser.close()
    yield count_line("painted", median(painted), PAINTED, "seconds until Chromium's first paint")


def _painted(browser: Browser, url: str) -> float:
    """Seconds from the start of the navigation until the first text or drawing is seen."""
    with browser.new_context() as context:
        shown = context.new_page()
        shown.goto(url)
        return float(shown.evaluate(_FIRST_PAINT)) / 1000
