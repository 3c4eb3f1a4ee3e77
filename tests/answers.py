"""Answers to the exercises, as cells: right ones written differently, and plausible wrong ones."""

from __future__ import annotations

import pandas as pd

#: What no exercise asks for: of other kinds, not finite, too large, without an end, too little.
JUNK: list[object] = [
    None, 0, -1.5, "x", [], [1, 2], {}, object(), pd.DataFrame(), b"\0", True,
    float("nan"), float("inf"), "1e999", 10**400, [None] * 5, iter(int, 1),
]  # fmt: skip


def windows(
    function: str, *more: str, by: str = "hostname, cpu", what: str = "AVG(usage) AS usage_avg"
) -> str:
    columns = "window_start, window_end" + (f", {by}" if by else "")
    lengths = ", ".join(f"INTERVAL '{one}' SECOND" for one in more)
    return (
        f"SELECT {columns}, {what} FROM TABLE({function}(TABLE cpu_in, DESCRIPTOR(time_ltz),"
        f" {lengths})) WHERE time_ltz IS NOT NULL GROUP BY {columns}"
    )


HIGHEST = "MAX(usage) AS usage_max, COUNT(*) AS readings"

JOINED = (
    "cpu_out_agg AS a LEFT JOIN cpu_thresholds FOR SYSTEM_TIME AS OF a.looked_up_at AS t"
    " ON a.hostname = t.hostname"
)
EXCESS = "a.usage_avg - COALESCE(t.allowed_top, 80)"
OWNERS = "CREATE TABLE cpu_owners (hostname TEXT{}, team TEXT{})"
TEAMS = "INSERT INTO cpu_owners SELECT hostname, 'us' FROM cpu_thresholds"


def asks(name: str, answer: str) -> str:
    """A cell with an answer that is a query."""
    return f'workshop.check("{name}", """{answer}""")'


def counts(what: str, where: str) -> str:
    return (
        f"SELECT hostname, COUNT({what}) AS averages FROM cpu_out_agg WHERE {where}"
        " GROUP BY hostname"
    )


def together(where: str, having: str) -> str:
    return asks(
        "05-stretch",
        f"SELECT a.window_start, a.hostname, COUNT(*) AS cpus FROM {JOINED} WHERE {where}"
        f" GROUP BY a.window_start, a.hostname HAVING {having}",
    )


def sends(*lines: str) -> str:
    return "\n".join(['workshop.fresh_topic("cpu_doc")', *lines, 'workshop.check("01-core")'])


def makes(*statements: str) -> str:
    lines = "".join(f"\n    connection.exec_driver_sql({one!r})" for one in statements)
    drop = '    connection.exec_driver_sql("DROP TABLE IF EXISTS cpu_owners")'
    return f'with database.begin() as connection:\n{drop}{lines}\nworkshop.check("04-core")'


def joins(query: str) -> str:
    return f"""
flink.create_table(env, '''
CREATE TABLE cpu_owners (hostname STRING, team STRING) WITH (
    'connector' = 'jdbc', 'url' = '${{postgres}}', 'table-name' = 'cpu_owners'
)''')
workshop.check("04-stretch", '''{query}''')
"""


SERIES = "WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)"


def lags(what: str = "LAG(usage_avg)", where: str = "hostname = 'doc' AND cpu = 'cpu1'") -> str:
    return asks(
        "06-warm-up",
        f"SELECT window_start, usage_avg, {what} OVER series AS before FROM cpu_out_agg"
        f" WHERE {where} {SERIES}",
    )


def jumps(where: str, what: str = "usage_avg - before") -> str:
    return asks(
        "06-core",
        f"SELECT window_start, hostname, cpu, {what} AS jump FROM (SELECT *, LAG(usage_avg) OVER"
        f" series AS before FROM cpu_out_agg {SERIES}) WHERE {where}",
    )


def in_a_row(where: str) -> str:
    return asks(
        "06-stretch",
        "SELECT window_start, hostname, cpu FROM (SELECT *, COALESCE(LAG(is_over) OVER series,"
        " FALSE) AS a, COALESCE(LAG(is_over, 2) OVER series, FALSE) AS b FROM cpu_judged"
        f" {SERIES}) WHERE {where}",
    )


def counted(what: str) -> str:
    """A number of the transitions."""
    return f'found = workshop.result("cpu_alerts")\nworkshop.check("07-warm-up", {what})'


