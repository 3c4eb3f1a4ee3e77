"""What stands in the notebooks: the statements, the outputs, the numbers in the prose."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import twin
from book import BOOKS

from cpuwatch import alerts, exercises, learned, pipeline, slack, sql, workshop
from cpuwatch.exercises.chapter_13 import skewed
from cpuwatch.pipeline import WORKSHOP
from cpuwatch.readings import THRESHOLDS

#: All that a notebook imports from cpuwatch.
FACES = {"figures", "flink", "slack", "topics", "workshop"}

#: All that a chapter teaches.
TAUGHT = (*pipeline.JOBS, *pipeline.BEYOND)
#: Those whose statement its own chapter shows, and those of which a later one does.
AT_ONCE = [job for job in TAUGHT if not job.explained]
LATER = [job for job in TAUGHT if job.explained]
VIEWS = [view for job in TAUGHT for view in job.views]
QUERIES = [*VIEWS, *(job.name for job in TAUGHT), learned.IN_ORDER]
TABLES = pipeline.tables(TAUGHT)


def cells(book: Path, kind: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(book, 4).cells if cell.cell_type == kind]


def chapter(number: str) -> Path:
    return next(book for book in BOOKS if book.name.startswith(number))


def prose(number: str) -> str:
    return "\n".join(cell.source for cell in cells(chapter(number), "markdown"))


# --- Statements -----------------------------------------------------------------------------


def code(book: Path) -> Iterator[ast.AST]:
    """Every part of a notebook's code, cell by cell."""
    for cell in cells(book, "code"):
        yield from ast.walk(ast.parse(cell.source))


def texts(book: Path) -> list[str]:
    """The texts in a notebook's code that are longer than a line."""
    return [
        part.value
        for part in code(book)
        if isinstance(part, ast.Constant)
        and isinstance(part.value, str)
        and "\n" in part.value.strip()
    ]


def used(book: Path) -> dict[tuple[str, str], str]:
    """The statements that a notebook gives to `flink`: by function and name."""
    named: dict[str, str] = {}
    found = {}

    def text(part: ast.expr) -> str | None:
        """The text that an expression is; None if another one is made of it, as by replace."""
        if isinstance(part, ast.BinOp):
            left, right = text(part.left), text(part.right)
            return None if left is None or right is None else left + right
        if isinstance(part, ast.Call):  # perhaps a statement that is taught, with another table
            if not (isinstance(part.func, ast.Attribute) and part.func.attr == "replace"):
                return None
            whole, old, new = (text(one) for one in (part.func.value, *part.args))
            return None if None in (whole, old, new) else str(whole).replace(str(old), str(new))
        if isinstance(part, ast.Name):
            return named.get(part.id)
        assert isinstance(part, ast.Constant), ast.unparse(part)
        return str(part.value)

    for part in code(book):
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Constant):
            named[ast.unparse(part.targets[0])] = str(part.value.value)
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            kind = part.func.attr
            if kind == "create_table":
                statement = text(part.args[1])
                assert statement is not None
                name = re.match(r"\s*CREATE TABLE (\w+)", statement)
                assert name, statement
                found[kind, name[1]] = statement
            elif kind in ("create_view", "deploy"):
                if len(part.args) == 2:  # by its name
                    continue
                of, statement = text(part.args[1]), text(part.args[2])
                # Deployed once more, with other tables or from a savepoint, it is the same one.
                if of is not None and statement is not None:
                    found.setdefault((kind, of), statement)
    return found


def without_comments(statement: str) -> str:
    return "\n".join(line for line in statement.splitlines() if not line.startswith("--"))


USED = {book.name[:2]: used(book) for book in BOOKS}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_taught_once_by_the_library_s_own_statement(name: str) -> None:
    found = [one["create_table", name] for one in USED.values() if ("create_table", name) in one]
    assert [text.strip() for text in found] == [sql.taught(name)]
    written = [text for book in BOOKS for text in texts(book) if f"CREATE TABLE {name} " in text]
    assert len(written) == 1


@pytest.mark.parametrize("job", AT_ONCE, ids=lambda job: job.name)
def test_a_job_is_deployed_in_its_chapter_by_the_library_s_own_statement(job: pipeline.Job) -> None:
    assert [n for n, one in USED.items() if ("deploy", job.name) in one] == [job.chapter]
    found = USED[job.chapter]["deploy", job.name].strip()
    assert found == without_comments(sql.taught(job.name))


