"""What to write in place of a call to v1, ready to be pasted."""

from hubv1.report.snippets.making import replacement, replacement_of
from hubv1.report.snippets.model import DOCKERS, Field, Replacement, Snippet, Urls

__all__ = ["DOCKERS", "Field", "Replacement", "Snippet", "Urls", "replacement", "replacement_of"]
