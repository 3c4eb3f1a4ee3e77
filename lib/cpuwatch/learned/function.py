"""The detector as a function of Flink's on keyed state: one state for each series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyflink.common import Row, Time, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import StateTtlConfig, ValueState, ValueStateDescriptor

from cpuwatch.learned.novelty import Learned

#: For how long a series that sends nothing is remembered, by the clock on the wall: as long as
#: what a table's query keeps (`table.exec.state.ttl`). Hosts come and go, and what was learnt of
#: those that are gone would stay for ever.
REMEMBERED_DAYS = 7


class Score(KeyedProcessFunction):  # type: ignore[misc]
    """Adds a score to each reading of a series; the readings come in the order of their times.

    What it has learnt of a series is Flink's state: a checkpoint holds it, and who goes on from
    there goes on with what was known. A series of which nothing has come for `REMEMBERED_DAYS` is
    forgotten.
    """

    def open(self, runtime_context: RuntimeContext) -> None:
        """Called once, before the first reading."""
        learnt = ValueStateDescriptor("learnt", Types.PICKLED_BYTE_ARRAY())
        learnt.enable_time_to_live(StateTtlConfig.new_builder(Time.days(REMEMBERED_DAYS)).build())
        self._learnt: ValueState = runtime_context.get_state(learnt)

    def process_element(self, value: Any, ctx: Any) -> Iterator[Row]:
        """Called with each reading: hostname, cpu, usage, time."""
        hostname, cpu, usage, moment = value
        known = self._learnt.value()
        detector = Learned() if known is None else Learned.from_state(known)
        score = detector.update(moment / 1000, usage)
        self._learnt.update(detector.state())
        yield Row(hostname, cpu, usage, moment, score)