@pytest.mark.parametrize("job", LATER, ids=lambda job: job.name)
def test_a_job_that_is_deployed_by_its_name_is_explained_later(job: pipeline.Job) -> None:
    def by_name(book: Path) -> bool:
        return any(ast.unparse(part) == f"flink.deploy(env, '{job.name}')" for part in code(book))

    assert [book.name[:2] for book in BOOKS if by_name(book)] == [job.chapter]
    query = sql.normal(sql.query(sql.taught(job.name)))
    shown = [book.name[:2] for book in BOOKS if query in map(sql.normal, texts(book))]
    assert shown == [job.explained] and job.explained > job.chapter


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_created_in_its_job_s_chapter_by_the_library_s_own_query(name: str) -> None:
    job = pipeline.owner(name)
    assert job is not None
    assert [n for n, one in USED.items() if ("create_view", name) in one] == [job.chapter]
    found = USED[job.chapter]["create_view", name].strip()
    assert found == without_comments(sql.query(sql.taught(name))).strip()


def test_the_views_are_created_in_their_order() -> None:
    for job in TAUGHT:
        made = [name for kind, name in USED[job.chapter] if kind == "create_view"]
        assert [name for name in made if name in job.views] == list(job.views)


#: Chapter 3 looks at the changes of a query that is no job.
LOOKED_AT = (
    "SELECT cpu, COUNT(*) AS readings, AVG(usage) AS usage_avg FROM cpu_in"
    " WHERE hostname = 'doc' AND cpu = 'cpu1' GROUP BY cpu"
)


#: Chapter 4 speaks to PostgreSQL: `test_thresholds.py` compares what that makes.
FOR_POSTGRES = re.compile(r"\s*(CREATE TABLE IF NOT EXISTS|INSERT INTO) cpu_thresholds\b")


def test_every_statement_in_the_cells_stands_in_the_library() -> None:
    known = {
        LOOKED_AT,
        *(sql.normal(sql.taught(name)) for name in TABLES),
        *(sql.normal(sql.query(sql.taught(name))) for name in QUERIES),
    }
    for book in BOOKS:
        for text in texts(book):
            if FOR_POSTGRES.match(text):
                assert book.name.startswith("04")
            elif re.match(r"\s*(CREATE|INSERT|SELECT)", text):
                assert sql.normal(text) in known, f"{book.name}: {text}"


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_query_stands_once_in_a_notebook(book: Path) -> None:
    queries = Counter(sql.normal(sql.query(text)) for text in texts(book))
    assert [text for text, times in queries.items() if times > 1] == []


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_notebook_imports_the_faces_that_it_uses_and_nothing_else_of_ours(book: Path) -> None:
    imported: list[str] = []
    used_names = set()
    for part in code(book):
        if isinstance(part, ast.ImportFrom) and (part.module or "").startswith("cpuwatch"):
            assert part.module == "cpuwatch", ast.unparse(part)
            imported += [name.name for name in part.names]
        elif isinstance(part, ast.Import):
            assert not any(name.name.startswith("cpuwatch") for name in part.names)
        elif isinstance(part, ast.Name):
            used_names.add(part.id)
    assert imported == sorted(set(imported)) and set(imported) <= FACES
    assert set(imported) == FACES & used_names


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_no_line_is_cut_off_when_the_page_is_enlarged(book: Path) -> None:
    lines = [line for cell in cells(book, "code") for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > 76] == []


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_cell_that_connects_does_nothing_else(book: Path) -> None:
    for cell in cells(book, "code"):
        if "flink.connect" in cell.source:
            first, *more = cell.source.splitlines()
            assert first == "env = flink.connect()"
            assert more in ([], ["type(env).__name__"])


def test_each_option_of_a_table_is_explained() -> None:
    told = set(re.findall(r"`([\w.-]+)`", "\n".join(prose(book.name[:2]) for book in BOOKS)))
    options = {
        option
        for name in TABLES
        for option in re.findall(r"^\s+'([\w.-]+)' = '", sql.taught(name), re.MULTILINE)
    }
    assert options - told == set()


