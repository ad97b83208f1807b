"""What a type checker of our users knows of the package."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from .documents import python

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
