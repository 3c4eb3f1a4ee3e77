"""What Flink's catalogue knows of a table: its options, its columns and its topics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pyflink.java_gateway import get_gateway
from pyflink.table import TableEnvironment

from cpuwatch import naming, sql, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import java
from cpuwatch.flink.environment import execute

#: A table's consumer group.
GROUP = "properties.group.id"


def options(environment: TableEnvironment, table: str) -> dict[str, str]:
    """The options in a table's WITH (…), its topic by our name; empty for a view.

    Raises
    ------
    CpuwatchError
        If it is on a topic of somebody else's: a plain statement may say anything.
    """
    found = resolved(environment, table)
    if found is None or table in environment.list_views():
        return {}
    used: dict[str, str] = java.plain(found.getResolvedTable().getOptions())
    if "topic" in used:
        used["topic"] = ";".join(_own_topic(table, one) for one in topics_in(used))
    return used


def _own_topic(table: str, topic: str) -> str:
    found = naming.short(topic)
    if found is None and naming.prefix():
        raise CpuwatchError(
            f"The table {table} is on the topic {topic}, which has not your prefix: create it"
            " anew by flink.create_table, or give its statement to workshop.fill."
        )
    return found or topic


def may_chain(tables: Iterable[Mapping[str, str]]) -> bool:
    """Whether a job on tables of these options may chain its operators: see `CHAINS`."""
    return not any(
        name.endswith("ignore-parse-errors") and value.lower() == "true"
        for used in tables
        for name, value in used.items()
    )


def fields(environment: TableEnvironment, table: str) -> dict[str, str]:
    """The columns that a table's records have as fields, with their types; empty for a view."""
    found = resolved(environment, table)
    if found is None:
        return {}
    columns = found.getResolvedSchema().getColumns()
    return {one.getName(): str(one.getDataType()) for one in columns if one.isPhysical()}


def resolved(environment: TableEnvironment, name: str) -> Any:
    """What Flink's catalogue manager has of a table or view, temporary or not; None if nothing."""
    manager = environment._j_tenv.getCatalogManager()
    return manager.getTable(identifier(environment, name)).orElse(None)


def identifier(environment: TableEnvironment, name: str) -> Any:
    """A table's or view's whole name, as Flink's own catalogue manager takes it."""
    return get_gateway().jvm.org.apache.flink.table.catalog.ObjectIdentifier.of(
        environment.get_current_catalog(), environment.get_current_database(), name
    )


def topics_in(used: Mapping[str, str]) -> list[str]:
    """The topics of a table, by its options: there may be several, with ';' between them."""
    return [topic.strip() for topic in used.get("topic", "").split(";") if topic.strip()]


def check_topics(tables: dict[str, dict[str, str]]) -> None:
    """Raise if a topic does not exist that one of these tables reads; it names those there are."""
    wanted = {topic: table for table, used in tables.items() for topic in topics_in(used)}
    there = topics.names() if wanted else []
    for topic, table in wanted.items():
        if topic not in there:
            raise CpuwatchError(
                f"There is no topic {topic}, which the table {table} reads."
                f" The topics are: {', '.join(there) or 'none yet'}."
            )


def set_options(environment: TableEnvironment, table: str, wanted: dict[str, str]) -> None:
    """Change options of a table, for this environment alone."""
    pairs = ", ".join(
        f"{sql.literal(name)} = {sql.literal(value)}" for name, value in wanted.items()
    )
    execute(environment, f"ALTER TABLE `{table}` SET ({pairs})")


@contextmanager
def as_group(environment: TableEnvironment, names: Iterable[str], group: str) -> Iterator[None]:
    """Let a job that is submitted meanwhile commit how far it reads, as a consumer group.

    It begins where its tables say, and anew where its checkpoint was, not at what it commits.
    But that is how others see how far it is: Kafka's own tools, and `metrics.offsets`.

    Parameters
    ----------
    environment
        From `connect`.
    names
        The tables that the job reads. One with a group of its own keeps it.
    group
        The consumer group's name.
    """
    ours: list[str] = []
    try:
        for name in names:
            used = options(environment, name)
            if used.get("connector") not in ("kafka", "upsert-kafka") or GROUP in used:
                continue
            if not resolved(environment, name).isTemporary():  # Flink alters none of these
                ours.append(name)
                set_options(environment, name, {GROUP: group})
        yield
    finally:
        for name in ours:
            execute(environment, f"ALTER TABLE `{name}` RESET ('{GROUP}')")
