"""The errors that beginners make most, on the real parts: each is one line that helps.

The table is what an attendee reads. A new version of Flink that words its errors in another
way fails here, and not in class.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JError
from sqlalchemy import insert, text
from sqlalchemy.exc import SQLAlchemyError

from cpuwatch import flink, readings, sql, thresholds, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import explain
from cpuwatch.settings import settings

CPU_IN = sql.source("cpu_in")
AVERAGE = sql.query(sql.taught("cpu_agg"))


@pytest.fixture(scope="module")
def env(stack: Path) -> Any:
    topics.empty(topics.READINGS)
    topics.produce(readings.fleet(ticks=60))
    topics.create(topics.FILTERED)  # a table whose topic is not there says that first
    environment = flink.connect(fresh=True)
    for name in ("cpu_in", "cpu_out_filter", "cpu_out_agg"):
        flink.create_table(environment, sql.source(name))
    return environment


#: The same table as beginners write it: each record is a reading.
PLAIN = re.sub(r"CASE.*END", "TO_TIMESTAMP_LTZ(occurred_at, 3)", CPU_IN, flags=re.DOTALL)


def other(old: str, new: str, statement: str = CPU_IN) -> str:
    """A mistake in the source table's statement, which is tried under another name."""
    assert old in statement
    return statement.replace(old, new).replace("TABLE cpu_in", "TABLE cpu_try")


COMMA = "is there a comma missing before it, or a word misspelt?"
QUOTED = "needs single quotes: both sides of an option are quoted, 'like' = 'this'."
ORDER = "Columns go by their order, and the table's is: time_ltz, hostname, cpu, usage."

