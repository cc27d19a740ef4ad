"""scripts/bench: that it measures, not how fast anything is."""

import subprocess
import sys
from pathlib import Path

from e2e.clients import clean_environment

TESTS = Path(__file__).parent


def test_the_comparisons_end_with_a_ratio_each(tmp_path: Path) -> None:
    measured = subprocess.run(
        [sys.executable, "-m", "bench", "--rounds", "1", "--calls", "8", "--tags", "3"],
        env=clean_environment(tmp_path) | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert measured.returncode == 0, measured.stderr
    assert measured.stdout.count("other traffic") == 2
    assert measured.stdout.count("a bridged call") == 2
