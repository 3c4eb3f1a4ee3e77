"""What the workshop's own module does without any service, and lab.py's small parts."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from cpuwatch import lab, pipeline, progress, sql, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import cluster, java
from cpuwatch.workshop.chapters import summary


def test_a_chapter_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(CpuwatchError, match="'7': they are 00, 01, 02, 03, 04, 05, 06"):
        workshop.begin("7")


def test_what_begin_says_fits_a_line_and_grows_with_the_chapters() -> None:
    said = [summary(chapter) for chapter in pipeline.numbers()]
    assert said[0] == said[1] == "Kafka, PostgreSQL and Flink are up."
    assert " ".join(said[6].splitlines()[1:]) == (
        "There from before: 21,000 readings, cpu_filter, cpu_agg, thresholds, cpu_over,"
        " cpu_notification."
    )
    assert max(len(line) for text in said for line in text.splitlines()) <= 88


def test_a_job_that_there_is_not_has_no_hint() -> None:
    with pytest.raises(CpuwatchError, match="There is no job 'cpu_filtr'"):
        workshop.hint("cpu_filtr")


def test_a_solution_is_the_library_s_statement(capsys: pytest.CaptureFixture[str]) -> None:
    for job in pipeline.JOBS:
        workshop.solution(job.name)
        assert capsys.readouterr().out.strip().endswith(sql.taught(job.name))


def test_a_bar_shows_its_share() -> None:
    assert progress.bar(0.0).endswith("░ 0%") and progress.bar(1.0).endswith("█ 100%")
    assert progress.bar(7.0) == progress.bar(1.0)


def test_an_interrupted_call_is_undone_when_it_has_ended() -> None:
    undone: list[int] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        java.call(lambda: __import__("time").sleep(0.5) or 42, undone.append, watch=interrupt)
    java.call(lambda: None)  # waits until the one before has ended
    assert undone == [42]


def test_a_call_raises_what_its_work_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        java.call(lambda: 1 / 0)


def test_the_metric_of_a_topic_with_dots_is_understood() -> None:
    found = cluster.OFFSET.search(
        "0.Source__cpu_in[1].KafkaSourceReader.topic.a.b-c.partition.12.currentOffset"
    )
    assert found is not None and found["topic"] == "a.b-c" and found["partition"] == "12"


# --- JupyterLab -----------------------------------------------------------------------------


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CpuwatchError, match=f"Port {port} is taken: name another"):
            lab.start(port)


def test_the_token_is_in_the_address_and_nowhere_in_the_arguments() -> None:
    import inspect

    server = lab.Server("http://127.0.0.1:1", "secret", process=None)  # type: ignore[arg-type]
    assert server.address() == "http://127.0.0.1:1/lab/tree/00-welcome.ipynb?token=secret"
    assert "--ServerApp.token" not in inspect.getsource(lab.start)


@pytest.mark.skipif(os.name != "posix", reason="a question of X11 and Wayland")
def test_without_a_display_there_is_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not lab._has_browser()


def test_settings_of_an_attendee_are_kept(tmp_path: Path) -> None:
    lab._settings(tmp_path)
    path = tmp_path / "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    assert json.loads(path.read_text())["fetchNews"] == "false"
    path.write_text("{}")
    lab._settings(tmp_path)
    assert path.read_text() == "{}"
