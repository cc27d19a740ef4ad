"""The migration report: who still calls v1, how often, and what to call instead.

`hubv1.report.serve` and `hubv1.report.own_words` are faces of their own: they need aiohttp and
Jinja2, which most reports do without.
"""

from hubv1.report.build import build_report
from hubv1.report.compare import FailOn, gate
from hubv1.report.data import COLUMNS, read_columns
from hubv1.report.input_file import ReportError, read_input
from hubv1.report.junit import add_case, add_result, as_xml
from hubv1.report.known import UnknownNameError
from hubv1.report.markdown import code_block, code_span, table
from hubv1.report.message_files import write_messages
from hubv1.report.messages import Words, messages_to_callers
from hubv1.report.model import Finding, Report, State
from hubv1.report.output import (
    FORMATS,
    WITH_COLUMNS,
    Look,
    look_for,
    reading_progress,
    render_report,
    temporary_file,
    write,
    write_whole,
)
from hubv1.report.owners import owners_template
from hubv1.report.proof_file import (
    as_proof_text,
    file_beside,
    key_of,
    read_proofs,
    with_proofs,
    write_proofs,
)
from hubv1.report.prose import SUMMARY_CALLERS, named_in, report_command, sentence, summary
from hubv1.report.proven import Proof, ProofKey, ProofResult
from hubv1.report.sections import Name
from hubv1.report.sources import (
    DEFAULT_JOURNAL,
    STANDARD_INPUT,
    report_from,
    selection_of,
)

__all__ = [
    "COLUMNS",
    "DEFAULT_JOURNAL",
    "FORMATS",
    "STANDARD_INPUT",
    "SUMMARY_CALLERS",
    "WITH_COLUMNS",
    "FailOn",
    "Finding",
    "Look",
    "Name",
    "Proof",
    "ProofKey",
    "ProofResult",
    "Report",
    "ReportError",
    "State",
    "UnknownNameError",
    "Words",
    "add_case",
    "add_result",
    "as_proof_text",
    "as_xml",
    "build_report",
    "code_block",
    "code_span",
    "file_beside",
    "gate",
    "key_of",
    "look_for",
    "messages_to_callers",
    "named_in",
    "owners_template",
    "read_columns",
    "read_input",
    "read_proofs",
    "reading_progress",
    "render_report",
    "report_command",
    "report_from",
    "selection_of",
    "sentence",
    "summary",
    "table",
    "temporary_file",
    "with_proofs",
    "write",
    "write_messages",
    "write_proofs",
    "write_whole",
]
