"""Ports far from the usual ones, where those are lost."""

from __future__ import annotations

from cpuwatch.stack import ports


def test_ports_elsewhere_are_other_ones_each_time_and_no_outgoing_connection_s() -> None:
    usual = {"kafka": 9092, "postgres": 5432, "slack": 8090}
    found = [ports.elsewhere(usual) for _ in range(50)]
    assert len({tuple(one.values()) for one in found}) > 40
    for one in found:
        assert list(one) == list(usual)
        assert len(set(one.values())) == 3
        assert all(20_000 <= port < 32_000 for port in one.values())
