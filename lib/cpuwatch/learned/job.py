"""The job that scores: readings in, each with its score out."""

from __future__ import annotations

from pyflink.common import Types
from pyflink.table import StreamTableEnvironment, TablePipeline

from cpuwatch.learned.function import Score

#: The job's name.
JOB = "cpu_learned"

#: The table with a row a reading.
SCORES = "cpu_out_scores"

#: What it reads and writes.
TABLES = ("cpu_in", SCORES)

#: The file with the view that takes the place of `cpu_judged`.
JUDGED = "cpu_judged_by_score"

#: The file with the view that brings a series' readings into the order of their times.
IN_ORDER = "cpu_in_order"

_SCORED = """
SELECT TO_TIMESTAMP_LTZ(occurred_at, 3) AS time_ltz, hostname, cpu, usage, anomaly_score
FROM scored
"""


def score(environment: StreamTableEnvironment) -> TablePipeline:
    """What to submit, so that each reading of cpu_in is in cpu_out_scores, with its score.

    Parameters
    ----------
    environment
        From `flink.streams`; it has both tables, and the view.
    """
    readings = environment.to_data_stream(environment.from_path(IN_ORDER))
    text, real, whole = Types.STRING(), Types.DOUBLE(), Types.LONG()
    scored = readings.key_by(
        lambda reading: (reading[0], reading[1]), key_type=Types.TUPLE([text, text])
    ).process(
        Score(),
        output_type=Types.ROW_NAMED(
            ["hostname", "cpu", "usage", "occurred_at", "anomaly_score"],
            [text, text, real, whole, real],
        ),
    )
    environment.create_temporary_view("scored", environment.from_data_stream(scored))
    return environment.sql_query(_SCORED).insert_into(SCORES)
