"""Is the set-up sound? Each check looks at one thing and says what is wrong and how to mend it.

The checks know nothing of mitmproxy: what they look at is gathered in a `Setup`.
"""

from hubv1.doctor.checkup import Checkup, run_checks
from hubv1.doctor.setup import CheckResult, CheckStatus, Setup

__all__ = ["CheckResult", "CheckStatus", "Checkup", "Setup", "run_checks"]