#: Bold without being a term.
NO_TERMS = re.compile(
    r"What you|Time$|Where beginners|Read on|Guess first|[Tt]ry it yourself|Stop$|Found$|Missed$"
    r"|Invented$|at least|more than|minute$|arrives$|happened$|final$|begins$|closes$|goes on$|id$"
    r"|opens$|over$|second time|after$|highest|one minute|client$|table$|CHECK$"
)


def test_each_term_stands_in_the_glossary() -> None:
    page = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
    terms = dict(re.findall(r"^\| ([\w -]+?) \| .* \| ([\d, ]+) \|$", page, re.MULTILINE))
    first = list(terms)
    assert first == sorted(first, key=str.lower) and len(terms) > 40
    for book in BOOKS:
        for term in re.findall(r"\*\*([^*]+)\*\*", prose(book.name[:2])):
            if not NO_TERMS.match(term):
                word = term if term in ("JobManager", "TaskManager") else term.lower()
                assert word in terms or word.removesuffix("s") in terms, f"{book.name}: {term}"
    names = {one.name for one in exercises.exercises()}
    assert set(re.findall(r"\b\d\d-(?:warm-up|core|stretch)\b", page)) == names


def test_each_term_occurs_in_the_chapters_that_the_glossary_names() -> None:
    page = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
    for term, chapters in re.findall(r"^\| ([\w -]+?) \| .* \| ([\d, ]+) \|$", page, re.MULTILINE):
        for number in chapters.split(", "):
            book = nbformat.read(chapter(number), 4)
            written = "\n".join(cell.source for cell in book.cells)
            assert re.search(rf"\b{re.escape(term)}", written, re.IGNORECASE), f"{number}: {term}"


def test_sql_s_partitions_are_told_apart_from_kafka_s_before_an_exercise_needs_them() -> None:
    text = prose("06")
    assert 0 < text.index("`PARTITION BY hostname, cpu` makes a series") < text.index("### Warm-up")
    assert "It is not the partition of chapter 1" in text


def test_what_needs_no_helper_of_ours_is_shown_without() -> None:
    imported = {
        (book.name[:2], part.module, name.name)
        for book in BOOKS
        for part in code(book)
        if isinstance(part, ast.ImportFrom)
        for name in part.names
    }
    assert ("07", "confluent_kafka", "Producer") in imported
    assert {("07", "confluent_kafka", "Consumer"), ("01", "confluent_kafka", "Consumer")} < imported
    assert ("10", "pyflink.table.udf", "udf") in imported


# --- Exercises ------------------------------------------------------------------------------


def tagged(name: str) -> list[nbformat.NotebookNode]:
    """The cells of an exercise or a prediction: what is to be done, and where."""
    book = nbformat.read(chapter(name[:2]), 4)
    return [cell for cell in book.cells if name in cell.metadata.get("tags", [])]


@pytest.mark.parametrize("one", exercises.exercises(), ids=lambda one: one.name)
def test_an_exercise_stands_in_its_notebook_and_its_solution_does_not(
    one: exercises.Exercise,
) -> None:
    told, cell = tagged(one.name)
    assert told.cell_type == "markdown" and one.task in told.source
    assert cell.cell_type == "code" and cell.source == one.starter
    # The last one: before it the cell may deploy a job that is to be changed.
    assert cell.outputs[-1].text.startswith("Not yet: ")
    every = "\n".join(cell.source for cell in nbformat.read(chapter(one.chapter), 4).cells)
    assert one.solution not in every and not any(hint in every for hint in one.hints)


@pytest.mark.parametrize("number", exercises.CHAPTERS)
def test_a_guess_is_asked_for_and_compared(number: str) -> None:
    code = [cell.source for cell in cells(chapter(number), "code")]
    for one in exercises.CHAPTERS[number].predictions:
        told, cell = tagged(one.name)
        assert one.asks in told.source and cell.source.startswith("guess = None\n")
        call = f'workshop.predict("{one.name}", guess'
        assert [call in source for source in code].count(True) == 2
        first, last = (at for at, source in enumerate(code) if call in source)
        assert code[first].endswith(f"{call})") and f"{call}, " in code[last] and first < last


