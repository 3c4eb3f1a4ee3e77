"""The notifier is killed twenty times at random moments under a stream of alerts."""

from __future__ import annotations

import collections
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from slack_parts import LocalSlack, opened, send, wait_until

pytest_plugins = ["slack_parts"]

KILLS = 20


# The same notifier as `cpuwatch notify`, on this test's topic and stand-in. Each is a process
# of its own, forked from one that has done the imports.
NOTIFIERS = """
import os, sys
from pathlib import Path
from cpuwatch.slack.channel import Channel
from cpuwatch.slack.notifier import Notifier
from cpuwatch.stack.slack import secrets_in
address, folder, topic, memory = sys.argv[1:]
for order in sys.stdin:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            channel = Channel(secrets_in(Path(folder)).token, "cpu-alerts", address)
            notifier = Notifier(channel, topic, "group-" + topic, Path(memory))
            notifier.run(once=order.strip() == "once")
            status = 0
        finally:
            os._exit(status)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


def _live_and_die(
    mother: subprocess.Popen[str],
    slack: LocalSlack,
    stream: Callable[[], None],
    enough: threading.Event,
) -> None:
    assert mother.stdin is not None and mother.stdout is not None

    def order(what: str) -> int:
        print(what, file=mother.stdin, flush=True)
        return int(mother.stdout.readline())  # type: ignore[union-attr]

    chance = random.Random(5)
    producer = threading.Thread(target=stream)
    producer.start()
    try:
        for _ in range(KILLS):
            pid = order("follow")
            before = len(slack.ids())
            wait_until(lambda before=before: len(slack.ids()) > before, "a post")  # type: ignore[misc]
            threading.Event().wait(chance.uniform(0, 0.2))
            os.kill(pid, signal.SIGKILL)
            assert int(mother.stdout.readline()) == signal.SIGKILL
    finally:
        enough.set()
        producer.join()
    order("once")
    assert int(mother.stdout.readline()) == 0
    mother.stdin.close()


def test_killed_twenty_times_it_loses_nothing_and_recognises_repeats(
    local_slack: LocalSlack, alerts_topic: str, tmp_path: Path
) -> None:
    # Slow enough that most kills hit it between Slack's work and Slack's answer.
    local_slack.control(slow=0.03)
    sent: list[str] = []
    enough = threading.Event()

    def stream() -> None:
        while not enough.wait(0.05):
            hosts = [f"host{len(sent) + more:05}" for more in range(10)]
            send(alerts_topic, *(opened(host) for host in hosts))
            sent.extend(hosts)

    place = [local_slack.address, str(local_slack.folder), alerts_topic, str(tmp_path / "kept")]
    with subprocess.Popen(
        [sys.executable, "-c", NOTIFIERS, *place], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as mother:  # fmt: skip
        _live_and_die(mother, local_slack, stream, enough)

    counted = collections.Counter(one.split("/")[0] for one in local_slack.ids())
    lost = sorted(set(sent) - set(counted))
    repeated = {host: times for host, times in counted.items() if times > 1}
    print(f"{len(sent)} alerts, {KILLS} kills: {len(lost)} lost, {len(repeated)} repeated")
    assert lost == []
    # A post that was under way when its sender died is in the channel before the next
    # notifier reads it, and so is recognised there. What remains is a Slack that takes longer
    # to show a post than a notifier to start, as this one may when the machine is very busy.
    assert len(repeated) <= 1, repeated
