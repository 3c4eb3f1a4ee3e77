"""What Jupyter and its kernels are started with: nothing that is meant for another Jupyter."""

from __future__ import annotations

import os
import re
from pathlib import Path

from cpuwatch import files

#: Variables by which somebody tells another Jupyter, IPython, Python or matplotlib something. From
#: VIRTUAL_ENV IPython would take the packages of another one. Matplotlib's other ones are ours in
#: each process that imports us.
_THEIRS = re.compile(
    r"(JUPYTER|IPYTHON|JPY_|NBVAL)\w*"
    r"|PYTHON(?!DONTWRITEBYTECODE|PYCACHEPREFIX|UNBUFFERED)\w*"
    r"|VIRTUAL_ENV|MPLBACKEND"
)


def environment(place: Path) -> dict[str, str]:
    """The environment of a Jupyter of ours, whose `python3` is this project's Python.

    Parameters
    ----------
    place
        A folder that outlives the stack: what Jupyter and IPython would read from the home, and
        keep there, they read and keep below this one.
    """
    own = {
        "JUPYTER_CONFIG_DIR": place / "config",
        "JUPYTER_DATA_DIR": place / "data",
        "JUPYTER_RUNTIME_DIR": place / "runtime",
        "IPYTHONDIR": place / "ipython",
    }
    return {
        **{name: value for name, value in os.environ.items() if not _THEIRS.fullmatch(name)},
        **{name: str(files.folder(folder)) for name, folder in own.items()},
        # Kernels that are installed for all Pythons of this machine come second.
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


def settle(place: Path) -> None:
    """Give this process such an environment, and so the kernels that it starts.

    Parameters
    ----------
    place
        As for `environment`.
    """
    ours = environment(place)
    for name in set(os.environ) - set(ours):
        del os.environ[name]
    os.environ.update(ours)