#: What gives the number of a guess away, where a chapter shows it.
GIVES_AWAY = {
    "03-late": ("watermark_figure(events, lateness=10, window=30)", "too late"),
    "08-outside": ("alerts_figure", "each alert lies in an incident", "precision of the episodes"),
}


@pytest.mark.parametrize("name", GIVES_AWAY)
def test_a_guess_is_not_told_beforehand(name: str) -> None:
    book = nbformat.read(chapter(name[:2]), 4)
    at = next(n for n, one in enumerate(book.cells) if name in one.metadata.get("tags", []))
    before = "\n".join(json.dumps(cell, ensure_ascii=False) for cell in book.cells[:at])
    after = "\n".join(cell.source for cell in book.cells[at:])
    for word in GIVES_AWAY[name]:
        assert word not in before and word in after, word


@pytest.mark.parametrize("number", exercises.CHAPTERS)
def test_a_chapter_ends_with_its_questions(number: str) -> None:
    last = cells(chapter(number), "code")[-1]
    assert last.source == f'workshop.quiz("{number}", "")'
    asked = " ".join(last.outputs[0].text.split())
    assert all(one.text in asked for one in exercises.questions(number))


# --- Outputs --------------------------------------------------------------------------------


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_every_cell_was_run_except_those_that_show_live_data(book: Path) -> None:
    for cell in cells(book, "code"):
        tags = cell.metadata.get("tags", [])
        only_comments = all(line.startswith("#") for line in cell.source.splitlines())
        if "nbval-skip" in tags:
            assert "live" in tags and cell.execution_count is None
            assert not cell.outputs or "A still picture: " in cell.outputs[0].text
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


@pytest.mark.parametrize("book", BOOKS[1:], ids=lambda book: book.stem)
def test_a_chapter_opens_with_the_way_and_its_own_part_of_it(book: Path) -> None:
    second = nbformat.read(book, 4).cells[1].source
    (lit,) = re.findall(r"^  class (\S+) lit$", second, re.MULTILINE)
    names = dict(re.findall(r"(\w+)[(\[]+([^\])]+)[)\]]", second))
    for job in pipeline.JOBS:
        assert job.name in names.values() and sql.topic(job.writes) in names.values()
        if job.chapter == book.name[:2]:
            assert job.name in [names[one] for one in lit.split(",")]


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


@pytest.fixture(scope="module")
def fleet() -> pd.DataFrame:
    return workshop.fleet(seed=7)


@pytest.fixture(scope="module")
def incidents() -> pd.DataFrame:
    return workshop.incidents(seed=7)


@pytest.fixture(scope="module")
def averages(fleet: pd.DataFrame) -> pd.DataFrame:
    """The windows that a job without an end has closed: the watermark has passed their ends."""
    watermark = pd.to_datetime(fleet["occurred_at"].max(), unit="ms", utc=True) - LATENESS
    windows = twin.averages(fleet, WORKSHOP.window)
    return windows[windows["window_end"] <= watermark].reset_index(drop=True)


LATENESS = pd.Timedelta("10s")


def test_the_watermark_is_the_one_that_these_tests_reckon_with() -> None:
    assert f"- INTERVAL '{LATENESS.seconds}' SECOND" in sql.taught("cpu_in")


def test_the_fleet_is_what_chapter_1_says(fleet: pd.DataFrame) -> None:
    assert len(fleet) == 21_000
    assert fleet["hostname"].nunique() == 7 and fleet["cpu"].nunique() == 5
    assert "Seven hosts with five CPUs each" in prose("01") and "35 readings" in prose("01")


def test_the_welcome_says_why_and_why_in_the_stream(
    fleet: pd.DataFrame, incidents: pd.DataFrame
) -> None:
    text = prose("00")
    assert "that is an **anomaly**" in text and "Why not ask a database afterwards?" in text
    assert text.index("A card pays in a shop") < text.index("## What you will build")
    assert "At 40% `bashful` does its usual work" in text
    usage = fleet.groupby("hostname")["usage"]
    low, high = usage.quantile(0.25), usage.quantile(0.75)
    assert low["bashful"] < 40 < high["bashful"]
    assert "`doc`, which mostly shows some 10%" in text and round(usage.median()["doc"]) == 10
    trouble = incidents.set_index("hostname").loc["doc"]
    time = pd.to_datetime(fleet["occurred_at"], unit="ms", utc=True)
    busy = (fleet["hostname"] == "doc") & (fleet["usage"] >= 40)
    assert time[busy].between(trouble["start"], trouble["end"]).all() and busy.any()