QUERIES = {
    "a column is misspelt": (
        "SELECT hostname, usge FROM cpu_in",
        "There is no column 'usge': compare its spelling with the table's columns."
        " It is in line 1, column 18.",
    ),
    "a comma is missing": (
        "SELECT hostname,\n cpu\n usage\n time_ltz FROM cpu_in",
        f"Flink stopped at 'time_ltz': {COMMA} It is in line 4, column 2.",
    ),
    "the table is misspelt": (
        "SELECT * FROM cpu_inn",
        "There is no table 'cpu_inn' in this notebook: check its spelling, or run the cell that"
        " creates it. It is in line 1, column 15.",
    ),
    "a time is compared with a number": (
        "SELECT * FROM cpu_in WHERE time_ltz > 80",
        "'>' does not work on TIMESTAMP_LTZ and INTEGER: their types do not fit together."
        " It is in line 1, column 28.",
    ),
    "GROUP BY is missing": (
        "SELECT hostname, AVG(usage) FROM cpu_in",
        "'hostname' is neither inside AVG, MAX or another aggregate, nor in GROUP BY: add it to"
        " GROUP BY. It is in line 1, column 8.",
    ),
    "a window on a number": (
        AVERAGE.replace("DESCRIPTOR(time_ltz)", "DESCRIPTOR(occurred_at)"),
        "A window needs a column with event time and a watermark, and that column is a BIGINT:"
        " use time_ltz.",
    ),
    "a reserved word as a column": (
        "SELECT time_ltz AS time FROM cpu_in",
        "'time' is a word of SQL itself. As the name of a column it needs backticks: `time`."
        " It is in line 1, column 20.",
    ),
    "double quotes": (
        'SELECT * FROM cpu_in WHERE hostname = "doc"',
        "A text stands in single quotes, as in 'doc'; double quotes are something else."
        " It is in line 1, column 37.",
    ),
    "two equals signs": (
        "SELECT * FROM cpu_in WHERE hostname == 'doc'",
        "Equal is written with one =, not with two. It is in line 1, column 37.",
    ),
    "SELECT is misspelt": (
        "SELEC hostname FROM cpu_in",
        "That is no query: is its first word, SELECT, misspelt?",
    ),
    "a function that is not there": (
        "SELECT AVERAGE(usage) FROM cpu_in",
        "There is no function AVERAGE for such values: is it misspelt? The average is AVG."
        " It is in line 1, column 8.",
    ),
    "an average in WHERE": (
        "SELECT hostname FROM cpu_in WHERE AVG(usage) > 80 GROUP BY hostname",
        "WHERE looks at single rows, before there is an average: use HAVING after GROUP BY."
        " It is in line 1, column 35.",
    ),
    "an interval without quotes": (
        AVERAGE.replace("INTERVAL '30' SECOND", "30 SECONDS"),
        "Flink does not know 'SECONDS' here: write INTERVAL '30' SECOND."
        " It is in line 10, column 51.",
    ),
    "a window function without TABLE": (
        AVERAGE.replace("TUMBLE(TABLE cpu_in", "TUMBLE(cpu_in"),
        "TUMBLE needs the word TABLE before its table, as in TUMBLE(TABLE cpu_in, …)."
        " It is in line 10, column 12.",
    ),
    "a window's length without quotes": (
        AVERAGE.replace("'30'", "30"),
        "A window's length is a text in quotes: write INTERVAL '30' SECOND.",
    ),
    "a window's length without INTERVAL": (
        AVERAGE.replace("INTERVAL '30' SECOND", "'30' SECOND"),
        "A length of time begins with INTERVAL: write INTERVAL '30' SECOND."
        " It is in line 10, column 53.",
    ),
    "the unit of a length in the quotes": (
        AVERAGE.replace("'30' SECOND", "'30 SECOND'"),
        "The unit stands after the quotes: write INTERVAL '30' SECOND."
        " It is in line 10, column 68.",
    ),
    "the lengths of HOP exchanged": (
        AVERAGE.replace("TUMBLE", "HOP").replace(
            "'30' SECOND", "'30' SECOND, INTERVAL '10' SECOND"
        ),
        "HOP takes the shorter length first, then the window's: exchange INTERVAL '30' SECOND and"
        " INTERVAL '10' SECOND.",
    ),
    "the lengths of CUMULATE exchanged": (
        AVERAGE.replace("TUMBLE", "CUMULATE").replace(
            "'30' SECOND", "'30' SECOND, INTERVAL '10' SECOND"
        ),
        "CUMULATE takes the shorter length first, then the window's: exchange INTERVAL '30' SECOND"
        " and INTERVAL '10' SECOND.",
    ),
    "a length that is no multiple": (
        AVERAGE.replace("TUMBLE", "HOP").replace(
            "'30' SECOND", "'20' SECOND, INTERVAL '30' SECOND"
        ),
        "In HOP the window's length, 30 s, has to be a multiple of its step, 20 s.",
    ),
    "HOP with one length": (
        AVERAGE.replace("TUMBLE", "HOP"),
        "HOP takes a table, a column of time and two lengths: HOP(TABLE cpu_in,"
        " DESCRIPTOR(time_ltz), INTERVAL '10' SECOND, INTERVAL '30' SECOND)."
        " It is in line 10, column 5.",
    ),
    "a window's column without DESCRIPTOR": (
        AVERAGE.replace("DESCRIPTOR(time_ltz)", "time_ltz"),
        "TUMBLE needs its column of time in DESCRIPTOR, as in DESCRIPTOR(time_ltz)."
        " It is in line 10, column 26.",
    ),
    "a window's column is misspelt": (
        AVERAGE.replace("DESCRIPTOR(time_ltz)", "DESCRIPTOR(tim_ltz)"),
        "There is no column 'tim_ltz': compare its spelling with the table's columns."
        " It is in line 10, column 37.",
    ),
    "a window function is misspelt": (
        AVERAGE.replace("TUMBLE", "TUMBEL"),
        "There is no window function 'TUMBEL': they are TUMBLE, HOP, CUMULATE and SESSION.",
    ),
    "a number is compared with a text": (
        "SELECT usage FROM cpu_in WHERE usage = '80'",
        "A DOUBLE is compared with a CHAR, and Flink does not guess which of them is meant: numbers"
        " stand without quotes, texts in single quotes.",
    ),
    "the same column on both sides of a join": (
        "SELECT hostname FROM cpu_in AS a JOIN cpu_in AS b ON a.cpu = b.cpu",
        "Both tables have a column 'hostname': write which one you mean, as in a.hostname."
        " It is in line 1, column 8.",
    ),
    "a table for writing is read": (
        "SELECT * FROM cpu_out_filter",
        "A table that is read has to say where reading begins: write 'scan.startup.mode' ="
        " 'earliest-offset' into its WITH (…). A table that was made for writing says nothing of"
        " it: its topic may have another table, under another name, for reading.",
    ),
    "a function's name as a column": (
        "SELECT MAX(usage) AS max FROM cpu_in",
        "'max' is a word of SQL itself. As the name of a column it needs backticks: `max`."
        " It is in line 1, column 22.",
    ),
    "no name behind AS": (
        "SELECT usage AS FROM cpu_in",
        "A name is missing between AS and FROM. It is in line 1, column 17.",
    ),
    "a comma before FROM": (
        "SELECT hostname, cpu, -- and so on\n FROM cpu_in",
        "There is a comma too many before 'FROM'. It is in line 2, column 2.",
    ),
    "a comma before WHERE": (
        "SELECT hostname FROM cpu_in, WHERE usage > 80",
        "There is a comma too many before 'WHERE'. It is in line 1, column 28.",
    ),
    "a comma at the end": (
        "SELECT hostname, COUNT(*) FROM cpu_in GROUP BY hostname,",
        "There is a comma too many at the end. It is in line 1, column 56.",
    ),
    "a semicolon in the midst": (
        "SELECT hostname; FROM cpu_in",
        "A semicolon stands at the end of a statement, and nowhere else. It is in line 1,"
        " column 18.",
    ),
    "quotes of a book": (
        "SELECT usage FROM cpu_in WHERE hostname = \u2018doc\u2019",
        "\u2018 is no quote that SQL knows: a text stands in straight single quotes, as in 'doc'."
        " What was copied from a page may have others. It is in line 1, column 43.",
    ),
    "a dash of a book": (
        "SELECT usage \u2013 5 FROM cpu_in",
        "\u2013 is no minus that SQL knows: write -. It is in line 1, column 14.",
    ),
    "a blank of a page": (
        "SELECT usage FROM\u00a0cpu_in",
        "There is a blank that SQL does not know: delete it, and type one. It is in line 1, column"
        " 18.",
    ),
    "and as in other languages": (
        "SELECT usage FROM cpu_in WHERE usage > 80 && hostname = 'doc'",
        "Both conditions at once are written with AND, not with &. It is in line 1, column 43.",
    ),
    "unequal as in other languages": (
        "SELECT usage FROM cpu_in WHERE hostname != 'doc'",
        "Unequal is written <>, not !=.",
    ),
    "a comment as in other languages": (
        "SELECT usage FROM cpu_in # all",
        "A comment begins with --, not with #. It is in line 1, column 26.",
    ),
    "a backtick that is not closed": (
        "SELECT `usage FROM cpu_in",
        "A quote, a backtick or a comment begins, and does not end. It is in line 1, column 26.",
    ),
    "a column in quotes": (
        AVERAGE.replace("DESCRIPTOR(time_ltz)", "DESCRIPTOR('time_ltz')"),
        "A column's name stands without quotes: write DESCRIPTOR(time_ltz).",
    ),
    "a column that is no pattern": (
        "SELECT `cpu(**` FROM cpu_in",
        "There is no column 'cpu(**': compare its spelling with the table's columns."
        " It is in line 1, column 8.",
    ),
    "more seconds than have room": (
        AVERAGE.replace("'30' SECOND", "'300' SECOND"),
        "A length in SECOND has 2 digits at most: write INTERVAL '5' MINUTE."
        " It is in line 10, column 63.",
    ),
    "more seconds than have room, and no minutes": (
        "SELECT time_ltz + INTERVAL '150' SECOND FROM cpu_in",
        "A length in SECOND has 2 digits at most: write INTERVAL '150' SECOND(3)."
        " It is in line 1, column 19.",
    ),
    "an INSERT in a preview": (
        "INSERT INTO cpu_out_filter SELECT time_ltz, hostname, cpu, usage FROM cpu_in",
        "A preview takes a query, which begins with SELECT: an INSERT becomes a job by"
        " flink.deploy.",
    ),
    "nothing at all": ("  ", "The statement is empty."),
}

