"""All tables on topics and in a schema of a run's own: nothing of it meets the workshop's."""

from __future__ import annotations

import re

from pyflink.table import TableEnvironment

from cpuwatch import pipeline
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink.catalog import GROUP, options, set_options


def _in_schema(url: str, schema: str) -> str:
    """A JDBC address whose tables are looked for in this schema alone."""
    return f"{re.sub(r'&currentSchema=[^&]*', '', url)}&currentSchema={schema}"


def refuse_hints(name: str, text: str) -> None:
    """Raise if a statement leads past its tables' own options, to another topic perhaps.

    Flink's own setting against that looks at what a statement reads, not at what it writes.
    """
    if re.search(r"/\*\+[^*]*\bOPTIONS\b", text, re.IGNORECASE):
        raise CpuwatchError(
            f"{name}.sql sets options by a hint (/*+ OPTIONS … */), so it could not be kept apart"
            " from the workshop's own topics: put them into the table's WITH (…)."
        )


def keep_apart(environment: TableEnvironment, run: pipeline.Run) -> None:
    """Put every table of an environment on the topics and the schema of a run of its own.

    Whatever tables there are: a table that cannot be kept apart is refused.

    Parameters
    ----------
    environment
        From `connect`, with its tables. They end where their topics end.
    run
        Whose names to use.

    Raises
    ------
    CpuwatchError
        If a table is neither on one topic of Kafka nor in PostgreSQL.
    """
    views = set(environment.list_views())
    for table in environment.list_tables():
        if table in views:
            continue
        used = options(environment, table)
        connector = used.get("connector")
        if connector in ("kafka", "upsert-kafka") and "topic" in used:
            own = {
                "topic": ";".join(run.topic(one) for one in used["topic"].split(";")),
                "scan.bounded.mode": "latest-offset",
            }
            for name in ("sink.transactional-id-prefix", GROUP):
                if name in used:
                    own[name] = run.job(used[name])
        elif connector == "jdbc":
            own = {"url": _in_schema(used["url"], run.schema)}
        else:
            raise CpuwatchError(
                f"The table {table} cannot be kept apart from the workshop's own: its connector"
                f" is {connector!r}, and a run of its own knows 'kafka' with one topic and 'jdbc'."
            )
        set_options(environment, table, own)
