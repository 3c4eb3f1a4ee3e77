"""The pipeline, described once: its jobs, its chapters, the numbers that its statements take.

Everything else takes from here what it has to know of a job: what `begin` brings about, what
`reset` forgets, which topics a demo keeps apart. A table describes itself, in
`sql/<table>.sql`: its topic and its columns stand there and nowhere else.

A job of one's own takes `sql/<its table>.sql`, `sql/<job>.sql`, and one entry in `JOBS`. Entries
that do not fit together are refused when this module is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from cpuwatch import entries

#: What chapters leave behind, apart from jobs.
READINGS = "readings"
THRESHOLDS = "thresholds"


@dataclass(frozen=True)
class Chapter:
    """One notebook.

    Attributes
    ----------
    number
        As its file's name begins: '02'.
    leaves
        What is there after it, apart from the jobs that it teaches.
    sends_more
        Whether it sends readings of its own, which stay.
    live
        Whether readings of today come in it, beside which the fleet's are not to be seen.
    needs
        The jobs that have to run when it begins; by default all of the chapters before. One of
        one's own comes back in such a chapter once it is named there, too.
    exact
        Whether it counts on the fleet's readings and no others, whoever sent more before.
    """

    number: str
    leaves: tuple[str, ...] = ()
    sends_more: bool = False
    live: bool = False
    needs: tuple[str, ...] | None = None
    exact: bool = False


CHAPTERS = (
    Chapter("00"),
    Chapter("01", leaves=(READINGS,)),
    Chapter("02"),
    Chapter("03"),
    Chapter("04", leaves=(THRESHOLDS,)),
    Chapter("05"),
    Chapter("06"),
    Chapter("07", sends_more=True),
    Chapter("08"),
    Chapter("09", live=True),
    Chapter("10", needs=("cpu_filter", "cpu_agg", "cpu_over"), exact=True),
    Chapter("11", needs=(), exact=True),
    Chapter("12", needs=(), exact=True),
    Chapter("13", needs=("cpu_agg",), exact=True),
)


@dataclass(frozen=True)
class Job:
    """One Flink job, as `sql/<name>.sql` holds it: INSERT INTO … SELECT.

    Attributes
    ----------
    name
        Its name on the cluster, and of its file.
    reads
        The tables that it reads: each has a file of its own.
    writes
        The table that it writes.
    chapter
        The chapter that teaches it. It runs in every later one but those that name what they need.
    explained
        The chapter that shows its statement, if that is a later one; by default its own.
    views
        The views that its statement is built on, in the order in which they are created.
    parameters
        The fields of `Parameters` that its statement and its views ask for.
    hint
        What an attendee is told who asks.
    in_order
        Whether the order of its rows matters to who reads them. Then one worker makes them: of
        several, each writes its own in order, and theirs come as it happens.
    may_be_silent
        Whether it is well if nothing comes out of it: what it looks for need not be there.
    awaited
        Whether people wait for each of its rows: then its checkpoints, with which rows can be seen,
        come twice as often as those of others.
    also_writes
        Further tables that it writes, if it is a statement set.
    also_reads
        Tables that its chapter puts in the place of those that it reads.
    """

    name: str
    reads: tuple[str, ...]
    writes: str
    chapter: str
    explained: str = ""
    views: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    hint: str = ""
    in_order: bool = False
    may_be_silent: bool = False
    awaited: bool = False
    also_writes: tuple[str, ...] = ()
    also_reads: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """All tables that it reads and writes, in its own statement and in others of its kind."""
        return (*self.reads, *self.also_reads, self.writes, *self.also_writes)


#: In an order in which they can be deployed: a job comes after those whose output it reads.
JOBS = (
    Job(
        "cpu_filter",
        reads=("cpu_in",),
        writes="cpu_out_filter",
        chapter="02",
        hint="Every row of cpu_in, four of its columns, and two conditions: WHERE usage > … AND"
        " time_ltz IS NOT NULL.",
    ),
    Job(
        "cpu_agg",
        reads=("cpu_in",),
        writes="cpu_out_agg",
        chapter="03",
        parameters=("window",),
        hint="FROM TABLE(TUMBLE(TABLE cpu_in, DESCRIPTOR(…), INTERVAL '…' SECOND)), and GROUP"
        " BY window_start, window_end and what else you want an average for.",
    ),
    Job(
        "cpu_bad",
        reads=("cpu_in", "cpu_placed", "cpu_raw"),
        writes="cpu_out_bad",
        chapter="03",
        explained="07",
        may_be_silent=True,
        hint="Two queries, put together by UNION ALL: the records of cpu_raw that are no JSON"
        " object, and the rows of cpu_placed WHERE time_ltz IS NULL. CASE gives the reason.",
    ),
    Job(
        "cpu_over",
        reads=("cpu_out_agg", "cpu_thresholds"),
        writes="cpu_out_over",
        chapter="05",
        parameters=("default_top",),
        hint="cpu_out_agg LEFT JOIN cpu_thresholds FOR SYSTEM_TIME AS OF"
        " a.looked_up_at: it looks a host's threshold up when its average comes by.",
    ),
    Job(
        "cpu_notification",
        reads=("cpu_out_agg", "cpu_thresholds"),
        writes="cpu_out_alerts",
        chapter="06",
        views=(
            "cpu_judged",
            "cpu_so_far",
            "cpu_before",
            "cpu_changes",
            "cpu_events",
            "cpu_opened",
            "cpu_counted",
        ),
        parameters=("default_top", "min_readings", "cooldown"),
        in_order=True,
        awaited=True,
        hint="Step by step: is this window over, until when was the cpu over before"
        " it, and is that longer ago than the cooldown? LAG looks at the row before.",
    ),
)

#: What the rule needs that learns, beside those: `begin` does not bring it about.
LEARNED = (
    Job(
        "cpu_scored",
        reads=("cpu_out_scores",),
        writes="cpu_out_scored",
        chapter="10",
        parameters=("window",),
    ),
)


#: What the chapters beyond the tutorial teach: `begin` brings none of it about.
BEYOND: tuple[Job, ...] = (
    Job(
        "cpu_unusual",
        reads=("cpu_out_agg",),
        writes="cpu_out_unusual",
        chapter="10",
        views=("cpu_usual", "cpu_expected"),
        hint="The mean and the spread so far, by OVER; as they were one row earlier, by LAG; and"
        " the rows that are more than three spreads above that mean.",
    ),
    Job(
        "cpu_on_time",
        reads=("cpu_arriving",),
        writes="cpu_out_on_time",
        chapter="11",
        also_writes=("cpu_out_late",),
        also_reads=("cpu_ahead", "cpu_believed", "cpu_returning"),
        hint="The second INSERT takes single rows out of the same windows: FROM TABLE(TUMBLE(…))"
        " WHERE window_end <= CURRENT_WATERMARK(time_ltz), without GROUP BY.",
    ),
    Job(
        "cpu_corrected",
        reads=("cpu_arriving",),
        writes="cpu_out_corrected",
        chapter="11",
        hint="No TUMBLE: the start of the 30 seconds is a column like any other,"
        " TO_TIMESTAMP_LTZ(occurred_at / 30000 * 30000, 3). GROUP BY it, hostname and cpu.",
    ),
    Job(
        "cpu_hosts",
        reads=("cpu_in_change",),
        writes="cpu_out_hosts",
        chapter="12",
        parameters=("window",),
        hint="It is the query of chapter 3 without cpu: FROM TABLE(TUMBLE(TABLE cpu_in_change, …)),"
        " GROUP BY window_start, window_end, hostname.",
    ),
    Job(
        "cpu_agg_wide",
        reads=("cpu_wide",),
        writes="cpu_out_wide",
        chapter="13",
        parameters=("window",),
        hint="It is cpu_agg, from cpu_wide to cpu_out_wide.",
    ),
)

#: All jobs that have a file here.
EVERY = (*JOBS, *LEARNED, *BEYOND)


@dataclass(frozen=True)
class Parameters:
    """The numbers that statements ask for, as `${window}` and the like.

    Attributes
    ----------
    window
        The length of a window, in seconds.
    cooldown
        For how many windows an episode goes on after its last one over the threshold.
    min_readings
        A window of fewer readings neither opens nor closes an episode.
    default_top
        The highest average that is allowed to a host without a threshold, in percent.
    """

    window: int = 30
    cooldown: int = 2
    min_readings: int = 3
    default_top: float = 80.0

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The parameters that there are."""
        return tuple(field.name for field in fields(cls))


