"""The statements: what a table says of itself, and that every place and parameter is filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpuwatch import learned, pipeline, sql
from cpuwatch.errors import CpuwatchError
from cpuwatch.pipeline import Parameters

ALL = [
    *pipeline.tables(),
    *(name for job in pipeline.EVERY for name in (*job.views, job.name)),
    learned.JUDGED,
    learned.IN_ORDER,
]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the statements, in which a test may write."""
    for path in Path(sql.__file__).parent.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    monkeypatch.setattr(sql, "files", lambda _: tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ALL)
def test_a_statement_as_it_is_taught_has_no_place_left_but_addresses(name: str) -> None:
    text = sql.taught(name)
    assert set(sql.places(text)) <= {"${kafka}", "${postgres}"}


def test_every_file_belongs_to_the_pipeline() -> None:
    there = {path.stem for path in Path(sql.__file__).parent.glob("*.sql")}
    assert there == set(ALL)


def test_a_parameter_takes_its_place_in_every_form() -> None:
    numbers = Parameters(window=300, cooldown=3, min_readings=7, default_top=66.125)
    assert "INTERVAL '0 00:05:00' DAY TO SECOND" in sql.taught("cpu_agg", numbers)
    assert "INTERVAL '0 00:15:00' DAY TO SECOND" in sql.taught("cpu_before", numbers)
    long = Parameters(window=86_400, cooldown=100)  # a plain DAY has two digits
    assert "INTERVAL '1 00:00:00' DAY TO SECOND" in sql.taught("cpu_agg", long)
    assert "INTERVAL '100 00:00:00' DAY(3) TO SECOND" in sql.taught("cpu_before", long)
    assert "a.readings >= 7" in sql.taught("cpu_judged", numbers)
    assert sql.taught("cpu_over", numbers).count("COALESCE(t.allowed_top, 66.125)") == 2


def test_a_parameter_that_finds_no_place_is_named_with_its_statement(files: Path) -> None:
    text = (files / "cpu_agg.sql").read_text()
    (files / "cpu_agg.sql").write_text(text.replace("${window}", "INTERVAL '1' MINUTE"))
    with pytest.raises(CpuwatchError) as found:
        sql.statement("cpu_agg")
    assert str(found.value) == (
        "The parameter window finds no place in cpu_agg.sql: write ${window} where it belongs, in"
        " no text and no comment, or take it from the job's entry in pipeline.py."
    )


@pytest.mark.parametrize(
    "hidden", ["/* ${window} */", "// ${window}\n", "-- '${window}'\n", "+ '${window}'"]
)
def test_a_parameter_in_a_text_or_a_comment_has_found_no_place(files: Path, hidden: str) -> None:
    text = (files / "cpu_agg.sql").read_text()
    text = text.replace("${window}", f"INTERVAL '1' MINUTE {hidden}")
    (files / "cpu_agg.sql").write_text(text)
    with pytest.raises(CpuwatchError, match=r"window finds no place in cpu_agg\.sql"):
        sql.statement("cpu_agg", Parameters(window=300))


def test_a_parameter_of_the_views_is_looked_for_in_all_of_them(files: Path) -> None:
    text = (files / "cpu_before.sql").read_text()
    (files / "cpu_before.sql").write_text(text.replace("${cooldown}", "INTERVAL '9' SECOND"))
    for name in ("cpu_notification", "cpu_judged"):
        with pytest.raises(
            CpuwatchError, match=r"cooldown finds no place in cpu_notification\.sql or its views"
        ):
            sql.taught(name)


@pytest.mark.parametrize(
    ("name", "place", "says"),
    [
        ("cpu_agg", "${windw}", "cpu_agg.sql asks for ${windw}, which nothing fills: the job"
         " cpu_agg knows ${window}, ${kafka}, ${postgres}, ${prefix}."),
        ("cpu_filter", "${window}", "cpu_filter.sql asks for ${window}, which nothing fills: the"
         " job cpu_filter knows ${kafka}, ${postgres}, ${prefix}."),
        ("cpu_in", "${Kafka}", "cpu_in.sql asks for ${Kafka}, which nothing fills: a table knows"
         " ${kafka}, ${postgres}, ${prefix}."),
        ("cpu_agg", "${ window }", "cpu_agg.sql asks for ${ window }, which nothing fills: the job"
         " cpu_agg knows ${window}, ${kafka}, ${postgres}, ${prefix}."),
        ("cpu_agg", "${window-1}", "cpu_agg.sql asks for ${window-1}, which nothing fills: the job"
         " cpu_agg knows ${window}, ${kafka}, ${postgres}, ${prefix}."),
        ("cpu_agg", "${window", "cpu_agg.sql asks for ${window, which nothing fills: the job"
         " cpu_agg knows ${window}, ${kafka}, ${postgres}, ${prefix}."),
        ("cpu_changes", "${}", "cpu_changes.sql asks for ${}, which nothing fills: the job"
         " cpu_notification knows ${default_top}, ${min_readings}, ${cooldown}, ${kafka},"
         " ${postgres}, ${prefix}."),
    ],
)  # fmt: skip
def test_a_place_left_over_is_named_with_its_statement(
    files: Path, name: str, place: str, says: str
) -> None:
    path = files / f"{name}.sql"
    path.write_text(path.read_text() + f"\n-- or rather\nAND 1 < {place}\n")
    with pytest.raises(CpuwatchError) as found:
        sql.statement(name)
    assert str(found.value) == says


