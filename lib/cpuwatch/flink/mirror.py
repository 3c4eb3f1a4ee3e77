"""Environments beside an attendee's own: the same tables, views and functions, for a preview.

A preview asks what a query makes of the records that are there. As a stream that answer changes
with each record, and all its changes would have to come here; in batch mode Flink gives the
final rows alone, in the order that the query asks for. What batch mode does not know, a
streaming mirror answers. Either way the attendee's environment stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from py4j.protocol import Py4JError
from pyflink.java_gateway import get_gateway
from pyflink.table import EnvironmentSettings, TableEnvironment
from pyflink.util.exceptions import JavaException

from cpuwatch import naming
from cpuwatch.flink import java
from cpuwatch.flink.catalog import identifier
from cpuwatch.flink.cluster import PREVIEW
from cpuwatch.flink.environment import WORKERS
from cpuwatch.flink.rest import client_options

#: The catalogue that every environment has from its beginning; the mirror's own stays empty.
_UNUSED = "unused"

#: Whatever the attendee's environment says.
_ALWAYS = {
    "execution.target": "remote",
    # If the kernel dies, the cluster ends its previews.
    "execution.attached": "true",
    "execution.shutdown-on-attached-exit": "true",
    "client.heartbeat.interval": "2000",
    "client.heartbeat.timeout": "20000",
    # Rows come in one order only if one worker makes them.
    WORKERS: "1",
}

#: What makes a batch job run on this cluster from its sources to its end in one go: with the
#: adaptive scheduler, and with parts of a plan that are used twice, a later stage would wait
#: for an earlier one for ever.
_BATCH = {
    "execution.runtime-mode": "BATCH",
    "execution.batch-shuffle-mode": "ALL_EXCHANGES_PIPELINED",
    "jobmanager.scheduler": "Default",
    "table.optimizer.reuse-sub-plan-enabled": "false",
}

#: Rows come as they are made: with checkpoints, only with the next one.
_WITHOUT = ("execution.checkpointing.interval",)

_MIRRORS: WeakKeyDictionary[TableEnvironment, dict[bool, TableEnvironment]] = WeakKeyDictionary()


def of(
    environment: TableEnvironment, *, batch: bool, bounded: Iterable[str] = ()
) -> TableEnvironment:
    """The mirror of an environment, as that is now; to be called in Java's thread.

    Parameters
    ----------
    environment
        From `connect`.
    batch
        Whether in batch mode; otherwise in streaming mode, without checkpoints.
    bounded
        Tables on Kafka that end, in the mirror, where their topics end now.

    Returns
    -------
    TableEnvironment
        It shares the catalogues, so that a table in one is a table in both; what is temporary
        is copied.
    """
    mirrors = _MIRRORS.setdefault(environment, {})
    if batch not in mirrors:
        made = EnvironmentSettings.new_instance().with_built_in_catalog_name(_UNUSED)
        made = made.in_batch_mode() if batch else made.in_streaming_mode()
        mirrors[batch] = TableEnvironment.create(made.build())
    mirror = mirrors[batch]
    _copy_options(environment, mirror, _BATCH if batch else {})
    _share_catalogues(environment, mirror)
    _copy_functions(environment, mirror)
    _drop_temporary(mirror)
    views = set(environment.list_temporary_views())
    _copy_temporary(environment, mirror, set(environment.list_temporary_tables()) - views)
    for name in bounded:
        _bound(environment, mirror, name)
    _copy_temporary(environment, mirror, views)
    return mirror


def _copy_options(
    environment: TableEnvironment, mirror: TableEnvironment, own: dict[str, str]
) -> None:
    ours, wanted = java.options_of(mirror), java.options_of(environment).clone()
    always = {**client_options(), **_ALWAYS, "pipeline.name": naming.full(PREVIEW), **own}
    for name, value in always.items():
        wanted.setString(name, value)
    for name in _WITHOUT:
        wanted.removeKey(name)
    left = ours.keySet()
    left.removeAll(wanted.keySet())
    for name in java.plain(left):
        ours.removeKey(name)
    ours.addAll(wanted)


def _share_catalogues(environment: TableEnvironment, mirror: TableEnvironment) -> None:
    there = set(mirror.list_catalogs())
    for name in environment.list_catalogs():
        if name not in there:
            mirror._j_tenv.registerCatalog(name, environment._j_tenv.getCatalog(name).get())
    mirror.use_catalog(environment.get_current_catalog())
    mirror.use_database(environment.get_current_database())


def _copy_functions(environment: TableEnvironment, mirror: TableEnvironment) -> None:
    """Give the mirror the functions that are in no catalogue, and no others."""
    theirs, ours = (_field(one._j_tenv, "functionCatalog") for one in (environment, mirror))
    for kind in ("tempSystemFunctions", "tempCatalogFunctions"):
        there = _field(ours, kind)
        there.clear()
        there.putAll(_field(theirs, kind))


def _field(owner: Any, name: str) -> Any:
    """A field of a Java object that has no getter."""
    kind = owner.getClass()
    while kind is not None:
        with suppress(Py4JError):
            field = kind.getDeclaredField(name)
            field.setAccessible(True)
            return field.get(owner)
        kind = kind.getSuperclass()
    raise AttributeError(name)


def _drop_temporary(mirror: TableEnvironment) -> None:
    for name in mirror.list_temporary_views():
        mirror.drop_temporary_view(name)
    for name in mirror.list_temporary_tables():
        mirror.drop_temporary_table(name)


def _copy_temporary(
    environment: TableEnvironment, mirror: TableEnvironment, names: set[str]
) -> None:
    """Give the mirror these tables or views, in whatever order they need each other."""
    while names:
        before = len(names)
        for name in sorted(names):
            with suppress(JavaException, Py4JError):
                _copy(environment, mirror, name)
                names.remove(name)
        if len(names) == before:
            return  # Flink cannot write these down; a query that needs one says so


def _copy(environment: TableEnvironment, mirror: TableEnvironment, name: str) -> None:
    table = _origin(environment, name)
    if table.getClass().getSimpleName() == "QueryOperationCatalogView":
        # A Table object of PyFlink's under a name: it belongs to the other's planner.
        text = table.getQueryOperation().asSerializableString()
        mirror.create_temporary_view(name, mirror.sql_query(text))
    else:
        _create_temporary(mirror, name, table)


def _bound(environment: TableEnvironment, mirror: TableEnvironment, name: str) -> None:
    """Put a table in front of the shared one of that name, which ends where its topic ends."""
    table = _origin(environment, name)
    options = table.getOptions()
    if options.get("scan.bounded.mode") is None:
        changed = get_gateway().jvm.java.util.HashMap(options)
        changed.put("scan.bounded.mode", "latest-offset")
        if name in mirror.list_temporary_tables():
            mirror.drop_temporary_table(name)
        _create_temporary(mirror, name, table.copy(changed))


def _origin(environment: TableEnvironment, name: str) -> Any:
    """A table or view as it was written down."""
    manager = environment._j_tenv.getCatalogManager()
    return manager.getTable(identifier(environment, name)).get().getResolvedTable().getOrigin()


def _create_temporary(mirror: TableEnvironment, name: str, table: Any) -> None:
    mirror._j_tenv.getCatalogManager().createTemporaryTable(table, identifier(mirror, name), False)
