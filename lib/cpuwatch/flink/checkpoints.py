"""What a job's checkpoint holds, step by step: Flink's own figures, in words for its statement."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from cpuwatch import web
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import rest
from cpuwatch.flink.cluster import Job

#: What a step of Flink's plan does, in the statement's words; the first that fits counts.
_STEPS = [
    (re.compile(pattern), said)
    for pattern, said in [
        (r"^Source: (\w+)", "read {}"),
        (r"^(\w+)(?:\[\d+\])?: Writer", "write {}"),
        (r"^(\w+)(?:\[\d+\])?: Committer", "commit {}"),
        (r"^WatermarkAssigner", "move the watermark"),
        (r"^(?:Local|Global)?WindowAggregate", "gather windows"),
        (r"^(?:Local|Global)?GroupAggregate", "gather groups"),
        (r"^OverAggregate", "look at rows before"),
        (r"^LookupJoin", "look up"),
        (r"Join", "join"),
        (r"^Correlate", "make rows of one"),
        (r"^Calc", "conditions and columns"),
    ]
]


def held(job: Job) -> pd.DataFrame:
    """What the newest checkpoint or savepoint of a job holds.

    Parameters
    ----------
    job
        A job that runs, or that was stopped a moment ago.

    Returns
    -------
    pandas.DataFrame
        For each step, in the order of the data: step, workers, bytes.

    Raises
    ------
    CpuwatchError
        If it has made none yet, or the cluster knows it no more.
    """
    try:
        latest = rest.ask(f"/jobs/{job.id}/checkpoints")["latest"]
        made = [one for kind in ("completed", "savepoint") if (one := latest[kind])]
        if not made:
            raise CpuwatchError(
                f"{job.name} has made no checkpoint yet: flink.wait_until_settled(job) has it make"
                " one."
            )
        newest = max(int(one["id"]) for one in made)
        steps = rest.ask(f"/jobs/{job.id}")["vertices"]
        bytes_of = rest.ask(f"/jobs/{job.id}/checkpoints/details/{newest}")["tasks"]
    except web.HTTPError:
        raise CpuwatchError(
            f"The cluster does not know a checkpoint of {job.name} any more: deploy it again."
        ) from None
    return pd.DataFrame(
        [_row(one, bytes_of) for one in steps], columns=["step", "workers", "bytes"]
    )


def _row(vertex: dict[str, Any], bytes_of: dict[str, Any]) -> tuple[str, int, int]:
    size = int(bytes_of.get(vertex["id"], {}).get("state_size", 0))
    return step(str(vertex["name"])), int(vertex["parallelism"]), size


def step(name: str) -> str:
    """What a step of Flink's plan does, in words; of several in a chain all.

    Parameters
    ----------
    name
        As the plan calls it, such as 'Source: cpu_in[1]'.
    """
    said = [_said(part.strip(" ()")) for part in re.split(r" -> |, ", name)]
    return ", ".join(dict.fromkeys(said))


def _said(part: str) -> str:
    for pattern, text in _STEPS:
        if found := pattern.search(part):
            return text.format(*found.groups())
    return re.sub(r"\[\d+\]", "", part)
