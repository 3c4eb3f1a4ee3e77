"""The jobs for a Kubernetes cluster that others run: `deploy/`, made of the statements in `sql/`.

    .venv/bin/python tools/deploy.py                      # writes deploy/sql and the manifests
    .venv/bin/python tools/deploy.py --kafka HOST:PORT --postgres HOST:PORT --image NAME out/deploy
    .venv/bin/python tools/deploy.py --check CRD.yml      # holds them against the operator's schema

The schema is a file of the Flink Kubernetes Operator's: `flinkdeployments.flink.apache.org-v1.yml`.
"""

from __future__ import annotations

import argparse
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
from ruamel.yaml import YAML

from cpuwatch import pipeline, sql
from cpuwatch.pipeline import Job

FOLDER = Path(__file__).parents[1] / "deploy"

#: What `flink.connect` and `flink.deploy` set as well: windows in UTC, sums in the order of
#: arrival, and no chain behind a reader that skips what it cannot read.
OPTIONS = {
    "table.local-time-zone": "UTC",
    "table.exec.state.ttl": "7 d",
    "table.optimizer.agg-phase-strategy": "ONE_PHASE",
    "pipeline.operator-chaining.enabled": "false",
}

#: On a drive that all pods reach.
STATE = "file:///flink-data"


def script(job: Job, kafka: str, postgres: str) -> str:
    """All that a job needs, as Flink's SQL: options, tables, views, and the job itself."""
    names = (*pipeline.tables([job]), *job.views, job.name)
    statements = [
        f"SET 'pipeline.name' = '{job.name}'",
        *(f"SET '{name}' = '{value}'" for name, value in OPTIONS.items()),
        *map(sql.taught, dict.fromkeys(names)),
    ]
    text = ";\n\n".join(statements) + ";\n"
    address = f"jdbc:postgresql://{postgres}/cpuwatch?user=cpuwatch"
    return text.replace("${kafka}", kafka).replace("${postgres}", address)


def manifest(job: Job, image: str) -> dict[str, Any]:
    """A FlinkDeployment: a cluster for this job alone, whose upgrade is by savepoint."""
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": job.name.replace("_", "-")},
        "spec": {
            "image": image,
            "flinkVersion": "v2_2",
            "serviceAccount": "flink",
            "flinkConfiguration": {
                "execution.checkpointing.interval": "1 s",
                "execution.checkpointing.dir": f"{STATE}/checkpoints",
                "execution.checkpointing.savepoint-dir": f"{STATE}/savepoints",
                "high-availability.type": "kubernetes",
                "high-availability.storageDir": f"{STATE}/ha",
                "restart-strategy.type": "exponential-delay",
                "taskmanager.numberOfTaskSlots": "2",
            },
            "podTemplate": {
                "spec": {
                    "containers": [
                        {
                            "name": "flink-main-container",
                            # The JDBC driver reads the password there, so that it is in no SQL.
                            "env": [{"name": "PGPASSFILE", "value": "/secrets/pgpass"}],
                            "volumeMounts": [
                                {"name": "flink-data", "mountPath": "/flink-data"},
                                {"name": "pgpass", "mountPath": "/secrets", "readOnly": True},
                            ],
                        }
                    ],
                    "securityContext": {"fsGroup": 9999},
                    "volumes": [
                        {
                            "name": "flink-data",
                            "persistentVolumeClaim": {"claimName": "cpuwatch-flink"},
                        },
                        {
                            "name": "pgpass",
                            "secret": {"secretName": "cpuwatch-pgpass", "defaultMode": 0o440},
                        },
                    ],
                }
            },
            "jobManager": {"resource": {"memory": "1024m", "cpu": 0.5}},
            "taskManager": {"resource": {"memory": "1536m", "cpu": 1}},
            "job": {
                # It brings the class that runs a script; the script itself is in the image.
                "jarURI": "local:///opt/flink/opt/flink-sql-gateway-2.2.1.jar",
                "entryClass": "org.apache.flink.table.runtime.application.SqlDriver",
                "args": ["--scriptUri", f"file:///opt/flink/usrlib/sql/{job.name}.sql"],
                "parallelism": 1 if job.in_order else 2,
                "upgradeMode": "savepoint",
                "state": "running",
            },
        },
    }


def as_yaml(found: dict[str, Any]) -> str:
    """As people write it."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = StringIO()
    yaml.dump(found, text)
    return f"# Made by tools/deploy.py: change it there.\n{text.getvalue()}"


def files(kafka: str, postgres: str, image: str) -> dict[str, str]:
    """What is written, by its path in the folder."""
    made = {}
    for job in pipeline.JOBS:
        made[f"sql/{job.name}.sql"] = script(job, kafka, postgres)
        made[f"{job.name.replace('_', '-')}.yaml"] = as_yaml(manifest(job, image))
    return made


def check(schema: Path, folder: Path) -> list[str]:
    """What is wrong with the manifests by the operator's own schema."""
    yaml = YAML(typ="safe")
    found = yaml.load(schema.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    # What kind of thing it is, and its name, the schema leaves to Kubernetes.
    closed = _closed(found) | {"additionalProperties": True}
    validator = jsonschema.Draft7Validator(closed)
    return [
        f"{path.name}: {'.'.join(map(str, error.absolute_path))}: {error.message}"
        for path in sorted(folder.glob("*.yaml"))
        for error in validator.iter_errors(yaml.load(path.read_text()))
    ]


def _closed(schema: Any) -> Any:
    """The schema, by which a field that it does not know is wrong, as for the API server."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed(one) for name, one in schema.items()}
    fields = schema.get("properties")
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or not isinstance(fields, dict)
    if not is_open and schema.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def main() -> None:
    """Write them, or check them."""
    parser = argparse.ArgumentParser(prog="deploy")
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--kafka", default="kafka:9092")
    parser.add_argument("--postgres", default="postgres:5432")
    parser.add_argument("--image", default="cpuwatch-flink:latest")
    parser.add_argument("--check", type=Path, metavar="CRD")
    given = parser.parse_args()
    if given.check is not None:
        wrong = check(given.check, given.folder)
        print("\n".join(wrong) or f"{len(list(given.folder.glob('*.yaml')))} manifests fit.")
        sys.exit(bool(wrong))
    for name, text in files(given.kafka, given.postgres, given.image).items():
        path = given.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
