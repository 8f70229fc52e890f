"""What the tests are held to themselves."""

import ast
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import ROOT

MODULES = [str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("*.py")]


def imported(source: str) -> set[str]:
    """All modules, and names of modules, that `source` imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{each.name}" for each in node.names)}
    return found


def definitions(source: str) -> set[str]:
    """The functions and classes that `source` defines, and the methods of these as `Class.method`."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


def modules_of_tests(modules: set[str]) -> list[str]:
    """Those of `modules` that are test modules."""
    return sorted(name for name in modules if name.rpartition(".")[2].startswith("test_"))


@pytest.mark.parametrize("module", MODULES)
def test_nothing_imports_a_test_module(module: str) -> None:
    assert modules_of_tests(imported((ROOT / module).read_text())) == []


@pytest.mark.parametrize(
    "line", ["import tests.unit.test_log", "from tests.unit.test_log import x", "from tests.unit import test_log"]
)
def test_an_import_of_a_test_module_is_found(line: str) -> None:
    assert modules_of_tests(imported(f"def inside():\n    {line}\n")) == ["tests.unit.test_log"]


def test_a_unit_test_can_neither_connect_nor_start_a_process() -> None:
    with socket.socket() as opened, pytest.raises(AssertionError, match="opens no socket"):
        opened.bind(("127.0.0.1", 0))
    with pytest.raises(AssertionError, match="starts no process"):
        subprocess.Popen([sys.executable, Path(__file__)])


WHERE_IS = (ROOT / "ARCHITECTURE.md").read_text().partition("## Where is")[2].partition("\n## ")[0]


@pytest.mark.parametrize("row", re.findall(r"^\| .*`.*\|$", WHERE_IS, re.MULTILINE))
def test_the_architecture_names_what_is_there(row: str) -> None:
    _, files, names = (re.findall(r"`([\w./]+)`", cell) for cell in row.strip("|").split("|"))
    defined = {name for file in files for name in definitions((ROOT / "service" / "specbus" / file).read_text())}
    assert names
    assert not {*names} - defined
