"""The statements of the workshop, one a file, as they also stand in the notebooks."""

from __future__ import annotations

import re
from importlib.resources import files
from string import Template

from cpuwatch.settings import settings

#: The tables' statements, in an order in which they can be created.
TABLES = (
    "cpu_in",
    "cpu_out_filter",
    "cpu_out_agg",
    "cpu_thresholds",
    "cpu_out_over",
    "cpu_out_alerts",
)


def statement(name: str, window: int = 30, cooldown: int = 2, min_readings: int = 3) -> str:
    """The statement in `sql/<name>.sql`, with this stack's addresses filled in.

    Parameters
    ----------
    name
        The file's name without its ending.
    window
        The length of a window, in seconds.
    cooldown
        For how many windows an episode goes on after its last one over the threshold.
    min_readings
        A window of fewer readings neither opens nor closes an episode.
    """
    text = source(name)
    if name == "cpu_notification":
        text = text.replace("INTERVAL '60' SECOND", interval(cooldown * window))
        return fill(text.replace("a.readings >= 3", f"a.readings >= {min_readings}"))
    return fill(text.replace("INTERVAL '30' SECOND", interval(window)))


def source(name: str) -> str:
    """The text of `sql/<name>.sql` as it is, placeholders and all."""
    return files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8").strip()


def fill(text: str) -> str:
    """Replace `${kafka}` and `${postgres}` by the addresses that the Flink cluster uses."""
    config = settings()
    values = {}
    if "${kafka}" in text:
        values["kafka"] = config.kafka_for_flink
    if "${postgres}" in text:
        values["postgres"] = config.jdbc_url
    return Template(text).safe_substitute(values)


def interval(seconds: int) -> str:
    """A length of time as an SQL interval: `INTERVAL '30' SECOND`.

    A plain SECOND holds two digits only, so a longer one is written out.
    """
    if seconds < 100:
        return f"INTERVAL '{seconds}' SECOND"
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"INTERVAL '{days} {hours:02}:{minutes:02}:{rest:02}' DAY TO SECOND"


def seconds(text: str) -> int:
    """A length of time such as '30s', '5m' or '1h', in seconds.

    Raises
    ------
    ValueError
        If it is none, or not between one second and one day.
    """
    match = re.fullmatch(r"([0-9]{1,6})\s*(s|m|h|d)", text.strip().lower())
    length = int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]] if match else 0
    if not 1 <= length <= 86_400:
        raise ValueError(
            f"{text!r} is no length for a window: write for example 30s, 5m or 1h (at most 24h)"
        )
    return length
