"""Take the still pictures that stand in for live cells until they are run: `docs/stills`.

Run it after `tools/refresh_notebooks.py`, on the stack that chapter 5 has just run on; it needs a
Chromium. The notebooks get the pictures at the next refresh.
"""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from cpuwatch import readings, slack
from cpuwatch.figures.live import latest
from cpuwatch.figures.show import small_png

FOLDER = Path(__file__).parents[1] / "docs" / "stills"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def standin() -> bytes:
    """The stand-in's page as chapter 5 leaves it, without the times of day."""
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
    """Write both pictures."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "follow.png").write_bytes(small_png(latest(readings.fleet(ticks=15))))
    (FOLDER / "standin.png").write_bytes(standin())
    for path in sorted(FOLDER.glob("*.png")):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
