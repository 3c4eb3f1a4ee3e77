"""How long `begin` takes for each chapter when all is right already; a table in seconds.

    .venv/bin/python tools/begin_times.py

Works on this checkout's stack, which it starts if it does not run. Imports are timed apart.
"""

from __future__ import annotations

import statistics
import time


def main() -> None:
    """Catch up once, then begin each chapter three times."""
    start = time.monotonic()
    from cpuwatch import pipeline, workshop

    print(f"imports  {time.monotonic() - start:.2f} s")
    last = max(one.number for one in pipeline.CHAPTERS if one.needs is None)
    start = time.monotonic()
    done = workshop.catch_up(last)
    took = time.monotonic() - start
    print(f"catching up to {last}  {took:.2f} s ({', '.join(done) or 'all was there'})")
    for chapter in pipeline.numbers():
        taken = []
        for _ in range(3):
            start = time.monotonic()
            assert workshop.catch_up(chapter) == [], "something had to be done"
            taken.append(time.monotonic() - start)
        print(f"{chapter}  median {statistics.median(taken):.2f} s, worst {max(taken):.2f} s")


if __name__ == "__main__":
    main()
