"""The notifier at work: from a notebook, by `cpuwatch notify`, under the stack's supervisor.

A process of its own, so that a Slack that is slow or away never stops detection. Under
supervisor it is `python -m cpuwatch.slack`.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import (
    KafkaError,
    KafkaException,
)
from confluent_kafka.admin import AdminClient

from cpuwatch import envfile, files, naming, signals, topics, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT, settings
from cpuwatch.slack.channel import Channel, connect
from cpuwatch.slack.notifier import GROUP, Notifier, Tell
from cpuwatch.stack.slack import NOTIFIER, stays
from cpuwatch.stack.supervisor import Supervisor
from cpuwatch.waiting import until

#: What supervisor says of a program that runs, or will soon.
_AT_WORK = ("STARTING", "RUNNING", "BACKOFF")


def _memory_file(channel: Channel) -> Path:
    place = hashlib.sha256(f"{channel.address} {channel.name}".encode()).hexdigest()[:12]
    return settings().notes / "slack" / f"notified-{place}.json"


@contextmanager
def alone() -> Iterator[None]:
    """Two notifiers would tell everything twice: the kernel lets only one in."""
    path = settings().notes / "slack" / "notifier.lock"
    files.folder(path.parent)
    with files.only_one(
        path,
        "A notifier is already at work here, and two would tell everything twice. One that stays"
        " is stopped by 'cpuwatch notify --leave', any other by Ctrl-C.",
    ):
        yield


def follow(tell: Tell = print, once: bool = False, stop: threading.Event | None = None) -> int:
    """Deliver alerts until stopped, or with `once` those that are there.

    Parameters
    ----------
    tell
        Called with a short line about each thing done.
    once
        Whether to end when all is delivered that the topic holds.
    stop
        Ends it from another thread.

    Returns
    -------
    int
        How many messages were posted.

    Raises
    ------
    CpuwatchError
        If another notifier is at work, or Kafka does not answer.
    """
    stop = stop or threading.Event()
    with alone():
        channel = connect(stop)
        notifier = Notifier(channel, memory=_memory_file(channel), tell=tell, stop=stop)
        notifier.run(once)
    return channel.posted


def deliver(patience: float = 60.0, tell: Tell = lambda _: None) -> int:
    """Deliver all alerts that the topic cpu_alerts holds, and return.

    Parameters
    ----------
    patience
        For how long one message is tried, in seconds.
    tell
        Called with a short line about each thing done.

    Returns
    -------
    int
        How many messages were posted; updates and repeats are none.

    Raises
    ------
    CpuwatchError
        If Slack does not answer so long, or Kafka for a minute: the alerts stay in the topic. Or
        if a notifier is at work already.
    """
    with alone():
        channel = connect(patience=patience)
        Notifier(channel, memory=_memory_file(channel), tell=tell).run(once=True)
    return channel.posted


def forget() -> None:
    """Forget what was delivered: everything that the topic holds counts as new.

    Raises
    ------
    CpuwatchError
        If a notifier is at work.
    """
    with alone():
        for file in (settings().notes / "slack").glob("notified-*.json"):
            file.unlink()
        topics.ask(_forget_group)


def _forget_group(client: AdminClient) -> None:
    try:
        group = naming.full(GROUP)
        client.delete_consumer_groups([group])[group].result(20)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise


def waiting() -> int:
    """How many transitions in cpu_alerts no channel was told of yet."""
    if topics.ALERTS not in topics.names():
        return 0
    reader = topics.PatientConsumer(GROUP)
    try:
        parts = [
            topics.place(topics.ALERTS, number) for number in topics.partitions_of(topics.ALERTS)
        ]
        count = 0
        for part in reader.committed(parts, timeout=20):
            low, high = reader.get_watermark_offsets(part, timeout=20)
            start = part.offset if low <= part.offset <= high else low
            if start < high:
                # Offsets also count Flink's transaction marks: count the records.
                count += sum(
                    message.partition() == part.partition and message.offset() >= start
                    for message in topics.messages(topics.ALERTS)
                )
        return count
    except KafkaException as error:
        raise topics.unreachable(error.args[0].str()) from error
    finally:
        reader.close()


def start() -> None:
    """Let the notifier run under the stack's supervisor; nothing happens if it does.

    Raises
    ------
    CpuwatchError
        If there is no supervisor, or the token stands in the environment alone.
    """
    config = settings()
    if config.outside("slack") and "SLACK_BOT_TOKEN" not in envfile.read(ROOT / ".env"):
        raise CpuwatchError(
            "A notifier that stays takes SLACK_BOT_TOKEN and SLACK_CHANNEL from the file .env,"
            " not from this shell's environment: put them there, or run 'cpuwatch notify' here."
        )
    supervisor = Supervisor(config.state)
    if NOTIFIER not in supervisor.programs():
        raise CpuwatchError("The stack does not run: start it with 'cpuwatch up'.")
    if not _is_ours():
        raise CpuwatchError(
            f"A notifier stays in this stack already, for the prefix {_whose()!r}: there is one a"
            " stack. Run 'cpuwatch notify' in a terminal instead."
        )
    if not is_running():
        with alone():
            pass
    # It stays from now on, whatever dies meanwhile.
    files.write(stays(config), (config.prefix or "").encode(), private=True)
    supervisor.restart(NOTIFIER)
    _wait(True)


def stop() -> None:
    """Stop the notifier that runs under the stack's supervisor, if it does."""
    config = settings()
    if not _is_ours():
        return
    running = is_running()
    stays(config).unlink(missing_ok=True)
    if running:
        Supervisor(config.state).stop_program(NOTIFIER)
        _wait(False)


def is_running() -> bool:
    """Whether the notifier runs under the stack's supervisor, and for us."""
    info = Supervisor(settings().state).programs().get(NOTIFIER)
    return info is not None and _is_ours() and info["statename"] in _AT_WORK


def _whose() -> str | None:
    """The prefix that the notifier stays for; None if nobody asked it to."""
    try:
        return stays(settings()).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _is_ours() -> bool:
    return _whose() in (None, settings().prefix or "")


def _wait(running: bool) -> None:
    state: str | None = None

    def reached() -> bool:
        nonlocal state
        state = Supervisor(settings().state).programs().get(NOTIFIER, {}).get("statename")
        return state == "RUNNING" if running else state not in ("RUNNING", "STOPPING", "STARTING")

    until(
        reached,
        20,
        lambda: (
            f"The notifier is {state}, not {'running' if running else 'stopped'}. Its log is"
            f" {settings().state / 'logs' / 'notifier.log'}."
        ),
    )


def main() -> None:
    """What supervisor runs: deliver until SIGTERM, with a line for each thing done."""

    def tell(line: str) -> None:
        # Who reads the log in a terminal should not obey a host's name.
        print(time.strftime("%H:%M:%SZ", time.gmtime()), words.printable(line), flush=True)

    # Supervisor is a stack's, and an attendee's prefix is not for it.
    os.environ["CPUWATCH_PREFIX"] = _whose() or ""
    settings.cache_clear()
    with signals.stop_event() as stop:
        while not stop.is_set():
            try:
                follow(tell, stop=stop)
            except (CpuwatchError, OSError) as error:
                tell(str(error))  # Kafka may be starting still, or the disk is full
                stop.wait(2)
