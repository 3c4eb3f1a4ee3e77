"""The table `cpu_thresholds` in PostgreSQL, through SQLAlchemy."""

from __future__ import annotations

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

from cpuwatch import threshold_files
from cpuwatch.errors import CpuwatchError
from cpuwatch.readings.reading import wrong_host
from cpuwatch.settings import DATA, settings
from cpuwatch.stack import claims, postgres, refused
from cpuwatch.words import shown

#: The workshop's thresholds.
FILE = DATA / "thresholds.csv"

TABLE = Table(
    "cpu_thresholds",
    MetaData(),
    Column("hostname", String, primary_key=True),
    Column("allowed_top", Float, nullable=False),
    CheckConstraint("allowed_top BETWEEN 0 AND 100", name="allowed_top_is_a_percentage"),
)


def engine(schema: str | None = None) -> Engine:
    """An SQLAlchemy engine for the workshop's database.

    Parameters
    ----------
    schema
        The schema in which tables are looked for and made; by default the prefix's, or 'public'.
    """
    config = settings()
    claims.claim(config)  # its schema may have gone since, with a stack that was wiped
    schema = schema or config.prefix or "public"
    # An identifier in SQL's quotes, in an option whose blanks stand behind a backslash.
    quoted = schema.replace('"', '""')
    path = re.sub(r"([\\\s])", r"\\\1", f'"{quoted}"')
    given = config.postgres_url.query  # what an address says stays
    options = f"{given.get('options', '')} -csearch_path={path}".strip()
    arguments = {"options": options, "connect_timeout": given.get("connect_timeout", 10)}
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
        If a threshold is not between 0 and 100, or no reading can be of its host: then none of
        them is written.
    """
    if not thresholds:
        return
    for host in thresholds:
        if (wrong := wrong_host(host)) is not None:
            raise CpuwatchError(f"No threshold is for the host {shown(host)}: {wrong}.")
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
    return load_and_tell(path)[0]


def load_and_tell(path: Path = FILE) -> tuple[dict[str, float], list[str]]:
    """The same, and what people should know of how it was read, in sentences.

    The file is read as one of readings is: its columns in any spelling, perhaps below titles, a
    comma, a semicolon or a tab between fields, a percent sign and, where that is certain, a
    decimal comma.

    Raises
    ------
    CpuwatchError
        As `load` does.
    """
    return threshold_files.load_and_tell(path)


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
    return CpuwatchError(refused.sentence(settings(), error.orig or error))