def tells(text: str, how: str = "return") -> str:
    return f'def tell(alert):\n    {how} {text}\nworkshop.check("07-core", tell)'


NOTIFIER = """
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

admin = AdminClient({{"bootstrap.servers": workshop.fill("${{kafka}}")}})
with suppress(KafkaException):  # there is no such group yet
    admin.delete_consumer_groups(["my_notifier"])["my_notifier"].result()
told = {{"bootstrap.servers": workshop.fill("${{kafka}}"), "group.id": "my_notifier"}}
consumer = Consumer({{**told, "auto.offset.reset": "earliest", "enable.auto.commit": False}})
ends = {{}}
for number in (0, 1):
    part = TopicPartition("cpu_alerts", number)
    ends[number] = consumer.get_watermark_offsets(part)[1]
noted = [TopicPartition("cpu_alerts", number, {offset}) for number in {partitions}]
if noted:
    consumer.commit(offsets=noted, asynchronous=False)
consumer.close()
workshop.check("07-stretch")
"""


def notes(offset: str = "ends[number]", partitions: str = "(0, 1)") -> str:
    """A consumer group that has committed these."""
    return NOTIFIER.format(offset=offset, partitions=partitions)


DRAWS = """
import matplotlib.pyplot as plt

figure, axes = plt.subplots()
for cpu in {cpus}:
    rows = averages[(averages["hostname"] == {host!r}) & (averages["cpu"] == cpu)]
    axes.plot({over}, rows["{column}"])
axes.hlines(0, 0, 1)
if {top}:
    axes.plot([rows["window_start"].min(), rows["window_start"].max()], [{top}, {top}])
axes.set_ylabel({label!r})
plt.close(figure)
workshop.check("08-stretch", {answer})
"""


def draws(
    host: str = "doc",
    cpus: str = '["cpu5", "cpu4", "cpu3", "cpu2", "cpu1"]',
    column: str = "usage_avg",
    top: int = 20,
    label: str = "percent",
    figure: bool = False,
    over: str = 'rows["window_start"]',
) -> str:
    answer = "figure" if figure else "axes"
    return DRAWS.format(
        host=host, cpus=cpus, column=column, top=top, label=label, answer=answer, over=over
    )


def over_all(limit: str) -> str:
    return f'workshop.check("08-core", {limit})'


COUNTS = """
env = flink.connect()
flink.import_tables(env, "cpu_in")
flink.create_table(env, '''
CREATE TABLE counted (
    n BIGINT, hostname STRING, window_start TIMESTAMP_LTZ(3), window_end TIMESTAMP_LTZ(3)
) WITH (
    'connector' = 'kafka', 'topic' = 'cpu_counts', 'format' = 'json',
    'properties.bootstrap.servers' = '${{kafka}}', 'json.timestamp-format.standard' = 'ISO-8601'
)''')
job = flink.deploy(env, "{name}", '''INSERT INTO counted
SELECT {what}, hostname, window_start, {end} FROM TABLE(
    TUMBLE(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '{length}' SECOND)
) WHERE time_ltz IS NOT NULL GROUP BY window_start, window_end, hostname{more}''')
flink.wait_until_settled(job)
workshop.check("09-core")
workshop.stop_jobs(job.name)
"""


def job(
    name: str = "my_count",
    what: str = "COUNT(*)",
    length: int = 60,
    more: str = "",
    end: str = "window_end",
) -> str:
    """A job of one's own."""
    return COUNTS.format(name=name, what=what, length=length, more=more, end=end)


PATIENT = """
import time

workshop.fresh_topic("cpu_load_stats_live")
some = workshop.fleet(seed=7, ticks=180)
talks = some["hostname"].isin(["dopey", "grumpy", "sleepy"])
topics.produce(some[: 60 * 35], "cpu_load_stats_live")
env = flink.connect()
flink.import_tables(env, "cpu_in")
flink.create_table(env, '''CREATE TABLE here WITH (
    'topic' = 'cpu_load_stats_live'{option}
) LIKE cpu_in (OVERWRITING OPTIONS)''')
flink.create_table(env, '''
CREATE TABLE there (window_start TIMESTAMP_LTZ(3), hostname STRING, readings BIGINT) WITH (
    'connector' = 'kafka', 'topic' = 'my_live', 'format' = 'json',
    'properties.bootstrap.servers' = '${{kafka}}', 'json.timestamp-format.standard' = 'ISO-8601'
)''')
job = flink.deploy(env, "my_live", '''INSERT INTO there
SELECT window_start, hostname, {what} FROM TABLE(
    TUMBLE(TABLE here, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND)
) GROUP BY window_start, window_end, hostname''')
time.sleep(6)
rest = some[60 * 35 :]
topics.produce({who}, "cpu_load_stats_live")
workshop.check("09-stretch")
workshop.stop_jobs(job.name)
"""

