"""The notifier is killed twenty times at random moments under a stream of alerts."""

from __future__ import annotations

import collections
import random
import subprocess
import sys
import threading
from pathlib import Path

from slack_parts import LocalSlack, opened, send, wait_until

pytest_plugins = ["slack_parts"]

KILLS = 20

# The same notifier as `cpuwatch notify`, on this test's topic and stand-in.
NOTIFIER = """
import sys
from pathlib import Path
from cpuwatch.channel import Channel
from cpuwatch.notifier import Notifier
from cpuwatch.stack.slack import secrets_in
address, folder, topic, memory, once = sys.argv[1:]
channel = Channel(secrets_in(Path(folder)).token, "cpu-alerts", address)
notifier = Notifier(channel, topic, "group-" + topic, Path(memory))
print("begins", flush=True)
notifier.run(once == "once")
print(channel.posted, channel.recognised, flush=True)
"""


def test_killed_twenty_times_it_loses_nothing_and_repeats_nothing(
    local_slack: LocalSlack, alerts_topic: str, tmp_path: Path
) -> None:
    chance = random.Random(5)
    # Slow enough that most kills hit it between Slack's work and Slack's answer.
    local_slack.control(slow=0.03)
    sent: list[str] = []
    enough = threading.Event()

    def stream() -> None:
        while not enough.wait(0.05):
            hosts = [f"host{len(sent) + more:05}" for more in range(2)]
            send(alerts_topic, *(opened(host) for host in hosts))
            sent.extend(hosts)

    def notifier(once: str) -> subprocess.Popen[str]:
        memory = str(tmp_path / "notified.json")
        place = [local_slack.address, str(local_slack.folder), alerts_topic, memory, once]
        return subprocess.Popen(
            [sys.executable, "-c", NOTIFIER, *place], stdout=subprocess.PIPE, text=True
        )

    producer = threading.Thread(target=stream)
    producer.start()
    try:
        for _ in range(KILLS):
            process = notifier("follow")
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            before = len(local_slack.ids())
            wait_until(lambda before=before: len(local_slack.ids()) > before, "a post")  # type: ignore[misc]
            threading.Event().wait(chance.uniform(0, 0.2))
            process.kill()
            process.communicate()
    finally:
        enough.set()
        producer.join()
    last = notifier("once")
    output, _ = last.communicate(timeout=120)
    assert last.returncode == 0, output

    counted = collections.Counter(one.split("/")[0] for one in local_slack.ids())
    lost = sorted(set(sent) - set(counted))
    repeated = {host: times for host, times in counted.items() if times > 1}
    print(f"{len(sent)} alerts, {KILLS} kills: {len(lost)} lost, {len(repeated)} repeated")
    assert lost == []
    # A post that was under way when its sender died is in the channel before the next
    # notifier reads it, and so is recognised there. The window that remains, a Slack that
    # takes longer to show a post than a notifier to start, is not the stand-in's.
    assert repeated == {}
