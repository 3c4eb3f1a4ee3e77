"""Text from outside is text everywhere: the worst host names, sent through all that there is."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import twin
from browser_path import chromium
from chaos import deploy_all
from conftest import cpuwatch
from playwright.sync_api import sync_playwright
from slack_parts import LocalSlack

from cpuwatch import figures, flink, pipeline, readings, results, thresholds, topics, workshop
from cpuwatch.slack.notifier import Notifier

pytest_plugins = ["slack_parts"]

NAMES = [
    "<script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<!channel>",
    "<http://evil.example|click>",
    "http://evil.example",
    "&lt;b&gt;&amp;",
    "`*_~ > code",
    "$x^2$",
    "$\\notamacro{$",
    "=cmd()|'/c calc'!A1",
    "@SUM(1)",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe",
    "o'brien'; DROP TABLE cpu_thresholds; --",
    '"',
    "\\",
    "${kafka} %s {0} {{1}}",
    "[bold red]markup[/]",
    "a,b;c\td",
    "line\nbreak\u2028and more",
    "../../etc/passwd",
    "日本語 😀",
    "x" * 290,
    "-2+3",
    "+1",
    "'=1+1",
    "\uff1d1+1",
]

#: Longer than a name may be: it is none, and does as little harm.
ENORMOUS = "x" * 65_536

#: A terminal obeys these, and so does the eye of a reader.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


#: What a spreadsheet takes for a formula.
RUN = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


@pytest.fixture(scope="module")
def given() -> pd.DataFrame:
    """For each name a minute over every threshold, and a minute and a half below."""
    start = readings.FLEET_START.value // 1_000_000
    rows = [
        (name, name if len(name) < 150 else "cpu1", 97.5 if tick < 60 else 20.0,
         start + 1000 * tick)
        for tick in range(0, 180, 2) for name in (*NAMES, ENORMOUS)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(readings.COLUMNS))


@pytest.fixture(scope="module")
def found(stack: Path, given: pd.DataFrame) -> Iterator[dict[str, pd.DataFrame]]:
    """What the pipeline made of them, table by table."""
    workshop.begin("05")
    topics.empty(topics.READINGS)
    topics.delete(topics.BAD_READINGS)  # rows of files would be kept
    topics.produce(given)
    thresholds.write(thresholds.engine(), {NAMES[0]: 50.0, NAMES[13]: 60.0})
    deployed = deploy_all(settled=True)
    assert len(results.bad()) == (given["hostname"] == ENORMOUS).sum()
    yield {job.writes: results.read(job.writes) for job in pipeline.JOBS}
    flink.cancel(*(job.name for job in deployed))
    workshop.reset()


def test_the_pipeline_counts_them_like_any_other(
    given: pd.DataFrame, found: dict[str, pd.DataFrame]
) -> None:
    averages = found["cpu_out_agg"].sort_values(
        ["window_start", "hostname", "cpu"], ignore_index=True
    )
    given = given[given["hostname"] != ENORMOUS]
    wanted = twin.averages(given, 30)
    closed = wanted[wanted["window_end"] <= averages["window_end"].max()]
    twin.assert_equal(averages, closed.reset_index(drop=True))
    assert len(found["cpu_out_filter"]) == (given["usage"] > 80).sum()
    over = found["cpu_out_over"]
    assert sorted(set(over["hostname"])) == sorted(NAMES)
    allowed = over.groupby("hostname")["allowed_top"].first()
    assert (allowed[NAMES[0]], allowed[NAMES[13]], allowed[NAMES[1]]) == (50.0, 60.0, 80.0)
    assert sorted(set(found["cpu_out_alerts"]["hostname"])) == sorted(NAMES)
    assert len(thresholds.read(thresholds.engine())) == 9  # and the table is there still


def test_slack_and_the_page_of_its_stand_in_show_them_as_text(
    found: dict[str, pd.DataFrame], local_slack: LocalSlack, tmp_path: Path
) -> None:
    channel = local_slack.channel(patience=60)
    Notifier(channel, "cpu_alerts", "hostile", tmp_path / "memory.json", lambda _: None).run(
        once=True
    )
    assert channel.posted == len(NAMES)
    for message in local_slack.messages():
        texts = [message["text"], message["blocks"][0]["text"]["text"]]
        texts += [one["text"] for one in message["blocks"][1]["fields"]]
        for text in texts:
            assert not re.search(r"<|>", text) and not OBEYED.search(text)
            assert len(text) < 3000
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("dialog", lambda _: pytest.fail("a script ran"))
        page.goto(local_slack.page)
        page.get_by_text("DROP TABLE cpu_thresholds").first.wait_for()
        shown = page.locator("body").inner_text()
        assert "<script>document.title" in shown and "owned" not in page.title()
        assert page.locator("img[src='x']").count() == 0
        assert page.locator("a[href*='evil']").count() == 0
        browser.close()


def test_a_notebook_shows_them_as_text(found: dict[str, pd.DataFrame]) -> None:
    for table in (*found.values(), results.bad()):
        html = table._repr_html_()
        assert "<script" not in html and "<img" not in html
    workshop.begin("05")  # whatever pandas shows in a notebook is set by then
    assert pd.get_option("display.html.use_mathjax") is False


def test_the_figures_can_draw_them(
    found: dict[str, pd.DataFrame], given: pd.DataFrame, tmp_path: Path
) -> None:
    averages, over = found["cpu_out_agg"], found["cpu_out_over"]
    for number, name in enumerate(NAMES):
        cpu = name if len(name) < 150 else "cpu1"
        figure = figures.averages_figure(given, averages, name, cpu, limit=80)
        figure.savefig(tmp_path / f"{number}.png", dpi=40)
    together = figures.timeline_figure({"Averages": over}, workshop.incidents(seed=7))
    together.savefig(tmp_path / "all.png", dpi=40)


def test_the_terminal_gets_nothing_that_it_obeys(
    stack: Path, given: pd.DataFrame, tmp_path: Path
) -> None:
    # A file is read line by line: a name with a line break is rejected there.
    given = given[~given["hostname"].str.contains("\n")]
    given.to_csv(tmp_path / "given.csv", index=False)
    given = given[given["hostname"] != ENORMOUS]
    limits = pd.DataFrame({"hostname": NAMES[:5], "allowed_top": 50.0})
    limits.to_csv(tmp_path / "limits.csv", index=False)
    done = cpuwatch(
        "demo", "--csv", tmp_path / "given.csv", "--thresholds", tmp_path / "limits.csv",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert not OBEYED.search(done.stdout + done.stderr)
    assert len(done.stdout) < 50_000  # nobody scrolls through a name of 64 kB
    windows = twin.read_csv(tmp_path / "out" / "windows.csv")
    twin.assert_equal(windows, twin.averages(given, 30))
    # Numbers are numbers; of the texts a spreadsheet runs none.
    for name in ("filtered", "windows", "alerts", "episodes", "rejected"):
        with (tmp_path / "out" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        cells = {cell for row in rows for cell in row}
        assert not [cell for cell in cells if RUN.match(cell)], name
        assert name == "rejected" or "'=cmd()|'/c calc'!A1" in cells
    assert (tmp_path / "out" / "alerts.png").stat().st_size > 10_000
