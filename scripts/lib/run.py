"""Starts the package of this checkout for `scripts/run`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "addon"))

from hubv1.start.starting import main  # only now is it to be found

if __name__ == "__main__":
    main("scripts/run", sys.argv[1:])
