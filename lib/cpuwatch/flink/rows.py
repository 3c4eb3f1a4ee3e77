"""A result's rows, brought over from Java many at a time.

PyFlink's own iterator asks Java some fifteen times for each row, which for 600 rows is three
seconds on an idle machine, and half a minute on a busy one. Here Java itself takes the next rows,
makes of each what PyFlink makes of it, and sends them all as one.
"""

from __future__ import annotations

import pickle
from types import TracebackType
from typing import Any

from pyflink.common.types import Row, RowKind
from pyflink.java_gateway import get_gateway
from pyflink.table import TableResult
from pyflink.table.types import (
    ArrayType,
    DataType,
    FloatType,
    MapType,
    RowType,
    _from_java_data_type,
)
from pyflink.table.utils import pickled_bytes_to_python_converter

from cpuwatch.flink.java import plain

#: How many rows come over at once: more than that is no faster, and takes memory in both.
AT_ONCE = 1000

#: Java's names.
_BRIDGE = "org.apache.flink.api.common.python.PythonBridgeUtils"
_DUMP = "getPickledBytesFromRow"
_ROW = "org.apache.flink.types.Row"
_DATA_TYPE = "org.apache.flink.table.types.DataType"


class Rows:
    """The rows of a result, from the first on; to be used in Java's thread.

    Parameters
    ----------
    result
        From a statement or a table that was executed.

    Notes
    -----
    It is a context manager: at its end Flink may forget what was not taken.
    """

    def __init__(self, result: TableResult) -> None:
        java = get_gateway().jvm.java
        bridge = java.lang.Thread.currentThread().getContextClassLoader().loadClass(_BRIDGE)
        columns = result._j_table_result.getResolvedSchema().getColumnDataTypes()
        self._types = [_from_java_data_type(one) for one in columns]
        self._rows = result._j_table_result.collect()
        # The function by which PyFlink makes bytes of a row, as one that Java can map rows with.
        handles = java.lang.invoke.MethodHandles
        of = bridge.getClassLoader()
        kinds = _array(of.loadClass(_DATA_TYPE), columns)
        named = java.lang.Class.forName
        takes = _array(named("java.lang.Class"), [of.loadClass(_ROW), kinds.getClass()])
        dump = handles.publicLookup().unreflect(bridge.getMethod(_DUMP, takes))
        dump = handles.insertArguments(dump, 1, _array(named("java.lang.Object"), [kinds]))
        function = named("java.util.function.Function")
        self._dump = java.lang.invoke.MethodHandleProxies.asInterfaceInstance(function, dump)
        self._java = java

    def take(self, most: int = AT_ONCE) -> list[tuple[str, tuple[Any, ...]]]:
        """Wait for the next rows, and return what happened to each, and its values.

        Parameters
        ----------
        most
            How many to wait for.

        Returns
        -------
        list
            Fewer than were wanted only if there are no more; what happened is, in Flink's
            words, one of INSERT, UPDATE_BEFORE, UPDATE_AFTER and DELETE.
        """
        splits = self._java.util.Spliterators.spliteratorUnknownSize(self._rows, 0)
        stream = self._java.util.stream.StreamSupport.stream(splits, False)
        taken = stream.limit(most).map(self._dump).toArray()
        return [
            (_kind(kind), tuple(map(_value, values, self._types))) for kind, *values in plain(taken)
        ]

    def __enter__(self) -> Rows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rows.close()


def _array(kind: Any, values: Any) -> Any:
    gateway = get_gateway()
    made = gateway.jvm.java.lang.reflect.Array.newInstance(kind, len(values))
    for place, value in enumerate(values):
        made[place] = value
    return made


def _kind(data: bytes) -> str:
    return str(RowKind(data[0]).name)


def _value(data: Any, kind: DataType) -> Any:
    """A value from its bytes; PyFlink's own converter stumbles over a NULL within another value."""
    if isinstance(data, (bytes, bytearray)):
        if not data:
            return None
        if not isinstance(kind, (ArrayType, MapType, FloatType)):
            return pickled_bytes_to_python_converter(data, kind)
        data = pickle.loads(data)
    if isinstance(kind, ArrayType):
        return [_value(one, kind.element_type) for one in data]
    if isinstance(kind, MapType):
        keys, values = data
        return {
            _value(key, kind.key_type): _value(value, kind.value_type)
            for key, value in zip(keys, values, strict=True)
        }
    if isinstance(kind, RowType):
        return Row(*map(_value, data[1:], kind.field_types()))
    return float(data)  # a FLOAT comes as text, which may be NaN
