"""What tests without services share: on every machine, somebody else has the usual ports."""

from __future__ import annotations

import pytest

from cpuwatch.stack import known, ports

USUAL = {port for service in known.SERVICES for port in service.ports.values()}


@pytest.fixture(autouse=True)
def usual_ports_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """As beside another lane's stack, always: a test that counts on them fails here, not there."""
    free = ports.is_free
    monkeypatch.setattr(ports, "is_free", lambda port: port not in USUAL and free(port))
