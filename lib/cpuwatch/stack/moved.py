"""The checkout has another place or name than before: its services and their data come along.

Run by make, which notices: `python -m cpuwatch.stack.moved OLD_PLACE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import default_state, settings
from cpuwatch.stack.supervisor import Supervisor


def bring_along(old: Path) -> str:
    """Stop the services of the checkout's old place, and keep their data for the new one.

    Parameters
    ----------
    old
        Where the checkout was. If one is there still, this is a copy, and all stays as it is.

    Returns
    -------
    str
        What was done, in a sentence; empty if there was nothing to do.
    """
    theirs, ours = default_state(old), settings().state
    if (old / "lib" / "cpuwatch").exists() or theirs == ours or not theirs.exists():
        return ""
    supervisor = Supervisor(theirs)
    ran = supervisor.is_running() or bool(supervisor.strays())
    supervisor.stop()
    done = "Its services are stopped" if ran else "Its services did not run"
    # Somebody who set CPUWATCH_STATE has data elsewhere; a new place may have begun its own.
    if ours != default_state() or ours.exists():
        return f"{done}; what they kept is in {theirs}."
    theirs.rename(ours)
    return f"{done}; what they kept has come along."


if __name__ == "__main__":
    try:
        print(bring_along(Path(sys.argv[1])))
    except (CpuwatchError, OSError) as error:
        print(f"Its services could not be looked after: {error}", file=sys.stderr)