IDLE = ", 'scan.watermark.idle-timeout' = '{}'"


def patient(option: str = "", what: str = "COUNT(*)", who: str = "rest[talks[60 * 35 :]]") -> str:
    """A job over a topic of which one partition falls silent."""
    return PATIENT.format(option=option, what=what, who=who)


LAST = """
from confluent_kafka import Consumer, TopicPartition

consumer = Consumer({{"bootstrap.servers": workshop.fill("${{kafka}}"), "group.id": "other"}})
end = consumer.get_watermark_offsets(TopicPartition("cpu_load_stats_real", {partition}))[1]
consumer.assign([TopicPartition("cpu_load_stats_real", {partition}, {begin})])
answer = [message.{what} for message in consumer.consume({count}, 10)]{order}
consumer.close()
workshop.check("01-stretch", answer)
"""


def last(
    partition: int = 0,
    begin: str = "end - 5",
    count: int = 5,
    what: str = "value().decode()",
    order: str = "",
) -> str:
    return LAST.format(partition=partition, begin=begin, count=count, what=what, order=order)


def deploys(where: str, *, name: str = "my_filter", settle: bool = True) -> str:
    """A job of one's own, whose sink is made by hand."""
    return f"""
flink.create_table(env, '''
CREATE TABLE own_{name} (
    time_ltz TIMESTAMP_LTZ(3), hostname STRING, cpu STRING, usage DOUBLE
) WITH (
    'connector' = 'kafka', 'topic' = 'my_filter',
    'properties.bootstrap.servers' = '${{kafka}}',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'own_{name}', 'format' = 'json'
)''')
for other in workshop.jobs()["job"]:
    if other.startswith("my_"):
        workshop.stop_jobs(other)
query = "INSERT INTO own_{name} SELECT time_ltz, hostname, cpu, usage FROM cpu_in WHERE {where}"
job = flink.deploy(env, "{name}", query)
if {settle}:
    flink.wait_until_settled(job)
workshop.check("02-stretch")
"""