TABLES = {
    "an option without quotes": (
        other("'connector' = 'kafka'", "connector = 'kafka'"),
        f"'connector' {QUOTED} It is in line 16, column 5.",
    ),
    "an option's value without quotes": (
        other("'connector' = 'kafka'", "'connector' = kafka"),
        f"'kafka' {QUOTED} It is in line 16, column 19.",
    ),
    "a comma is missing between columns": (
        other("usage DOUBLE,", "usage DOUBLE"),
        f"Flink stopped at 'occurred_at': {COMMA} It is in line 5, column 5.",
    ),
    "a comma is missing between options": (
        other("'connector' = 'kafka',", "'connector' = 'kafka'"),
        "There is a comma missing before 'topic'. It is in line 17, column 13.",
    ),
    "the connector is misspelt": (
        other("'connector' = 'kafka'", "'connector' = 'kafak'"),
        "There is no connector 'kafak': this workshop uses 'kafka' and 'jdbc'.",
    ),
    "the format is misspelt": (
        other("'format' = 'json'", "'format' = 'jsn'"),
        "There is no format 'jsn': this workshop writes 'format' = 'json'.",
    ),
    "the format is missing": (
        other("    'format' = 'json',\n", ""),
        "The option 'format' is missing: this workshop writes 'format' = 'json'.",
    ),
    "the connector is missing": (
        other("    'connector' = 'kafka',\n", ""),
        "The option 'connector' is missing: this workshop uses 'kafka' and 'jdbc'.",
    ),
    "a column is misspelt": (
        other("usage DOUBLE", "usge DOUBLE"),
        "There is no column 'usage': compare its spelling with the table's columns."
        " It is in line 7, column 14.",
    ),
    "a type is misspelt": (
        other("usage DOUBLE", "usage DUOBLE"),
        "Flink knows no type 'DUOBLE': this workshop uses STRING, DOUBLE, BIGINT and"
        " TIMESTAMP_LTZ(3). It is in line 4, column 11.",
    ),
    "the watermark's column is misspelt": (
        other("WATERMARK FOR time_ltz", "WATERMARK FOR time_lz"),
        "There is no column 'time_lz' for the watermark: compare its spelling with the columns"
        " above. It is in line 14, column 19.",
    ),
    "a watermark on a number": (
        other(
            "WATERMARK FOR time_ltz AS time_ltz - INTERVAL '10' SECOND",
            "WATERMARK FOR occurred_at AS occurred_at",
        ),
        "A watermark needs a column of time, and that one is a BIGINT: use time_ltz.",
    ),
    "an option is misspelt": (
        other("'scan.startup.mode'", "'scan.startup.mod'"),
        "There is no option 'scan.startup.mod': check its spelling.",
    ),
    "an option has a value that it cannot have": (
        other("'earliest-offset'", "'earliest'"),
        "The option 'scan.startup.mode' cannot be 'earliest': it is one of earliest-offset,"
        " latest-offset, group-offsets, timestamp, specific-offsets.",
    ),
    "the topic is not named": (
        other("    'topic' = 'cpu_load_stats_real',\n", ""),
        "The option 'topic' is missing: a table on Kafka has to name its topic.",
    ),
    "a reserved word in a table": (
        other("cpu STRING", "value STRING"),
        "'value' is a word of SQL itself. As the name of a column it needs backticks: `value`."
        " It is in line 3, column 5.",
    ),
    "a comma is missing in the first line, behind the table's name": (
        "CREATE TABLE cpu_try (hostname STRING cpu STRING)",
        f"Flink stopped at 'cpu': {COMMA} It is in line 1, column 39.",
    ),
    "a comma is missing below a comment": (
        "-- My own.\nCREATE TABLE IF NOT EXISTS cpu_try (hostname STRING cpu STRING)",
        f"Flink stopped at 'cpu': {COMMA} It is in line 2, column 53.",
    ),
    "a type is misspelt below a comment": (
        "-- My own.\nCREATE TABLE cpu_try ( -- the host:\n  hostname STRNG)",
        "Flink knows no type 'STRNG': this workshop uses STRING, DOUBLE, BIGINT and"
        " TIMESTAMP_LTZ(3). It is in line 3, column 12.",
    ),
    "the watermark is on a number": (
        other("WATERMARK FOR time_ltz AS time_ltz", "WATERMARK FOR occurred_at AS occurred_at"),
        "'-' does not work on BIGINT and INTERVAL SECOND: their types do not fit together."
        " It is in line 14, column 34.",
    ),
}

