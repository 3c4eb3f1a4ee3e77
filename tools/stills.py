"""Take the still pictures that stand in for live cells until they are run: `docs/stills`.

Run it after `tools/refresh_notebooks.py`, on the stack that chapter 7 has just run on; it needs a
Chromium. The notebooks get the pictures at the next refresh.
"""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pandas as pd
from PIL import Image
from playwright.sync_api import sync_playwright

from cpuwatch import readings, slack
from cpuwatch.exercises import truth
from cpuwatch.figures.live import latest, over_limits
from cpuwatch.figures.show import small_png

FOLDER = Path(__file__).parents[1] / "docs" / "stills"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def standin() -> bytes:
    """The stand-in's page as chapter 7 leaves it, without the times of day."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 480})
        page.goto(slack.standin.page_address())
        page.locator("li").first.wait_for()
        page.evaluate("document.querySelectorAll('.when').forEach(one => one.remove())")
        picture = page.screenshot()
        browser.close()
    small = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB").resize((720, 384))
    image.quantize(64, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "follow.png").write_bytes(small_png(latest(readings.fleet(ticks=15))))
    averages = truth.windows(readings.fleet())
    first = averages[averages["window_end"] < readings.FLEET_START + pd.Timedelta("5min")]
    (FOLDER / "roll.png").write_bytes(small_png(over_limits(first, readings.THRESHOLDS)))
    (FOLDER / "standin.png").write_bytes(standin())
    for path in sorted(FOLDER.glob("*.png")):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
