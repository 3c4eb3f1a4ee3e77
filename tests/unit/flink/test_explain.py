"""What Flink's words mean, by traces as Flink 2.2 writes them; the real ones are in tests/stack."""

from __future__ import annotations

import psycopg2
import pytest
from confluent_kafka import KafkaError, KafkaException
from py4j.protocol import Py4JError, Py4JNetworkError
from sqlalchemy.exc import OperationalError

from cpuwatch.flink import explain
from cpuwatch.settings import settings

PARSER = "org.apache.flink.table.api.SqlParserException: SQL parse failed. "
VALIDATOR = "org.apache.flink.table.api.ValidationException: SQL validation failed. "
SILENT = "The Java process of this kernel does not answer."


@pytest.mark.parametrize(
    ("statement", "trace", "said"),
    [
        (
            "SELECT MAX(usage) AS max FROM cpu_in",
            'Encountered "max" at line 1, column 22.\nWas expecting one of:\n  <QUOTED_STRING> ...',
            "'max' is a word of SQL itself. As the name of a column it needs backticks: `max`.",
        ),
        (
            "SELECT usage AS order FROM cpu_in",
            "Incorrect syntax near the keyword 'ORDER' at line 1, column 17.",
            "'ORDER' is a word of SQL itself. As the name of a column it needs backticks: `ORDER`.",
        ),
        (
            "SELECT usage AS FROM cpu_in",
            "Incorrect syntax near the keyword 'FROM' at line 1, column 17.",
            "A name is missing between AS and FROM.",
        ),
        (
            "SELECT cpu, -- why\n FROM cpu_in",
            "Incorrect syntax near the keyword 'FROM' at line 2, column 2.",
            "There is a comma too many before 'FROM'.",
        ),
        (
            "SELECT cpu FROM cpu_in, WHERE usage > 80",
            'Encountered ", WHERE" at line 1, column 23.',
            "There is a comma too many before 'WHERE'.",
        ),
        (
            "SELECT cpu FROM cpu_in GROUP BY cpu,",
            'Encountered ", <EOF>" at line 1, column 36.',
            "There is a comma too many at the end.",
        ),
        (
            "SELECT cpu, day FROM cpu_in",
            'Encountered "day" at line 1, column 13.',
            "'day' is a word of SQL itself.",
        ),
        (
            "SELECT cpu; FROM cpu_in",
            "Incorrect syntax near the keyword 'FROM' at line 1, column 13.",
            "A semicolon stands at the end of a statement, and nowhere else.",
        ),
        (
            "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSRT INTO b SELECT 2; END",
            'Encountered "INSRT" at line 1, column 53.',
            "Flink stopped at 'INSRT'",
        ),
        ("", "Bang equal '!=' is not allowed under the current SQL", "Unequal is written <>"),
    ],
)
def test_where_the_parser_stops(statement: str, trace: str, said: str) -> None:
    assert explain.java(PARSER + trace, statement).startswith(said)


@pytest.mark.parametrize(
    ("encountered", "said"),
    [
        (r'"\u2018" (8216), after : ""', "\u2018 is no quote that SQL knows"),
        (r'"\u201c" (8220), after : ""', "\u201c is no quote that SQL knows"),
        (r'"\u2013" (8211), after : ""', "\u2013 is no minus that SQL knows: write -."),
        (r'"\u00a0" (160), after : ""', "There is a blank that SQL does not know"),
        (r'"\ud83d" (55357), after : ""', "There is a sign that SQL does not know"),
        ('"&" (38), after : ""', "Both conditions at once are written with AND"),
        ('"#" (35), after : ""', "A comment begins with --"),
        ('"c" (99), after : "!"', "'No' is written NOT"),
        (r'"\\" (92), after : ""', "SQL does not know what '\\' is here"),
        ('<EOF> after : "`cpu FROM cpu_in"', "A quote, a backtick or a comment begins"),
    ],
)
def test_a_sign_that_sql_does_not_know(encountered: str, said: str) -> None:
    told = explain.java(f"{PARSER}Lexical error at line 1, column 39.  Encountered: {encountered}")
    assert told.startswith(said) and told.endswith(" It is in line 1, column 39.")


@pytest.mark.parametrize(
    ("written", "number", "unit", "said"),
    [
        ("'120' SECOND", "120", "SECOND", "write INTERVAL '2' MINUTE."),
        ("'7200' second", "7,200", "SECOND", "write INTERVAL '2' HOUR."),
        ("'150' SECOND", "150", "SECOND", "write INTERVAL '150' SECOND(3)."),
        ("'120' HOUR", "120", "HOUR", "write INTERVAL '5' DAY."),
        ("'100 00:00:00' DAY TO SECOND", "100", "DAY", "write DAY(3) instead of DAY."),
    ],
)
def test_a_length_with_too_many_digits(written: str, number: str, unit: str, said: str) -> None:
    trace = f"{VALIDATOR}Interval field value {number} exceeds precision of {unit}(2) field"
    told = explain.java(trace, f"SELECT time_ltz + INTERVAL {written} FROM cpu_in")
    assert told == f"A length in {unit} has 2 digits at most: {said}"


