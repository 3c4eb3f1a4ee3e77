"""The steps of Flink's plan, in a statement's words."""

from __future__ import annotations

import pytest

from cpuwatch.flink.checkpoints import step


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Source: cpu_in[8]", "read cpu_in"),
        ("Calc[9]", "conditions and columns"),
        ("WindowAggregate[11]", "gather windows"),
        ("LocalWindowAggregate[3]", "gather windows"),
        ("GlobalWindowAggregate[5]", "gather windows"),
        ("OverAggregate[4]", "look at rows before"),
        ("LookupJoin[2]", "look up"),
        ("Join[7]", "join"),
        ("cpu_out_hosts[13]: Writer", "write cpu_out_hosts"),
        ("cpu_out_hosts[13]: Committer", "commit cpu_out_hosts"),
        ("Source: cpu_in[1] -> Calc[2]", "read cpu_in, conditions and columns"),
        ("Calc[2] -> Correlate[3] -> Calc[4]", "conditions and columns, make rows of one"),
        ("Deduplicate[6]", "Deduplicate"),
    ],
)
def test_a_step_is_told_in_words(name: str, said: str) -> None:
    assert step(name) == said
