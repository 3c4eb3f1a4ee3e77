"""What `deploy/` holds is what `tools/deploy.py` makes of the statements, of this Flink."""

from __future__ import annotations

import re
from pathlib import Path

import compose_file
from ruamel.yaml import YAML
from slides_parts import tool

from cpuwatch import pipeline
from cpuwatch.stack import flink

deploy = tool("deploy")


def test_the_files_are_those_that_the_tool_makes() -> None:
    wanted = deploy.files("kafka:9092", "postgres:5432", "cpuwatch-flink:latest")
    there = {
        str(path.relative_to(deploy.FOLDER)): path.read_text()
        for path in deploy.FOLDER.rglob("*")
        if path.suffix in (".sql", ".yaml")
    }
    assert there == wanted, "run .venv/bin/python tools/deploy.py"


def test_each_job_has_its_own_and_no_address_or_password_of_ours() -> None:
    made = deploy.files("k:1", "p:2", "image")
    assert len(made) == 2 * len(pipeline.JOBS)
    for name, text in made.items():
        assert "${" not in text and "127.0.0.1" not in text and "password" not in text.lower()
        if name.endswith(".sql"):
            assert text.count("INSERT INTO") == 1 and text.rstrip().endswith(";")
    wide = {
        one["metadata"]["name"]: one["spec"]["job"]["parallelism"]
        for name, text in made.items()
        if name.endswith(".yaml")
        for one in [YAML(typ="safe").load(text)]
    }
    assert wide.pop("cpu-notification") == 1 and set(wide.values()) == {2}


def test_it_is_the_flink_that_the_workshop_runs() -> None:
    image = compose_file.load()["services"]["jobmanager"]["image"]
    assert f"FROM {image}\n" in (deploy.FOLDER / "Dockerfile").read_text()
    (version,) = {
        found[1]
        for path in (flink.HOME / "lib").glob("flink-dist-*.jar")
        if (found := re.search(r"dist-([\d.]+)\.jar", path.name))
    }
    assert f":{version}-" in image
    text = (deploy.FOLDER / "cpu-agg.yaml").read_text()
    assert f"flink-sql-gateway-{version}.jar" in text
    assert f"flinkVersion: v{'_'.join(version.split('.')[:2])}" in text


def test_a_field_that_the_schema_does_not_know_is_named(tmp_path: Path) -> None:
    schema = {
        "spec": {
            "versions": [
                {
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {
                                    "type": "object",
                                    "properties": {
                                        "image": {"type": "string"},
                                        "free": {"x-kubernetes-preserve-unknown-fields": True},
                                    },
                                }
                            },
                        }
                    }
                }
            ]
        }
    }
    yaml = YAML()
    yaml.dump(schema, tmp_path / "crd.yml")
    (tmp_path / "good.yaml").write_text("kind: X\nspec: {image: a, free: {b: 1}}\n")
    assert deploy.check(tmp_path / "crd.yml", tmp_path) == []
    (tmp_path / "bad.yaml").write_text("kind: X\nspec: {image: 1, imagine: a}\n")
    found = deploy.check(tmp_path / "crd.yml", tmp_path)
    assert len(found) == 2 and all("bad.yaml: spec" in one for one in found)
    assert any("imagine" in one for one in found)
