"""The program of this checkout, for the scripts that are doors to one of its commands."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "addon"))

from hubv1.cli.main import command_of, execute  # only now is it to be found

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    sys.exit(execute(command_of(name), f"scripts/{name}", arguments))
