"""Where a CSV may come from: pipes, compressed files, and what is named instead of read."""

from __future__ import annotations

import gzip
import os
import resource
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpuwatch.errors import CpuwatchError
from cpuwatch.readings import ReadingsError, read_csv, survey, table

CONTENT = b"time,value\n1767603600000000000,5\n1767603601000000000,6\n"


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "web-1"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(CONTENT,))
    writer.start()
    found = read_csv(pipe).readings.table()
    writer.join()
    assert found["occurred_at"].tolist() == [1_767_603_600_000, 1_767_603_601_000]
    assert found["hostname"].tolist() == ["web-1", "web-1"]


def test_a_descriptor_is_a_file_too() -> None:
    """As /dev/stdin is, and what a shell makes of <(command)."""
    reading, writing = os.pipe()
    os.write(writing, CONTENT)
    os.close(writing)
    try:
        assert len(read_csv(f"/dev/fd/{reading}").readings) == 2
    finally:
        os.close(reading)


@pytest.fixture
def descriptor() -> Iterator[Path]:
    """A pipe that holds more than a kilobyte, as /dev/stdin may be."""
    reading, writing = os.pipe()
    os.write(writing, CONTENT * 100)
    os.close(writing)
    yield Path(f"/dev/fd/{reading}")
    os.close(reading)


def test_a_folder_for_copies_that_is_not_there_is_named_and_not_the_pipe(
    tmp_path: Path, descriptor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(CpuwatchError, match=r"gone does not take.*No such file.*set .*TMPDIR"):
        read_csv(descriptor)


def test_a_full_disk_below_copies_is_named_and_not_the_pipe(
    tmp_path: Path, descriptor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        with pytest.raises(CpuwatchError) as error:
            read_csv(descriptor)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"the folder {tmp_path} does not take (File too large). Make room" in str(error.value)
    assert "give another file" not in str(error.value)


@pytest.mark.parametrize("name", ["web-1.csv.gz", "web-1.CSV.GZ", "web-1.csv", "web-1.gz"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_that_gzip_compressed(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(CONTENT.decode().encode(encoding)))
    found = read_csv(path).readings.table()
    assert found["hostname"].tolist() == ["web-1", "web-1"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"PK\3\4\0\0[Content_Types].xml", "is a spreadsheet: save its sheet as CSV"),
        ("a.ods", b"PK\3\4mimetype", "is a spreadsheet"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "is a spreadsheet"),
        ("a.zip", b"PK\3\4\0\0a.csv", "is a zip archive: unpack it"),
        ("a.parquet", b"PAR1\x15\4", "is a Parquet file: save the table as CSV"),
        ("a.csv.bz2", b"BZh91AY", "compressed by bzip2"),
        ("a.csv.zst", b"\x28\xb5\x2f\xfd", "compressed by zstd"),
        ("a.csv.gz", gzip.compress(CONTENT * 99, mtime=0)[:-9], "damaged or cut off"),
        ("a.csv.gz", gzip.compress(b"\0\1\2", mtime=0), "binary file"),
        ("a.db", b"SQLite format 3\0", "is an SQLite database"),
    ],
)
def test_what_is_no_text_is_named_with_its_remedy(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ReadingsError, match=words):
        read_csv(path)


@pytest.mark.parametrize("change", [b"1767603602000000000,7\n", None])
def test_a_file_that_changes_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bytes | None
) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(CONTENT)

    def look(*given: object) -> survey.Survey:
        found = before(*given)
        path.write_bytes(CONTENT.replace(b",5", b",55") if change is None else CONTENT + change)
        return found

    before = survey.look
    monkeypatch.setattr(survey, "look", look)
    with pytest.raises(ReadingsError, match=r"changed while it was read.*Make a copy"):
        read_csv(path)


@pytest.mark.parametrize(
    "first", ["sep=;", "SEP=;", '"sep=;"', "sep=;\r", "# made by hand", "\n# a\n# b\nsep=;"]
)
def test_lines_before_the_header(tmp_path: Path, first: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"{first}\ntime;value\n1767603600;5,5\n")
    assert read_csv(path).readings.table()["usage"].tolist() == [5.5]


@pytest.mark.parametrize("delimiter", ["|", "\t", ",", "^"])
def test_a_first_line_may_name_any_delimiter(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "mine.csv"
    lines = [f"sep={delimiter}", f"time{delimiter}value", f"1767603600{delimiter}5"]
    path.write_text("\n".join(lines))
    assert len(read_csv(path).readings) == 1


def test_a_line_end_in_quotes_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text('time,host,value\n1767603600,"a\nb",5\n1767603600,c,5\n')
    found = read_csv(path)
    assert found.rejected.table()["line"].tolist() == [2, 3]
    assert "quote is not closed" in found.rejected.table()["reason"][0]


def huge() -> Iterator[tuple[str, str]]:
    yield "x" * 1_500_000, "row has 1 column, not 3"
    yield f"1767603601,{'h' * 1_200_000},5", "1,200,004 characters, more than 300"
    yield f'1767603601,"{"h" * 1_200_000}",5', "a quoted field is too long"
    yield f"1767603601,a,{'9' * 1_200_000}", "is not a number"


@pytest.mark.parametrize(("line", "reason"), huge(), ids=["line", "host", "quoted", "number"])
def test_a_huge_line_is_rejected_and_cut(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"time,host,value\n1767603600,a,5\n{line}\n1767603602,a,5\n")
    found = read_csv(path, for_pipeline=True)
    assert len(found.readings) == 2
    ((number, why, text),) = found.rejected.rows()
    assert number == 3 and reason in why
    assert len(text) < 10_100 and text.endswith(f"(cut off: {len(line):,} characters)")


def test_a_table_has_no_line_of_its_own_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(CONTENT)
    assert [number for number, _ in table.Text(path).lines(1)] == [2, 3]
