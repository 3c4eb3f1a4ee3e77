"""The query over a file: each host has its average, minute by minute."""

import json
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path

import pipeline

START = 1_767_603_600_000  # 2026-01-05 09:00:00 UTC

READINGS = [
    {"hostname": host, "usage": float(usage + second % 7), "occurred_at": START + 1000 * second}
    for second in range(150)
    for host, usage in (("doc", 10), ("sneezy", 60))
]


def test_each_minute_has_its_average(tmp_path: Path) -> None:
    file = tmp_path / "readings.json"
    file.write_text("\n".join(json.dumps(one) for one in READINGS))
    env = pipeline.environment()
    # A file comes to its end, and then even the last window closes. A topic never does.
    options = f"'connector' = 'filesystem', 'path' = '{file.as_uri()}', 'format' = 'json'"
    env.execute_sql(pipeline.SOURCE.format(options=options))
    with env.execute_sql(pipeline.QUERY).collect() as rows:
        found = {(str(row[0]), row[1]): row[2] for row in rows}

    minutes = defaultdict(list)
    for one in READINGS:
        minute = one["occurred_at"] // 60_000 * 60
        start = datetime.fromtimestamp(minute, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
        minutes[start, one["hostname"]].append(one["usage"])
    assert found == {key: sum(usage) / len(usage) for key, usage in minutes.items()}
