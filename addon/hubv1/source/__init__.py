"""Source trees: calls of v1 are found, joined with the traffic, and fixed."""

from hubv1.source.findings import Finding, find
from hubv1.source.join import Usage, join, read_journals, read_report
from hubv1.source.rendering import FORMATS, Scan, coverage_in_words, render, summary
from hubv1.source.scanning import Gate, found_by_gate, read_baseline, scan_trees, write_fixes
from hubv1.source.tree import Tree

__all__ = [
    "FORMATS",
    "Finding",
    "Gate",
    "Scan",
    "Tree",
    "Usage",
    "coverage_in_words",
    "find",
    "found_by_gate",
    "join",
    "read_baseline",
    "read_journals",
    "read_report",
    "render",
    "scan_trees",
    "summary",
    "write_fixes",
]
