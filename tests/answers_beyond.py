"""Answers to the exercises of chapters 10 to 13, as `answers.py` has those of the others."""

from __future__ import annotations

from answers import asks

from cpuwatch import exercises

SHARED = """
workshop.fresh_topic("cpu_even", partitions={partitions})
sender = topics.Sender("cpu_even")
for number, one in enumerate({what}.to_dict("records")):
    sender.send(one, {{"key": {key}}})
sender.flush()
workshop.check("13-core")
"""


def shared(key: str, what: str = "skewed", partitions: int = 4) -> str:
    """The readings of a skewed fleet, by a key."""
    return SHARED.format(key=key, what=what, partitions=partitions)


TWO = """
env.get_config().set("parallelism.default", "{workers}")
flink.create_table(env, '''
CREATE TABLE two (
    hostname STRING, readings BIGINT, e TIMESTAMP_LTZ(3), window_start TIMESTAMP_LTZ(3)
) WITH (
    'connector' = 'kafka', 'topic' = 'my_two', 'format' = 'json',
    'properties.bootstrap.servers' = '${{kafka}}', 'json.timestamp-format.standard' = 'ISO-8601'
)''')
job = flink.deploy(env, "{name}", '''INSERT INTO two
SELECT hostname, COUNT(usage), {end}, window_start FROM TABLE(
    TUMBLE(TABLE cpu_wide, DESCRIPTOR(time_ltz), INTERVAL '{length}' SECOND)
) WHERE time_ltz IS NOT NULL GROUP BY window_start, window_end, hostname{more}''')
flink.wait_until_settled(job)
workshop.check("13-stretch")
workshop.stop_jobs(job.name)
env.get_config().set("parallelism.default", "1")
"""


def two(
    workers: int = 2,
    name: str = "my_two",
    length: int = 60,
    more: str = "",
    end: str = "window_end",
) -> str:
    """A job of several workers."""
    return TWO.format(workers=workers, name=name, length=length, more=more, end=end)


CLOCK = """
env = flink.connect()
flink.import_tables(env, "cpu_arriving")
flink.create_table(env, '''CREATE TABLE by_clock ({column}) WITH (
    'topic' = 'cpu_ahead'
) LIKE cpu_arriving (OVERWRITING GENERATED OVERWRITING OPTIONS)''')
flink.create_table(env, '''
CREATE TABLE by_our_clock (window_start TIMESTAMP_LTZ(3), host STRING, readings BIGINT) WITH (
    'connector' = 'kafka', 'topic' = 'my_clock', 'format' = 'json',
    'properties.bootstrap.servers' = '${{kafka}}', 'json.timestamp-format.standard' = 'ISO-8601'
)''')
job = flink.deploy(env, "{name}", '''INSERT INTO by_our_clock
SELECT window_start, hostname, {what} FROM TABLE(
    TUMBLE(TABLE by_clock, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND)
) WHERE time_ltz IS NOT NULL GROUP BY window_start, window_end, hostname''')
flink.wait_until_settled(job)
workshop.check("11-stretch")
workshop.stop_jobs(job.name)
"""


EARLIER = "CASE WHEN occurred_at > arrived_at THEN arrived_at ELSE occurred_at END"


def clock(time: str = EARLIER, name: str = "my_clock", what: str = "COUNT(*)") -> str:
    """A job whose windows go by a time of its own."""
    column = f"time_ltz AS TO_TIMESTAMP_LTZ({time}, 3)"
    return CLOCK.format(column=column, name=name, what=what)


#: What the cell of 12-core begins with.
HOT = exercises.exercise("12-core").starter.partition("# Here")[0]


SEND = 'topics.produce(fleet[~early], "my_readings")\n'


GO_ON = """
job = flink.deploy(env, "my_hot", {statement}, from_savepoint={place})
flink.wait_until_settled(job)
"""


STOPPED = f"savepoint = flink.stop(job)\n{SEND}"


OVER_90 = 'over_80.replace("80", "90")'


def goes_on(first: str = STOPPED, statement: str = OVER_90, place: str = "savepoint") -> str:
    """A job that is stopped, changed, and goes on."""
    made = GO_ON.format(statement=statement, place=place)
    return f'{HOT}{first}{made}workshop.check("12-core")'


