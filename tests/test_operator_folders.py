"""An operator is one folder: no engine names one, and one from outside goes from ONNX to its netlist."""

import ast
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core import plugins

from .documents import ROOT, python

EXAMPLES = ROOT / "tests" / "plugins"
INSERTED = {"fifo", "width", "fork"}  # no meaning of their own: engines put them between others
CHECKS = (
    "lowered = qonnx", "lowered = exact network", "lowered = FINN execution", "folded = lowered",
    "netlist = lowered", "netlist cycles = RTL cycles", "memories of the netlist = folded.onnx",
    "netlist of layers = folded.onnx",
)  # fmt: skip


def engines() -> list[Path]:
    """Python files of flows, sim, the root package and of hw above its plug-ins."""
    found = [*(ROOT / "hw").glob("*.py"), *(ROOT / "src" / "xnorforge").glob("*.py")]
    for folder in (ROOT / "flows", ROOT / "sim", *(ROOT / "src" / "xnorforge").iterdir()):
        if folder.is_dir() and not folder.is_symlink():
            found += folder.rglob("*.py")
    return sorted(found)


def named(text: str, operators: dict[str, str]) -> set[str]:
    """Operators that a file's code names, comments and docstrings left out.

    A name is the class, as identifier or as a whole string; the folder, where it is one of two words or
    stands behind hw.ops; the module xf_<folder>.
    """
    classes = {cls: folder for folder, cls in operators.items()}
    words = {folder: folder for folder in operators if "_" in folder}
    tree, found = ast.parse(text), set()
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        texts = []
        if isinstance(node, ast.Name):
            texts = [node.id]
        elif isinstance(node, ast.Attribute):
            texts = [node.attr]
        elif isinstance(node, ast.alias):
            texts = [node.name.split(".")[-1]]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            texts = [node.value]
            found |= {name for name in re.findall(r"\bxf_(\w+)", node.value) if name in operators}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            rest = [arg.value for arg in node.args[1:2] if isinstance(arg, ast.Constant)]
            found |= set(rest) & set(operators) if node.args[0].value == "hw.ops" else set()
        if isinstance(node, ast.ImportFrom | ast.alias):
            path = getattr(node, "module", None) or getattr(node, "name", "")
            found |= {name for name in re.findall(r"\bhw\.ops\.(\w+)", path) if name in operators}
        found |= {(classes | words)[one] for one in texts if one in classes | words}
    return found


def operators() -> dict[str, str]:
    """Folder: class, of the operators with a meaning of their own."""
    names = [name for name in plugins.names("hw.ops") if name not in INSERTED]
    return {name: plugins.load("hw.ops", name).Op.__name__ for name in names}


def test_no_engine_names_an_operator():
    known = operators()
    assert len(known) >= 20 and known["top_k"] == "TopK"
    found = {str(path.relative_to(ROOT)): named(path.read_text(), known) for path in engines()}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.fixture(params=["absolute", "maximum"])
def outside(request, tmp_path):
    """An operator's folder outside the package, and what a process needs to find it."""
    shutil.copytree(EXAMPLES / request.param, tmp_path / "mine")

    def run(*command):
        return python(*command, cwd=ROOT, XNORFORGE_PLUGINS=str(tmp_path / "mine"))

    return request.param, run


@pytest.mark.quick("absolute")
def test_an_operator_outside_the_package_goes_from_onnx_to_its_netlist(outside, tmp_path):
    name, run = outside
    done = run(EXAMPLES / "pipeline.py", name, tmp_path / "net")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["own"] == [name.capitalize()] and name.capitalize() in found["operators"]
    np.testing.assert_array_equal(found["bits"], found["lowered"])
    assert len(np.unique(found["lowered"])) > 5 and found["lut"] > 0
    assert found["checks"] == dict.fromkeys(CHECKS, 0)


def test_what_an_operator_outside_the_package_does_not_know_is_refused_by_it(outside):
    name, run = outside
    done = run(EXAMPLES / "pipeline.py", name, "refused")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert {"absolute": "after sums without a bias", "maximum": "quantise both"}[name] in done.stderr


@pytest.mark.quick("absolute")
def test_an_operator_outside_the_package_passes_the_conformance_tests(outside):
    name, run = outside
    files = ("tests/hw/test_ops.py", "tests/flows/test_meanings.py")
    done = run("-m", "pytest", "-p", "no:cacheprovider", *files, "-k", name)
    assert done.returncode == 0, done.stdout[-3000:]
    assert {"absolute": "172 passed", "maximum": "158 passed"}[name] in done.stdout
