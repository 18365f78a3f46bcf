"""`make hostile`: every bad input in every place, on both databases; prints a table of inputs, by where they went.

Takes arguments of pytest, such as a file of this folder or -k.
"""

import os
import sys
from pathlib import Path

import pytest


def main(arguments: list[str]) -> int:
    """Run; 0 if no input was answered with a crash, and none was let in that should not be."""
    # The strings are made as the tests are imported.
    os.environ["HOSTILE_INPUTS"] = "all"
    folder = [] if any(Path(each.partition("::")[0]).exists() for each in arguments) else [str(Path(__file__).parent)]
    return pytest.main(["-q", "-n", "0", "--show-capture=no", *folder, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
