"""What lanes need of the tests themselves."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cpuwatch.settings import ROOT


def test_a_test_has_the_same_name_in_every_lane(request: pytest.FixtureRequest) -> None:
    """Lanes gather the tests each for itself, and give up where a name holds a time or a hash."""
    ours = [item.nodeid for item in request.session.items]
    files = dict.fromkeys(str(item.path) for item in request.session.items)
    other = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PYTEST_XDIST_WORKER": "other"}
    other["CPUTEST_RUN"] = "other"  # whoever ends tidies up what is its run's
    other["PYTEST_ADDOPTS"] = ""  # with -v it would list them otherwise
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | other,
    )
    wanted = set(ours)
    assert [line for line in run.stdout.splitlines() if line in wanted] == ours
