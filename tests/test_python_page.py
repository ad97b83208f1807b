"""What docs/guide/python.md says about `xnorforge` from Python; tests/test_pages.py runs its code."""

import inspect
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

import xnorforge
from xnorforge.accelerator import Accelerator
from xnorforge.core.artifacts import read_json
from xnorforge.sw.datasets import mnist

from .documents import ROOT, python

PAGE = (ROOT / "docs/guide/python.md").read_text()


def test_a_shipped_network_gets_as_many_digits_right_as_its_card_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
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