def test_an_attendees_statement_may_ask_for_addresses_alone() -> None:
    for wrong in ("${kafca}", "${ kafka }", "${kafka"):
        with pytest.raises(CpuwatchError) as found:
            sql.fill(f"'properties.bootstrap.servers' = '{wrong}'")
        assert str(found.value) == (
            f"Nothing fills {wrong} in that statement: there are ${{kafka}}, ${{postgres}},"
            " ${prefix}."
        )
    assert sql.fill("WHERE hostname SIMILAR TO '^d$' AND cpu <> '$'").endswith("'$'")


def test_a_statement_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(CpuwatchError, match=r"no statement 'cpu_fitler'.*cpu_filter, "):
        sql.statement("cpu_fitler")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a, -- the first\n  'it''s -- no comment'\nFROM b ;\n",
        "/* all */ SELECT a, 'it''s -- no comment' // it is\nFROM /* this\none */b",
    ],
)
def test_what_makes_no_difference_is_no_difference(text: str) -> None:
    assert sql.normal(text) == "SELECT a, 'it''s -- no comment' FROM b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 1 AS `a--b` FROM c WHERE d > 80", "SELECT 1 AS `a--b` FROM c WHERE d > 90"),
        ("SELECT 'a b'", "SELECT 'a  b'"),
        ("SELECT a FROM b /*+ OPTIONS('c' = '1') */", "SELECT a FROM b /*+ OPTIONS('c' = '2') */"),
        ("SELECT 1 AS `/*a*/`", "SELECT 1 AS `/*b*/`"),
    ],
)
def test_what_makes_a_difference_is_one(one: str, other: str) -> None:
    assert sql.normal(one) != sql.normal(other)


def test_the_select_of_a_job_and_of_a_view() -> None:
    assert sql.query(sql.taught("cpu_filter")).startswith("SELECT time_ltz")
    assert "\nSELECT\n" in sql.query(sql.taught("cpu_opened"))


def test_a_table_says_its_topic_and_the_fields_of_its_records(files: Path) -> None:
    (files / "mine.sql").write_text(
        """CREATE TABLE mine (
    `host name` STRING, -- a comma, and (parentheses
    price DECIMAL(10, 2) NOT NULL,
    seen TIMESTAMP_LTZ(3), n INT,
    late AS n + 1, WATERMARK FOR seen AS seen - INTERVAL '1' SECOND,
    PRIMARY KEY (n) NOT ENFORCED
) WITH ('connector' = 'kafka', 'topic'='my.topic')"""
    )
    columns = sql.columns("mine")
    assert [one.name for one in columns] == ["host name", "price", "seen", "n"]
    assert [one.is_time for one in columns] == [False, False, True, False]
    assert [one.is_whole for one in columns] == [False, False, False, True]
    assert [one.is_number for one in columns] == [False, True, False, True]
    assert sql.topic("mine") == "my.topic"
    assert sql.topic("cpu_thresholds") is None


def test_a_table_has_the_fields_of_the_one_that_it_is_made_like() -> None:
    own = [one.name for one in sql.columns("cpu_in")]
    assert [one.name for one in sql.columns("cpu_arriving")] == [*own, "arrived_at"]
    assert [one.name for one in sql.columns("cpu_ahead")] == [*own, "arrived_at"]
    assert [one.name for one in sql.columns("cpu_placed")] == own


def test_the_topic_is_not_what_a_comment_says(files: Path) -> None:
    text = """CREATE TABLE mine (a INT) WITH (
    -- 'topic' = 'old',
    /* 'topic' = 'older', */
    'topic' = 'real'
)"""
    (files / "mine.sql").write_text(text)
    assert sql.topic("mine") == "real"


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("m MAP<STRING, INT>, n INT", ["m", "n"]),
        ("r ROW<a INT, b ARRAY<ROW<c INT, d MAP <STRING, INT>>>>, n INT", ["r", "n"]),
        ("x INT COMMENT 'in ) brackets', y DOUBLE", ["x", "y"]),
        ("x INT COMMENT 'METADATA, not VIRTUAL', `primary` INT", ["x", "primary"]),
        ("x/* of\nthe ( host */INT, y AS x < 3, z INT", ["x", "z"]),
    ],
)
def test_a_comma_or_a_bracket_that_ends_no_column(
    files: Path, written: str, names: list[str]
) -> None:
    (files / "mine.sql").write_text(f"CREATE TABLE mine ({written}) WITH ('topic' = 'my.topic')")
    assert [one.name for one in sql.columns("mine")] == names


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("CREATE TABLE mine LIKE cpu_in", "cpu_in"),
        ("CREATE TABLE IF NOT EXISTS mine LIKE `cpu_in` (EXCLUDING OPTIONS)", "cpu_in"),
        ("CREATE TABLE mine WITH ('topic' = 'a') LIKE default_database.cpu_in", "cpu_in"),
        ("CREATE TABLE mine WITH ('topic' = ') LIKE x')\nLIKE a . `b` . `cpu_in`", "cpu_in"),
        ("-- as in ) LIKE x\nCREATE TABLE mine (WATERMARK FOR a AS a) LIKE cpu_in", "cpu_in"),
        ("CREATE TABLE mine (a AS b LIKE c) WITH ('topic' = 'a')", None),
        ("CREATE TEMPORARY VIEW mine AS SELECT a FROM b WHERE TRIM(a) LIKE c", None),
        ("CREATE TABLE mine WITH ('topic' = 'a') AS SELECT a FROM b WHERE a LIKE c", None),
    ],
)
def test_the_table_that_another_one_is_made_like(files: Path, text: str, base: str | None) -> None:
    assert sql.base_in(text) == base
    if base:
        (files / "mine.sql").write_text(text)
        assert sql.columns("mine") == sql.columns("cpu_in")
        assert sql.bases("mine") == ["cpu_in"]


def test_what_a_table_is_made_like_may_be_like_another() -> None:
    assert sql.bases("cpu_ahead") == ["cpu_arriving", "cpu_in"]
