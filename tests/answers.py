"""Answers to the exercises, as cells: right ones written differently, and plausible wrong ones."""

from __future__ import annotations


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


#: For each exercise a right answer that is written in another way.
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
    "02-stretch": deploys("usage > 50 AND hostname LIKE 'sneezy%' AND time_ltz IS NOT NULL"),
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
        "SELECT * FROM cpu_thresholds WHERE NOT allowed_top <= 50 AND hostname LIKE '%' ORDER BY 2",
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
        "SELECT hostname, SUM(1) AS n FROM cpu_out_agg WHERE NOT usage_avg <= 60 GROUP BY hostname",
    ),
    "05-core": asks("05-core", f"SELECT *, {EXCESS} AS over_by FROM {JOINED} WHERE {EXCESS} > 10"),
    "05-stretch": asks(
        "05-stretch",
        "SELECT * FROM (SELECT a.window_end, a.window_start, a.hostname, COUNT(DISTINCT a.cpu) AS n"
        f" FROM {JOINED} WHERE {EXCESS} > 0 GROUP BY a.window_end, a.window_start, a.hostname)"
        " WHERE n > 3",
    ),
}

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
        deploys("usage > 50 AND time_ltz IS NOT NULL"): "readings of all hosts",
        deploys("hostname = 'sneezy' AND time_ltz IS NOT NULL"): "all readings of sneezy",
        deploys("hostname = 'sneezy' AND usage > 50", name="my_other"): "does not run any more",
        deploys("hostname = 'Sneezy' AND usage > 50"): "is empty",
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
            "04-warm-up", "SELECT * FROM cpu_thresholds WHERE allowed_top < 50"
        ): "may not go over",
        asks(
            "04-warm-up", "SELECT hostname FROM cpu_thresholds WHERE allowed_top > 50"
        ): "no column allowed_top",
        asks("04-warm-up", "SELECT * FROM cpu_thresholds WHERE hostname > 50"): "does not run",
    },
    "04-core": {
        makes(OWNERS.format("", " NOT NULL"), TEAMS): "primary key is missing",
        makes(OWNERS.format(" PRIMARY KEY", ""), TEAMS): "without a team is allowed",
        makes(
            OWNERS.format(" PRIMARY KEY", " NOT NULL"), TEAMS + " WHERE allowed_top > 30"
        ): "no row for doc, grumpy",
        makes("CREATE TABLE cpu_owners (hostname TEXT PRIMARY KEY)"): "has no column team",
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
        asks("05-warm-up", counts("*", "usage_max > 60")): "the average is asked for",
        asks("05-warm-up", counts("DISTINCT cpu", "usage_avg > 60")): "You counted CPUs",
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
    },
    "05-stretch": {
        together(f"{EXCESS} > 0", "TRUE"): "HAVING",
        together(f"{EXCESS} > 0", "COUNT(*) > 4"): "> or >=",
        together("TRUE", "COUNT(*) >= 4"): "counted all CPUs",
    },
}
