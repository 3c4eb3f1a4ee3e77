"""Chapter 4: limits as data, in a table of PostgreSQL."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pandas as pd
from sqlalchemy import Engine, Inspector, inspect
from sqlalchemy.exc import SQLAlchemyError

from cpuwatch import thresholds
from cpuwatch.exercises import truth
from cpuwatch.exercises.answers import rows
from cpuwatch.exercises.compare import Slip, refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, NotYetError, Prediction, Question
from cpuwatch.readings import HOSTS

#: The attendee's own table.
MINE = "cpu_owners"


def _over_60(answer: Any) -> str:
    limits = truth.limits()
    wanted = limits[limits["allowed_top"] > 60]
    slips = [
        Slip(
            lambda: limits,
            "These are all hosts: a condition after WHERE takes some of them.",
        ),
        Slip(
            lambda: limits[limits["allowed_top"] >= 60],
            "A host with a limit of 60 is among them, and it may not go over 60%: > or >=?",
        ),
        Slip(
            lambda: limits[limits["allowed_top"] < 60],
            "These are hosts that may not go over 60%.",
        ),
        Slip(
            lambda: limits[limits["allowed_top"] <= 60],
            "These are the hosts that may not go over 60%.",
        ),
    ]
    refuse_others(rows(answer, "PostgreSQL"), wanted, ["hostname"], slips)
    return f"{', '.join(sorted(wanted['hostname']))}."


def _owners() -> pd.DataFrame:
    """What the attendee's table holds; refuses one that is not as it should be."""
    engine = thresholds.engine()
    try:
        found = inspect(engine)
        if not found.has_table(MINE):
            raise NotYetError(
                f"There is no table {MINE} in PostgreSQL: CREATE TABLE {MINE} (…) makes it, within"
                " database.begin()."
            )
        columns = {one["name"]: one for one in found.get_columns(MINE)}
        for name in ("hostname", "team"):
            if name not in columns:
                raise NotYetError(
                    f"{MINE} has no column {name}: its columns are {', '.join(columns)}."
                )
        key = found.get_pk_constraint(MINE)["constrained_columns"]
        if key != ["hostname"] and not _is_unique(found):
            has = f"is {' and '.join(key)}" if key else "is missing"
            raise NotYetError(
                f"Its primary key {has}: it has to be hostname, so that no host comes twice."
                " DROP TABLE makes room for a better one."
            )
        if columns["team"]["nullable"] and not _is_checked(engine, found):
            raise NotYetError(
                "A host without a team is allowed: NOT NULL after its type forbids it."
            )
        return pd.read_sql(f"SELECT hostname, team FROM {MINE}", engine)
    finally:
        engine.dispose()


def _is_unique(found: Inspector) -> bool:
    """Whether a UNIQUE, or an index over all rows, sees to it that no host comes twice."""
    whole = [
        one["column_names"]
        for one in found.get_indexes(MINE)
        if one["unique"] and "postgresql_where" not in one.get("dialect_options", {})
    ]
    unique = [one["column_names"] for one in found.get_unique_constraints(MINE)]
    return ["hostname"] in [*whole, *unique]


def _is_checked(engine: Engine, found: Inspector) -> bool:
    """Whether a CHECK forbids a host without a team: PostgreSQL says what it makes of one."""
    for check in found.get_check_constraints(MINE):
        row = "SELECT CAST('a' AS TEXT) AS hostname, CAST(NULL AS TEXT) AS team"
        asked = f"SELECT {check['sqltext']} FROM ({row}) AS {MINE}"
        with suppress(SQLAlchemyError), engine.connect() as connection:  # of other columns, too
            connection.execution_options(postgresql_readonly=True, no_parameters=True)
            holds = connection.exec_driver_sql(asked).scalar()
            if holds is not None and not holds:  # of NULL a CHECK says nothing
                return True
    return False


def _table_of_owners(_answer: Any) -> str:
    found = _owners()
    lacking = sorted(set(HOSTS) - set(found["hostname"]))
    if lacking:
        raise NotYetError(f"There is no row for {', '.join(lacking)}: INSERT INTO adds rows.")
    without = found[found["team"].fillna("").astype(str).str.strip() == ""]
    if len(without):
        raise NotYetError(
            f"The team of {', '.join(sorted(without['hostname']))} is a text of nothing: give each"
            " host a team with a name."
        )
    return f"{len(found)} hosts, each with a team, and none can come twice."


def _joined(answer: Any) -> str:
    owners, limits = _owners(), truth.limits()
    wanted = owners.merge(limits, on="hostname")
    slips = [
        Slip(
            lambda: owners.merge(limits, how="cross").rename(columns={"hostname_x": "hostname"})[
                list(wanted.columns)
            ],
            "Each owner stands beside each limit: a join needs ON, which says what belongs"
            " together.",
        ),
    ]
    refuse_others(rows(answer), wanted, ["hostname"], slips)
    return "Two tables of PostgreSQL, joined by Flink."


