"""The short form of `make chaos`: each kind of fault once, within some minutes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from chaos import SMALL, Chaos
from conftest import PREFIX, cpuwatch, new_state, processes_of
from disks import SmallDisk, small_disk

from cpuwatch import files
from cpuwatch.settings import settings
from cpuwatch.stack import known, ports

#: It is also about when things come: as often as an attendee's jobs show them.
pytestmark = pytest.mark.usefixtures("usual_checkpoints")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk | None]:
    """What a stack of its own lies on; where no disk can be made, the machine's, as None."""
    with small_disk(SMALL, f"{PREFIX}disk-") as found:
        state = new_state() if found is None else found.place / "state"
        monkeypatch.setenv("CPUWATCH_STATE", str(state))
        settings.cache_clear()
        # Far from the usual ones: while supervisor is dead nobody says whose they are, and
        # another lane's stack that starts just then would take them.
        usual = {name: port for one in known.SERVICES for name, port in one.ports.items()}
        chosen = ports.choose(ports.elsewhere(usual), {})
        files.write(files.folder(state) / "services.json", json.dumps({"ports": chosen}))
        try:
            started = cpuwatch("up")
            assert started.returncode == 0, started.stderr
            yield found
        finally:
            stopped = cpuwatch("down", "--wipe")
            settings.cache_clear()
        assert stopped.returncode == 0, stopped.stderr
        assert processes_of(state) == []


def test_nothing_is_lost_and_nothing_doubled_whatever_dies(disk: SmallDisk | None) -> None:
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    chaos = Chaos(disk, rate=1000)
    kinds = list(chaos.kinds)
    chance.shuffle(kinds)
    try:
        for kind in kinds:
            chaos.inject(kind, chance)
        judged = chaos.end()
    finally:
        chaos.stop()
    print(chaos.table(judged))
    assert (judged.lost, judged.doubled, judged.wrong) == ([], [], [])
    assert judged.windows > 0 and judged.episodes > 0
