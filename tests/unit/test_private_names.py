"""No module uses a private name of another; here is what ruff's SLF001 does not see of that."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import NamedTuple

import pytest

from cpuwatch.settings import ROOT

FOLDERS = [ROOT / name for name in ("lib", "tests", "tools", "examples")]
OURS = {path.stem for folder in FOLDERS for path in folder.iterdir()}

#: These are public, and begin so that no field is called like them.
OF_NAMED_TUPLES = {"_asdict", "_field_defaults", "_fields", "_make", "_replace"}


def is_private(name: str) -> bool:
    return re.fullmatch(r"_[A-Za-z]\w*", name) is not None


def imported(module: ast.Module) -> list[str]:
    """What a module takes from others of ours by `from … import …`."""
    return [
        one.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        and (node.level or (node.module or "").split(".")[0] in OURS)
        for one in node.names
    ]


def made(module: ast.Module) -> set[str]:
    """The private names that a module gives: to functions, classes, variables and attributes."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return set(filter(is_private, found))


def named(module: ast.Module) -> set[str]:
    """What it names by a text, as in `setattr(module, "name", …)` or `(module, "name")`."""
    found = set()
    for node in ast.walk(module):
        parts = getattr(node, "args" if isinstance(node, ast.Call) else "elts", [])
        for one, other in pairwise([None, *parts]):
            text = other.value if isinstance(other, ast.Constant) else None
            if isinstance(text, str) and (
                isinstance(one, (ast.Name, ast.Attribute)) or text.startswith("cpuwatch.")
            ):
                found.add(text.rpartition(".")[2])
    return found


class Module(NamedTuple):
    """What is of interest of one: a whole tree of each would take much memory."""

    imported: list[str]
    made: set[str]
    named: set[str]


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    """All of ours."""
    found = {}
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found[str(path.relative_to(ROOT))] = Module(imported(tree), made(tree), named(tree))
    return found


def test_what_is_looked_for_is_found() -> None:
    assert {"cpuwatch", "conftest", "chaos", "presenter"} <= OURS
    found = ast.parse(
        "from cpuwatch.cli import _a as b\nfrom pyflink.table import _c\nclass _D: ...\n"
        "def _e(_f):\n self._g = _h = _f\nsetattr(cli, '_i', 1)\nset('cpuwatch.cli._j')\n"
        "for one, name in [(cli, '_k')]: ...\ndict(suffix='_l', of=('_m', '_n'))"
    )
    assert imported(found) == ["_a"]
    assert made(found) == {"_D", "_e", "_g", "_h"}
    assert named(found) == {"_i", "_j", "_k"}


def test_no_private_name_of_ours_is_imported(modules: dict[str, Module]) -> None:
    found = {name: list(filter(is_private, one.imported)) for name, one in modules.items()}
    assert {name: those for name, those in found.items() if those} == {}


def test_no_private_name_of_another_module_is_named_by_a_text(modules: dict[str, Module]) -> None:
    given = set[str]().union(*(one.made for one in modules.values())) - OF_NAMED_TUPLES
    found = {name: one.named & given - one.made for name, one in modules.items()}
    assert {name: those for name, those in found.items() if those} == {}
