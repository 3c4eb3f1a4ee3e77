"""Let each Jupyter server of this environment have our extensions: `python -m cpuwatch.labinstall`.

`make lab` names them to its own server. Those that others start, such as JupyterHub and Binder,
look in the environment. An editable installation puts nothing there, so this does.
"""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).parent

#: What is put where, below the environment.
LINKS = {
    "etc/jupyter/jupyter_server_config.d/cpuwatch.json": (
        _HERE / "labconfig" / "jupyter_server_config.d" / "cpuwatch.json"
    ),
    "share/jupyter/labextensions/cpuwatch-sql": _HERE / "labextensions" / "cpuwatch-sql",
}


def install(prefix: Path) -> None:
    """Put links to them below an environment's prefix; those of before are replaced."""
    for name, target in LINKS.items():
        link = prefix / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() or link.is_file():
            link.unlink()
        link.symlink_to(target)


if __name__ == "__main__":
    install(Path(sys.prefix))
