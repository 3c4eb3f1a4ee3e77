"""Where the JupyterLab that a kernel runs in shows Flink's page and the channel.

On a shared server a browser does not reach 127.0.0.1, where the services listen. What it reaches
is JupyterLab's own server, under whatever base URL: so `labserver` shows both pages there.
"""

from __future__ import annotations

import os

#: In the environment of each kernel and terminal of that server, set by `labserver`: its base URL,
#: such as `/user/anna/`. A path alone, since by which name a browser comes, no server knows.
BASE = "CPUWATCH_LAB"

#: Below that: Flink's page, and the stand-in for Slack's.
FLINK = "cpuwatch/flink"
SLACK = "cpuwatch/slack"


def shown_at(page: str) -> str | None:
    """The path of a page in the JupyterLab that this process belongs to; it ends with no slash.

    Parameters
    ----------
    page
        `FLINK` or `SLACK`.

    Returns
    -------
    str or None
        None if this process belongs to none that shows it.
    """
    base = os.environ.get(BASE)
    return f"{base.rstrip('/')}/{page}" if base else None
