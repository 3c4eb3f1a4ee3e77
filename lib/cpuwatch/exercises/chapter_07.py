"""Chapter 7: the notifier, which tells a channel; and what happens when it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cpuwatch import naming, slack, topics
from cpuwatch.exercises import held
from cpuwatch.exercises.answers import is_empty, number
from cpuwatch.exercises.exercise import Chapter, Exercise, NotYetError, Prediction, Question
from cpuwatch.exercises.patience import PATIENCE, briefly

#: The attendee's own consumer group.
GROUP = "my_notifier"

#: What a function that tells is tried with.
_SAMPLES = (
    {"hostname": "doc", "cpu": "cpu3", "usage_avg": 46.123456, "allowed_top": 20.0},
    {"hostname": "web-01", "cpu": "cpu11", "usage_avg": 80.06, "allowed_top": 80.0},
    {"hostname": "sleepy", "cpu": "cpu2", "usage_avg": 97.28, "allowed_top": 37.5},
)

#: A number as a text has it, whole.
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def _of_each_cpu(answer: Any) -> str:
    found = number(answer)
    alerts = held.rows("cpu_out_alerts")
    right = int((alerts["event"] == "opened").sum())
    if found == right:
        return "Telling of hosts instead of CPUs is what makes so few of them."
    if found == len(alerts):
        raise NotYetError(
            "These are all transitions: one that closes changes a message, and makes no new one."
        )
    if found == slack.count_messages(
        [dict(zip(alerts.columns, row, strict=True)) for row in alerts.itertuples(index=False)]
    ):
        raise NotYetError("That is one for each host, as it is now. Each CPU is to have its own.")
    if found == len(alerts[["hostname", "cpu"]].drop_duplicates()):
        raise NotYetError(
            "These are the CPUs. One that was in trouble twice, with a pause, has two episodes."
        )
    raise NotYetError(
        f"It is {'fewer' if found > right else 'more'} than {found:g}: which rows of cpu_alerts"
        " would each make a message?"
    )


def _sentence(answer: Any) -> str:
    if is_empty(answer):
        raise NotYetError("There is no answer yet: define a function, and give it to the check.")
    if not callable(answer):
        raise NotYetError(
            "The answer is no function: give tell itself, without brackets behind it."
        )
    for sample in _SAMPLES:
        text = _told(answer, sample)
        host, cpu, top = str(sample["hostname"]), str(sample["cpu"]), sample["allowed_top"]
        mean = f"{sample['usage_avg']:.1f}"
        if text is None:
            raise NotYetError(
                "It returns nothing: return gives the text back, print only shows it."
            )
        if not isinstance(text, str):
            raise NotYetError(f"It returns a {type(text).__name__}, and a text is asked for.")
        for what, part in (("host", host), ("CPU", cpu)):
            if part not in text:
                raise NotYetError(f"For {host} {cpu} it says nothing of the {what}: {text!r}.")
        numbers = _NUMBER.findall(text.replace(host, " ").replace(cpu, " "))
        if mean not in numbers:
            raise NotYetError(
                f"The average of {host} is to be {mean}, with one decimal, and it says {text!r}:"
                " a format such as :.1f rounds."
            )
        numbers.remove(mean)
        if f"{sample['usage_avg']}" in numbers:
            raise NotYetError(f"It says the average with all its decimals: {text!r}.")
        # Rounded to a whole number it is told as well.
        if not any(float(one) in (top, float(f"{top:.0f}")) for one in numbers):
            raise NotYetError(f"It does not say which limit was passed, {top:g}: {text!r}.")
    return f"For example: {_told(answer, _SAMPLES[0])}"


def _told(tell: Callable[[Any], Any], sample: dict[str, object]) -> Any:
    try:
        with briefly(
            lambda: (
                f"It takes longer than {PATIENCE:.0f} s, and was stopped: which loop in it"
                " never ends?"
            )
        ):
            return tell(dict(sample))
    except NotYetError:
        raise
    except (Exception, SystemExit) as error:
        raise NotYetError(
            f"It fails with {type(error).__name__} ({error}). It gets a dict: alert['hostname'] is"
            " the host."
        ) from error


def _own_group(_answer: Any) -> str:
    # The topic's own ends are further on: a transaction that ends takes an offset, too.
    ends = {one.partition(): one.offset() + 1 for one in held.messages(topics.ALERTS)}
    if not ends:
        raise NotYetError('There is nothing in cpu_alerts: workshop.begin("07") brings it.')
    reader = topics.PatientConsumer(GROUP)
    try:
        asked = [topics.place(topics.ALERTS, number) for number in sorted(ends)]
        noted = {one.partition: one.offset for one in reader.committed(asked, timeout=10)}
    finally:
        reader.close()
    if all(offset < 0 for offset in noted.values()):
        raise NotYetError(
            f"The consumer group {GROUP} has committed nothing: consumer.commit notes how far it"
            f" has read.{naming.in_full(GROUP, topics.ALERTS)}"
        )
    for partition, end in ends.items():
        if noted[partition] < 0:
            raise NotYetError(
                f"It has committed nothing of partition {partition}: subscribe to the topic, and"
                " read all of it."
            )
        if noted[partition] < end:
            raise NotYetError(
                f"Of partition {partition} it has noted {noted[partition]}, and the last record is"
                f" {end - 1}: read on before you commit. What is noted is the offset of the record"
                " that comes next."
            )
    return "Who joins this group later goes on there, and gets nothing twice."


#: How the stretch begins: a consumer of a group of its own. A plain client needs the whole names,
#: which have a prefix perhaps.
_CONSUMER = (
    "from confluent_kafka import Consumer\n\n"
    'topic = workshop.fill("${prefix}cpu_alerts")  # in full\n'
    "consumer = Consumer(\n"
    "    {\n"
    "        **topics.client_settings(),  # where Kafka is\n"
    '        "group.id": workshop.fill("${prefix}my_notifier"),\n'
    '        "auto.offset.reset": "earliest",\n'
    '        "enable.auto.commit": False,\n'
    "    }\n"
    ")\n"
)

CHAPTER = Chapter(
    exercises=(
        Exercise(
            "07-warm-up",
            task="The notifier tells of hosts. How many messages had there been if each CPU's"
            " episode had one of its own? Count in `transitions`, which holds what this"
            " chapter added, too.",
            starter='transitions = workshop.result("cpu_alerts")\nanswer = None\n'
            'workshop.check("07-warm-up", answer)',
            hints=(
                "A message is posted when an episode opens, and changed when it closes.",
                'The column event says which: "opened" or "closed".',
                '(transitions["event"] == "opened") is True for the rows that count, and sum()'
                " counts them.",
            ),
            solution='transitions = workshop.result("cpu_alerts")\n'
            'answer = (transitions["event"] == "opened").sum()\n'
            'workshop.check("07-warm-up", answer)',
            judge=_of_each_cpu,
        ),
        Exercise(
            "07-core",
            task="Write the function `tell`: it gets an alert, a dict with hostname, cpu,"
            " usage_avg and allowed_top, and returns a line for the channel. It names all four, the"
            " average with one decimal.",
            starter='def tell(alert):\n    return ""\n\n\nworkshop.check("07-core", tell)',
            hints=(
                "alert['hostname'] is the host. An f-string puts values into a text.",
                "{alert['usage_avg']:.1f} rounds to one decimal.",
                "f\"{alert['hostname']} {alert['cpu']}: {alert['usage_avg']:.1f}%, allowed …\"",
            ),
            solution="def tell(alert):\n"
            "    return (\n"
            "        f\"{alert['hostname']} {alert['cpu']}: average\"\n"
            "        f\" {alert['usage_avg']:.1f}%, allowed {alert['allowed_top']:g}%\"\n"
            "    )\n\n\n"
            'workshop.check("07-core", tell)',
            judge=_sentence,
        ),
        Exercise(
            "07-stretch",
            task="Write a small notifier without our helpers: a `Consumer` of the group"
            " `my_notifier` reads all of `cpu_alerts`, prints each record's value, and commits what"
            " it has read **after** it was printed.",
            starter=_CONSUMER + "# Here you read, print and commit.\n"
            "consumer.close()\n"
            'workshop.check("07-stretch")',
            hints=(
                "consumer.subscribe([topic]) gives it all partitions of the topic.",
                "consumer.poll(10) waits up to ten seconds for a message, and gives None if none"
                " comes: then all was read.",
                "consumer.commit(message, asynchronous=False) notes that this one is done.",
            ),
            solution=_CONSUMER + "consumer.subscribe([topic])\n"
            "while (message := consumer.poll(10)) is not None:\n"
            "    print(message.value())\n"
            "    consumer.commit(message, asynchronous=False)\n"
            "consumer.close()\n"
            'workshop.check("07-stretch")',
            judge=_own_group,
        ),
    ),
    predictions=(
        Prediction(
            "07-messages",
            asks="15 episodes opened, on CPUs of four hosts. How many messages will there be in the"
            " channel?",
            explains="One for each host: the notifier puts its CPUs together.",
        ),
        Prediction(
            "07-new",
            asks="The limit of `doc` falls to 5%, and two more minutes come. How many new messages"
            " will there be?",
            explains="All five CPUs of doc open an episode, in one message. Those of the others are"
            " changed, and not posted again.",
        ),
    ),
    questions=(
        Question(
            "Slack does not answer. What becomes of the detection?",
            right=(
                "nothing: it goes on",
                "Flink does not know about Slack: transitions wait in the topic.",
            ),
            wrong=(
                ("it waits for Slack", "That is so if a job posts itself. Ours does not."),
                ("it stops with an error", "Flink does not know about Slack."),
                ("alerts are dropped", "They are in the topic, whoever reads it."),
            ),
            at=0,
        ),
        Question(
            "The notifier dies after Slack said ok, before it has noted its offset. What then?",
            right=(
                "the next one finds its message by its id, and posts none",
                "An episode's id stands in the message: who sees it twice knows it.",
            ),
            wrong=(
                ("the message is lost", "It is in the channel already."),
                ("the message comes twice", "It would, without the id."),
                ("the topic is read from its beginning", "It goes on at the last noted offset."),
            ),
            at=3,
        ),
        Question(
            "When does a consumer group's committed offset move?",
            right=(
                "when its consumer says that what came before is done",
                "Ours says so after Slack said ok.",
            ),
            wrong=(
                ("when a record is read", "Reading alone notes nothing."),
                ("when a record is deleted", "Offsets stay as they are."),
                ("each second", "Only if the client commits by itself. Ours does not."),
            ),
            at=2,
        ),
        Question(
            "Where does a token belong?",
            right=(
                "in .env or in the environment",
                "Neither is in git, and no cell shows it.",
            ),
            wrong=(
                ("in the first cell", "Notebooks are shared, with all that stands in them."),
                ("in the SQL of the sink", "Statements end up in logs and on Flink's page."),
                ("in cpu_thresholds", "Whoever may read the table could read it."),
            ),
            at=1,
        ),
    ),
)
