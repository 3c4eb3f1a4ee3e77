"""What somebody has in the environment for other servers changes nothing for the stack's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import cpuwatch, cpuwatch_json, processes_of

from cpuwatch import thresholds

#: Each alone is enough to lead a client of PostgreSQL's astray.
POSTGRES = {
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nowhere/root.crt",
    "PGSERVICE": "payroll",
    "PGSERVICEFILE": "/nowhere/services",
    "PGHOST": "db.example.org",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "somebody",
    "PGDATABASE": "payroll",
    "PGPASSWORD": "hush",
    "PGPASSFILE": "/nowhere/pgpass",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGCHANNELBINDING": "require",
    "PGGSSENCMODE": "require",
    "PGREQUIREAUTH": "none",
    "PGTARGETSESSIONATTRS": "standby",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATESTYLE": "nonsense",
    "PGCONNECT_TIMEOUT": "nonsense",
}


@pytest.mark.parametrize("names", [*([name] for name in POSTGRES), list(POSTGRES)], ids="+".join)
def test_postgresqls_variables_change_no_answer(
    stack: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    for name in names:
        monkeypatch.setenv(name, POSTGRES[name])
    database = thresholds.engine()
    thresholds.create(database)
    thresholds.write(database, {"wéb01": 75.0})
    assert thresholds.read(database)["hostname"].tolist()[-1:] == ["wéb01"]


def test_with_all_of_them_up_leaves_alone_what_runs_and_doctor_is_content(stack: Path) -> None:
    before = {process.pid for process in processes_of(stack)}
    assert cpuwatch_json("status", **POSTGRES)["running"]
    assert cpuwatch_json("up", **POSTGRES)["running"]
    assert {process.pid for process in processes_of(stack)} == before
    done = cpuwatch("doctor", **POSTGRES)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