JOBS = {
    "a column too few": (
        "INSERT INTO cpu_out_filter SELECT hostname, cpu, usage FROM cpu_in",
        f"The SELECT gives 3 columns, and cpu_out_filter has 4. {ORDER}",
    ),
    "columns in another order": (
        "INSERT INTO cpu_out_filter SELECT hostname, cpu, usage, time_ltz FROM cpu_in",
        f"The SELECT's types do not fit cpu_out_filter, first at its column time_ltz. {ORDER}",
    ),
    "a sink that is not there": (
        "INSERT INTO cpu_out SELECT time_ltz, hostname, cpu, usage FROM cpu_in",
        "There is no table 'cpu_out' in this notebook: check its spelling, or run the cell that"
        " creates it.",
    ),
    "no INSERT": (
        "SELECT * FROM cpu_in",
        "That statement starts no job: a job is an INSERT INTO … SELECT.",
    ),
    "a column is misspelt in the first line": (
        "INSERT INTO cpu_out_filter SELECT time_ltz, hostname, cpu, usge FROM cpu_in",
        "There is no column 'usge': compare its spelling with the table's columns."
        " It is in line 1, column 60.",
    ),
    "a column is misspelt below comments": (
        "-- What\n-- and\n/* why. */\nINSERT INTO cpu_out_filter\n"
        "SELECT time_ltz, hostname, cpu, usge FROM cpu_in",
        "There is no column 'usge': compare its spelling with the table's columns."
        " It is in line 5, column 33.",
    ),
    "a column is misspelt in a statement set": (
        "-- Both.\nEXECUTE STATEMENT SET BEGIN\n"
        "  INSERT INTO cpu_out_filter SELECT time_ltz, hostname, cpu, usge FROM cpu_in;\nEND",
        "There is no column 'usge': compare its spelling with the table's columns."
        " It is in line 3, column 62.",
    ),
    "a window's length without INTERVAL, below a comment": (
        "-- Late.\nINSERT INTO cpu_out_filter SELECT time_ltz, hostname, cpu, usage FROM cpu_in\n"
        "WHERE time_ltz > CURRENT_TIMESTAMP - '30' SECOND",
        "A length of time begins with INTERVAL: write INTERVAL '30' SECOND."
        " It is in line 3, column 43.",
    ),
    "an average that is never final": (
        "INSERT INTO cpu_out_agg SELECT MIN(time_ltz), MAX(time_ltz), hostname, cpu, AVG(usage),"
        " MAX(usage), COUNT(*) FROM cpu_in GROUP BY hostname, cpu",
        "That result changes with every reading, and this sink takes final rows only: group by"
        " window_start and window_end, so that each window gives one.",
    ),
}


