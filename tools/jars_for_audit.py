"""The jars of `data/jars.lock` in a form that OSV-Scanner reads: Gradle's lock file.

.venv/bin/python tools/jars_for_audit.py > gradle.lockfile
osv-scanner scan --lockfile gradle.lockfile
"""

from __future__ import annotations

from cpuwatch.stack.jars import locked


def lockfile() -> str:
    """A line a jar, in their order."""
    return "".join(f"{one}=runtimeClasspath\n" for one in sorted({j.coordinate for j in locked()}))


if __name__ == "__main__":
    print(lockfile(), end="")
