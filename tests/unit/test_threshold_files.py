"""A file of thresholds is read as one of readings is: as strictly, and as kindly."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine

from cpuwatch import thresholds
from cpuwatch.errors import CpuwatchError

WANTED = {"web01": 83.5, "db01": 90.0}


@pytest.mark.parametrize(
    "content",
    [
        "hostname,allowed_top\nweb01,83.5\ndb01,90\n",
        "Hostname,Allowed_Top\nweb01,83.5\ndb01,90\n",
        "HOSTNAME, allowed_top \nweb01, 83.5\ndb01,\t90 \n",
        "hostname;allowed_top\nweb01;83.5\ndb01;90\n",
        "hostname;allowed_top\nweb01;83,5\ndb01;90\n",
        "hostname\tallowed_top\r\nweb01\t83.5\r\ndb01\t90\r\n",
        "sep=;\nhostname;allowed_top\nweb01;83,5\ndb01;90\n",
        'hostname,allowed_top\nweb01,"83,5"\n"db01",90\n',
        "hostname,allowed_top\nweb01,83.5%\ndb01,90 %\n",
        "allowed_top,note,hostname\n83.5,a,web01\n90,,db01\n",
        "\nhostname,allowed_top,\n\nweb01,83.5,\ndb01,90,,\n\n",
        "host,allowed_top\nweb01,83.5\ndb01,90\n",
        "Host Name,Allowed Top\nweb01,83.5\ndb01,90\n",
        "Server;Allowed-Top\nweb01;83.5\ndb01;90\n",
        "# by the team\nhostname,allowed_top\nweb01,83.5\ndb01,90\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_is_certain_is_read(tmp_path: Path, content: str, encoding: str) -> None:
    path = tmp_path / "limits.csv"
    path.write_bytes(content.encode(encoding))
    found, said = thresholds.load_and_tell(path)
    assert found == WANTED == thresholds.load(path)
    decimal_comma = "83,5" in content
    assert bool(said) == decimal_comma and ("comma" in "".join(said)) == decimal_comma


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"web01,83,9", "line 3: two fields expected, three found, perhaps by a decimal comma"),
        (b"web01,83,9,1", "line 3: two fields expected, four found"),
        (b"web01", "line 3: two fields expected, one found; mend that line"),
        (b"web01,9_0", "line 3: the threshold '9_0' is not between 0 and 100"),
        (b"web01,nan", "'nan' is not"),
        (b"web01,inf", "'inf' is not"),
        (b"web01,\xd9\xa9\xd9\xa0", "is not between"),
        (b"web01,", "line 3: the threshold '' is not"),
        (b"web01,-1", "'-1' is not"),
        (b"web01,100.5", "'100.5' is not"),
        (b'web01,"83,9"', "other lines have a decimal point"),
        (b" ,50", "line 3, names no host"),
        (b"db01,50", "line 3, names 'db01' a second time"),
        (b"gr\xf6n,50", "line 3: line is not valid UTF-8; save the file as CSV UTF-8."),
        (b'"web01,50', "line 3: a quote is not closed"),
        (b"w" * 300 + b",50", "line 3: hostname has 300 characters, 300 or more; mend that line"),
        (b"w" * 1_200_000 + b",50", "line 3: hostname has 1,200,000 characters"),
        (b"w" * 2_000_000, "two fields expected, one found"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_every_wrong_line_is_named(tmp_path: Path, line: bytes, sentence: str) -> None:
    path = tmp_path / "limits.csv"
    path.write_bytes(b"hostname,allowed_top\ndb01,90.5\n" + line + b"\n")
    with pytest.raises(CpuwatchError) as error:
        thresholds.load(path)
    message = str(error.value)
    assert sentence in message and message.startswith(str(path)) and len(message) < 500


def test_a_nul_far_into_a_file_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "limits.csv"
    rows = [f"host-{number},50" for number in range(1000)]
    path.write_text("\n".join(["hostname,allowed_top", *rows, "web01,5\0"]))
    with pytest.raises(CpuwatchError, match="line 1002: line holds a NUL byte"):
        thresholds.load(path)


def test_a_host_that_a_reading_may_have_may_have_a_threshold(tmp_path: Path) -> None:
    path = tmp_path / "limits.csv"
    path.write_text(f"hostname,allowed_top\n{'w' * 299},50\n")
    assert thresholds.load(path) == {"w" * 299: 50.0}


@pytest.mark.parametrize("host", ["w" * 3000, "a\0b", ""], ids=["long", "NUL", "empty"])
def test_a_host_that_is_none_is_refused_before_postgresql_is_asked(host: str) -> None:
    nowhere = create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none")
    with pytest.raises(CpuwatchError, match=r"No threshold is for the host.*hostname"):
        thresholds.write(nowhere, {"db01": 90.0, host: 50.0})


def test_a_decimal_comma_before_another_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "limits.csv"
    path.write_text("hostname,allowed_top,note\nweb01,80,5,\n")
    with pytest.raises(CpuwatchError, match=r"line 2.*perhaps by a decimal comma"):
        thresholds.load(path)


@pytest.mark.parametrize(
    ("content", "column"),
    [
        ("hostname,allowed_top,note\nweb01,83,9\ndb01,70,5\n", "note"),
        ("hostname,allowed_top,note\nweb01,83,9\n", "note"),
        ("allowed_top,hostname,note\n83,9,web01\n", "hostname"),
    ],
)
def test_a_decimal_comma_that_made_two_fields_of_each_limit_is_refused(
    tmp_path: Path, content: str, column: str
) -> None:
    path = tmp_path / "limits.csv"
    path.write_text(content)
    with pytest.raises(CpuwatchError, match=f"in '{column}': both may be one number") as error:
        thresholds.load(path)
    assert "put that column before 'allowed_top'" in str(error.value)
    for mended in ("hostname,note,allowed_top\nweb01,9,83\n",
                   "hostname,allowed_top,note\nweb01,83.9,9\n",
                   "hostname,allowed_top,rack\nweb01,83,9\n",
                   "allowed_top,hostname\n83,9\n"):  # fmt: skip
        path.write_text(mended)
        assert list(thresholds.load(path).values()) in ([83.0], [83.9])


@pytest.mark.parametrize("name", [" web01", "web01\u00a0", "web01\u200b", "\ufeffweb01 "])
def test_what_nobody_sees_around_a_host_is_none_of_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "limits.csv"
    path.write_text(f"hostname,allowed_top\ndb01,90\n{name},83.5\n")
    assert thresholds.load(path) == WANTED


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("hostname,allowed_top\n# db01,70\n", "line 2, begins with '#'"),
        ("# limits\nhostname,allowed_top\nweb01,80\n# databases\n", "line 4, begins with '#'"),
        ("hostname,allowed_top,allowed_top\nweb01,80,70\n", "more than one column 'allowed_top'"),
        ("hostname,Hostname,allowed_top\nweb01,db01,70\n", "more than one column 'hostname'"),
    ],
)
def test_what_may_be_no_host_or_two_limits_is_refused(
    tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "limits.csv"
    path.write_text(content)
    with pytest.raises(CpuwatchError, match=sentence):
        thresholds.load(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty: give a CSV file with a header and thresholds"),
        (
            "host,top\nweb01,80\n",
            "no column of thresholds in its first line, which is 'host', 'top'",
        ),
        ("name,allowed_top\nweb01,80\n", "no column of hosts in its first line.*it 'hostname'"),
        ("a,b\nweb01,80\n", "and no column of thresholds.*them 'hostname' and 'allowed_top'"),
        ("Limits\nname,top\nweb01,80\n", "in line 2, which is 'name', 'top'"),
        ("web01,80\ndb01,70\n", "has no header: its first line holds '80'.*'allowed_top'"),
        ("hostname|allowed_top\nweb01|80\n", r"write 'sep=\|' in a line above it"),
        ("sep=;\nhostname,allowed_top\nweb01,80\n", "says 'sep=;' above its header"),
        ("web01,80\nhostname,allowed_top\ndb01,70\n", "line 1, may be a threshold"),
        ("Limits\nweb01,80\nhostname,allowed_top\ndb01,70\n", "line 2, may be a threshold"),
    ],
)
def test_what_is_no_header_is_named_with_what_it_lacks(
    tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "limits.csv"
    path.write_text(content)
    with pytest.raises(CpuwatchError, match=sentence):
        thresholds.load(path)


@pytest.mark.parametrize(
    ("titles", "said"),
    [
        ("Limits, by the team\n", "'Limits, by the team'"),
        ("Limits\nSeen: 2026-01-05\n\n# for web\n", "'Limits', 'Seen: 2026-01-05', 'for web'"),
    ],
)
def test_titles_above_the_header_are_skipped_with_a_word(
    tmp_path: Path, titles: str, said: str
) -> None:
    path = tmp_path / "limits.csv"
    path.write_text(f"{titles}hostname,allowed_top\nweb01,83.5\ndb01,90\n")
    assert thresholds.load_and_tell(path) == (
        WANTED,
        [f"Skipped above the header of limits.csv: {said}."],
    )


def test_which_of_two_columns_names_the_hosts_is_told(tmp_path: Path) -> None:
    path = tmp_path / "limits.csv"
    path.write_text("node,host,allowed_top\na,web01,83.5\na,db01,90\n")
    assert thresholds.load_and_tell(path) == (
        WANTED,
        ["The hosts in limits.csv are those of 'host', and not of 'node'."],
    )


def test_a_file_without_a_threshold_is_told(tmp_path: Path) -> None:
    path = tmp_path / "limits.csv"
    path.write_text("hostname,allowed_top\n")
    found, said = thresholds.load_and_tell(path)
    assert found == {} and said[0].startswith("Attention: limits.csv holds no threshold")


def test_fractions_of_one_are_told(tmp_path: Path) -> None:
    path = tmp_path / "limits.csv"
    path.write_text("hostname,allowed_top\nweb01,0.8\n")
    assert thresholds.load_and_tell(path)[1][0].startswith(
        "Attention: all thresholds in limits.csv"
    )


def test_a_fraction_of_one_among_others_is_told(tmp_path: Path) -> None:
    path = tmp_path / "limits.csv"
    path.write_text("hostname,allowed_top\nweb01,0.8\ndb01,90\n")
    said = "1 of 2 thresholds in limits.csv is between 0 and 1, as fractions are"
    assert thresholds.load_and_tell(path) == (
        {"web01": 0.8, "db01": 90.0},
        [f"Attention: {said}, and taken for percent: 'web01'."],
    )
    path.write_text("hostname,allowed_top\nweb01,0.8%\ndb01,90\n")
    assert thresholds.load_and_tell(path) == ({"web01": 0.8, "db01": 90.0}, [])
