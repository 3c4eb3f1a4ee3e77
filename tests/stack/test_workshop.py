"""What a notebook asks of the workshop, on a running stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cpuwatch import flink, readings, topics, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import noted


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


def test_of_two_notebooks_that_begin_at_once_one_sends_the_readings(stack: Path) -> None:
    workshop.reset()
    begin = [sys.executable, "-c", "from cpuwatch import workshop; print(workshop.catch_up('02'))"]
    both = [subprocess.Popen(begin, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=180)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sorted("the readings were sent" in one for one in said) == [False, True]
    assert topics.held(topics.READINGS) == len(readings.fleet())
    assert noted.holds_readings(topics.READINGS)
    topics.produce(readings.fleet(ticks=1))  # beside it: that is seen, and made good
    assert workshop.catch_up("02")[0] == "the readings were sent"
    assert topics.held(topics.READINGS) == len(readings.fleet())
