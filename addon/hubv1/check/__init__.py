"""Is the set-up sound? Each check looks at one thing and says what is wrong and how to mend it.

The checks know nothing of mitmproxy: what they look at is gathered in a `Setup`.
"""

from hubv1.check.examining import Examination, examined
from hubv1.check.finding import Finding, Standing
from hubv1.check.setup import Listener, Setup

__all__ = ["Examination", "Finding", "Listener", "Setup", "Standing", "examined"]
