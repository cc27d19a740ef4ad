"""What to write in place of a call to v1, ready to be pasted."""

from hubv1.report.snippets.making import replacement, replacement_of
from hubv1.report.snippets.model import DOCKERS, Field, Replacement, Snippet, Urls
from hubv1.report.snippets.wording import SIGNED_NOTE

__all__ = [
    "DOCKERS",
    "SIGNED_NOTE",
    "Field",
    "Replacement",
    "Snippet",
    "Urls",
    "replacement",
    "replacement_of",
]
