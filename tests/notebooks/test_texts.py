"""What stands in the notebooks: the statements, the outputs, the numbers in the prose."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from book import BOOKS

from cpuwatch import alerts, readings, slack, sql, workshop

STATEMENTS = {
    "cpu_in": ["02", "03"],
    "cpu_out_filter": ["02"],
    "cpu_filter": ["02"],
    "cpu_out_agg": ["03", "05"],
    "cpu_agg": ["03"],
    "cpu_thresholds": ["04", "05"],
    "cpu_out_over": ["05"],
    "cpu_over": ["05"],
    "cpu_out_alerts": ["05"],
    "cpu_notification": ["05"],
}


def cells(book: Path, kind: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(book, 4).cells if cell.cell_type == kind]


def chapter(number: str) -> Path:
    return next(book for book in BOOKS if book.name.startswith(number))


def prose(number: str) -> str:
    return "\n".join(cell.source for cell in cells(chapter(number), "markdown"))


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_in_a_cell_is_the_one_in_the_library(name: str) -> None:
    for number in STATEMENTS[name]:
        found = [
            text.strip()
            for cell in cells(chapter(number), "code")
            for text in re.findall(r'"""(.*?)"""', cell.source, re.DOTALL)
        ]
        assert sql.source(name) in found, f"{name} in {number}"


def test_every_statement_of_the_library_is_taught() -> None:
    folder = Path(sql.__file__).parent
    assert {path.stem for path in folder.glob("cpu_*.sql")} >= set(STATEMENTS)
    for path in folder.glob("cpu_*.sql"):
        begins = path.read_text().lstrip()
        assert not begins.startswith(("CREATE", "INSERT")) or path.stem in STATEMENTS


def test_every_statement_in_the_cells_stands_in_the_library() -> None:
    known = {sql.source(name) for name in STATEMENTS}
    for book in BOOKS:
        for cell in cells(book, "code"):
            for text in re.findall(r'"""(.*?)"""', cell.source, re.DOTALL):
                if re.match(r"\s*(CREATE|INSERT)", text):
                    assert text.strip() in known, f"{book.name}: {text}"


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_every_cell_was_run_except_those_that_show_live_data(book: Path) -> None:
    for cell in cells(book, "code"):
        tags = cell.metadata.get("tags", [])
        only_comments = all(line.startswith("#") for line in cell.source.splitlines())
        if "nbval-skip" in tags:
            assert "live" in tags and cell.execution_count is None and not cell.outputs
        else:
            assert cell.execution_count is not None, cell.source
            assert not only_comments or not cell.outputs


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_notebook_begins_and_ends_as_all_do(book: Path) -> None:
    text = prose(book.name[:2])
    for part in ("**What you will do**", "**What you will learn**", "**What you need**"):
        assert part in text
    assert re.search(r"\*\*Time\*\*: \d+ minutes", text)
    assert "## What you saw" in text and "**Where beginners stumble**" in text
    first = cells(book, "code")[0].source
    assert f'workshop.begin("{book.name[:2]}")' in first


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_outputs_hold_no_path_id_port_time_of_day_or_secret(book: Path) -> None:
    text = "\n".join(
        json.dumps({**output, "data": _without_pictures(output)})
        for cell in cells(book, "code")
        for output in cell.outputs
    )
    for what, pattern in {
        "a path": r"(/home|/root|/tmp|/var|/work|/Users|C:\\\\)[/\\\\]",
        "a job's id": r"\b[0-9a-f]{32}\b",
        "a port": r"(127\.0\.0\.1|localhost):\d+",
        "an address in memory": r"0x[0-9a-f]{6,}",
        "a password": r"(?i)password[\"']?\s*[:=]|://[^/\s]+:[^/\s]+@",
        "another day than the fleet's": r"20\d\d-(?!01-05)\d\d-\d\d",
        "Java": r"\bat [a-z]+\.[a-z.]+\([A-Z]\w+\.java",
    }.items():
        assert not re.search(pattern, text), f"{what}: {re.search(pattern, text)}"
    assert "stderr" not in text


def _without_pictures(output: nbformat.NotebookNode) -> dict[str, object]:
    return {k: v for k, v in output.get("data", {}).items() if k != "image/png"}


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_notebook_is_small_and_carries_nothing_of_the_run(book: Path) -> None:
    assert book.stat().st_size < 200_000
    notebook = nbformat.read(book, 4)
    assert notebook.metadata["language_info"] == {"name": "python"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}


def test_cells_with_live_data_say_so() -> None:
    for book in BOOKS:
        before = ""
        for cell in nbformat.read(book, 4).cells:
            if "nbval-skip" in cell.metadata.get("tags", []):
                assert "`live`" in before, cell.source
            before = cell.source


# --- Numbers in the prose -------------------------------------------------------------------


def test_the_fleet_is_what_chapter_1_says() -> None:
    fleet = readings.fleet()
    assert len(fleet) == 21_000
    assert fleet["hostname"].nunique() == 7 and fleet["cpu"].nunique() == 5
    assert "Seven hosts with five CPUs each" in prose("01") and "35 readings" in prose("01")


def test_the_filter_finds_misses_and_invents_what_chapter_2_says() -> None:
    hot = workshop.expected("cpu_filter")
    reported = hot.assign(
        window_start=hot["time_ltz"], window_end=hot["time_ltz"] + pd.Timedelta("1s")
    )
    incidents = readings.incidents()
    score = alerts.score(reported, incidents)
    deserve = score.incidents[score.incidents["deserves_alert"]]
    text = prose("02")
    assert "Five incidents" in text and len(incidents) == 5
    assert deserve.loc[deserve["found"], "hostname"].tolist() == ["sneezy"]
    assert "only the trouble on `sneezy`" in text
    assert set(score.missed["hostname"]) == {"doc", "grumpy", "bashful"}
    assert "`doc`, `grumpy` and `bashful`" in text
    assert set(score.invented["hostname"]) == {"dopey", "happy"}


def test_the_windows_are_what_chapter_3_says() -> None:
    averages = workshop.expected("cpu_agg")
    assert len(averages) == 19 * 35 and 20 * 35 == 700
    assert "20 windows" in prose("03") and "700 rows" in prose("03")
    assert averages["window_end"].max() == pd.Timestamp("2026-01-05T09:09:30Z")
    dopey = averages[averages["hostname"] == "dopey"]
    assert (dopey["usage_max"] > 80).any() and (dopey["usage_avg"] < 80).all()


def test_the_alerts_are_what_chapters_5_and_6_say() -> None:
    found = workshop.expected("cpu_over")
    assert len(found) == 62 and "Four messages instead of 62" in prose("05")
    transitions = workshop.expected("cpu_notification")
    assert (transitions["event"] == "opened").sum() == 15 and "15 openings" in prose("05")
    assert slack.count_messages(transitions.to_dict("records")) == 4
    still_open = alerts.episodes(transitions).loc[lambda one: one["closed"].isna(), "hostname"]
    assert set(still_open) == {"grumpy", "sneezy"} and "Two older ones were changed" in prose("05")
    grumpy = transitions[(transitions["hostname"] == "grumpy") & (transitions["cpu"] == "cpu1")]
    assert grumpy["event"].tolist() == ["opened"] and "`grumpy` opens once" in prose("05")
    assert found["hostname"].nunique() == 4 and "Four hosts are in trouble" in prose("05")
    score = alerts.score(found, readings.incidents())
    assert score.invented.empty and score.missed.empty
    delays = score.incidents[score.incidents["deserves_alert"]].set_index("hostname")["delay"]
    assert delays.idxmax() == "bashful"