RANGE = """
flink.create_table(env, '''
CREATE TABLE ranges (
    window_start TIMESTAMP_LTZ(3), hostname STRING, readings BIGINT, usage_min DOUBLE,
    usage_max DOUBLE
) WITH (
    'connector' = 'kafka', 'topic' = 'my_range', 'format' = 'json',
    'properties.bootstrap.servers' = '${{kafka}}', 'json.timestamp-format.standard' = 'ISO-8601'
)''')
{before}
job = flink.deploy(env, "my_range", '''INSERT INTO ranges
SELECT window_start, hostname, COUNT(usage), {what}, MAX(usage)
FROM TABLE(TUMBLE(TABLE my_in, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND))
WHERE time_ltz IS NOT NULL AND usage > {limit}
GROUP BY window_end, window_start, hostname''')
flink.wait_until_settled(job)
{after}
workshop.check("12-stretch")
workshop.stop_jobs("my_range")
"""


def beside(
    before: str = "",
    after: str = 'flink.stop("my_hot")',
    what: str = "MIN(usage)",
    limit: int = 90,
) -> str:
    """A new statement beside the old one, and the change over to it."""
    return RANGE.format(before=before, after=after, what=what, limit=limit)


#: For each exercise a right answer that is written in another way.
def records(where: str, by: str = "hostname, cpu", highest: str = "MAX") -> str:
    over = f"OVER (PARTITION BY {by} ORDER BY looked_up_at)"
    return asks(
        "10-core",
        "SELECT window_start, hostname, cpu, usage_avg FROM (SELECT *, LAG(top) OVER (PARTITION BY"
        " hostname, cpu ORDER BY looked_up_at) AS before FROM (SELECT *,"
        f" {highest}(usage_avg) {over} AS top, COUNT(*) OVER (PARTITION BY hostname, cpu ORDER BY"
        f" looked_up_at) AS n FROM cpu_out_agg)) WHERE {where}",
    )


#: A rule of three spreads that is silent for a while after a report.
RULE = exercises.exercise("10-stretch").solution


def rule(old: str, new: str) -> str:
    assert old in RULE
    return RULE.replace(old, new)


OTHERS = {
    "10-warm-up": "import statistics\nbefore = [20, 24, 20, 24]\nanswer = (30 -"
    ' statistics.mean(before)) / statistics.pstdev(before)\nworkshop.check("10-warm-up", answer)',
    "10-core": "ordered = averages.sort_values('window_start')\n"
    "series = ordered.groupby(['hostname', 'cpu'])\n"
    "before = series['usage_avg'].transform(lambda one: one.cummax().shift())\n"
    "found = ordered[(ordered['usage_avg'] > before) & (series.cumcount() >= 5)]\n"
    'workshop.check("10-core", found)',
    "10-stretch": 'workshop.check("10-stretch", lambda: workshop.Learned())',
    "13-warm-up": 'workshop.check("13-warm-up", "7")',
    "13-core": shared("one['hostname'] + '/' + one['cpu']"),
    "13-stretch": two(),
    "11-warm-up": 'workshop.check("11-warm-up", "25")',
    "11-core": """
came = topics.read("cpu_arrivals").sort_values("offset")
ahead = came["occurred_at"].cummax().shift() - (came["occurred_at"] // 30_000 + 1) * 30_000
workshop.check("11-core", [n for n in range(100) if (ahead >= 1000 * n).sum() <= 210][0])
""",
    "11-stretch": clock(what="SUM(1)"),
    "12-warm-up": 'workshop.check("12-warm-up", "D and b")',
    "12-core": goes_on(
        first=f'savepoint = flink.stop("my_hot")\n{SEND}',
        statement='over_80.replace("usage > 80", "NOT usage <= 90")',
        place="savepoint.place",
    ),
    "12-stretch": beside(),
}