def said(work: Callable[[], object]) -> str:
    with pytest.raises(CpuwatchError) as found:
        work()
    message = str(found.value)
    assert "\tat " not in message and "Caused by" not in message
    return message


@pytest.mark.parametrize("what", QUERIES)
def test_a_mistake_in_a_query(what: str, env: Any) -> None:
    query, message = QUERIES[what]
    assert said(lambda: flink.preview(env, query)) == message


@pytest.mark.parametrize("what", TABLES)
def test_a_mistake_in_a_table(what: str, env: Any) -> None:
    statement, message = TABLES[what]
    assert said(lambda: flink.create_table(env, statement)) == message


@pytest.mark.parametrize("what", JOBS)
def test_a_mistake_in_a_job(what: str, env: Any) -> None:
    statement, message = JOBS[what]
    assert said(lambda: flink.deploy(env, "cpu_try", statement)) == message
    assert [job for job in flink.jobs(running_only=True) if job.name == "cpu_try"] == []


def test_a_mistake_costs_neither_the_table_nor_the_job_that_was_there(env: Any) -> None:
    job = flink.deploy(env, "cpu_filter", sql.source("cpu_filter"))
    said(lambda: flink.create_table(env, CPU_IN.replace("'kafka'", "'kafak'")))
    said(lambda: flink.deploy(env, "cpu_filter", JOBS["a column too few"][0]))
    assert len(flink.preview(env, "SELECT hostname FROM cpu_in", rows=3)) == 3
    assert flink.status(job).state == "RUNNING"
    flink.cancel("cpu_filter")


def test_a_table_on_two_topics(env: Any) -> None:
    flink.create_table(env, other("'cpu_load_stats_real'", "'cpu_load_stats_real;cpu_alerts'"))
    topics.create("cpu_alerts")
    assert len(flink.preview(env, "SELECT hostname FROM cpu_try", rows=3)) == 3


def test_a_topic_that_is_not_there(env: Any) -> None:
    flink.create_table(env, other("'cpu_load_stats_real'", "'cpu_load_stats'"))
    message = said(lambda: flink.preview(env, "SELECT * FROM cpu_try"))
    assert message.startswith(
        "There is no topic cpu_load_stats, which the table cpu_try reads. The topics are: "
    )


