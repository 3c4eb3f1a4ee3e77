"""Hosts that look alike: they stay apart, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpuwatch.readings import read_csv
from cpuwatch.threshold_files import load_and_tell


@pytest.mark.parametrize(
    ("one", "other", "are_alike"),
    [
        ("WEB01", "web01", True),
        ("m\u00fcller", "mu\u0308ller", True),
        ("web\u200b01", "web01", True),
        ("web\u00ad01", "Web01", True),
        ("web01.example.com.", "web01.example.com", True),
        ("web01", "web1", False),
        ("muller", "m\u00fcller", False),
        ("web01", "web01.example.com", False),
    ],
)
def test_hosts_that_look_alike_are_a_loud_word(
    tmp_path: Path, one: str, other: str, are_alike: bool
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"time,host,usage\n1767603600,{one},5\n1767603610,{other},95\n")
    found = read_csv(path, True)
    assert found.readings.ask("SELECT hostname FROM rows") == [(one,), (other,)]
    path.write_text(f"hostname,allowed_top\n{one},80\n{other},90\n")
    thresholds, remarks = load_and_tell(path)
    assert thresholds == {one: 80, other: 90}
    for said in (found.use.remarks, remarks):
        assert any("look alike" in remark for remark in said) == are_alike
        assert len(said) == are_alike