def test_the_filter_finds_misses_and_invents_what_chapter_2_says(
    fleet: pd.DataFrame, incidents: pd.DataFrame
) -> None:
    hot = twin.filtered(fleet)
    reported = hot.assign(window_start=hot["time"], window_end=hot["time"] + pd.Timedelta("1s"))
    score = workshop.score(reported, incidents)
    deserve = score.incidents[score.incidents["deserves_alert"]]
    text = prose("02")
    assert "Five incidents" in text and len(incidents) == 5
    assert deserve.loc[deserve["found"], "hostname"].tolist() == ["sneezy"]
    assert "only the trouble on `sneezy`" in text
    assert set(score.missed["hostname"]) == {"doc", "grumpy", "bashful"}
    assert "`doc`, `grumpy` and `bashful`" in text
    assert set(score.invented["hostname"]) == {"dopey", "happy"}


def test_the_windows_are_what_chapter_3_says(averages: pd.DataFrame) -> None:
    assert len(averages) == 19 * 35 and 20 * 35 == 700
    assert "20 windows" in prose("03") and "700 rows" in prose("03")
    assert averages["window_end"].max() == pd.Timestamp("2026-01-05T09:09:30Z")
    dopey = averages[averages["hostname"] == "dopey"]
    assert (dopey["usage_max"] > 80).any() and (dopey["usage_avg"] < 80).all()


def test_the_alerts_are_what_chapters_5_and_8_say(
    averages: pd.DataFrame, incidents: pd.DataFrame
) -> None:
    found = twin.alerts(averages, THRESHOLDS)
    assert len(found) == 62 and "Four messages instead of 62" in prose("07")
    assert found["hostname"].nunique() == 4 and "Four hosts are in trouble" in prose("05")
    score = workshop.score(found, incidents)
    assert score.invented.empty and score.missed.empty
    delays = score.incidents[score.incidents["deserves_alert"]].set_index("hostname")["delay"]
    assert delays.idxmax() == "bashful"


def test_what_is_unusual_is_what_chapter_10_says(
    averages: pd.DataFrame, incidents: pd.DataFrame
) -> None:
    found = twin.unusual(averages)
    score = workshop.score(found, incidents)
    assert score.recall == 1.0 and "All four troubles" in prose("10")
    assert Counter(score.invented["hostname"]) == {"happy": 2, "dopey": 1}
    assert "Two are of the short spike on `happy`" in prose("10")
    trouble = found[(found["hostname"] == "doc") & (found["cpu"] == "cpu1")]
    excess = (trouble["usage_avg"] - trouble["usual"]) / trouble["spread"].clip(lower=1)
    assert int(excess.max()) == 24 and "by 24 spreads" in prose("10")


def test_what_the_function_in_python_leaves_over_is_what_pandas_says(
    averages: pd.DataFrame,
) -> None:
    (cell,) = (one for one in cells(chapter("10"), "code") if "@udf" in one.source)
    found = averages[(averages["hostname"] == "doc") & (averages["cpu"] == "cpu1")]
    wanted = found.assign(left_over=100 - found["usage_avg"]).reset_index(drop=True).head(10)
    shown = wanted[["window_start", "usage_avg", "left_over"]].round(1)
    assert cell.outputs[-1].data["text/plain"] == repr(shown)


def test_the_real_series_is_what_chapter_10_says() -> None:
    real = workshop.real_series()
    assert len(real) == 4_032 and real["trouble"].max() == 2
    assert not (real["usage"] > 80).any() and round(real["usage"].max()) == 25
    detector = workshop.Learned()
    moments = [time.timestamp() for time in real["time"]]
    scores = [detector.update(*one) for one in zip(moments, real["usage"], strict=True)]
    reports = real[[score >= learned.THRESHOLD for score in scores]]
    assert len(reports) == 6 and set(reports["trouble"]) == {0, 1, 2}
    assert "Six reports in two weeks" in prose("10")
    first = reports["time"] < real["time"].iloc[0] + pd.Timedelta("36h")
    assert first.sum() == 2 and "Two are of the first day and a half" in prose("10")


