"""Where the tests find a Chromium: Debian's, Google's Chrome, or the one that CHROMIUM names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")

#: macOS puts no program on the PATH.
MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def chromium() -> str:
    """The program's path; without one the test is skipped, and fails in CI."""
    named = os.environ.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        assert found, f"CHROMIUM names {named}, and there is no such program."
        return found
    on_path = (shutil.which(name) for name in NAMES)
    in_folder = (path for path in MACOS if Path(path).exists())
    for path in (*on_path, *in_folder):
        if path:
            return path
    if os.environ.get("CI"):
        pytest.fail("There is no Chromium: install it, as the CI's set-up should.")
    pytest.skip("There is no Chromium, so nothing was looked at in a browser: see CONTRIBUTING.md.")
