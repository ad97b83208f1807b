"""The process that runs a foreign file ends at its limits; long graphs are refused before it starts."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core import limits
from xnorforge.core.errors import UserError
from xnorforge.flows.importing.stage import looked_at

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import numpy_helper, one, plain, stored
from onnx import helper

HOG = """
import ctypes, numpy, os, signal, sys
def memory(*_): return [numpy.ones(1 << 24) for _ in range(100)]
def ends(*_, number): os.kill(os.getpid(), number)
def spins(*_):
    while True: pass
def refuses(*_):
    from xnorforge.core.errors import UserError
    raise UserError("m: no; yes.")
def works(*_): print("a word", file=sys.stderr)
"""


@pytest.fixture
def hog(tmp_path, monkeypatch):
    """A stage with limits that calls a function of a module: its exit code, and its last line."""
    (tmp_path / "hog.py").write_text(HOG)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def run_stage(function, options):
        folders = dict.fromkeys(("net_dir", "acc", "folder"), str(tmp_path / "net"))
        task = {"name": "hog", "call": f"hog:{function}", "result": None, "reads": [], "limited": "net.onnx"}
        command = [sys.executable, "-m", "xnorforge.pipeline.job", str(os.getpid())]
        done = subprocess.run(
            [*command, json.dumps(task | folders | {"options": options})],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stderr.splitlines()[-1]

    return run_stage


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (
            "memory",
            {},
            r"^net\.onnx: .*500 MB .*XNORFORGE_MAX_MEMORY_MB",
        ),
        ("spins", {}, r"^net\.onnx: .*2 s .*XNORFORGE_MAX_SECONDS"),
        (
            "ends",
            {"number": 8},
            r"^net\.onnx: .*SIGFPE",
        ),
        ("ends", {"number": 11}, "SIGSEGV"),
        ("ends", {"number": 9}, "500 MB"),
        ("refuses", {}, r"^m: no; yes\.$"),
    ],
)
def test_a_process_that_needs_too_much_ends_in_one_sentence(hog, monkeypatch, function, arguments, words):
    monkeypatch.setenv("XNORFORGE_MAX_MEMORY_MB", "500")
    monkeypatch.setenv("XNORFORGE_MAX_SECONDS", "2")
    code, last = hog(function, arguments)
    assert re.search(words, limits.broken_limit(code, "net.onnx") or last)


def test_a_process_that_needs_little_says_what_it_says(hog):
    assert hog("works", {}) == (0, "a word") and limits.broken_limit(0, "net.onnx") == ""


def chain(op: str, length: int, constant: float | None = None):
    """A network with so many operators in a row behind its first sign."""
    extra = [] if constant is None else [numpy_helper.from_array(np.float32(constant), "c")]
    more = [] if constant is None else ["c"]
    names = ["t1", *(f"k{at}" for at in range(length - 1)), "t2"]
    nodes = [helper.make_node(op, [a, *more], [b], f"{op}{at}") for at, (a, b) in enumerate(pairwise(names))]
    return plain(between=nodes, extra=extra)


def residual(length: int):
    """So many blocks of a sign and a sum."""
    nodes, at = [], "t1"
    for block in range(length):
        out = "t2" if block == length - 1 else f"s{block}"
        nodes += [
            helper.make_node("BipolarQuant", [at, "one"], [f"b{block}"], domain="qonnx.custom_op.general"),
            helper.make_node("Add", [at, f"b{block}"], [out]),
        ]
        at = out
    return plain(between=nodes)


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda: chain("Mul", 20_000, 1.1), 20_004),
        (lambda: chain("Add", 20_000, 0.5), 20_004),
        (lambda: chain("Relu", 20_000), 20_004),
        (lambda: residual(12_000), 24_004),
        (lambda: chain("Relu", 60_000), 60_004),
        (lambda: chain("Relu", 90_000), 90_004),
    ],
)
def test_long_graphs_are_refused_before_a_quadratic_step(tmp_path, make, count):
    (tmp_path / "m.onnx").write_bytes(stored(make()))
    with pytest.raises(UserError, match=rf"has {count:,} operators, .* or raise XNORFORGE_MAX_NODES\.$"):
        looked_at(tmp_path / "m.onnx")


@pytest.mark.parametrize("op", ["Identity", "Dropout"])
def test_operators_that_change_nothing_are_passed_by(tmp_path, op):
    (tmp_path / "m.onnx").write_bytes(stored(chain(op, 20_000)))
    assert [node.op_type for node in looked_at(tmp_path / "m.onnx").graph.node] == [
        "BipolarQuant", "BipolarQuant", "Conv", "BipolarQuant",
    ]  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: one("MaxPool", kernel_shape=[2, 2], strides=[0, 1]), "has strides = [0, 1]"),
        (lambda: one("Expand", ("s", np.int64([1 << 30, 4, 6, 6]))), "has more than 134,217,728 numbers"),
        (lambda: one("Quant", ("s", np.float32(1)), ("z", np.float32(0)), ("b", np.float32(1e9)),
                     domain="qonnx.custom_op.general"), "16 bits or fewer"),
        (lambda: plain(names={"x": "x\x1b[2J\nTraceback", "n3": "</script>"}), None),
    ],
)  # fmt: skip
def test_the_whole_command_line_under_a_limit_of_memory(tmp_path, model, words):
    (tmp_path / "m.onnx").write_bytes(stored(model()))
    line = f"ulimit -v 4000000; exec {sys.executable} -m xnorforge export --model m.onnx --scale 1 -o out/m"
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    said = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    if words is None:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 2, done.stderr
    assert words in said[-1]
    assert len(said) == 2  # which stage has begun, and the sentence
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["m.onnx"]
