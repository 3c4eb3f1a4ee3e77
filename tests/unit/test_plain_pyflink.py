"""The page about plain PyFlink says what its script does."""

from __future__ import annotations

import re
from pathlib import Path

from cpuwatch.flink import cluster, environment
from cpuwatch.stack import jars

ROOT = Path(__file__).parents[2]
SCRIPT = (ROOT / "examples" / "plain_pipeline.py").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "plain-pyflink.md").read_text(encoding="utf-8")


def test_the_script_is_pyflink_alone() -> None:
    imported = re.findall(r"^(?:from|import) (\w+)", SCRIPT, re.MULTILINE)
    assert imported == ["os", "pathlib", "pyflink"]


def test_what_the_page_quotes_stands_in_the_script() -> None:
    quoted = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert quoted
    for text in quoted:
        assert text in SCRIPT, text


def test_the_page_names_the_jars_that_the_workshop_uses() -> None:
    for coordinate in jars.WANTED["flink"]:
        assert f"`{coordinate}`" in PAGE


def test_the_page_explains_each_variable_that_the_script_takes() -> None:
    for name in re.findall(r'given\("(\w+)"', SCRIPT):
        assert f"`{name}`" in PAGE


def test_the_script_sets_what_the_helper_sets() -> None:
    modules = [Path(one.__file__) for one in (environment, cluster)]
    helper = "".join(module.read_text(encoding="utf-8") for module in modules)
    set_by_script = re.findall(r'^    "([\w.-]+)": ', SCRIPT, re.MULTILINE)
    for name in set_by_script:
        if name.count(".") and not name.startswith("pipeline."):
            assert f'"{name}"' in helper and f"`{name}`" in PAGE