OTHERS = {
    "01-warm-up": 'workshop.check("01-warm-up", stored.groupby("hostname")["partition"].first()'
    '["happy"])',
    "01-core": sends(
        'sender = topics.Sender("cpu_doc")',
        'for one in fleet.query("hostname == \'doc\'").to_dict("records"):',
        '    sender.send(one, {"hostname": "doc"})',
        "sender.flush()",
    ),
    "01-stretch": last(),
    "02-warm-up": 'rows = flink.preview(env, "SELECT time_ltz AS t, usage AS u FROM cpu_in WHERE'
    ' CONCAT(hostname, cpu) = \'doccpu1\'", rows=999)\nworkshop.check("02-warm-up", rows)',
    "02-core": asks(
        "02-core", "SELECT * FROM cpu_in WHERE NOT usage < 90 AND time_ltz IS NOT NULL"
    ),
    "02-stretch": deploys("usage > 52 AND hostname LIKE 'sneezy%' AND time_ltz IS NOT NULL"),
    "03-warm-up": asks(
        "03-warm-up", windows("TUMBLE", "30", by="hostname", what="SUM(usage) / COUNT(*) AS a")
    ),
    "03-core": asks(
        "03-core",
        windows("TUMBLE", "60", what="COUNT(usage) AS number, MAX(usage) AS highest"),
    ),
    "03-stretch": asks("03-stretch", windows("HOP", "30", "60")),
    "04-warm-up": asks(
        "04-warm-up",
        "SELECT * FROM cpu_thresholds WHERE NOT allowed_top <= 60 AND hostname LIKE '%' ORDER BY 2",
    ),
    "04-core": makes(
        "CREATE TABLE cpu_owners (id SERIAL, hostname VARCHAR(20), team VARCHAR(9) NOT NULL,"
        " PRIMARY KEY (hostname))",
        "INSERT INTO cpu_owners (hostname, team) SELECT hostname, 'us' FROM cpu_thresholds",
    ),
    "04-stretch": joins(
        "SELECT t.*, (SELECT MAX(team) FROM cpu_owners AS o WHERE o.hostname = t.hostname) AS team"
        " FROM cpu_thresholds AS t"
    ),
    "05-warm-up": asks(
        "05-warm-up",
        "SELECT hostname, SUM(1) AS n FROM cpu_out_agg WHERE NOT usage_avg <= 69 GROUP BY hostname",
    ),
    "05-core": asks("05-core", f"SELECT *, {EXCESS} AS over_by FROM {JOINED} WHERE {EXCESS} > 10"),
    "05-stretch": asks(
        "05-stretch",
        "SELECT * FROM (SELECT a.window_end, a.window_start, a.hostname, COUNT(DISTINCT a.cpu) AS n"
        f" FROM {JOINED} WHERE {EXCESS} > 0 GROUP BY a.window_end, a.window_start, a.hostname)"
        " WHERE n > 3",
    ),
    "06-warm-up": asks(
        "06-warm-up",
        "SELECT * FROM (SELECT hostname, cpu, window_start, usage_avg AS a, LAG(usage_avg, 1) OVER"
        f" series AS b FROM cpu_out_agg {SERIES}) WHERE hostname = 'doc' AND cpu = 'cpu1'",
    ),
    "06-core": jumps("usage_avg >= before + 20"),
    "06-stretch": in_a_row("b IS FALSE AND a AND is_over"),
    "07-warm-up": counted('found["id"].nunique()'),
    "07-core": tells("'{hostname}/{cpu} {usage_avg:.1f} > {allowed_top:.0f}'.format(**alert)"),
    "07-stretch": notes(),
    "08-warm-up": 'workshop.check("08-warm-up", found.groupby("hostname").size().idxmax().upper())',
    "08-core": """
ours = averages[averages["window_end"] <= end]
tops = [n for n in range(101) if workshop.score(ours[ours.usage_avg > n], incidents).recall == 1]
workshop.check("08-core", str(max(tops)))
""",
    "08-stretch": draws(label="%", figure=True),
    "09-warm-up": 'workshop.check("09-warm-up", [35.0])',
    "09-core": job(what="COUNT(usage)"),
    "09-stretch": patient(IDLE.format("1500 ms")),
}

#: Further right answers.
ALSO = [
    ("02-warm-up", 'rows = flink.preview(env, "SELECT occurred_at, usage FROM cpu_in WHERE hostname'
     " = 'doc' AND cpu = 'cpu1'\", rows=999)\nworkshop.check(\"02-warm-up\", rows)"),
    ("02-core", asks("02-core", "SELECT occurred_at, hostname, cpu, usage FROM cpu_in WHERE usage"
                     " >= 90 AND time_ltz IS NOT NULL")),
    ("04-warm-up", "with database.connect() as connection:\n    rows = connection.exec_driver_sql("
     '"SELECT hostname, allowed_top FROM cpu_thresholds WHERE allowed_top > 60").all()\n'
     'workshop.check("04-warm-up", rows)'),
    ("04-core", makes(OWNERS.format(" NOT NULL", " CHECK (team IS NOT NULL)"), TEAMS,
                      "CREATE UNIQUE INDEX cpu_owners_once ON cpu_owners (hostname)")),
    ("04-core", makes(OWNERS.format(" UNIQUE", " NOT NULL"), TEAMS)),
    ("05-warm-up", 'over = averages[averages["usage_avg"] > 69]\n'
     'workshop.check("05-warm-up", over["hostname"].value_counts())'),
    ("07-core", tells("'%s %s: %.1f > %.2f' % tuple(alert[one] for one in ('hostname', 'cpu',"
                      " 'usage_avg', 'allowed_top'))")),
    ("08-warm-up", 'workshop.check("08-warm-up", found["hostname"].value_counts().head(1))'),
    ("08-warm-up", 'workshop.check("08-warm-up", ("doc",))'),
]  # fmt: skip

FROM = "SELECT time_ltz, hostname, cpu, usage FROM cpu_in WHERE"

