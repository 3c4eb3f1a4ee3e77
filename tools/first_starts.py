"""Many first starts in a row: `python tools/first_starts.py [N]` (50 by default).

What is random in a first start, such as an id, is drawn anew by each, so that one bad draw
in a hundred is found here and not by an attendee. Each begins without a state folder; the
downloaded jars are kept. Exit code 1 if any of them failed.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = Path(sys.executable).parent / "cpuwatch"

#: Kept apart from /tmp, which is private on some machines: PostgreSQL's user has to get there.
PLACE = "/var/tmp"


def main() -> None:
    """Start and stop as often as asked, and tell of each."""
    try:
        count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    except ValueError:
        count = 0
    if count < 1 or len(sys.argv) > 2:
        sys.exit("Usage: python tools/first_starts.py [N], where N is how often, 50 by default")
    print("number  seconds  result")
    results = []
    for number in range(1, count + 1):
        seconds, failure = one_first_start()
        print(f"{number:6}  {seconds:7.1f}  {failure or 'all is up'}", flush=True)
        results.append((seconds, failure))
    good = [seconds for seconds, failure in results if not failure]
    print(f"\n{len(good)} of {count}", end="")
    if good:
        print(f"; median {statistics.median(good):.1f} s, worst {max(good):.1f} s", end="")
    print()
    sys.exit(len(good) < count)


def one_first_start() -> tuple[float, str]:
    """One start from nothing, and its end: its seconds, and why it failed, if it did."""
    folder = Path(tempfile.mkdtemp(prefix="cpuwatch-first-", dir=PLACE))
    folder.chmod(0o755)
    try:
        start = time.monotonic()
        failure = _run(folder, "up")
        seconds = time.monotonic() - start
        return seconds, failure or _left(folder)
    finally:
        # Also when somebody pressed Ctrl-C.
        _run(folder, "down", "--wipe")
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, *arguments: str) -> str:
    """Run the command on a state folder of its own: nothing if it did well, or what it said."""
    done = subprocess.run(
        [str(COMMAND), *arguments],
        capture_output=True, text=True, errors="replace", check=False,
        env=_environment() | {"CPUWATCH_STATE": str(folder / "state")},
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    said = done.stderr.strip().splitlines() or ["it said nothing"]
    return f"'cpuwatch {' '.join(arguments)}': {said[-1]}"


def _environment() -> dict[str, str]:
    # All services embedded, whatever the environment or .env say: an empty variable takes
    # that back.
    names = ("CPUWATCH_KAFKA", "CPUWATCH_POSTGRES", "CPUWATCH_FLINK", "SLACK_BOT_TOKEN")
    return os.environ | dict.fromkeys(names, "")


def _left(folder: Path) -> str:
    """Stop what runs: nothing if it is gone with all its files, or what is left."""
    failure = _run(folder, "down", "--wipe")
    if not failure and (folder / "state").exists():
        failure = "'cpuwatch down --wipe' left files"
    return failure


if __name__ == "__main__":
    main()
