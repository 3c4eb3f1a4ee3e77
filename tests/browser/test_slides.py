"""The slides in a real browser that is cut off from everything: none is cut off, keys work."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from book import BOOKS
from browser_path import chromium
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Page, Request, expect, sync_playwright
from slides_parts import tool

SIZE: Any = {"width": 1280, "height": 720}  # a projector's
NAMES = [book.stem for book in BOOKS]

#: Of each slide: what of it would not be seen, and how much smaller its letters were made.
MEASURE = """() => [...document.querySelectorAll(".slide")].map((slide) => {
  const body = slide.querySelector(".body"), text = slide.querySelector(".fit");
  const title = slide.querySelector("h1, h2");
  const before = parseFloat(getComputedStyle(text).fontSize);
  const after = text.style.fontSize;
  text.style.fontSize = "";
  const wanted = parseFloat(getComputedStyle(text).fontSize);
  text.style.fontSize = after;
  return {
    cut: body.scrollHeight > body.clientHeight || body.scrollWidth > body.clientWidth
      || title.scrollHeight > title.clientHeight || title.scrollWidth > title.clientWidth
      || slide.scrollHeight > slide.clientHeight,
    size: before / wanted,
    text: text.textContent.trim().length + text.querySelectorAll("img, svg").length,
    pictures: [...text.querySelectorAll("img, svg")].map((one) => {
      const box = one.getBoundingClientRect();
      return box.width * box.height > 0 && (one.naturalWidth ?? 1) > 0 ? box.width : 0;
    }),
  };
})"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    slides = tool("slides")
    where = tmp_path_factory.mktemp("slides")
    slides.write(where, slides.make()[0])
    return where


@pytest.fixture(scope="module")
def one_browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        browser.close()


@pytest.fixture
def page(one_browser: Any) -> Iterator[Page]:
    """A page without a network, which may load its own file, ask for nothing, and not complain."""
    context = one_browser.new_context(viewport=SIZE, offline=True)
    asked: list[str] = []
    complaints: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith(("file://", "data:")):
            asked.append(request.url)

    context.on("request", note)
    context.on("console", lambda message: complaints.append(message.text))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context.new_page()
    context.close()
    assert asked == []
    assert complaints == []


def _at(page: Page) -> str:
    """The number on the one slide that is seen, which is also that in the address."""
    seen = page.locator(".slide").filter(visible=True)
    expect(seen).to_have_count(1)
    number = seen.locator(".number").inner_text().partition(" /")[0]
    assert page.url.endswith(f"#/{number}")
    return number


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_off_on_any_slide(page: Page, folder: Path, name: str) -> None:
    page.goto((folder / f"{name}.html").as_uri())
    measured = page.evaluate(MEASURE)
    assert len(measured) >= 7
    numbered = list(enumerate(measured, 1))
    assert [number for number, one in numbered if one["cut"]] == []
    assert [number for number, one in numbered if not one["text"]] == []
    # Letters stay large: where they would not, the slide should have been cut elsewhere.
    assert [number for number, one in numbered if one["size"] < 0.85] == []
    assert [number for number, one in numbered if min(one["pictures"], default=1e9) < 700] == []
    # Also with all that can be opened open.
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.wait_for_function(f"({MEASURE})().every((one) => !one.cut)")


