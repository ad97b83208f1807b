"""The notebook docs/guide/own-pictures.ipynb: its cells call what exists, and run offline."""

import ast
import inspect
import json
import os
import re
import shutil

import pytest

import xnorforge
from xnorforge import api
from xnorforge.accelerator import Accelerator
from xnorforge.core.artifacts import processor_seconds

from .documents import ROOT

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
