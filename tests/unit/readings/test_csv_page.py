"""The page about files of readings: each of its samples is read, or refused, as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cpuwatch.readings import ReadingsError, read_csv
from cpuwatch.settings import ROOT

PAGE = (ROOT / "docs" / "csv-files.md").read_text()
SAMPLE = re.compile(r"^```csv\n(.*?)^```\n(read|refused): (.*?)$", re.MULTILINE | re.DOTALL)
SAMPLES = SAMPLE.findall(PAGE)


def test_every_sample_says_what_becomes_of_it() -> None:
    assert len(SAMPLES) == PAGE.count("```csv") >= 18
    exports = PAGE.split("## The exports that were tried")[1].split("\n## ")[0].split("\n### ")[1:]
    assert all("```csv" in one for one in exports)


@pytest.mark.parametrize(("sample", "verb", "words"), SAMPLES, ids=lambda text: text[:20])
def test_a_sample_is_read_as_the_page_says(
    tmp_path: Path, sample: str, verb: str, words: str
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(sample)
    if verb == "refused":
        with pytest.raises(ReadingsError, match=re.escape(words)):
            read_csv(path, for_pipeline=True)
        return
    found = read_csv(path, for_pipeline=True)
    table = found.readings.table()
    assert not len(found.rejected)
    assert [
        f"{host} {cpu} {usage:g}"
        for host, cpu, usage in table[["hostname", "cpu", "usage"]].itertuples(index=False)
    ] == words.split(", ")
    moments = {moment - moment % 60_000 for moment in table["occurred_at"]}
    assert moments == {1_767_603_600_000}  # all of them are of 2026-01-05 09:00 UTC