#: For each exercise three wrong answers, and what is said of them.
WRONG = {
    "10-warm-up": {
        'workshop.check("10-warm-up", 30 - 22)': "The spread is 2 points",
        'workshop.check("10-warm-up", 8 / (16 / 3) ** 0.5)': "STDDEV_POP is asked for",
        'workshop.check("10-warm-up", (30 - 23.6) / 3.666)': "take the four before it",
        'workshop.check("10-warm-up", 30 / 22)': "how many times the mean",
        'workshop.check("10-warm-up", 12)': "It is fewer",
    },
    "10-core": {
        records("usage_avg > before"): "The first windows of each CPU",
        records("usage_avg > before AND n > 6"): "One window too late",
        records("usage_avg > before AND n >= 5"): "One window too early",
        records("usage_avg < before AND n > 5", highest="MIN"): "These are the lowest",
        records("usage_avg > before AND n > 5", highest="AVG"): "Too many are such as",
        records("n > 5"): "only those that are higher",
    },
    "10-stretch": {
        rule("if not is_new or self.silent > 0", "if self.silent > 999"): "It reports each reading",
        rule("self.silent = 100\n        return", "return"): "let it be silent",
        rule("100\n        return", "9999\n        return"): "the second trouble is not among",
        rule("3 * spread", "30 * spread"): "It reports nothing",
        rule("usage**2", "usage**'2'"): "At reading 1 its update stopped",
        rule("return 1.0", "return 7"): "a number from 0 to 1",
        'workshop.check("10-stretch", workshop.Learned())': "Give the class itself",
    },
    "13-warm-up": {
        'workshop.check("13-warm-up", 6.25)': "Nobody has a quarter of a worker",
        'workshop.check("13-warm-up", 2)': "Each host has 5 CPUs",
        'workshop.check("13-warm-up", 63)': "as if they reported each second",
        'workshop.check("13-warm-up", 50_000)': "How many workers take them",
        'workshop.check("13-warm-up", 6)': "It is more",
    },
    "13-core": {
        shared("one['hostname']"): "holds 20,100 of 21,000",
        shared("number"): "lie in 4 partitions, so that their order is lost",
        shared("one['cpu']", what="fleet"): "the fleet's own readings",
        shared("one['hostname']", partitions=3): "It has 3 partitions",
        shared("one['cpu']", what="skewed[:9000]"): "21,000 rows are wanted",
    },
    "13-stretch": {
        two(workers=1): "It has 1 worker: two are asked for",
        two(length=30): "a minute is asked for",
        two(more=", cpu"): "for each CPU",
        two(name="two"): "No job my_two runs",
        two(end="window_start"): "e differs in",
    },
    "11-warm-up": {
        'workshop.check("11-warm-up", 65)': "watermark of partition 0",
        'workshop.check("11-warm-up", 40)': "latest reading of partition 1",
        'workshop.check("11-warm-up", 80)': "Which partition decides",
        'workshop.check("11-warm-up", 45)': "the mean of both",
        'workshop.check("11-warm-up", 35)': "It is earlier",
    },
    "11-core": {
        'workshop.check("11-core", 10)': "334 of 21,000 readings are late, 1.59%",
        'workshop.check("11-core", 30)': "99% of the readings are on their way",
        'workshop.check("11-core", 60)': "so is a second less",
        'workshop.check("11-core", 20.5)': "no number of whole seconds",
    },
    "11-stretch": {
        clock(name="my_clocks"): "No job my_clock runs",
        clock("occurred_at"): "still believed",
        clock("CASE WHEN occurred_at <= arrived_at THEN occurred_at END"): "are in no window",
        clock("arrived_at"): "all readings count by when they arrived",
        clock(what="COUNT(DISTINCT cpu)"): "readings differs in",
    },
    "12-warm-up": {
        'workshop.check("12-warm-up", "abd")': "Not a: one more aggregate",
        'workshop.check("12-warm-up", "d")': "Is b not right",
        'workshop.check("12-warm-up", "bcd")': "Not c: .* for a whole one",
        'workshop.check("12-warm-up", "b, e")': "Is d not right",
        'workshop.check("12-warm-up", "bde")': "Not e: .* a lowest is made",
        'workshop.check("12-warm-up", "bx")': "letters from a to e",
    },
    "12-core": {
        goes_on(place="None"): "began afresh",
        goes_on(statement="over_80"): "made of readings over 80%: either",
        goes_on(
            f"{SEND}flink.wait_until_settled(job)\nsavepoint = flink.stop(job)\n"
        ): "or it had read the rest before",
        goes_on("savepoint = flink.stop(job)\n"): "is not sent yet",
        f'{HOT}{STOPPED}workshop.check("12-core")': "No job my_hot runs",
        goes_on(
            STOPPED
            + GO_ON.format(statement=OVER_90, place="savepoint")
            + "flink.stop(job, savepoint=False)\n"
        ): r"\d+ rows come a second time",
    },
    "12-stretch": {
        beside(after=""): "Both run",
        beside(after='flink.stop("my_hot", savepoint=False)'): "without a savepoint",
        beside(before='flink.stop("my_hot")', after=""): "before my_range began",
        beside(limit=80): "those over 90% are asked for",
        beside(what="MAX(usage)"): r"MIN\(usage\) gives the lowest",
    },
}