def test_what_is_shared_out_is_what_chapter_13_says() -> None:
    code = "\n".join(cell.source for cell in cells(chapter("13"), "code"))
    names: dict[str, pd.DataFrame] = {"fleet": workshop.fleet(seed=7)}
    start = code.index("busy = fleet.index")
    exec(code[start : code.index("\n)\n", start) + 3], names)
    pd.testing.assert_frame_equal(names["skewed"], skewed())
    assert (skewed()["hostname"] == "doc").mean() > 0.9


def test_the_episodes_are_what_chapters_6_and_7_say(averages: pd.DataFrame) -> None:
    cooldown = pd.Timedelta(seconds=WORKSHOP.cooldown * WORKSHOP.window)
    text = prose("06")
    assert f"a **cooldown** of {cooldown.seconds} seconds" in text
    assert WORKSHOP.min_readings == 3 and "fewer than three readings" in text
    windows = averages.assign(allowed_top=averages["hostname"].map(THRESHOLDS))
    transitions = alerts.transitions(windows, cooldown)
    assert (transitions["event"] == "opened").sum() == 15 and "15 openings" in text
    assert slack.count_messages(transitions.to_dict("records")) == 4
    still_open = alerts.episodes(transitions).loc[lambda one: one["closed"].isna(), "hostname"]
    assert set(still_open) == {"grumpy", "sneezy"} and "Two older ones were changed" in prose("07")

    def of(host: str) -> list[str]:
        one = (transitions["hostname"] == host) & (transitions["cpu"] == "cpu1")
        return list(transitions.loc[one, "event"])

    assert of("grumpy") == ["opened"] and "`grumpy` opens once" in text
    assert of("doc") == ["opened", "closed"] and "`doc` is back for longer" in text
    grumpy = windows[(windows["hostname"] == "grumpy") & (windows["cpu"] == "cpu1")]
    is_over = grumpy["usage_avg"] > grumpy["allowed_top"]
    assert (is_over & ~is_over.shift(fill_value=False)).sum() == 3 and "Three times over" in text
    assert grumpy["window_end"].max().strftime("%H:%M:%S") == "09:09:30"
    assert "the last window ends at 09:09:30" in text
    assert grumpy.loc[is_over, "window_end"].max() + cooldown == grumpy["window_end"].max()


@pytest.fixture(scope="module")
def arriving(fleet: pd.DataFrame) -> pd.DataFrame:
    return workshop.delayed(fleet, seed=7)


