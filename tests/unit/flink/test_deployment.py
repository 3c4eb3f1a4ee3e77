"""What a statement does is seen before it starts, and its mistakes are told where they are."""

from __future__ import annotations

from typing import Any

import pytest
from flink_parts import Planner, rows_of

from cpuwatch import sql
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import deployment

INSERT = "INSERT INTO mine\nSELECT hostname FROM cpu_in"


@pytest.fixture
def planner(monkeypatch: pytest.MonkeyPatch) -> Planner:
    monkeypatch.setattr(
        deployment,
        "Rows",
        rows_of("TableScan(table=[[default_catalog, default_database, cpu_in]])"),
    )
    return Planner(monkeypatch)


@pytest.mark.parametrize(
    ("statement", "writes"),
    [
        (INSERT, ["mine"]),
        (f"-- why\n/* and\nhow */ {INSERT}; -- done", ["mine"]),
        (f"EXECUTE STATEMENT SET BEGIN {INSERT}; END", ["mine"]),
        (f"EXECUTE STATEMENT SET BEGIN {INSERT}; END; -- done", ["mine"]),
        (f"EXECUTE STATEMENT SET -- both\nBEGIN {INSERT}; {INSERT}2; END;", ["mine", "mine"]),
        (f"-- both\nEXECUTE STATEMENT SET /* ; */ BEGIN {INSERT}; -- ; END\nEND", ["mine"]),
    ],
)
def test_comments_change_nothing(planner: Planner, statement: str, writes: list[str]) -> None:
    plan = deployment.check(planner, statement)
    assert (plan.reads, plan.writes) == (["cpu_in"], writes)
    (explained,) = planner.given
    # All is in its line and column, one line further down.
    wanted = statement.removesuffix(";").replace("EXECUTE", " " * 7)
    assert explained == f"EXPLAIN\n{wanted}"


def test_what_is_no_job_is_refused(planner: Planner) -> None:
    for statement in ("SELECT 1", "-- INSERT INTO mine SELECT 1\nSELECT 1"):
        with pytest.raises(CpuwatchError, match="That statement starts no job"):
            deployment.check(planner, statement)


def test_a_mistake_is_told_where_it_is_in_what_was_written(planner: Planner) -> None:
    planner.refuses("EXPLAIN", "From line 6, column 33: Column 'usge' not found in any table")
    with pytest.raises(CpuwatchError, match=r"'usge'.* It is in line 5, column 33"):
        deployment.check(planner, f"-- a\n-- b\n-- c\n{INSERT}")
    planner.refuses("EXPLAIN", "From line 0, column 0: Column 'usge' not found in any table")
    with pytest.raises(CpuwatchError, match=r"columns\.$"):
        deployment.check(planner, INSERT)


def test_the_advice_looks_at_the_line_that_flink_means(planner: Planner) -> None:
    planner.refuses("EXPLAIN", 'Encountered "SECOND" at line 4, column 43.\nWas expecting one of:')
    with pytest.raises(CpuwatchError, match=r"write INTERVAL '30' SECOND\. It is in line 3, col"):
        deployment.check(
            planner,
            "-- a\nINSERT INTO mine SELECT hostname FROM cpu_in\nWHERE time_ltz > CURRENT_TIMESTAMP"
            " - '30' SECOND",
        )


def test_a_text_that_looks_like_a_comment_stays() -> None:
    assert sql.bare("SELECT '--a' /* b */ /*+ OPTIONS('c'='d') */; -- e\n;\n") == (
        "SELECT '--a'   /*+ OPTIONS('c'='d') */"
    )


def test_without_a_statement_it_is_the_workshop_s_own_of_that_name() -> None:
    # What a name alone cannot mean is said before anything is asked of Flink.
    environment: Any = None
    with pytest.raises(CpuwatchError, match="by the name alone it knows cpu_filter, cpu_agg, cpu_"):
        deployment.deploy(environment, "cpu_bda")
    with pytest.raises(CpuwatchError, match="the job's name and its statement, in this order"):
        deployment.deploy(environment, INSERT)