#: For each exercise three wrong answers, and what is said of them.
WRONG = {
    "01-warm-up": {
        'there = stored[stored["hostname"] == "happy"]["partition"].iloc[0]\n'
        'workshop.check("01-warm-up", 1 - there)': "and nothing of happy",
        'workshop.check("01-warm-up", 2)': "no partition 2: they are 0, 1",
        'workshop.check("01-warm-up", [0, 1])': "holds 2 values: one number",
        'workshop.check("01-warm-up", "the first")': "is a str: a number",
    },
    "01-core": {
        sends('topics.produce(fleet, "cpu_doc")'): "also holds readings of bashful, dopey",
        sends(*['topics.produce(fleet[fleet["hostname"] == "doc"], "cpu_doc")'] * 2): "twice",
        sends(
            'topics.produce(fleet[fleet["hostname"] == "doc"].head(9), "cpu_doc")'
        ): "2,991 are not in cpu_doc",
        sends(
            'topics.produce(fleet[fleet["hostname"] == "doc"].assign(usage=0.0), "cpu_doc")'
        ): "usage differs in 3,000 of 3,000",
        sends(
            'one = fleet[fleet["hostname"] == "doc"]',
            'topics.produce(one, "cpu_doc")',
            'topics.produce(one.assign(occurred_at=one["occurred_at"] + 3_600_000), "cpu_doc")',
        ): "holds 3,000 readings that are not among",
        sends(
            'one = fleet[fleet["hostname"] == "doc"].drop(columns="usage")',
            'sender = topics.Sender("cpu_doc")',
            'for row in one.to_dict("records"):',
            '    sender.send(row, {"hostname": "doc"})',
            "sender.flush()",
        ): "no field usage",
        sends(
            "from confluent_kafka import Producer",
            'producer = Producer({"bootstrap.servers": workshop.fill("${kafka}"),'
            ' "sticky.partitioning.linger.ms": 0})',
            "import json",
            'for at, one in enumerate(fleet[fleet["hostname"] == "doc"].to_dict("records")):',
            '    producer.produce("cpu_doc", json.dumps(one), partition=at % 2)',
            "producer.flush()",
        ): "in both partitions, so their order is lost",
    },
    "01-stretch": {
        last(partition=1): "last five of partition 1",
        last(begin="0"): "first five",
        last(order="[::-1]"): "another order",
        last(begin="end - 4", count=4): "the answer holds 4",
    },
    "02-warm-up": {
        asks("02-warm-up", f"{FROM} hostname = 'doc'"): "all CPUs of doc",
        asks("02-warm-up", f"{FROM} cpu = 'cpu1'"): "first CPUs of all hosts",
        asks("02-warm-up", f"{FROM} hostname = 'Doc' AND cpu = 'cpu1'"): "lets nothing through",
        asks(
            "02-warm-up", "SELECT usage FROM cpu_in WHERE hostname = 'doc' AND cpu = 'cpu1'"
        ): "no column time_ltz. Those that you have: usage",
    },
    "02-core": {
        asks("02-core", f"{FROM} usage > 90 AND time_ltz IS NOT NULL"): "1 row with a usage of ex",
        asks("02-core", f"{FROM} usage < 90 AND time_ltz IS NOT NULL"): "under 90%",
        asks("02-core", f"{FROM} usage > 80 AND time_ltz IS NOT NULL"): "over 80%, as above",
        asks("02-core", f"{FROM} usage >= 95"): "Missing are such as",
        asks("02-core", f"INSERT INTO x {FROM} usage >= 90"): "Without INSERT INTO",
        asks("02-core", f"{FROM} usge >= 90"): "There is no column 'usge'",
    },
    "02-stretch": {
        deploys("usage > 52 AND time_ltz IS NOT NULL"): "readings of all hosts",
        deploys("hostname = 'sneezy' AND time_ltz IS NOT NULL"): "all readings of sneezy",
        deploys("hostname = 'sneezy' AND usage >= 52"): "readings of exactly 52%",
        deploys("hostname = 'sneezy' AND usage > 52", name="my_other"): "does not run any more",
        deploys("hostname = 'Sneezy' AND usage > 52"): "is empty",
    },
    "03-warm-up": {
        asks("03-warm-up", windows("TUMBLE", "30")): "a row for each CPU",
        asks("03-warm-up", windows("TUMBLE", "60", by="hostname")): "windows of a minute",
        asks(
            "03-warm-up", windows("TUMBLE", "30", by="hostname", what="MAX(usage) AS usage_avg")
        ): "usage_avg differs in",
    },
    "03-core": {
        asks("03-core", windows("TUMBLE", "30", what=HIGHEST)): "windows of 30 seconds",
        asks("03-core", windows("HOP", "30", "60", what=HIGHEST)): "These windows overlap",
        asks(
            "03-core", windows("TUMBLE", "60", what=HIGHEST.replace("MAX", "AVG", 1))
        ): "the highest reading is asked for",
    },
    "03-stretch": {
        asks("03-stretch", windows("TUMBLE", "60")): "do not overlap",
        asks("03-stretch", windows("TUMBLE", "30")): "30 seconds long",
        asks("03-stretch", windows("HOP", "10", "60")): "every 10 seconds",
        asks("03-stretch", windows("HOP", "60", "30")): "has to be a multiple|exchange",
    },
    "04-warm-up": {
        asks("04-warm-up", "SELECT * FROM cpu_thresholds"): "all hosts",
        asks(
            "04-warm-up", "SELECT * FROM cpu_thresholds WHERE allowed_top < 60"
        ): "may not go over",
        asks(
            "04-warm-up", "SELECT * FROM cpu_thresholds WHERE allowed_top >= 60"
        ): "limit of 60 is among them",
        asks(
            "04-warm-up", "SELECT hostname FROM cpu_thresholds WHERE allowed_top > 60"
        ): "no column allowed_top",
        asks("04-warm-up", "SELECT * FROM cpu_thresholds WHERE hostname > 60"): "does not run",
    },
    "04-core": {
        makes(OWNERS.format("", " NOT NULL"), TEAMS): "primary key is missing",
        makes(OWNERS.format(" PRIMARY KEY", ""), TEAMS): "without a team is allowed",
        makes(
            OWNERS.format(" PRIMARY KEY", " NOT NULL"), TEAMS + " WHERE allowed_top > 30"
        ): "no row for doc, grumpy",
        makes("CREATE TABLE cpu_owners (hostname TEXT PRIMARY KEY)"): "has no column team",
        makes(
            OWNERS.format(" PRIMARY KEY", " NOT NULL"), TEAMS.replace("'us'", "''")
        ): "a text of nothing",
        makes(
            OWNERS.format(" PRIMARY KEY", " CHECK (team <> '')"), TEAMS
        ): "without a team is allowed",
        makes(
            OWNERS.format(" NOT NULL", " NOT NULL"),
            TEAMS,
            "CREATE UNIQUE INDEX cpu_owners_some ON cpu_owners (hostname) WHERE team = 'us'",
        ): "primary key is missing",
    },
    "04-stretch": {
        joins(
            "SELECT o.hostname, team, allowed_top FROM cpu_owners AS o, cpu_thresholds"
        ): "needs ON",
        joins("SELECT o.hostname, team FROM cpu_owners AS o"): "no column allowed_top",
        joins(
            "SELECT o.hostname, team, allowed_top FROM cpu_owners AS o JOIN cpu_thresholds AS t"
            " ON o.hostname = t.hostname WHERE allowed_top > 30"
        ): "5 rows, and 7 rows are wanted",
    },
    "05-warm-up": {
        asks("05-warm-up", counts("*", "TRUE")): "These are all averages",
        asks("05-warm-up", counts("*", "usage_max > 69")): "the average is asked for",
        asks("05-warm-up", counts("DISTINCT cpu", "usage_avg > 69")): "You counted CPUs",
        asks("05-warm-up", counts("*", "usage_avg >= 69")): "exactly 69% is among them",
    },
    "05-core": {
        asks(
            "05-core", f"SELECT *, {EXCESS} AS excess FROM {JOINED} WHERE {EXCESS} > 0"
        ): "all that are over their limit",
        asks(
            "05-core",
            f"SELECT *, {EXCESS} AS excess FROM {JOINED} WHERE a.usage_avg > 1.1 *"
            " COALESCE(t.allowed_top, 80)",
        ): "10 percent over",
        asks(
            "05-core", f"SELECT *, a.usage_avg AS excess FROM {JOINED} WHERE {EXCESS} > 10"
        ): "subtract the limit",
        asks(
            "05-core",
            f"SELECT *, ROUND({EXCESS}, 1) AS excess FROM {JOINED} WHERE {EXCESS} > 10",
        ): "excess is rounded",
    },
    "05-stretch": {
        together(f"{EXCESS} > 0", "TRUE"): "HAVING",
        together(f"{EXCESS} > 0", "COUNT(*) > 4"): "> or >=",
        together("TRUE", "COUNT(*) >= 4"): "counted all CPUs",
    },
    "06-warm-up": {
        lags("LAG(usage_avg, 2)"): "the row two before",
        lags("MAX(usage_avg)"): "before differs in",
        lags(where="hostname = 'doc'"): "95 rows, and 19 rows are wanted",
        lags("FIRST_VALUE(usage_avg)"): "before differs in",
        lags()
        .replace(SERIES, f"{SERIES}) WHERE before IS NOT NULL")
        .replace(
            "SELECT window", "SELECT * FROM (SELECT window", 1
        ): "The first average is missing",
    },
    "06-core": {
        jumps("ABS(usage_avg - before) >= 20"): "Falls are among them",
        jumps("before - usage_avg >= 20"): "These are the falls",
        jumps("usage_avg - before >= 20", "usage_avg"): "jump is the average itself",
        jumps("usage_avg > before"): "at least 20 points",
    },
    "06-stretch": {
        in_a_row("is_over AND a"): "third and later ones",
        in_a_row("is_over AND NOT a"): "These are the first ones",
        in_a_row("is_over"): "all that are over",
        in_a_row("is_over AND a AND b"): "third in a row and later",
    },
    "07-warm-up": {
        counted("len(found)"): "all transitions",
        counted('found["hostname"].nunique()'): "one for each host",
        counted("1000"): "It is fewer than 1000",
        counted('found["hostname"]'): "values: one number",
    },
    "07-core": {
        tells(
            "f\"{alert['hostname']} {alert['cpu']} {alert['usage_avg']} {alert['allowed_top']}\""
        ): "with one decimal",
        tells(
            "f\"{alert['hostname']} {alert['usage_avg']:.1f} {alert['allowed_top']}\""
        ): "nothing of the CPU",
        tells("f\"{alert['hostname']} {alert['cpu']} {alert['usage_avg']:.1f}\""): "which limit",
        tells(
            "f\"{alert['hostname']} {alert['cpu']} {alert['usage_avg']:.1f}, not 20 or 80\""
        ): "which limit was passed, 37.5",
        tells('("x")', "print"): "It returns nothing",
        tells("alert.hostname"): "fails with AttributeError",
        'workshop.check("07-core", "doc is over")': "is no function",
    },
    "07-stretch": {
        notes(partitions="()"): "has committed nothing",
        notes("1"): "read on before you commit",
        notes("0"): "read on before you commit",
    },
    "08-warm-up": {
        'workshop.check("08-warm-up", "sneezy")': "highest average",
        'workshop.check("08-warm-up", "grumpy")': "another host in more",
        'workshop.check("08-warm-up", "happy")': "No such host was over its limit",
        'workshop.check("08-warm-up", 7)': "the name of a host",
    },
    "08-core": {
        over_all("80"): "the trouble of bashful, doc, grumpy is missed",
        over_all("20"): "With 21 they are, too: go higher",
        over_all("44.5"): "A whole number",
        over_all("averages['usage_avg']"): "values: one number",
    },
    "08-stretch": {
        draws(host="grumpy"): "No line of the 6",
        draws(cpus='["cpu1", "cpu2", "cpu3"]'): "no line for cpu4, cpu5",
        draws(column="usage_max"): "No line of the 6",
        draws(top=0): "Where is the limit, 20",
        draws(label=""): "axes.set_ylabel",
        draws(over='rows["window_end"]'): "over the end of its windows",
        draws(over="range(len(rows))"): "not drawn over the start of its windows",
        'workshop.check("08-stretch", averages)': "no picture",
    },
    "09-warm-up": {
        'workshop.check("09-warm-up", 25)': "Flink believes it only when the watermark",
        'workshop.check("09-warm-up", 40)': "Some of the window has passed",
        'workshop.check("09-warm-up", "10")': "When has it passed the end",
        'workshop.check("09-warm-up", 60)': "It is earlier",
    },
    "09-core": {
        job("my_counts"): "No job my_count runs",
        job(length=30): "a minute is asked for",
        job(what="COUNT(DISTINCT time_ltz)"): "COUNT.* counts all of them",
        job(more=", cpu"): "for each CPU",
        job(more=" HAVING COUNT(*) > 1000"): "is empty",
        job(end="window_start"): "window_end differs in",
    },
    "09-stretch": {
        patient(): "the silent one holds it up",
        patient(IDLE.format("2 s"), "COUNT(DISTINCT cpu)"): "readings differs in",
        patient(IDLE.format("2 s"), who="rest"): "No partition has fallen silent",
    },
}
