"""Tables on the disk: what goes in comes out, in order, and little of it is in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpuwatch.spool import Spool

KINDS = {"name": "text", "value": "real", "number": "whole", "at": "time"}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
rows = st.lists(
    st.tuples(
        texts,
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(-(2**63), 2**63 - 1),
        st.datetimes(pd.Timestamp(1970, 1, 1), pd.Timestamp(2199, 12, 31)),
    ),
    max_size=20,
)


def table(of: list[tuple]) -> pd.DataFrame:
    made = pd.DataFrame(of, columns=list(KINDS))
    return made.astype({"name": object, "value": "float64", "number": "int64"}).assign(
        at=pd.to_datetime(made["at"], utc=True).astype("datetime64[ns, UTC]")
    )


@settings(deadline=None)
@given(of=rows)
def test_it_is_the_same_table_in_order(of: list[tuple]) -> None:
    found = Spool.of(table(of), KINDS, ["at", "name"]).table()
    # Not as pandas sorts it: to its table of texts one ends with the first NUL.
    in_order = table(sorted(of, key=lambda row: (row[3], row[0])))
    pd.testing.assert_frame_equal(found, in_order, check_exact=True)


def test_a_name_does_not_end_with_a_nul() -> None:
    given = table([(name, 0.0, 0, pd.Timestamp(2000, 1, 1)) for name in ("\0b", "\0", "", "\0a")])
    assert Spool.of(given, KINDS, ["name"]).table()["name"].tolist() == ["", "\0", "\0a", "\0b"]


def test_rows_that_are_equal_in_the_order_come_as_they_were_added() -> None:
    spool = Spool({"a": "whole", "b": "whole"}, ["a"])
    spool.add((number % 3, number) for number in range(300))
    assert list(spool.rows()) == sorted(((n % 3, n) for n in range(300)), key=lambda row: row[0])
    assert len(spool) == 300
    assert spool.head(2).to_dict("list") == {"a": [0, 0], "b": [0, 3]}
    assert list(spool.rows(a=[1, 2], b=[1, 2, 3])) == [(1, 1), (2, 2)]
    assert spool.table(b=[]).empty


def test_many_rows_come_in_parts() -> None:
    spool = Spool({"a": "whole"}, ["a"])
    spool.add((-number,) for number in range(120_000))
    parts = list(spool.parts())
    assert len(parts) > 1
    assert [value for part in parts for value in part["a"]] == list(range(-119_999, 1))


def test_an_empty_one_has_its_columns() -> None:
    (part,) = Spool(KINDS).parts()
    pd.testing.assert_frame_equal(part, table([]))


def test_what_is_missing_stays_missing() -> None:
    given = pd.DataFrame({"n": [1, None], "x": [None, 0.5], "t": ["a", None]})
    found = Spool.of(given, {"n": "whole", "x": "real", "t": "text"}, []).table()
    assert found["n"].tolist()[0] == 1 and found.isna().to_numpy().tolist() == [
        [False, True, False], [True, False, True],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ['a"b', "or der", "rowid", "größe"])
def test_a_column_may_have_any_name(name: str) -> None:
    spool = Spool({name: "whole", "other": "whole"}, [name])
    spool.add([(2, 1), (1, 2)])
    assert list(spool.rows()) == [(1, 2), (2, 1)]


def test_a_million_rows_take_little_memory() -> None:
    program = """
import resource, sys
from cpuwatch.spool import Spool
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = most()
spool = Spool({"name": "text", "number": "whole"}, ["number"])
spool.add((f"host-{number % 10_000}", -number) for number in range(1_000_000))
assert sum(len(part) for part in spool.parts()) == 1_000_000
print((most() - before) // (2**20 if sys.platform == "darwin" else 2**10))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(done.stdout) < 80, "MB"  # as a table it is 130


def test_a_disk_without_room_is_named() -> None:
    program = (
        "import resource; from cpuwatch.spool import Spool; s = Spool({'a': 'text'});"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20));"
        "s.add((f'{n:0>1000}',) for n in range(50_000))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    (last,) = done.stderr.decode().splitlines()[-1:]
    assert last.startswith("cpuwatch.errors.CpuwatchError: Readings are sorted in a temporary file")
    assert "TMPDIR" in last


def test_no_file_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import os; from cpuwatch.spool import Spool; s = Spool({'a': 'text'});"
        "s.add((f'{n:0>1000}',) for n in range(50_000)); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, env={"SQLITE_TMPDIR": str(tmp_path)}
    )
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []
