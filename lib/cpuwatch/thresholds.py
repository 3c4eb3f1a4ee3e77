"""The table `cpu_thresholds` in PostgreSQL, through SQLAlchemy."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from sqlalchemy import (
    CheckConstraint,
    Column,
    Engine,
    Float,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.schema import CreateSchema, DropSchema

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import DATA, settings
from cpuwatch.stack import failures, postgres

#: The workshop's thresholds.
FILE = DATA / "thresholds.csv"

TABLE = Table(
    "cpu_thresholds",
    MetaData(),
    Column("hostname", String, primary_key=True),
    Column("allowed_top", Float, nullable=False),
    CheckConstraint("allowed_top BETWEEN 0 AND 100", name="allowed_top_is_a_percentage"),
)


def engine(schema: str = "public") -> Engine:
    """An SQLAlchemy engine for the workshop's database.

    Parameters
    ----------
    schema
        The schema in which tables are looked for and made.
    """
    config = settings()
    # An identifier in SQL's quotes, in an option whose blanks stand behind a backslash.
    quoted = schema.replace('"', '""')
    path = re.sub(r"([\\\s])", r"\\\1", f'"{quoted}"')
    arguments = {"options": f"-csearch_path={path}", "connect_timeout": 10}
    if config.postgres_password is not None:
        arguments["password"] = config.postgres_password
    elif not config.outside("postgres"):
        arguments["passfile"] = str(config.pgpass)
    made = create_engine(config.postgres_url, connect_args=arguments)
    if not config.outside("postgres"):
        event.listen(made, "do_connect", lambda _, __, ___, told: postgres.connect(**told))
    return made


def create(database: Engine) -> None:
    """Create the table, unless it is there."""
    try:
        TABLE.metadata.create_all(database)
    except OperationalError as error:
        raise _unreachable(error) from error


def write(database: Engine, thresholds: Mapping[str, float]) -> None:
    """Put thresholds in the table; a host that is there gets the new one.

    Parameters
    ----------
    database
        From `engine`.
    thresholds
        For each hostname the highest average that is allowed, in percent.

    Raises
    ------
    CpuwatchError
        If a threshold is not between 0 and 100: then none of them is written.
    """
    if not thresholds:
        return
    statement = insert(TABLE).values(
        [{"hostname": host, "allowed_top": top} for host, top in thresholds.items()]
    )
    statement = statement.on_conflict_do_update(
        index_elements=["hostname"], set_={"allowed_top": statement.excluded.allowed_top}
    )
    try:
        with database.begin() as connection:
            connection.execute(statement)
    except IntegrityError as error:
        raise CpuwatchError(
            f"PostgreSQL refused the thresholds ({str(error.orig).splitlines()[0]}):"
            " each must be between 0 and 100."
        ) from error
    except OperationalError as error:
        raise _unreachable(error) from error


def read(database: Engine) -> pd.DataFrame:
    """The table, sorted by hostname: columns hostname and allowed_top (percent)."""
    try:
        with database.connect() as connection:
            rows = connection.execute(select(TABLE).order_by(TABLE.c.hostname)).all()
    except OperationalError as error:
        raise _unreachable(error) from error
    return pd.DataFrame(rows, columns=["hostname", "allowed_top"])


def load(path: Path = FILE) -> dict[str, float]:
    """Thresholds from a CSV file with the columns hostname and allowed_top.

    Raises
    ------
    CpuwatchError
        If the file cannot be read, lacks a column, names a host twice or has a
        threshold that is not between 0 and 100; it names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"hostname", "allowed_top"} <= set(rows.fieldnames or ()):
                raise CpuwatchError(
                    f"{path} is no file of thresholds: its first line has to be"
                    " 'hostname,allowed_top'."
                )
            found: dict[str, float] = {}
            for row in rows:
                host = row["hostname"]
                if not host or host in found:
                    what = f"names {host!r} a second time" if host else "names no host"
                    raise CpuwatchError(f"{path}, line {rows.line_num}, {what}: mend that line.")
                found[host] = _percentage(row["allowed_top"], path, rows.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise CpuwatchError(
            f"The thresholds cannot be read from {path} ({reason}): name a CSV file with the"
            " columns hostname and allowed_top."
        ) from error
    return found


def _percentage(value: str | None, path: Path, line: int) -> float:
    try:
        number = float(value or "")
    except ValueError:
        number = math.nan
    if not 0 <= number <= 100:
        raise CpuwatchError(
            f"{path}, line {line}: the threshold {value!r} is not between 0 and 100;"
            " mend that line."
        )
    return number


def create_schema(name: str) -> None:
    """Make an empty schema, for thresholds that are nobody else's business."""
    with engine().begin() as connection:
        connection.execute(CreateSchema(name, if_not_exists=True))


def drop_schema(name: str) -> None:
    """Drop a schema with all that is in it."""
    with engine().begin() as connection:
        connection.execute(DropSchema(name, cascade=True, if_exists=True))


def schemas(prefix: str) -> list[str]:
    """The names of the schemas that begin with `prefix`."""
    query = text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :prefix)")
    with engine().connect() as connection:
        return sorted(connection.execute(query, {"prefix": prefix}).scalars())


def _unreachable(error: OperationalError) -> CpuwatchError:
    reason = str(error.orig).strip().splitlines()[0]
    return CpuwatchError(
        f"PostgreSQL does not answer ({reason}). {failures.remedy(settings().state)}"
    )
