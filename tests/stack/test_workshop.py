"""What a notebook asks of the workshop, on a running stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpuwatch import flink, workshop
from cpuwatch.errors import CpuwatchError


def test_a_name_that_there_is_not_is_answered_with_those_there_are(stack: Path) -> None:
    with pytest.raises(CpuwatchError, match=r"^No job cpu_fitler runs\. Those that do: none\.$"):
        workshop.stop_jobs("cpu_fitler")
    assert workshop.stop_jobs("cpu_filter").empty  # it is there, and does not run: nothing to do
    with pytest.raises(CpuwatchError, match="No job cpu_fitler runs"):
        workshop.job("cpu_fitler")
    with pytest.raises(CpuwatchError, match="There is no topic cpu_fitler"):
        workshop.result("cpu_fitler")
    environment = flink.connect(fresh=True)
    with pytest.raises(CpuwatchError, match=r"There is no table 'cpu_inn': they are cpu_in, cpu_"):
        flink.import_tables(environment, "cpu_in", "cpu_inn")