#: The workshop's own.
WORKSHOP = Parameters()


@dataclass(frozen=True)
class Run:
    """Names for a run of its own, so that it touches nothing of the workshop's.

    Attributes
    ----------
    id
        Letters, digits and hyphens; unique to the run.
    """

    id: str

    def topic(self, topic: str) -> str:
        """The run's own topic instead of `topic`."""
        return f"{topic}-{self.id}"

    def job(self, job: str) -> str:
        """The run's own name for a job."""
        return f"{job}-{self.id}"

    @property
    def schema(self) -> str:
        """The run's own schema in PostgreSQL."""
        return self.id.replace("-", "_")


def numbers() -> tuple[str, ...]:
    """The chapters' numbers, in order."""
    return tuple(chapter.number for chapter in CHAPTERS)


def job(name: str) -> Job | None:
    """The job of that name; None if there is none."""
    return next((one for one in EVERY if one.name == name), None)


def jobs_before(chapter: str) -> tuple[Job, ...]:
    """The jobs that run when this chapter begins, in an order to deploy them."""
    needs = next(one.needs for one in CHAPTERS if one.number == chapter)
    before = tuple(one for one in JOBS if one.chapter < chapter)
    return before if needs is None else tuple(one for one in before if one.name in needs)


def left_before(chapter: str) -> tuple[str, ...]:
    """What the chapters before this one leave, apart from jobs."""
    return tuple(thing for one in CHAPTERS if one.number < chapter for thing in one.leaves)


def may_hold_more(chapter: str) -> bool:
    """Whether there may be more readings than the fleet's, from a chapter before this one."""
    exact = any(one.exact for one in CHAPTERS if one.number == chapter)
    return not exact and any(one.sends_more for one in CHAPTERS if one.number < chapter)


def may_be_live(chapter: str) -> bool:
    """Whether this chapter goes on with readings of today."""
    return any(one.live for one in CHAPTERS if one.number == chapter)


def tables(jobs: Iterable[Job] = EVERY) -> tuple[str, ...]:
    """The tables that jobs read and write, each once, in an order to create them."""
    return tuple(dict.fromkeys(table for one in jobs for table in one.tables))


def owner(view: str) -> Job | None:
    """The job that a view belongs to; None if it is no view of ours."""
    return next((one for one in EVERY if view in one.views), None)


entries.check_jobs(EVERY, numbers(), Parameters.names())
entries.check_chapters(CHAPTERS, (READINGS, THRESHOLDS), JOBS)
