"""What the tests share: a stack of their own, and the command as a user calls it."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import psutil
import pytest

from cpuwatch import cli, demo, flink, kernels, sql, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink.cluster import cancel_all, jobs
from cpuwatch.flink.tables import create
from cpuwatch.pipeline import Parameters
from cpuwatch.settings import Settings, settings
from cpuwatch.stack.place import MARK
from cpuwatch.stack.supervisor import Supervisor

COMMAND = Path(sys.executable).parent / "cpuwatch"

#: Kept apart from /tmp, which is private on some machines. PostgreSQL's user, who is another
#: when the tests run as root, has to get at what is below.
PLACE = "/var/tmp"

#: The same in all lanes of a run; whoever begins it sets it.
RUN = os.environ.setdefault("CPUTEST_RUN", str(os.getpid()))

#: In the name of every folder of this lane, and so in the arguments of what it starts.
PREFIX = f"cpuwatch-test-{RUN}-{os.environ.get('PYTEST_XDIST_WORKER', 'one')}-"


def pytest_configure() -> None:
    # Whoever starts us in the background has Ctrl-C ignored, and what a test starts would, too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # No test may reach a service, a channel or a token of the person who runs it.
    for name in list(os.environ):
        if name.startswith(("CPUWATCH_", "SLACK_", "NR_")) and name != "CPUWATCH_CACHE":
            del os.environ[name]
    # Nor does the width or colour of that person's terminal change what a command says.
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"):
        os.environ.pop(name, None)
    # An empty variable takes back what a .env file says.
    for name, field in Settings.model_fields.items():
        if name not in ("state", "cache"):
            os.environ[str(field.validation_alias or f"CPUWATCH_{name.upper()}")] = ""
    # A checkpoint a second of each of five jobs is a third of a processor, and there are several
    # lanes: where that is the point, a test asks for it.
    os.environ["CPUWATCH_CHECKPOINTS"] = "3"
    # Nor is a proxy asked for what is on this machine.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1", "localhost"]))
    # Nor does another Jupyter's kernel run a notebook.
    kernels.settle(settings().cache / "jupyter")
    settings.cache_clear()


#: The files that take longest, which begin first, so that no lane works on alone at the end.
LONGEST_FIRST = (
    "notebooks/test_runs.py",
    "stack/test_exercises.py",
    "faults/test_resumed.py",
    "stack/test_off_path.py",
    "stack/test_demo.py",
    "notebooks/test_alone.py",
    "faults/test_chaos.py",
    "faults/test_fresh_machine.py",
    "stack/test_prefix.py",
    "stack/test_bad_records.py",
    "stack/test_first_start.py",
    "faults/test_kills.py",
    "stack/test_machines.py",
    "stack/test_guarded.py",
    "notebooks/test_live.py",
    "stack/test_workers.py",
    "stack/test_savepoints.py",
    "stack/test_stack.py",
    "stack/test_own_job.py",
    "stack/test_interrupts.py",
    "stack/test_settled.py",
    "faults/test_frozen.py",
    "notebooks/test_interrupts.py",
    "stack/test_doctor.py",
    "stack/test_outside.py",
    "browser/test_lab.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        name = "/".join(item.path.parts[-2:])
        return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=place)  # stable: within a file the order stays


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what lanes have left that were interrupted: they have no time to do it."""
    if hasattr(session.config, "workerinput"):
        return
    ours = f"cpuwatch-test-{RUN}-"
    folders = list(Path(PLACE).glob(f"{ours}*"))
    for folder in folders:
        if (folder / "supervisor").exists():
            cpuwatch("down", "--wipe", CPUWATCH_STATE=str(folder))
    # Services without a supervisor, which stand for somebody else's.
    left = [process for process in psutil.process_iter() if ours in " ".join(_command(process))]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(left, timeout=10)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def cpuwatch(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command `cpuwatch` as a user does."""
    return subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | environment,
    )


def cpuwatch_here(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, where all is imported and Java runs: seconds less, each time."""
    call = ["cpuwatch", *map(str, arguments)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", call)
        for name, value in environment.items():
            patch.setenv(name, value)
        settings.cache_clear()
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
    settings.cache_clear()
    return subprocess.CompletedProcess(call, code, out.getvalue(), err.getvalue())


def cpuwatch_json(*arguments: str | Path, **environment: str) -> dict:
    """Run a command that succeeds with `--json`; its one object."""
    done = cpuwatch(*arguments, "--json", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def new_state() -> Path:
    """An empty folder for a stack's state."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PLACE))
    folder.chmod(0o755)
    return folder


def processes_of(state: Path) -> list[psutil.Process]:
    """The stack's processes that are alive."""
    return Supervisor(state).strays()


def files_in(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below, with what is in it; one that a service deletes meanwhile has nothing.

    Links are not followed: the jars behind them hold nothing of ours.
    """
    for place, _, names in os.walk(folder):  # unlike rglob, it steps over a folder that vanishes
        for path in (Path(place, name) for name in names):
            try:
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path, path.read_bytes()
            except FileNotFoundError:
                continue


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder of the test's own; whatever runs in it is stopped afterwards."""
    folder = new_state()
    yield folder
    if folder.exists():
        (folder / MARK).touch()  # whatever a test has put there
    stopped = cpuwatch("down", "--wipe", CPUWATCH_STATE=str(folder))
    shutil.rmtree(folder, ignore_errors=True)
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(folder) == []


@pytest.fixture(scope="session")
def stack() -> Iterator[Path]:
    """A running stack that the tests share: its state folder. Settings point to it."""
    folder = new_state()
    os.environ["CPUWATCH_STATE"] = str(folder)
    settings.cache_clear()
    started = cpuwatch("up")
    assert started.returncode == 0, started.stderr
    yield folder
    stopped = cpuwatch("down", "--wipe")
    del os.environ["CPUWATCH_STATE"]
    settings.cache_clear()
    shutil.rmtree(folder, ignore_errors=True)
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(folder) == []


@pytest.fixture(scope="module")
def usual_checkpoints() -> Iterator[None]:
    """Jobs make as many checkpoints as those of an attendee."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CPUWATCH_CHECKPOINTS", "")
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture(scope="module")
def job(stack: Path) -> Iterator[flink.Job]:
    """A job of the workshop, cpu_filter, that runs, and has nothing to read."""
    topics.empty(topics.READINGS)
    environment = flink.connect()
    for table in ("cpu_in", "cpu_out_filter"):
        create(environment, table)
    yield flink.deploy(environment, "cpu_filter", sql.taught("cpu_filter"))
    flink.cancel("cpu_filter")


@pytest.fixture(scope="module", autouse=True)
def no_job_works_on_for_nobody() -> Iterator[None]:
    """Jobs on the shared stack end with the file that started them: each takes its share of CPU."""
    yield
    if "CPUWATCH_STATE" in os.environ:
        try:
            cancel_all(jobs(running_only=True))
        except CpuwatchError:
            pass  # a test has left no cluster there: the stack's own end says more


@pytest.fixture(scope="session")
def story(stack: Path) -> Callable[..., demo.Result]:
    """Runs the story in this process, so that all runs share one Java process."""

    def run(csv: Path | None = None, window: int = 30, thresholds: Path | None = None):
        return demo.run(demo.read_input(csv, thresholds_file=thresholds), Parameters(window=window))

    return run


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Every process that the tests started is gone when they end."""
    before = {process.pid for process in psutil.process_iter()}
    yield
    ours = {process.pid for process in psutil.Process().children(recursive=True)}
    marked = [
        process
        for process in psutil.process_iter()
        if process.pid not in before
        and process.pid not in ours
        and any(PREFIX in part for part in _command(process))
    ]
    assert marked == [], [" ".join(_command(process))[:200] for process in marked]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
