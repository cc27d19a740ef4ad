"""The migration report: who still calls v1, how often, and what to call instead."""

from hubv1.report.allowlist import AllowlistError
from hubv1.report.build import DEFAULT_JOURNAL, build_report, make
from hubv1.report.compare import FOUND, BaselineError, FailOn, gate
from hubv1.report.escaping import code_block, code_cell, code_span
from hubv1.report.messages import MARKDOWN_BY_FORMAT, messages_to_callers, nobody_named
from hubv1.report.model import Report, State
from hubv1.report.period import selection_of
from hubv1.report.progress import reading_progress
from hubv1.report.prose import SUMMARY_CALLERS, report_command, sentence, summary
from hubv1.report.render import FORMATS, WITH_COLUMNS, Look, look_for, render_report
from hubv1.report.render.data import COLUMNS, UnknownColumn, read_columns
from hubv1.report.serve import Address, serve_report
from hubv1.report.writing import temporary_file, write

__all__ = [
    "COLUMNS",
    "DEFAULT_JOURNAL",
    "FORMATS",
    "FOUND",
    "MARKDOWN_BY_FORMAT",
    "SUMMARY_CALLERS",
    "WITH_COLUMNS",
    "Address",
    "AllowlistError",
    "BaselineError",
    "FailOn",
    "Look",
    "Report",
    "State",
    "UnknownColumn",
    "build_report",
    "code_block",
    "code_cell",
    "code_span",
    "gate",
    "look_for",
    "make",
    "messages_to_callers",
    "nobody_named",
    "read_columns",
    "reading_progress",
    "render_report",
    "report_command",
    "selection_of",
    "sentence",
    "serve_report",
    "summary",
    "temporary_file",
    "write",
]
