"""Strict runs of all notebooks in a row, ten by default; not part of `make test`.

    .venv/bin/python tools/run_notebooks.py [HOW_MANY]

The first begins with a stack that has never run; the others with what the one before left.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from book import BOOKS, strict

COMMAND = Path(sys.executable).parent / "cpuwatch"


def main() -> int:
    """Run them, say how each went, and stop the stack; 0 if all were green."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    state = Path(tempfile.mkdtemp(prefix="cpuwatch-test-", dir="/var/tmp"))
    state.chmod(0o755)
    green = 0
    try:
        for number in range(1, runs + 1):
            code, said, seconds = strict(BOOKS, state)
            green += code == 0
            last = said.strip().splitlines()[-1]
            print(f"run {number}: {'green' if code == 0 else 'RED'}, {seconds:.0f} s: {last}",
                  flush=True)  # fmt: skip
            if code != 0:
                print(said[-4000:])
    finally:
        subprocess.run(
            [str(COMMAND), "down", "--wipe"], check=False,
            env=os.environ | {"CPUWATCH_STATE": str(state)},
        )  # fmt: skip
        shutil.rmtree(state, ignore_errors=True)
    print(f"{green} of {runs} runs were green.")
    return 0 if green == runs else 1


if __name__ == "__main__":
    sys.exit(main())
