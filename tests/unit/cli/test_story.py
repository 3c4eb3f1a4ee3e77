"""What the command that runs the story once refuses before anything starts."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cpuwatch import cli
from cpuwatch.cli import story


def test_a_cooldown_for_which_sql_has_no_digits_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(story, "stack", None)
    done = CliRunner().invoke(cli.app, ["demo", "--window", "24h", "--cooldown", "1000"])
    assert done.exit_code == 2 and "longer than 999 days" in done.output
