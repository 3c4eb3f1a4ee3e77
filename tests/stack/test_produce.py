"""`cpuwatch produce`: counted, endless, paced, from a CSV and from this machine."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import COMMAND, cpuwatch, cpuwatch_json

from cpuwatch import readings, topics
from cpuwatch.errors import CpuwatchError


@pytest.fixture(autouse=True)
def empty_topic(stack: Path) -> Iterator[None]:
    topics.empty(topics.READINGS)
    yield
    topics.delete(topics.READINGS)


def test_the_fleet_at_once(stack: Path) -> None:
    said = cpuwatch_json("produce")
    assert said["readings"] == len(topics.read(topics.READINGS)) == 21_000


def test_a_count(stack: Path) -> None:
    said = cpuwatch_json("produce", "--count", "40")
    assert said["readings"] == 40
    found = topics.read(topics.READINGS).sort_values("occurred_at", kind="stable")
    assert set(found["occurred_at"]) == set(readings.fleet(ticks=2)["occurred_at"])


def test_the_tutorials_own_variable_for_a_count(stack: Path) -> None:
    assert cpuwatch_json("produce", NR_MESSAGES="7")["readings"] == 7


def test_a_rate_paces_it(stack: Path) -> None:
    said = cpuwatch_json("produce", "--count", "10", "--rate", "20")
    assert said["readings"] == 10
    assert said["seconds"] > 9 / 20  # the tenth is due after nine gaps


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_endless_stream_ends_when_asked_and_loses_nothing(stack: Path, number: int) -> None:
    before = int(time.time() * 1000)
    with subprocess.Popen(
        [str(COMMAND), "produce", "--endless", "--rate", "700", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        _wait_for_readings(100)
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    found = topics.read(topics.READINGS)
    assert f'"readings":{len(found)},' in said
    assert found["occurred_at"].between(before, int(time.time() * 1000)).all()
    assert set(found["hostname"]) == set(readings.HOSTS)


def test_what_it_has_to_say_may_find_no_room(stack: Path) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    source = readings.open_source(None, False, False, 7, 350)
    assert topics.send(source, progress=full, tell=full) == 350
    assert len(topics.read(topics.READINGS)) == 350


def test_what_was_missed_in_a_pause_is_sent_each_with_its_own_time(stack: Path) -> None:
    def ticks() -> Iterator[list[readings.Reading]]:
        for number in range(8):
            if number == 2:
                time.sleep(3)  # as a frozen process, or a laptop that was closed
            yield [readings.Reading(hostname="doc", cpu="cpu1", usage=50.0, occurred_at=0)]

    topics.empty(topics.READINGS)
    topics.send(readings.Source("live", ticks(), live=True), rate=4)
    moments = topics.read(topics.READINGS)["occurred_at"].diff().dropna()
    # At the pace that was asked for, as if there had been no pause.
    assert len(moments) == 7
    assert moments.between(150, 350).all(), moments.tolist()


def _wait_for_readings(count: int) -> None:
    deadline = time.monotonic() + 60
    while len(topics.read(topics.READINGS)) < count:
        assert time.monotonic() < deadline, "no readings came"
        time.sleep(0.1)


def test_a_csv_and_its_rejected_rows(stack: Path, tmp_path: Path) -> None:
    csv = tmp_path / "mine-7.csv"
    csv.write_text("time,usage\n2026-01-05,50\n2026-01-04,nonsense\n2026-01-03,40\n")
    said = cpuwatch_json("produce", "--csv", csv)
    assert (said["readings"], said["rejected"]) == (2, 1)
    found = topics.read(topics.READINGS)
    assert found["usage"].tolist() == [40, 50]  # by event time, not as in the file
    assert set(found["hostname"]) == {"mine-7"}
    kept = topics.read(topics.BAD_READINGS)
    kept = kept[kept["source"] == "mine-7.csv"]
    assert kept[["line", "reason"]].values.tolist() == [[3, "usage 'nonsense' is not a number"]]


def test_an_export_whose_columns_are_said(stack: Path, tmp_path: Path) -> None:
    csv = tmp_path / "export.csv"
    csv.write_text("Zeit;Rechner;Was;Wert\n2026-01-05;a;frei;12,5\n2026-01-05;a;mem;90\n")
    options = ["--columns=time=Zeit,idle=Wert", "--columns=host=Rechner", "--where=Was=frei"]
    said = cpuwatch_json("produce", "--csv", csv, *options)
    assert said["readings"] == 1
    assert said["columns"] == {
        "time": "Zeit", "usage": "Wert", "host": "Rechner", "cpu": None, "unused": [],
    }  # fmt: skip
    assert "Usage is 100 - Wert: what is there is idle." in said["remarks"]
    (found,) = topics.read(topics.READINGS).to_dict("records")
    assert (found["hostname"], found["usage"]) == ("a", 87.5)
    told = cpuwatch("produce", "--csv", csv, *options)
    assert told.stdout.startswith("Columns: time from Zeit, usage from Wert, host from Rechner")
    refused = cpuwatch("produce", "--csv", csv, "--columns", "time=Zeit,idle=Wert")
    assert refused.returncode == 1 and "--columns 'ignore=Was'" in refused.stderr
    wrong = cpuwatch("produce", "--csv", csv, "--columns", "colour=Zeit")
    assert wrong.returncode == 2 and "does not say what a column is" in wrong.stderr


def test_a_huge_line_is_kept_cut_and_ends_nothing(stack: Path, tmp_path: Path) -> None:
    csv = tmp_path / "huge.csv"
    lines = ["x" * 1_500_000, f"2026-01-05,{'h' * 1_200_000},5", "2026-01-05,a,5"]
    csv.write_text("\n".join(["time,host,value", *lines]))
    said = cpuwatch_json("produce", "--csv", csv)
    assert (said["readings"], said["rejected"]) == (1, 2)
    kept = [row for row in topics.rejected_rows() if row["source"] == "huge.csv"]
    assert sorted(row["line"] for row in kept) == [2, 3]
    assert all(len(row["text"]) < 10_100 and "(cut off: " in row["text"] for row in kept)


def test_what_no_broker_takes_is_cut_or_refused(stack: Path) -> None:
    topics.keep([{"source": "s" * 2_000_000, "line": 1, "reason": "r", "text": "\1" * 2_000_000}])
    (kept,) = [row for row in topics.rejected_rows() if row["source"].startswith("sss")]
    assert all(
        kept[name].endswith("(cut off: 2,000,000 characters)") for name in ("source", "text")
    )
    topics.create(topics.READINGS)
    with (
        topics.Sender(topics.READINGS) as sender,
        pytest.raises(CpuwatchError, match=r"has 2,000,\d+ bytes, and Kafka takes 1,000,000"),
    ):
        sender.send({"hostname": "h" * 2_000_000})


def test_this_machines_own_cpus(stack: Path) -> None:
    cpus = os.cpu_count() or 1
    said = cpuwatch_json("produce", "--machine", "--count", str(cpus))
    assert said["readings"] == cpus
    found = topics.read(topics.READINGS)
    assert set(found["hostname"]) == {socket.gethostname()}
    assert set(found["cpu"]) == {f"cpu{number + 1}" for number in range(cpus)}
    assert found["usage"].between(0, 100).all()


def test_without_a_stack_it_says_how_to_start_one(tmp_path: Path) -> None:
    done = cpuwatch("produce", CPUWATCH_STATE=str(tmp_path / "state"))
    assert done.returncode == 1
    assert done.stderr == (
        "Error: Kafka does not run. See 'cpuwatch status', and start it with 'cpuwatch up'.\n"
    )