def test_a_window_without_a_watermark(env: Any) -> None:
    without = ",\n    WATERMARK FOR time_ltz AS time_ltz - INTERVAL '10' SECOND"
    flink.create_table(env, other(without, ""))
    assert said(lambda: flink.preview(env, AVERAGE.replace("cpu_in", "cpu_try"))) == (
        "A window needs a watermark to know when it is over, and that table has none: add"
        " WATERMARK FOR … to its CREATE TABLE."
    )


def test_a_table_that_is_there_already(env: Any) -> None:
    assert said(lambda: flink.execute(env, CPU_IN)) == (
        "There is a table 'cpu_in' already: flink.create_table replaces it."
    )


def test_two_statements_at_once(env: Any) -> None:
    assert said(lambda: flink.execute(env, "DROP TABLE IF EXISTS a; DROP TABLE IF EXISTS b")) == (
        "These are two statements: give one at a time, and put a semicolon only at the end."
    )


def test_a_semicolon_at_the_end_is_no_mistake(env: Any) -> None:
    assert len(flink.preview(env, "SELECT hostname FROM cpu_in;", rows=2)) == 2


def test_a_table_that_postgresql_does_not_have(env: Any) -> None:
    statement = sql.source("cpu_thresholds").replace("'cpu_thresholds'", "'cpu_limits'")
    flink.create_table(env, statement)
    assert said(lambda: flink.preview(env, "SELECT * FROM cpu_thresholds")) == (
        "The preview failed: PostgreSQL has no table 'cpu_limits': check 'table-name', or run"
        " chapter 04, which makes it."
    )


# --- PostgreSQL -----------------------------------------------------------------------------


@pytest.fixture
def database(stack: Path) -> Iterator[Any]:
    engine = thresholds.engine()
    thresholds.create(engine)
    thresholds.write(engine, {"doc": 20.0})
    yield engine
    thresholds.TABLE.drop(engine)
    engine.dispose()


def explained(work: Callable[[], object]) -> str | None:
    with pytest.raises(SQLAlchemyError) as found:
        work()
    return explain.error(found.value)


def test_a_value_that_the_check_refuses(database: Any) -> None:
    def update() -> None:
        with database.begin() as connection:
            doc = thresholds.TABLE.update().where(thresholds.TABLE.c.hostname == "doc")
            connection.execute(doc.values(allowed_top=140))

    assert explained(update) == (
        "PostgreSQL refused (doc, 140): it breaks the rule allowed_top_is_a_percentage."
        " Nothing was written."
    )


def test_the_same_host_twice(database: Any) -> None:
    def again() -> None:
        with database.begin() as connection:
            connection.execute(insert(thresholds.TABLE).values(hostname="doc", allowed_top=1))

    assert explained(again) == (
        "PostgreSQL refused the row: Key (hostname)=(doc) already exists. Change that row instead,"
        " with UPDATE."
    )


def test_a_misspelt_table_in_postgresql(database: Any) -> None:
    def select() -> None:
        with database.connect() as connection:
            connection.execute(text("SELECT * FROM cpu_threshold"))

    assert explained(select) == "PostgreSQL has no table 'cpu_threshold': check its spelling."


