"""The pages for those who teach: minutes that add up, headings and commands that are there."""

from __future__ import annotations

import ast
import inspect
import json
import re
from itertools import accumulate
from typing import Any, NamedTuple

import pytest
import typer.main
from book import BOOKS

from cpuwatch import cli, figures, flink, slack, topics, workshop
from cpuwatch.settings import ROOT
from cpuwatch.stack import known

DOCS = ROOT / "docs"
GUIDE = (DOCS / "instructors.md").read_text(encoding="utf-8")
PAGES = ("instructors.md", "shared-server.md", "outside-services.md", "platforms.md")

#: What a line of code on a page may begin with.
FACES = {"figures": figures, "flink": flink, "slack": slack, "topics": topics, "workshop": workshop}
KNOWN = FACES | {"stream": workshop.Stream}

#: What a line of a timetable says that does not take a chapter from its beginning to its end.
SHORTENED = re.compile(r"leave out|to the end of \*|from \*|without")

EXERCISES = {"warm-up": 1, "core": 1, "all three": 3}

#: What a quick attendee takes for an exercise, in minutes, as the guide says.
QUICK = 3


class Slot(NamedTuple):
    begins: int
    kind: str
    minutes: int
    what: str

    @property
    def chapters(self) -> list[str]:
        """The chapters that it runs, or tells of."""
        return re.findall(r"\b(\d\d)\b(?!%)", self.what) if self.kind in ("do", "talk") else []

    @property
    def exercises(self) -> int:
        if "without exercises" in self.what:
            return 0
        return sum(count for name, count in EXERCISES.items() if name in self.what)


class Timetable(NamedTuple):
    heading: str
    total: int
    slots: list[Slot]


def minutes(clock: str) -> int:
    hours, rest = clock.split(":")
    return 60 * int(hours) + int(rest)


def timetables() -> list[Timetable]:
    section = GUIDE.split("\n## Timetables\n")[1].split("\n## ")[0]
    found = []
    for part in re.split(r"\n(?=\*\*)", section)[1:]:
        heading, _, table = part.partition("\n| at |")
        told = re.search(r"\((\d:\d\d)[ ;]", heading)
        total = minutes(told[1]) if told else int(re.findall(r"\*\*(\d+) minutes\*\*", heading)[0])
        lines = re.findall(r"^\| (\d:\d\d) \| (\w+) (\d+) \| (.*?) ?\|$", table, re.MULTILINE)
        assert len(lines) == len(re.findall(r"^\| \d", table, re.MULTILINE))
        slots = [Slot(minutes(at), kind, int(long), what) for at, kind, long, what in lines]
        found.append(Timetable(" ".join(heading.split()), total, slots))
    return found


TIMETABLES = timetables()
each_timetable = pytest.mark.parametrize(
    "table", TIMETABLES, ids=lambda table: table.heading.split("**")[1]
)


