"""The report for a terminal, or for a log that keeps what one would show."""

from hubv1.report.terminal.text import as_text

__all__ = ["as_text"]