# --- Parts that are not there ---------------------------------------------------------------


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Addresses at which nobody listens."""
    monkeypatch.setenv("CPUWATCH_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("CPUWATCH_FLINK", "http://127.0.0.1:1")
    monkeypatch.setenv("CPUWATCH_POSTGRES", "postgresql://nobody:no@127.0.0.1:1/nothing")
    # The package also has a function of that module's name.
    monkeypatch.setattr(importlib.import_module("cpuwatch.topics.admin"), "TIMEOUT", 1.0)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_a_dead_flink(nothing_runs: None) -> None:
    message = said(flink.jobs)
    assert message.startswith("Flink at http://127.0.0.1:1 does not answer")
    assert message.endswith("to use the embedded one.") and "cpuwatch up" not in message


def test_a_dead_kafka(nothing_runs: None) -> None:
    message = said(topics.names)
    assert message.startswith("Kafka at 127.0.0.1:1 does not answer")
    assert "cpuwatch up" not in message


def test_a_dead_postgresql(nothing_runs: None) -> None:
    def connect() -> None:
        thresholds.engine().connect()

    message = explained(connect)
    assert message is not None and message.startswith("PostgreSQL does not answer (")
    assert message.endswith("to use the embedded one.") and "cpuwatch up" not in message


def test_a_stack_that_was_never_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    settings.cache_clear()
    assert said(flink.connect) == (
        "The stack has never been started here: run the notebook's first cell, or 'cpuwatch up' in"
        " a terminal."
    )
    settings.cache_clear()


def test_a_name_from_a_cell_that_was_not_run() -> None:
    error = NameError("name 'env' is not defined", name="env")
    assert explain.error(error) == (
        "There is no 'env' here: a cell above was not run, or the name is misspelt. Choose 'Run',"
        " 'Run All Above Selected Cell', then run this cell again."
    )


def test_what_the_stop_button_makes_of_a_client_of_kafkas_in_a_cell() -> None:
    stopped = explain.error(KeyboardInterrupt())
    assert stopped is not None and stopped.startswith("Stopped.")
    torn = SystemError("<built-in function exec> returned a result with an exception set")
    torn.__cause__ = KeyboardInterrupt()
    assert explain.error(torn) == stopped
    lost = "<method 'poll' of 'cimpl.Producer' objects> returned NULL without setting an exception"
    assert explain.error(SystemError(lost)) == stopped
    assert explain.error(SystemError("bad argument to internal function")) is None


def test_what_is_no_text_is_no_statement(env: Any) -> None:
    with pytest.raises(Py4JError) as found:
        env.sql_query(5)
    assert explain.error(found.value) == (
        "Flink's sqlQuery does not take what it was given here (int): look at what stands between"
        " the parentheses."
    )


def test_an_error_of_somebody_else_speaks_for_itself() -> None:
    assert explain.error(ZeroDivisionError("division by zero")) is None


# --- What Flink takes without a word --------------------------------------------------------------


def test_an_alias_that_is_the_name_of_a_column_is_remarked_on(
    env: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found = flink.preview(env, "SELECT hostname cpu, usage FROM cpu_in", rows=1)
    assert list(found.columns) == ["cpu", "usage"]
    said = " ".join(capsys.readouterr().out.split())
    assert said == (
        "Note: 'hostname cpu' selects hostname and calls it cpu. If both columns are meant, there"
        " is a comma missing between them."
    )
    flink.preview(env, "SELECT DISTINCT hostname, cpu AS c, usage busy FROM cpu_in", rows=1)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("condition", ["", " WHERE usge > 80"])
def test_a_field_that_no_record_has_is_remarked_on(
    env: Any, capsys: pytest.CaptureFixture[str], condition: str
) -> None:
    flink.create_table(env, other("usage DOUBLE", "usge DOUBLE", PLAIN))
    flink.preview(env, f"SELECT hostname, usge FROM cpu_try{condition}", rows=3)
    said = " ".join(capsys.readouterr().out.split())
    assert said == (
        "Note: the column usge of cpu_try stays empty, since the records of cpu_load_stats_real"
        " have no such field. They have: cpu, hostname, occurred_at, usage."
    )


def test_a_field_of_another_type_is_remarked_on(
    env: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    flink.create_table(env, other("hostname STRING", "hostname BIGINT", PLAIN))
    flink.preview(env, "SELECT hostname, usage FROM cpu_try", rows=3)
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("Note: the column hostname of cpu_try stays empty, since '")
    assert said.endswith("' in the records of cpu_load_stats_real is no BIGINT.")


def test_a_record_without_a_time_in_a_window_is_told() -> None:
    trace = (
        "org.apache.flink.runtime.JobException: Recovery is suppressed\n"
        "Caused by: java.lang.RuntimeException: RowTime field should not be null, please convert"
        " it to a non-null long value.\n"
    )
    assert explain.java(trace) == (
        "A record has no time, and a window needs one. Leave such records out: add WHERE time_ltz"
        " IS NOT NULL, or whatever your column of time is called."
    )


def test_a_class_that_the_cluster_lacks_is_told() -> None:
    trace = (
        "org.apache.flink.runtime.client.JobExecutionException: Job failed\n"
        "Caused by: java.lang.ClassNotFoundException: org.example.Sink\n"
        "\tat java.base/java.net.URLClassLoader.findClass(Unknown Source)"
    )
    assert explain.java(trace) == (
        "The cluster lacks the class org.example.Sink, which this notebook has: a jar is in one"
        " place only. Restart the stack ('cpuwatch down', 'cpuwatch up'), or put the jar on the"
        " cluster, too."
    )