CHAPTER = Chapter(
    exercises=(
        Exercise(
            "04-warm-up",
            task="Which hosts may go over 60%? Write a query for PostgreSQL: hostname and"
            " allowed_top.",
            starter='answer = """\n"""\nworkshop.check("04-warm-up", answer)',
            hints=(
                "The table is cpu_thresholds, in PostgreSQL as in Flink.",
                "WHERE takes the rows for which a condition holds.",
                "SELECT hostname, allowed_top FROM cpu_thresholds WHERE allowed_top > 60",
            ),
            solution='answer = """\n'
            "SELECT hostname, allowed_top\n"
            "FROM cpu_thresholds\n"
            "WHERE allowed_top > 60\n"
            '"""\n'
            'workshop.check("04-warm-up", answer)',
            judge=_over_60,
        ),
        Exercise(
            "04-core",
            task="In PostgreSQL, make a table `cpu_owners` with the columns hostname and team: no"
            " host twice, none without a team. Put all seven hosts in, with teams of your choice.",
            starter="with database.begin() as connection:\n"
            '    connection.exec_driver_sql("DROP TABLE IF EXISTS cpu_owners")\n'
            "    # Here you make it and fill it.\n"
            'workshop.check("04-core")',
            hints=(
                "CREATE TABLE name (column TYPE, …) makes a table. A type for texts is TEXT.",
                "PRIMARY KEY after a column's type: no value twice. NOT NULL: none without.",
                "INSERT INTO cpu_owners VALUES ('doc', 'web'), ('grumpy', 'web'), … adds rows.",
            ),
            solution="with database.begin() as connection:\n"
            '    connection.exec_driver_sql("DROP TABLE IF EXISTS cpu_owners")\n'
            "    connection.exec_driver_sql(\n"
            '        """\n'
            "CREATE TABLE cpu_owners (\n"
            "    hostname TEXT PRIMARY KEY,\n"
            "    team TEXT NOT NULL\n"
            ')\n"""\n'
            "    )\n"
            "    connection.exec_driver_sql(\n"
            '        """\n'
            "INSERT INTO cpu_owners VALUES\n"
            "    ('doc', 'web'), ('grumpy', 'web'), ('sleepy', 'web'),\n"
            "    ('bashful', 'data'), ('happy', 'data'),\n"
            "    ('sneezy', 'mail'), ('dopey', 'mail')\n"
            '"""\n'
            "    )\n"
            'workshop.check("04-core")',
            judge=_table_of_owners,
        ),
        Exercise(
            "04-stretch",
            task="Import `cpu_owners` into Flink as well, and join it with the limits: hostname,"
            " team, allowed_top.",
            starter='# Here you create the table.\nanswer = """\n"""\n'
            'workshop.check("04-stretch", answer)',
            hints=(
                "The statement of cpu_thresholds needs another name, other columns, and another"
                " 'table-name'.",
                "FROM cpu_owners AS o JOIN cpu_thresholds AS t ON … puts rows side by side.",
                "SELECT o.hostname, o.team, t.allowed_top FROM cpu_owners AS o JOIN cpu_thresholds"
                " AS t ON o.hostname = t.hostname",
            ),
            solution='flink.create_table(\n    env,\n    """\n'
            "CREATE TABLE cpu_owners (\n"
            "    hostname STRING,\n"
            "    team STRING,\n"
            "    PRIMARY KEY (hostname) NOT ENFORCED\n"
            ") WITH (\n"
            "    'connector' = 'jdbc',\n"
            "    'url' = '${postgres}',\n"
            "    'table-name' = 'cpu_owners'\n"
            ')\n""",\n)\n'
            'answer = """\n'
            "SELECT o.hostname, o.team, t.allowed_top\n"
            "FROM cpu_owners AS o\n"
            "JOIN cpu_thresholds AS t ON o.hostname = t.hostname\n"
            '"""\n'
            'workshop.check("04-stretch", answer)',
            judge=_joined,
        ),
    ),
    predictions=(
        Prediction(
            "04-twice",
            asks="The cell that fills the table runs twice. How many rows will the table have?",
            explains="A host that has a row already gets the new limit, and no second row.",
        ),
        Prediction(
            "04-refused",
            asks="A cell sets the limit of `dopey` to 140. What will its limit be afterwards?",
            explains="The CHECK refuses 140, and the transaction changes nothing.",
        ),
    ),
    questions=(
        Question(
            "What does a primary key promise?",
            right=("no value of it comes twice", "PostgreSQL refuses the second one."),
            wrong=(
                ("rows come in its order", "A table has no order: ORDER BY gives one."),
                ("it is a number", "Ours is a text."),
                ("nobody can change the row", "A row may be changed at any time."),
            ),
            at=2,
        ),
        Question(
            "Who keeps an allowed_top of 140 out?",
            right=("PostgreSQL, by the CHECK", "Whoever writes it, and by whatever program."),
            wrong=(
                ("Flink", "Flink only reads the table."),
                ("SQLAlchemy", "It hands the statement on."),
                ("nobody", "Try it: the cell above does."),
            ),
            at=0,
        ),
        Question(
            "What does NOT ENFORCED mean in Flink?",
            right=(
                "Flink takes the key as true and does not check it",
                "The database checks it.",
            ),
            wrong=(
                ("the key may come twice", "PostgreSQL still refuses that."),
                ("the key is ignored", "Flink plans with it."),
                ("the table is read only", "That has nothing to do with the key."),
            ),
            at=3,
        ),
        Question(
            "What is the lookup cache for?",
            right=(
                "so that not every average asks the database",
                "And for two seconds only, so a changed limit counts almost at once.",
            ),
            wrong=(
                ("so that limits never change", "It forgets them after two seconds."),
                ("so that the database may be down", "After two seconds it asks again."),
                ("for previews", "It is for jobs: a preview is too short to need it."),
            ),
            at=1,
        ),
    ),
)
