"""What a check has found: one line for people."""

from dataclasses import dataclass
from enum import StrEnum

from hubv1.text import printable


class Standing(StrEnum):
    """How it stands with what was looked at."""

    SOUND = "ok"
    WRONG = "wrong"
    SKIPPED = "not looked at"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's outcome. The texts are sentences."""

    subject: str
    standing: Standing
    sentence: str
    mend: str = ""
    """What to do about it; empty unless it is wrong."""

    @property
    def is_wrong(self) -> bool:
        """Whether something is to be mended."""
        return self.standing is Standing.WRONG

    @property
    def line(self) -> str:
        """All of it, as it may be shown on a terminal."""
        return printable(" ".join(filter(None, (f"{self.subject}:", self.sentence, self.mend))))


def sound(subject: str, sentence: str) -> Finding:
    """All is well."""
    return Finding(subject, Standing.SOUND, sentence)


def wrong(subject: str, sentence: str, mend: str) -> Finding:
    """It is not, and `mend` says what to do."""
    return Finding(subject, Standing.WRONG, sentence, mend)


def skipped(subject: str, sentence: str) -> Finding:
    """It could not or need not be looked at."""
    return Finding(subject, Standing.SKIPPED, sentence)
