"""Which tests are run where: all of them, the quick ones, or those for the oldest Python.

`pytest --part` takes the name of a part, and `scripts/test` asks for one:

- `all` is everything, for the newest Python;
- `quick` is what starts no process: `scripts/test --quick`;
- `oldest` is what may differ with the oldest Python and its mitmproxy: what is listed in ON_OLDEST,
  and the quick tests but for those in ON_NEWEST_ALONE. So it has whatever meets an interface of
  mitmproxy or asyncio, each proxy mode, the bytes that clients get, and the journal.

A test that starts a process, and is not listed in PROCESSES, fails in the part `quick` and says so.
"""

from enum import StrEnum


class Part(StrEnum):
    """A choice of tests."""

    ALL = "all"
    QUICK = "quick"
    OLDEST = "oldest"

    def has(self, test: str) -> bool:
        """Whether a test belongs to it; `test` is its id, relative to the folder of the tests."""
        is_quick = not is_listed(test, PROCESSES)
        if self is Part.QUICK:
            return is_quick
        on_oldest = is_listed(test, ON_OLDEST) or not is_listed(test, ON_NEWEST_ALONE)
        return self is Part.ALL or (on_oldest if is_quick else is_listed(test, ON_OLDEST))


PROCESSES = (
    # First what takes longest, since tests are begun in this order.
    "e2e/test_deploying.py",
    "test_bench.py",
    "test_scripts.py",
    "test_scripts_setup.py",
    "report/test_own_reports.py",
    "report/test_live.py",
    "report/test_live_page.py",
    "e2e/",
    "fleet/test_reading.py",
    "fleet/test_reports.py",
    "fleet/test_shipping.py",
    "fleet/test_trouble.py",
    "fleet/test_options.py::test_service_and_password_files_work",
    "fleet/test_standing.py::test_old_calls_go",
    "report/test_page.py",
    "report/test_page_access.py",
    "report/test_page_content.py",
    "report/test_page_ways.py",
    "report/test_snippets.py",
    "report/test_snippets_texts.py",
    "report/test_snippets_trouble.py",
    "report/test_command_surroundings.py",
    "report/test_on_a_terminal.py",
    "report/test_markdown.py",
    "report/test_progress.py",
    "report/test_command.py::TestOutput::test_no_escape_code_goes_to_a_pipe",
    "report/test_command.py::TestSources::test_a_recording_may_come_from_standard_input",
    "report/test_filters.py::test_the_usual_journal_is_asked_for",
    "report/test_formats.py::TestFiles::test_a_pipe_is_written_to",
    "proof/test_facts_command.py::TestWorkflow",
    "proof/test_proving.py",
    "proof/test_prove_command.py",
    "proof/test_snippet_runner.py",
    "cli/test_main.py",
    "doctor/test_databases.py",
    "journal/test_other_hands.py::test_no_call_is_lost_where_two_bridges_share",
    "journal/test_processes.py",
    "journal/test_read_only.py",
    "journal/test_views.py::test_every_view_has_an_example",
    "journal/test_views.py::test_a_spreadsheet_gets_a_view",
    "hub/test_connections.py::TestWhomToTrust::test_a_trusted_folder",
    "source/test_corpus.py::test_git_takes_the_diff",
    "source/test_corpus.py::test_fixed_scripts_are_shell",
    "source/test_corpus.py::test_make_reads_fixed_shell",
    "standin_tests/test_running.py",
    "test_docs.py::test_prometheus_takes_its_configuration",
    "test_docs.py::test_the_search_that_readme_shows",
    "test_loading.py::test_a_bridge_starts_without",
    "test_loading.py::test_a_report_of_journals",
    "test_pages.py::test_every_argument_that_is_shown_exists",
    "test_workflows.py",
)
"""Tests that start processes: folders, files, or the beginnings of names."""

ON_OLDEST = (
    "journal/",
    "e2e/test_byte_rules.py",
    "e2e/test_coming_round.py",
    "e2e/test_cut_at_shutdown.py",
    "e2e/test_every_mode.py",
    "e2e/test_http_versions.py",
    "e2e/test_journal_in_trouble.py",
    "e2e/test_killed.py",
    "e2e/test_large_bodies.py",
    "e2e/test_leaving.py",
    "e2e/test_mitmweb.py",
    "e2e/test_modes_page.py",
    "e2e/test_next_to_others.py",
    "e2e/test_odd_clients.py",
    "e2e/test_odd_requests.py",
    "e2e/test_passed_on.py",
    "e2e/test_proxy_modes.py",
    "e2e/test_recorded_first.py",
    "e2e/test_recordings.py",
    "e2e/test_rejecting.py",
    "e2e/test_reloading.py",
    "e2e/test_replays.py",
    "e2e/test_saved_flows.py",
    "e2e/test_starting.py",
    "e2e/test_synced.py",
    "e2e/test_transparent.py",
    "e2e/test_upstream_shown.py",
    "e2e/test_ways_to_hub.py",
    "e2e/test_written_down.py",
    "test_loading.py::test_a_bridge_starts_without",
    "test_loading.py::test_a_report_of_journals",
)
"""Of those, the ones that are run with the oldest Python too."""

ON_NEWEST_ALONE = (
    "api/",
    "proof/",
    "report/",
    "source/",
    "standin_tests/",
    "test_docs.py",
    "test_licenses.py",
    "test_pages.py",
    "test_parts.py",
    "test_text.py",
)
"""Quick tests of what meets no interface but the standard library's; that its modules load with the
oldest Python is seen by test_loading.py."""


def is_listed(test: str, names: tuple[str, ...]) -> bool:
    return test.startswith(names)


def place(test: str) -> int:
    """Where it stands in the order in which tests are begun."""
    if not is_listed(test, PROCESSES):
        return len(PROCESSES)
    return next(number for number, name in enumerate(PROCESSES) if test.startswith(name))
