"""Checks of the setup: each looks at one thing, and says what is wrong and how to fix it."""

from hubv1.doctor.checkup import Checkup, run_checks
from hubv1.doctor.setup import CheckResult, CheckStatus, Setup, listeners

__all__ = [
    "CheckResult",
    "CheckStatus",
    "Checkup",
    "Setup",
    "listeners",
    "run_checks",
]
