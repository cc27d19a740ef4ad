"""What to write in place of a call to v1: a sentence, the URL of v2, code ready to be pasted."""

from hubv1.replacements.recipes import (
    SIGNED_NOTE,
    Field,
    Replacement,
    Snippet,
    change_for,
    old_call,
    replacement,
    successor_for,
)

__all__ = [
    "SIGNED_NOTE",
    "Field",
    "Replacement",
    "Snippet",
    "change_for",
    "old_call",
    "replacement",
    "successor_for",
]
