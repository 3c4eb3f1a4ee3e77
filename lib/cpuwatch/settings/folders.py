"""Where the checkout is, and its state folder if nobody says where."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

#: The checkout: the package is installed in place, so that a change to a file counts at once.
ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data"

#: Where root's state folders are.
ROOTS_HOME = Path("/var/lib/cpuwatch")


def default_state(checkout: Path = ROOT) -> Path:
    """Where a checkout's services keep their data, if nobody says where.

    One folder a checkout, so that two checkouts on one machine do not disturb each other.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", checkout.name)[:20]
    whole = os.fsencode(checkout)
    name = f"{plain}-{hashlib.sha256(whole).hexdigest()[:8]}"
    if sys.platform != "win32" and os.geteuid() == 0:
        # PostgreSQL refuses to run as root, and the user that it runs as instead
        # cannot enter root's home.
        return ROOTS_HOME / name
    # Not the system's own idea of such a folder: on macOS that is hidden from its user.
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "cpuwatch" / name