def test_keys_go_on_and_back(page: Page, folder: Path) -> None:
    page.goto((folder / "01-fake-cpu-data.html").as_uri())
    last = str(page.locator(".slide").count())
    assert _at(page) == "1"
    for key, there in [
        ("ArrowLeft", "1"), ("ArrowRight", "2"), ("Space", "3"), ("PageDown", "4"),
        ("ArrowDown", "5"), ("Enter", "6"), ("ArrowLeft", "5"), ("PageUp", "4"),
        ("Shift+Space", "3"), ("ArrowUp", "2"), ("Backspace", "1"), ("End", last),
        ("ArrowRight", last), ("Home", "1"), ("x", "1"), ("Control+ArrowRight", "1"),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert _at(page) == there, key
    page.get_by_label("On", exact=True).filter(visible=True).click()
    page.keyboard.press("Space")  # goes on, and does not press the button again
    assert _at(page) == "3"
    page.get_by_label("Back", exact=True).filter(visible=True).click()
    assert _at(page) == "2"


def test_every_slide_comes_by_once(page: Page, folder: Path) -> None:
    page.goto((folder / "04-thresholds.html").as_uri())
    count = page.locator(".slide").count()
    seen = [_at(page)]
    for _ in range(count - 1):
        page.keyboard.press("ArrowRight")
        seen.append(_at(page))
    assert seen == [str(number) for number in range(1, count + 1)]


def test_a_reload_stays_and_a_link_leads_to_the_next_chapter(page: Page, folder: Path) -> None:
    page.goto((folder / "index.html").as_uri())
    assert page.locator("li a").count() == len(NAMES)
    page.get_by_role("link", name="2. Filter").click()
    expect(page.locator("h1").filter(visible=True)).to_have_text("2. Filter")
    page.keyboard.press("End")
    last = _at(page)
    assert last == str(page.locator(".slide").count())
    page.reload()
    assert _at(page) == last
    on = page.locator(".slide.on")
    for _ in range(int(last)):
        if on.get_by_role("link", name="3. Windows").count():
            break
        page.keyboard.press("ArrowLeft")
    page.get_by_role("link", name="3. Windows").click()
    expect(page.locator("h1").filter(visible=True)).to_have_text("3. Windows")
    page.go_back()
    expect(page.get_by_role("link", name="3. Windows")).to_be_visible()


@pytest.mark.parametrize("address", ["#/99", "#/0", "#nowhere", "#%", "#/x", ""])
def test_an_address_that_leads_nowhere_shows_a_slide(
    page: Page, folder: Path, address: str
) -> None:
    page.goto((folder / "00-welcome.html").as_uri() + address)
    assert _at(page) == (str(page.locator(".slide").count()) if address == "#/99" else "1")


def test_an_address_of_a_heading_shows_its_slide(page: Page, folder: Path) -> None:
    page.goto((folder / "00-welcome.html").as_uri() + "#What-an-error-looks-like")
    expect(page.locator("h2").filter(visible=True)).to_have_text("What an error looks like")


def test_notes_and_the_black_screen_come_and_go(page: Page, folder: Path) -> None:
    page.goto((folder / "03-windows.html").as_uri())
    for key, what in [("n", page.locator(".notes")), ("b", page.locator(".black"))]:
        expect(what).to_be_hidden()
        page.keyboard.press(key)
        expect(what).to_be_visible()
        page.keyboard.press(key)
        expect(what).to_be_hidden()
    expect(page.locator(".notes")).to_contain_text("the watermark is a promise")


@pytest.mark.parametrize("size", [(1024, 768), (1920, 1080), (800, 600), (3840, 2160)])
def test_a_slide_fills_the_window(page: Page, folder: Path, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto((folder / "02-filter.html").as_uri() + "#/7")
    box = page.locator(".slide").filter(visible=True).bounding_box()
    scale = min(size[0] / 1280, size[1] / 720)
    assert box is not None
    assert box["width"] == pytest.approx(1280 * scale, abs=1)
    assert box["x"] == pytest.approx((size[0] - 1280 * scale) / 2, abs=1)
    assert box["y"] == pytest.approx((size[1] - 720 * scale) / 2, abs=1)


@pytest.mark.parametrize("name", NAMES[:3])
def test_printed_each_slide_is_a_page(page: Page, folder: Path, name: str) -> None:
    page.goto((folder / f"{name}.html").as_uri())
    count = page.locator(".slide").count()
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == count


STRANGE = [
    new_markdown_cell("## " + "A title that is long, and goes on and on. " * 6),
    new_markdown_cell("## One word\n\n" + "x" * 3000),
    new_markdown_cell("A paragraph without an end. " * 200),
    new_markdown_cell("| a | b |\n|---|---|\n| " + "y" * 400 + " | " + "some words " * 80 + "|"),
    new_markdown_cell("- " + "a point\n- ".join(["with [a link](https://example.org) "] * 40)),
    new_markdown_cell('<svg viewBox="0 0 10 400"><rect width="10" height="400"/></svg>'),
    new_code_cell("z = '" + "z" * 4000 + "'"),
    new_code_cell("\n".join(["# " + "comment " * 30] * 40)),
    new_code_cell("show()", outputs=[new_output("stream", text="w" * 9000)]),
    new_code_cell(
        "wide()",
        outputs=[
            new_output(
                "display_data",
                {
                    "text/html": "<table><tr>"
                    + "".join(f"<td>column number {n}</td>" for n in range(30))
                    + "</tr></table>",
                    "text/plain": "",
                },
            )
        ],
    ),
]


def test_strange_cells_are_seen_whole_too(page: Page, tmp_path: Path) -> None:
    blocks, cut, pages = tool("presenter.blocks"), tool("presenter.cut"), tool("presenter.page")
    source = blocks.Source(tmp_path / "07-own.ipynb", {})
    slides = cut.cut(blocks.units(new_notebook(cells=STRANGE), source))
    path = tmp_path / "own.html"
    path.write_text(pages.deck(pages.Deck("own", "Own", slides, {})))
    page.goto(path.as_uri())
    measured = page.evaluate(MEASURE)
    assert len(measured) >= len(STRANGE) - 1
    assert [number for number, one in enumerate(measured, 1) if one["cut"]] == []
    drawing = page.locator("svg").evaluate_all("all => all.map(one => one.viewBox.baseVal.height)")
    assert drawing == [400]
