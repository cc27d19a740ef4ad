"""What to write in place of a call to v1: a sentence, the URL of v2, code ready to be pasted."""

from hubv1.replacements.recipes import (
    DOCKERS,
    Replacement,
    Snippet,
    Urls,
    old_call,
    replacement,
    successor_for,
)
from hubv1.replacements.wording import SIGNED_NOTE, Field, change_for

__all__ = [
    "DOCKERS",
    "SIGNED_NOTE",
    "Field",
    "Replacement",
    "Snippet",
    "Urls",
    "change_for",
    "old_call",
    "replacement",
    "successor_for",
]
