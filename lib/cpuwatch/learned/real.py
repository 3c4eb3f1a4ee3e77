"""A real series with what people found wrong in it, to try a detector on."""

from __future__ import annotations

import pandas as pd

from cpuwatch.settings import DATA

#: Of the Numenta Anomaly Benchmark: data/nab/README.md says more.
_FILE = DATA / "nab" / "rds_cpu_utilization_cc0c53.csv"

#: The anomalies that people have marked in it: from, until.
_MARKED = (
    ("2014-02-24 22:50", "2014-02-25 15:35"),
    ("2014-02-26 16:30", "2014-02-27 09:10"),
)


def real_series() -> pd.DataFrame:
    """The CPU of a database server, every five minutes for two weeks.

    Returns
    -------
    pandas.DataFrame
        time (UTC), usage (percent), trouble: the number of the marked trouble that the reading
        is in, 1 or 2, or 0.
    """
    found = pd.read_csv(_FILE, float_precision="round_trip")
    time = pd.to_datetime(found["timestamp"], utc=True)
    made = pd.DataFrame({"time": time, "usage": found["value"], "trouble": 0})
    for number, (start, end) in enumerate(_MARKED, 1):
        within = time.between(pd.Timestamp(start, tz="UTC"), pd.Timestamp(end, tz="UTC"))
        made.loc[within, "trouble"] = number
    return made