def late(readings: pd.DataFrame, lateness: int) -> pd.DataFrame:
    """The readings whose window is closed when they come: chapter 11 has this rule as well."""
    watermark = readings["occurred_at"].cummax().shift() - 1000 * lateness
    window = 1000 * WORKSHOP.window
    return readings[watermark >= (readings["occurred_at"] // window + 1) * window]


def test_the_delays_are_what_chapter_11_says(arriving: pd.DataFrame) -> None:
    text, page = prose("11"), (Path(__file__).parents[2] / "docs" / "late-data.md").read_text()
    delay = (arriving["arrived_at"] - arriving["occurred_at"]) / 1000
    assert delay.median() < 1 and "Half of them arrive within a second" in text
    assert round(delay.quantile(0.99), 1) == 29.5 and "99% of them arrive within 29.5" in page
    doc = arriving[arriving["hostname"] == "doc"]
    burst = doc[doc["arrived_at"].sub(doc["arrived_at"].shift()).lt(3)]["arrived_at"]
    back = pd.to_datetime(burst.mode()[0], unit="ms", utc=True)
    assert f"{back:%H:%M:%S}" == "09:04:50" and "from 09:03:40 to 09:04:50" in text
    assert not delay[doc.index].between(70, 90).empty and "down for 70 seconds" in text


def test_what_each_lateness_loses_is_what_chapter_11_says(arriving: pd.DataFrame) -> None:
    page = (Path(__file__).parents[2] / "docs" / "late-data.md").read_text()
    for lateness in (0, 5, 10, 20, 30, 60):
        gone = late(arriving, lateness)
        of_doc = (gone["hostname"] == "doc").sum()
        assert f"| {lateness} s | {len(gone)} | {of_doc} |" in page
    assert len(late(arriving, 21)) < 210 < len(late(arriving, 20)) and "yet 21 seconds" in page
    text = prose("11")
    ten, twenty, thirty = (len(late(arriving, lateness)) for lateness in (10, 20, 30))
    assert f"from 10 to 20 seconds {ten - twenty} readings" in text
    assert f"from 20 to 30 seconds {twenty - thirty}, since" in text
    gone = late(arriving, 10)
    of_doc = gone[(gone["hostname"] == "doc") & (gone["cpu"] == "cpu1")]
    windows = pd.to_datetime(of_doc["occurred_at"], unit="ms").dt.floor("30s")
    lost = windows.dt.strftime("%H:%M:%S").value_counts()
    assert lost["09:04:00"] == 30 and lost["09:03:30"] == 22
    assert "all of one window of its trouble, and most of the one before" in text
    assert "At 8 readings the window job had to close it. Here 22 more change it" in text


def test_the_averages_on_time_and_corrected_are_what_chapter_11_says(
    arriving: pd.DataFrame,
) -> None:
    end = arriving["occurred_at"].max() - 1000 * LATENESS.seconds
    in_time = arriving.drop(late(arriving, LATENESS.seconds).index)
    start = in_time["occurred_at"] // 30_000 * 30_000
    closed = in_time[start + 30_000 <= end].assign(start=start)
    assert len(closed.groupby(["start", "hostname", "cpu"])) == 660
    assert len(arriving.groupby([arriving["occurred_at"] // 30_000, "hostname", "cpu"])) == 700
    text = prose("11")
    assert 700 - 660 == 35 + 5 and "the five of `doc`" in text and "(35 more are" in text
    assert "21,000 instead of 660" in text and "each of the 700 averages" in text


def test_a_clock_that_is_ahead_does_what_chapter_11_says(arriving: pd.DataFrame) -> None:
    wrong = arriving["hostname"] == "happy"
    wrong &= arriving["occurred_at"] >= arriving["occurred_at"].min() + 300_000
    ahead = arriving.assign(occurred_at=arriving["occurred_at"] + 3_600_000 * wrong)
    page = (Path(__file__).parents[2] / "docs" / "late-data.md").read_text()
    assert f"{len(late(ahead, 10)):,} of 21,000" in page
    believed = ahead[ahead["occurred_at"] <= ahead["arrived_at"] + 5000]
    assert len(late(believed, 10)) == 333 and len(ahead) - len(believed) == 1500


def test_the_parts_and_their_rows_are_what_chapter_12_says(fleet: pd.DataFrame) -> None:
    text = prose("12")
    moment = pd.to_datetime(fleet["occurred_at"], unit="ms", utc=True)
    second = (moment - moment.min()).dt.total_seconds()

    def rows(until: int) -> pd.DataFrame:
        """The windows of hosts that have closed after so many seconds."""
        part = fleet[second < until]
        found = moment[part.index].dt.floor("30s").rename("window_start")
        closed = found + pd.Timedelta("30s") <= moment[part.index].max() - LATENESS
        counts = part[closed].groupby([found[closed], "hostname"]).size()
        return counts.rename("readings").reset_index()

    assert len(fleet[second < 250]) == 8750 and "after 8,750 readings" in text
    assert "4 minutes and 10 seconds" in text
    early, late = rows(250), rows(400)
    assert len(early) == 49 and "Seven windows of seven hosts" in text and "49 rows" in text
    opened = moment[second < 250].dt.floor("30s").unique()[-2:]
    assert [f"{one:%H:%M:%S}" for one in opened] == ["09:03:30", "09:04:00"]
    assert "the windows that are open: 09:03:30 and 09:04:00" in text
    dopey = fleet[(fleet["hostname"] == "dopey") & second.between(240, 249)]
    assert len(dopey) == 50 and "with 50 readings" in text
    new = late[len(early) :]
    missing = (new["hostname"] == "dopey") & (new["window_start"] > opened[-1])
    assert missing.sum() == 3 and "three windows of `dopey` are missing and one is half" in text
    assert "81 rows are in the topic, 32 of them written since" in text
    assert len(new) - missing.sum() == 32 and len(early) + 32 == 81
    explains = exercises.prediction("12-again").explains
    assert len(new) == 35 and "35 new ones, for the same five windows" in explains
    assert new["window_start"].nunique() == 5
