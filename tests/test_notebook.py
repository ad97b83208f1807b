"""The notebook docs/guide/own-pictures.ipynb: its cells call what exists, and run offline; what
docs/guide/python.md says about `xnorforge` from Python (tests/test_pages.py runs its code).
"""

import ast
import inspect
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

import xnorforge
from xnorforge import api
from xnorforge.accelerator import Accelerator
from xnorforge.core.artifacts import processor_seconds, read_json
from xnorforge.sw.datasets import mnist

from .documents import ROOT, python

NOTEBOOK = ROOT / "docs/guide/own-pictures.ipynb"
CELLS = json.loads(NOTEBOOK.read_text())["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]
MINUTES = 15  # of processor time
NOWHERE = "http://127.0.0.1:9"  # a proxy that does not exist: any request to the network fails


def test_the_notebook_has_cells_that_parse_and_no_outputs():
    assert len(CODE) >= 8 and len(CELLS) - len(CODE) >= 5
    for code in CODE:
        ast.parse(code)
    left = [cell for cell in CELLS if cell.get("outputs") or cell.get("execution_count")]
    assert not left, "clear the outputs before it is committed"


def test_it_calls_only_public_functions_with_arguments_that_they_take():
    used = set()
    for node in ast.walk(ast.parse("\n".join(CODE))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("xf", "acc"):
            used.add(ast.unparse(node))
            assert node.attr in xnorforge.PUBLIC or hasattr(Accelerator, node.attr), ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("xf.", "acc.")):
            where, name = ast.unparse(node.func).split(".")
            called = getattr(xnorforge if where == "xf" else Accelerator, name)
            known = {*inspect.signature(called).parameters, *(api.OPTIONS if name == "build" else ())}
            assert {keyword.arg for keyword in node.keywords} <= known, ast.unparse(node)
    assert {"xf.train_network", "xf.build", "acc.predict", "acc.report", "acc.package"} <= used


def test_it_imports_nothing_beyond_the_core_and_the_kernel():
    found = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse("\n".join(CODE)))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert found == {"IPython", "PIL", "math", "numpy", "pathlib", "xnorforge"}


def test_links_of_the_notebook_lead_somewhere():
    text = "".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    assert len(links) >= 4 and all((NOTEBOOK.parent / link).exists() for link in links)


@pytest.mark.full
def test_it_runs_from_nothing_within_its_time(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    for name in list(os.environ):
        if name.startswith(("XNORFORGE", "JUPYTER", "MAKE")) or name == "MFLAGS":
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, NOWHERE)
    place = tmp_path / "work"
    place.mkdir()
    shutil.copy2(NOTEBOOK, place)
    notebook = nbformat.read(place / NOTEBOOK.name, as_version=4)
    before = processor_seconds()
    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(place)}})
    client.execute()
    minutes = (processor_seconds() - before) / 60
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    text = "".join(out.get("text", "") for cell in cells for out in cell.outputs)
    print(f"{text}\n{minutes:.1f} minutes of processor time")
    right, of = map(int, re.findall(r"(\d+) of (\d+) new drawings are classified correctly", text)[0])
    assert of == 100 and right >= 60  # by chance 20
    assert "PASS  folder-small on" in text
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out]
    assert sum("image/png" in out.data for out in pictures) == 2
    assert (place / "out/folder-small-shapes/rtl-pynq-z2/package/package.json").exists()
    assert not any((tmp_path / "home").rglob("xnorforge*")), "something was fetched into the home"
    assert 0 < minutes <= MINUTES


PAGE = (ROOT / "docs/guide/python.md").read_text()


def test_a_shipped_network_gets_as_many_digits_right_as_its_card_says(here):
    acc = xnorforge.build("mnist-tfc", until="fold")
    images, labels = mnist.shipped()
    stated = read_json(ROOT / "sw/shipped/mnist-tfc-ste/card.json")["accuracy"]
    [row] = [row for row in stated if row["images"] == len(images)]
    assert int((acc.predict(images) == labels).sum()) == row["correct"]
    assert acc.input_shape == images.shape[1:] and acc.class_names == [str(digit) for digit in range(10)]
    assert acc.scores(images[:2]).shape == (2, 10) and acc.figures["interval_bound"] > 0


def test_the_page_names_every_public_function_and_only_calls_that_exist():
    named = set(re.findall(r"\b(xf|acc)\.([a-z]\w*)", PAGE))
    assert {name for where, name in named if where == "xf"} == set(xnorforge.PUBLIC) - {"Accelerator"}
    for where, name in named:
        assert inspect.getdoc(getattr(xnorforge if where == "xf" else Accelerator, name)), name


@pytest.mark.parametrize("words, where, given, remedy", [
    (["net.py:Nett", "--shape", "1x12x12"], "net.py", "'Nett'", "Net?"),
    (["net.py", "--shape", "12xa"], "SHAPE", "'12xa'", "3x32x32"),
    (["net.py"], "SHAPE", "''", "3x32x32"),
])  # fmt: skip
def test_what_is_no_network_or_shape_is_refused(call, words, where, given, remedy, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path / "own")
    (tmp_path / "own/net.py").write_text("import torch\n\n\nclass Net(torch.nn.Module): ...\n")
    code, said = call("import", *words)
    assert code == 2 and said[-1].startswith(f"{where}: ") and given in said[-1] and remedy in said[-1]
    assert not (tmp_path / "own/out").exists()


PACKAGE = Path(__file__).parent.parent / "src" / "xnorforge"
FLOOR = 0.85


@pytest.mark.full
def test_most_exported_symbols_have_a_known_type(tmp_path):
    """As basedpyright --verifytypes counts: a symbol is known if every part of its type is stated. It wants
    folders and no links, and finds torch and onnx by the first python on PATH.
    """
    shutil.copytree(PACKAGE, tmp_path / "xnorforge", ignore=shutil.ignore_patterns("__pycache__"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = ["-m", "basedpyright", "--verifytypes", "xnorforge", "--ignoreexternal", "--outputjson"]
    said = python(*words, cwd=tmp_path, PYTHONPATH=str(tmp_path), PATH=path)  # ends with 1 if one is unknown
    counts = json.loads(said.stdout)["typeCompleteness"]["exportedSymbolCounts"]
    assert sum(counts.values()) > 5000, counts
    assert counts["withKnownType"] >= FLOOR * sum(counts.values()), counts