def cells(number: str) -> list[str]:
    book = next(book for book in BOOKS if book.name.startswith(number))
    notebook = json.loads(book.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def headings(number: str) -> set[str]:
    return {name for cell in cells(number) for name in re.findall(r"(?m)^##+ (.+)$", cell)}


def promised(number: str) -> int:
    """The minutes that a notebook says it takes, without its exercises."""
    return int(re.findall(r"\*\*Time\*\*: (\d+) minutes", cells(number)[0])[0])


def emphasised(text: str) -> list[str]:
    return re.findall(r"(?<![*\w])\*([^*\n]+)\*(?![*\w])", text)


# --- Timetables ------------------------------------------------------------------------------


def test_there_are_timetables() -> None:
    assert [table.total for table in TIMETABLES] == [90, 240, 420, 195]


@each_timetable
def test_the_clock_goes_with_the_minutes_to_the_total(table: Timetable) -> None:
    ends = list(accumulate(slot.minutes for slot in table.slots))
    assert [slot.begins for slot in table.slots] == [0, *ends[:-1]]
    assert ends[-1] == table.total


@each_timetable
def test_a_chapter_has_the_minutes_that_it_promises_or_less_of_it_is_done(table: Timetable) -> None:
    for slot in table.slots:
        needs = sum(promised(number) for number in slot.chapters)
        if not SHORTENED.search(slot.what):
            assert slot.minutes >= needs + QUICK * slot.exercises, slot


@each_timetable
def test_a_chapter_that_has_no_slot_is_said_to_be_left_out(table: Timetable) -> None:
    chapters = {number for slot in table.slots for number in slot.chapters}
    every = {book.name[:2] for book in BOOKS}
    day = {number for number in every if (number > "09") == ("10" in chapters)}
    said = re.findall(r"((?:\d\d(?:, | and )?)+) (?:is|are) left out", table.heading)
    assert day - chapters == set(re.findall(r"\d\d", "".join(said)))


@each_timetable
def test_headings_that_a_timetable_names_are_in_the_notebook(table: Timetable) -> None:
    for slot in table.slots:
        there = {name for number in slot.chapters for name in headings(number)}
        assert set(emphasised(slot.what)) <= there, slot


@each_timetable
def test_what_a_quiz_asks_was_done_before(table: Timetable) -> None:
    for slot in table.slots:
        for number in re.findall(r"quiz of (\d\d)", slot.what):
            before = [one for one in table.slots if number in one.chapters]
            assert before and not any(SHORTENED.search(one.what) for one in before)


def test_the_drills_have_their_minutes_in_the_longer_timetables() -> None:
    words = {"three": 3, "six": 6}
    told = [
        (words[number], slot.minutes)
        for table in TIMETABLES
        for slot in table.slots
        for number in re.findall(r"\b(three|six)\b(?: of the)? \[?(?:six )?drills\]", slot.what)
    ]
    assert [count for count, _ in told] == [3, 6]
    assert all(long >= 4 * count for count, long in told)
    assert len(drills()) == 6


def test_what_is_said_of_all_chapters_together_is_right() -> None:
    first = sum(promised(book.name[:2]) for book in BOOKS if book.name < "10")
    assert "Chapters 00 to 09 take some two and a half hours" in GUIDE
    assert abs(first - 150) <= 10
    assert "Each\n  takes 20 to 25 minutes" in GUIDE
    assert {promised(book.name[:2]) for book in BOOKS if book.name > "10"} <= {20, 25}


@pytest.mark.parametrize("page", PAGES)
def test_a_heading_that_a_page_names_is_in_its_chapter(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    named = re.findall(r"(?<![*\w])\*([^*\n]+)\* (?:in|of) (\d\d)\b", text)
    assert named or page in ("outside-services.md", "platforms.md")
    for name, number in named:
        assert name in headings(number), name


@pytest.mark.parametrize("page", PAGES)
def test_a_place_that_a_page_links_to_is_there(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, place in re.findall(r"\]\(([a-z-]+\.md)?(?:#([a-z0-9-]+))?\)", text):
        there = (DOCS / (name or page)).read_text(encoding="utf-8")
        titles = re.findall(r"(?m)^##+ (.+)$", there)
        anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert not place or place in anchors, place


# --- Commands and code -----------------------------------------------------------------------


def snippets(page: str) -> list[str]:
    """All that stands in backticks or in a block of code."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^ *```\w*\n(.*?)^ *```$", text)
    rest = re.sub(r"(?ms)^ *```.*?^ *```$", "", text)
    return [*blocks, *re.findall(r"`([^`\n]+)`", rest)]


@pytest.mark.parametrize("page", PAGES)
def test_a_command_that_a_page_names_is_one(page: str) -> None:
    known: Any = typer.main.get_command(cli.app)
    found = [
        words.split()
        for one in snippets(page)
        for words in re.findall(r"(?m)(?<!from )(?<![\w-])cpuwatch ((?:[a-z][a-z-]*[ \n]?)+)", one)
    ]
    assert found or page == "platforms.md"
    for first, *more in found:
        assert first in known.commands, first
        below = getattr(known.commands[first], "commands", None)
        assert below is None or (more and more[0] in below), (first, more)


def called(code: str) -> list[ast.Call]:
    return [part for part in ast.walk(ast.parse(code)) if isinstance(part, ast.Call)]


def drills() -> list[list[str]]:
    """For each drill the code in its column *do*."""
    section = GUIDE.split("\n## Six failure drills\n")[1].split("\n## ")[0]
    rows = re.findall(r"(?m)^\| [^|]+ \| ([^|]+) \| [^|]+ \|$", section)
    return [re.findall(r"`([^`]+)`", row) for row in rows if row != "do"]


def meant(part: ast.expr) -> Any:
    """What `workshop.kill` or `slack.standin.heal` is; fails where there is nothing of the name."""
    if isinstance(part, ast.Name):
        return KNOWN[part.id]
    assert isinstance(part, ast.Attribute)
    if isinstance(part.value, ast.Name) and part.value.id in FACES:
        assert part.attr in FACES[part.value.id].__all__, ast.unparse(part)
    return getattr(meant(part.value), part.attr)


def judge(call: ast.Call) -> None:
    """See that what is called is there, and takes what it is given."""
    function = meant(call.func)
    is_method = ast.unparse(call.func).startswith("stream.")
    given = [None] * is_method + [ast.unparse(one) for one in call.args]
    named = {str(one.arg): None for one in call.keywords}
    inspect.signature(function).bind(*given, **named)
    if function is workshop.kill:
        programs = {program for service in known.SERVICES for program in service.programs}
        assert ast.literal_eval(call.args[0]) in programs


def test_the_code_of_the_drills_can_be_run() -> None:
    for column in drills():
        assert column
        for code in column:
            assert called(code), code
            for call in called(code):
                judge(call)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_of_the_workshop_is_there(page: str) -> None:
    ours = re.compile(rf"(?:{'|'.join(FACES)}|stream)\.[a-z]")
    for one in snippets(page):
        if ours.match(one) and "\n" not in one and "…" not in one:
            tree = ast.parse(one)
            for part in ast.walk(tree):
                if isinstance(part, ast.Attribute):
                    meant(part)
                elif isinstance(part, ast.Call):
                    judge(part)


def test_the_cell_that_begins_the_drills_can_be_run() -> None:
    cell = next(one for one in snippets("instructors.md") if "workshop.begin" in one)
    for call in called(cell):
        judge(call)