def test_a_column_in_quotes() -> None:
    trace = (
        f"{VALIDATOR}class org.apache.calcite.sql.SqlCharStringLiteral cannot be cast to class"
        " org.apache.calcite.sql.SqlIdentifier (org.apache.calcite.sql.SqlCharStringLiteral and"
    )
    statement = "SELECT 1 FROM TABLE(TUMBLE(TABLE cpu_in, DESCRIPTOR('time_ltz'), INTERVAL"
    assert explain.java(trace, statement) == (
        "A column's name stands without quotes: write DESCRIPTOR(time_ltz)."
    )
    assert explain.java(trace, "").startswith("A text stands where a name should")


@pytest.mark.parametrize("name", ["cpu(", "**", "[", "a|b", "c+"])
def test_a_column_whose_name_would_be_a_pattern(name: str) -> None:
    said = f"There is no column '{name}': compare its spelling with the table's columns."
    trace = f"{VALIDATOR}Column '{name}' not found in any table"
    assert explain.java(trace, f"SELECT `{name}` FROM cpu_in") == said
    window = f"FROM TABLE(TUMBLE(TABLE cpu_in, `{name}`, INTERVAL '30' SECOND))"
    assert explain.java(trace, window).startswith("TUMBLE needs its column of time in DESCRIPTOR")


@pytest.mark.parametrize(
    "cause",
    [
        "java.lang.IllegalStateException: Found duplicate transactionalIdPrefix for multiple Kafka"
        " sinks: cpu_filter. Transactional id prefixes need to be unique.",
        "java.lang.IllegalStateException: Writable backchannel already exists.",
        "org.apache.kafka.common.errors.ProducerFencedException: There is a newer producer with the"
        " same transactionalId which fences the current one.",
    ],
)
def test_two_jobs_on_one_transactional_id(cause: str) -> None:
    trace = f"org.apache.flink.runtime.JobException: Recovery is suppressed\nCaused by: {cause}"
    assert explain.java(trace) == (
        "Another job writes with the same 'sink.transactional-id-prefix': give this table one of"
        " its own."
    )


@pytest.mark.parametrize("what", ["Java heap space", "GC overhead limit exceeded"])
def test_a_query_for_which_there_is_no_memory(what: str) -> None:
    trace = f"java.lang.RuntimeException: it failed\nCaused by: java.lang.OutOfMemoryError: {what}"
    said = explain.java(trace)
    assert said.startswith(f"It needs more memory than Flink has here ({what}): let it read less")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("Method sqlQuery([class java.lang.Integer])", "Flink's sqlQuery does not take what it was"
         " given here (int):"),
        ("Method set([class java.lang.String, null])", "Flink's set does not take what it was given"
         " here (str, None):"),
        ("Constructor org.apache.flink.Thing([])", "Flink's Thing does not take what it was given"
         " here (nothing):"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_no_silence(call: str, said: str) -> None:
    error = Py4JError(
        "An error occurred while calling o53.sqlQuery. Trace:\n"
        f"org.apache.flink.api.python.shaded.py4j.Py4JException: {call} does not exist\n\tat x.y(Z)"
    )
    told = explain.error(error)
    assert told is not None and told.startswith(said) and told == explain.refused(error)


@pytest.mark.parametrize(
    "error",
    [
        Py4JNetworkError("Answer from Java side is empty"),
        Py4JError("An error occurred while calling o53.sqlQuery"),
        Py4JError("org.apache.flink.Thing does not exist in the JVM"),
    ],
)
def test_a_java_that_has_gone_is_silent(error: Py4JError) -> None:
    told = explain.error(error)
    assert told is not None and told.startswith(SILENT) and told == explain.refused(error)


def test_a_variable_without_a_value_yet_speaks_for_itself() -> None:
    with pytest.raises(UnboundLocalError) as found:
        exec("def broken():\n  print(value)\n  value = 1\nbroken()", {})
    assert explain.error(found.value) is None
    with pytest.raises(NameError) as named:
        exec("print(no_such_name)", {})
    assert (explain.error(named.value) or "").startswith("There is no 'no_such_name' here")


@pytest.mark.parametrize("outside", [True, False])
def test_nobody_is_sent_to_start_what_others_run(
    monkeypatch: pytest.MonkeyPatch, outside: bool
) -> None:
    addresses = {"KAFKA": "h:1", "POSTGRES": "postgresql://u@h/d", "FLINK": "http://h:1"}
    for name, address in addresses.items():
        monkeypatch.setenv(f"CPUWATCH_{name}", address if outside else "")
    settings.cache_clear()
    silent = OperationalError("", None, psycopg2.OperationalError("Connection refused"))
    told = [
        explain.error(KafkaException(KafkaError(KafkaError._RESOLVE, "Failed to resolve 'h:1'"))),
        explain.error(silent),
        explain.java("org.postgresql.util.PSQLException: Connection to h:1 refused."),
        explain.java("org.apache.flink.runtime.rest.util.RestClientException: gone"),
    ]
    settings.cache_clear()
    assert ["cpuwatch up" in one for one in told] == 4 * [not outside]
    assert ["CPUWATCH_" in one for one in told] == 4 * [outside]
