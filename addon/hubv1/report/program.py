"""What the user calls the report by."""

import sys
from pathlib import Path

_INSTALLED = "hub-v1-report"


def program() -> str:
    """Its name where it was installed, else that of the script in the checkout."""
    return _INSTALLED if Path(sys.argv[0]).name == _INSTALLED else "scripts/report"
