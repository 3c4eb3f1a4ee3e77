"""Chaos in its long form: `make chaos`, an hour or more. It prints the table of docs/recovery.md.

    .venv/bin/python tools/chaos.py [TIMES_EACH] [--rate READINGS_A_SECOND] [--seed N]

Each kind of fault comes so often, 20 times by default, in an order at random.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from chaos import FULL, LARGE, Chaos
from disks import small_disk

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import control
from cpuwatch.stack.supervisor import Supervisor


def main() -> int:
    """Run it on a stack of its own; 0 if nothing was lost, doubled or wrong."""
    parser = argparse.ArgumentParser(description="Kill and freeze parts of the live pipeline.")
    parser.add_argument("times", type=int, nargs="?", default=20, help="of each kind")
    parser.add_argument("--rate", type=float, default=2000.0, help="readings a second")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    chance = random.Random(given.seed)

    def tell(line: str) -> None:
        print(time.strftime("%H:%M:%S"), line, flush=True)

    with ExitStack() as after:
        disk = after.enter_context(small_disk(LARGE, "cpuwatch-test-disk-"))
        place = Path(tempfile.mkdtemp(prefix="cpuwatch-test-", dir="/var/tmp"))
        after.callback(shutil.rmtree, place, ignore_errors=True)
        place.chmod(0o755)
        state = (place if disk is None else disk.place) / "state"
        os.environ["CPUWATCH_STATE"] = str(state)
        settings.cache_clear()
        tried = "" if disk else f"; no {FULL}: only root can mount one"
        print(f"Seed {given.seed}{tried}", flush=True)
        try:
            control.up()
            chaos = Chaos(disk, given.rate, tell)
            try:
                kinds = list(chaos.kinds) * given.times
                chance.shuffle(kinds)
                broken = _inject(chaos, kinds, chance)
                judged = chaos.end()
            finally:
                chaos.stop()
        finally:
            control.down(wipe=True)
            left = Supervisor(state).strays()
    print(chaos.table(judged))
    print(
        f"\n{judged.readings:,} readings, {judged.windows:,} windows, {judged.episodes} episodes,"
        f" {judged.messages} messages; {len(judged.lost)} lost, {len(judged.doubled)} doubled."
    )
    for _, what in [*judged.lost, *judged.doubled][:20]:
        print(what)
    print("\n".join(judged.wrong))
    for one in left:
        print(f"left behind: {one.pid} {one.name()}")
    if broken:
        print(f"Ended before its time: {broken}")
    return 0 if not (judged.lost or judged.doubled or judged.wrong or left or broken) else 1


def _inject(chaos: Chaos, kinds: list[str], chance: random.Random) -> str:
    """Do all that; what it broke off at, if it did: what was until then is judged all the same."""
    for kind in kinds:
        try:
            chaos.inject(kind, chance)
        except (AssertionError, CpuwatchError) as error:
            return f"{kind}: {error}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
