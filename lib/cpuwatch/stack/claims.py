"""Whose a prefix is: on a shared PostgreSQL each has a schema, and that says who uses it."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2 import errors, sql

from cpuwatch import waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings
from cpuwatch.stack import person, postgres, refused
from cpuwatch.stack.person import Person

_MARK = "cpuwatch: used by "

#: What this process has claimed: prefixes, and the PostgreSQL where.
CLAIMED: set[tuple[str, str]] = set()


def claim(config: Settings, take_over: bool = False) -> None:
    """See to it that a prefix is used by one person alone, and that it has its schema.

    Parameters
    ----------
    config
        Whose prefix it is; without one there is nothing to do.
    take_over
        Whether to take it from whoever has it.

    Raises
    ------
    CpuwatchError
        If somebody else uses it, or PostgreSQL does not let us make a schema, or cannot be asked:
        as long as nobody knows whose it is, nothing is done under it.
    """
    if config.prefix is None:
        return
    ours = person.ours()
    try:
        with closing(postgres.knock(config)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                said = _said(cursor, config.prefix)
                if said is None:
                    said = _make(cursor, config.prefix, ours)
                if not take_over:
                    _refuse_theirs(config.prefix, said, ours)
                if take_over or _lacks_id(said, ours):
                    _write(cursor, config.prefix, ours)
    except psycopg2.OperationalError as error:
        raise CpuwatchError(
            f"Whose the prefix {config.prefix} is cannot be asked:"
            f" {refused.sentence(config, error)}"
        ) from None
    except psycopg2.Error as error:
        raise CpuwatchError(
            f"PostgreSQL does not give the prefix {config.prefix} a schema"
            f" ({refused.reason(error)}): whoever runs it can allow that by GRANT CREATE ON"
            f" DATABASE, or make the schema {config.prefix} for you."
        ) from None


def once(config: Settings) -> None:
    """Do what `claim` does, once in this process: before anything is done under a prefix.

    Parameters
    ----------
    config
        Whose prefix it is; without one there is nothing to do.

    Raises
    ------
    CpuwatchError
        As `claim` does.
    """
    if config.prefix is None:
        return
    which = (config.prefix, config.postgres_place)
    if which not in CLAIMED:
        claim(config)
        CLAIMED.add(which)


def leave(config: Settings) -> None:
    """Give a prefix back: its schema goes, with all that is in it, and what was noted of it here.

    Parameters
    ----------
    config
        Whose prefix it is; it is ours, and its jobs and topics are gone.

    Raises
    ------
    CpuwatchError
        As `claim` does; or if there is no prefix, or PostgreSQL does not let us drop the schema.
    """
    require(config)
    claim(config)
    drop = sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(str(config.prefix)))
    try:
        with closing(postgres.knock(config)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(drop)
    except psycopg2.OperationalError as error:
        raise CpuwatchError(refused.sentence(config, error)) from None
    except psycopg2.Error as error:
        raise CpuwatchError(
            f"PostgreSQL does not drop the schema {config.prefix} ({refused.reason(error)}):"
            " whoever made it for you can."
        ) from None
    CLAIMED.discard((str(config.prefix), config.postgres_place))
    shutil.rmtree(config.notes, ignore_errors=True)


def require(config: Settings) -> None:
    """Raise if there is no prefix."""
    if config.prefix is None:
        raise CpuwatchError(
            "There is no prefix to give back: CPUWATCH_PREFIX is not set. 'cpuwatch reset' alone"
            " forgets what the chapters made."
        )


def _said(cursor: Any, prefix: str) -> str | None:
    """The comment of the prefix's schema, perhaps empty; None if there is no schema."""
    cursor.execute(
        "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace"
        " WHERE nspname = %s",
        [prefix],
    )
    found = cursor.fetchone()
    return None if found is None else str(found[0])


def _make(cursor: Any, prefix: str, ours: Person) -> str:
    """Make the schema; what its comment says then. Of two at once one makes it."""
    try:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(prefix)))
    except (errors.DuplicateSchema, errors.UniqueViolation):
        # Whoever was quicker writes the comment in the next moment.
        waiting.until(lambda: _said(cursor, prefix), 5.0, f"Nobody says whose {prefix} is.")
        return _said(cursor, prefix) or ""
    _write(cursor, prefix, ours)
    return f"{_MARK}{ours}"


def _write(cursor: Any, prefix: str, ours: Person) -> None:
    comment = sql.SQL("COMMENT ON SCHEMA {} IS {}")
    cursor.execute(comment.format(sql.Identifier(prefix), sql.Literal(f"{_MARK}{ours}")))


def _refuse_theirs(prefix: str, said: str, ours: Person) -> None:
    """Raise if a schema that is there is not ours, by what its comment says."""
    if not said.startswith(_MARK):
        raise CpuwatchError(
            f"The prefix {prefix} cannot be used: PostgreSQL has a schema of that name that is not"
            " the workshop's. Set CPUWATCH_PREFIX to another one; or, if the schema was made for"
            " you, run 'cpuwatch up --take-over'."
        )
    theirs = person.read(said.removeprefix(_MARK))
    if theirs.is_same(ours):
        return
    if theirs.name == ours.name:
        raise CpuwatchError(
            f"The prefix {prefix} is used by {theirs.name}, and that is another machine of that"
            " name, or another home: set CPUWATCH_PREFIX to another one. If that was you, run"
            " 'cpuwatch up --take-over'."
        )
    raise CpuwatchError(
        f"The prefix {prefix} is used by {theirs.name}, and you are {ours.name}: set"
        " CPUWATCH_PREFIX to another one. If that is you on another machine, run"
        " 'cpuwatch up --take-over'."
    )


def _lacks_id(said: str, ours: Person) -> bool:
    """Whether the comment is ours and of an earlier version, which wrote no id."""
    return ours.id is not None and person.read(said.removeprefix(_MARK)).id is None
