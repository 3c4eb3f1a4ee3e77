"""The job that scores: readings in, each with its score out."""

from __future__ import annotations

from pyflink.common import Configuration, Types
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment, TableEnvironment, TablePipeline

from cpuwatch.learned.function import Score

#: The job's name.
JOB = "cpu_learned"

#: The table with a row a reading.
SCORES = "cpu_out_scores"

#: What it reads and writes.
TABLES = ("cpu_in", SCORES)

#: The file with the view that takes the place of `cpu_judged`.
JUDGED = "cpu_judged_by_score"

#: One series after the other has its readings in the order of their times, though they arrive in
#: another: a running count can be given out only once the watermark has passed a reading.
_IN_ORDER = """
SELECT hostname, cpu, usage, moment
FROM (
    SELECT hostname, cpu, usage, occurred_at AS moment,
        COUNT(*) OVER (PARTITION BY hostname, cpu ORDER BY time_ltz) AS place
    FROM cpu_in
    WHERE time_ltz IS NOT NULL
)
WHERE place > 0
"""

_SCORED = """
SELECT TO_TIMESTAMP_LTZ(moment, 3) AS time_ltz, hostname, cpu, usage, anomaly_score
FROM scored
"""


def streaming(environment: TableEnvironment) -> StreamTableEnvironment:
    """An environment beside this one, with its options, from whose tables streams can be made."""
    options = environment.get_config().get_configuration().to_dict()
    configuration = Configuration()
    for name, value in options.items():
        configuration.set_string(name, value)
    streams = StreamExecutionEnvironment.get_execution_environment(configuration)
    made = StreamTableEnvironment.create(streams)
    for name, value in options.items():
        made.get_config().set(name, value)
    return made


def score(environment: StreamTableEnvironment) -> TablePipeline:
    """What to submit, so that each reading of cpu_in is in cpu_out_scores, with its score.

    Parameters
    ----------
    environment
        From `streaming`; it has both tables.
    """
    readings = environment.to_data_stream(environment.sql_query(_IN_ORDER))
    text, real, whole = Types.STRING(), Types.DOUBLE(), Types.LONG()
    scored = readings.key_by(
        lambda reading: (reading[0], reading[1]), key_type=Types.TUPLE([text, text])
    ).process(
        Score(),
        output_type=Types.ROW_NAMED(
            ["hostname", "cpu", "usage", "moment", "anomaly_score"],
            [text, text, real, whole, real],
        ),
    )
    environment.create_temporary_view("scored", environment.from_data_stream(scored))
    return environment.sql_query(_SCORED).insert_into(SCORES)
