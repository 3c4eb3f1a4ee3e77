"""The stand-in's page in Chromium: live, updated in place, back after a restart, text as text."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_path import chromium
from playwright.sync_api import Page, expect, sync_playwright
from slack_parts import LocalSlack, closed, opened

from cpuwatch.slack.notices import RollUp

pytest_plugins = ["slack_parts"]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    browser_path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        yield page
        browser.close()


def test_the_page_shows_the_channel_live(local_slack: LocalSlack, page: Page) -> None:
    problems: list[str] = []
    outside: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: (problems.append("a script ran"), dialog.dismiss()))
    page.on(
        "request",
        lambda asked: outside.append(asked.url) if local_slack.page not in asked.url else None,
    )
    page.goto(local_slack.page)
    expect(page.locator("#connection")).to_have_text("live")
    expect(page.locator("#empty")).to_be_visible()

    rolled, channel = RollUp(), local_slack.channel()
    channel.deliver(rolled.apply(opened("doc")))
    posted = time.monotonic()
    expect(page.locator("li")).to_have_count(1, timeout=2000)
    assert time.monotonic() - posted < 2.0
    expect(page.locator("li.open")).to_contain_text("doc is over its threshold of 20%")

    evil = "<img src=x onerror=alert(1)><!channel>&lt;b&gt;"
    channel.deliver(rolled.apply(opened(evil)))
    expect(page.locator("li").nth(1)).to_contain_text(f"{evil} is over its threshold")
    assert page.locator("li img").count() == 0

    element = page.locator("li").first.element_handle()
    channel.deliver(rolled.apply(closed("doc")))
    expect(page.locator("li.closed")).to_contain_text("doc is back under its threshold")
    assert page.locator("li").count() == 2, "updated in place"
    assert page.locator("li").first.evaluate("(now, before) => now === before", element)

    local_slack.stop()
    expect(page.locator("#connection")).to_contain_text("connection lost", timeout=10_000)
    local_slack.start()
    expect(page.locator("#connection")).to_have_text("live", timeout=15_000)
    expect(page.locator("li")).to_have_count(2)
    channel.deliver(rolled.apply(opened("happy")))
    expect(page.locator("li")).to_have_count(3, timeout=2000)

    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / "standin.png"))
    size = page.locator("li p").first.evaluate("one => getComputedStyle(one).fontSize")
    assert float(size.removesuffix("px")) >= 24, "readable at the back of a room"
    assert problems == [] and outside == []
