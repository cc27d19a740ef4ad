"""What the checks look at, and what each of them finds."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hubv1.config import Config
from hubv1.hub import Connections
from hubv1.journal import Place
from hubv1.listen import Listener
from hubv1.text import printable


@dataclass(frozen=True, slots=True)
class Setup:
    """A bridge as it runs, or as it would be started."""

    settings: Config
    connections: Connections
    via: str
    """Its entry in the Via header."""
    journal: Place
    confdir: Path
    listeners: tuple[Listener, ...]
    """None where mitmproxy serves nobody, but reads recordings."""
    strategy: str
    """mitmproxy's connection_strategy."""
    has_login: bool
    """Whether proxyauth is set."""
    is_limited: bool
    """Whether allow_hosts is set."""
    environment_proxy: str
    """What the environment names as a proxy for other programs; mitmproxy takes no notice."""
    is_running: bool = False
    """Whether the bridge runs, and so holds its ports itself."""


class CheckStatus(StrEnum):
    """How a check ended."""

    OK = "ok"
    WRONG = "wrong"
    SKIPPED = "not looked at"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. The texts are sentences."""

    subject: str
    status: CheckStatus
    sentence: str
    mend: str = ""
    """What to do about it; empty unless something is wrong."""

    @property
    def is_wrong(self) -> bool:
        """Whether something has to be mended."""
        return self.status is CheckStatus.WRONG

    @property
    def line(self) -> str:
        """All of it on one line that a terminal can show."""
        return printable(" ".join(filter(None, (f"{self.subject}:", self.sentence, self.mend))))


def ok(subject: str, sentence: str) -> CheckResult:
    """Nothing is wrong."""
    return CheckResult(subject, CheckStatus.OK, sentence)


def wrong(subject: str, sentence: str, mend: str) -> CheckResult:
    """Something is wrong, and `mend` says what to do about it."""
    return CheckResult(subject, CheckStatus.WRONG, sentence, mend)


def skipped(subject: str, sentence: str) -> CheckResult:
    """The check could not run, or did not have to."""
    return CheckResult(subject, CheckStatus.SKIPPED, sentence)
