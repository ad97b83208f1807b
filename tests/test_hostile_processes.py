"""Processes that read foreign files end at their limits of time and memory, long graphs are refused before
they take time, and no name in a file is run as a command.
"""

import json
import os
import re

import pytest
from hostile_files import QONNX, F, in_a_row, node, plain, stored
from test_report_page import Read

from xnorforge.core import limits
from xnorforge.core.errors import UserError
from xnorforge.flows.importing.stage import looked_at

from .documents import python

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


@pytest.mark.parametrize("function, options, words", [
    ("memory", {}, r"^net\.onnx: .*500 MB .*XNORFORGE_MAX_MEMORY_MB"),
    ("spins", {}, r"^net\.onnx: .*2 s .*XNORFORGE_MAX_SECONDS"),
    ("ends", {"number": 8}, r"^net\.onnx: .*SIGFPE"), ("ends", {"number": 11}, "SIGSEGV"),
    ("ends", {"number": 9}, "500 MB"), ("refuses", {}, r"^m: no; yes\.$"), ("works", {}, "^a word$"),
])  # fmt: skip
def test_a_process_that_needs_too_much_ends_in_one_sentence(tmp_path, monkeypatch, function, options, words):
    (tmp_path / "hog.py").write_text(HOG)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("XNORFORGE_MAX_MEMORY_MB", "500")
    monkeypatch.setenv("XNORFORGE_MAX_SECONDS", "2")
    task = dict.fromkeys(("net_dir", "acc", "folder"), str(tmp_path / "net")) | {
        "name": "hog", "call": f"hog:{function}", "result": None, "reads": [], "limited": "net.onnx",
        "options": options,
    }  # fmt: skip
    done = python("-m", "xnorforge.pipeline.job", str(os.getpid()), json.dumps(task))
    broken = limits.broken_limit(done.returncode, "net.onnx")
    assert re.search(words, broken or done.stderr.splitlines()[-1])
    assert (done.returncode, broken) == (0, "") or function != "works"


def step(op, *more):
    return lambda start, end: [node(op, [start, *more], [end])]


def residual(start, end):
    sign = node("BipolarQuant", [start, "one"], [f"b{end}"], domain=QONNX)
    return [sign, node("Add", [start, f"b{end}"], [end])]


@pytest.mark.parametrize(
    ("count", "block"),
    [(20_000, step("Mul", "c")), (20_000, step("Add", "c")), (20_000, step("Relu")), (90_000, step("Relu")),
     (12_000, residual)],
)  # fmt: skip
def test_long_graphs_are_refused_before_a_quadratic_step(tmp_path, count, block):
    model = in_a_row(count, block, c=F(1.1))
    (tmp_path / "m.onnx").write_bytes(stored(model))
    words = rf"has {len(model.graph.node):,} operators, .* or raise XNORFORGE_MAX_NODES\.$"
    with pytest.raises(UserError, match=words):
        looked_at(tmp_path / "m.onnx")


@pytest.mark.parametrize("op", ["Identity", "Dropout"])
def test_operators_that_change_nothing_are_passed_by(tmp_path, op):
    (tmp_path / "m.onnx").write_bytes(stored(in_a_row(20_000, step(op))))
    left = [node.op_type for node in looked_at(tmp_path / "m.onnx").graph.node]
    assert left == ["BipolarQuant", "BipolarQuant", "Conv", "BipolarQuant"]


ODD_FOLDER, ODD_OUT = "a'\" b;`id`$(touch x)#ü", "out/a b'\"`id`$HOME;ü*"
ODD = {
    "x": '"><script>alert(1)</script>', "t1": "$(touch x)", "t2": "`id`", "t3": "*/ // (* keep *)",
    "y": "endmodule", "w": "a b;rm -rf", "one": "module", "n0": "a\nb\x1b[2J\nTraceback", "n2": "\u202eevil",
    "n3": "../../x", "n4": "n" * 5000,
}  # fmt: skip


@pytest.mark.full
def test_a_network_of_hostile_names_is_built_to_its_report_in_a_hostile_folder(tmp_path):
    """Names of tensors and nodes are in no product; the folder's own name is no command to a tool."""
    folder = tmp_path / ODD_FOLDER
    folder.mkdir()
    (folder / "m.onnx").write_bytes(stored(plain(names=ODD)))
    words = ("--model", "m.onnx", "--scale", "1", "--images", "2", "--stalled", "1", "--waves", "-o", ODD_OUT)
    done = python("-m", "xnorforge", "build", *words, cwd=folder)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {ODD_FOLDER}
    assert {path.name for path in folder.iterdir()} == {"m.onnx", "out"}
    acc = folder / ODD_OUT / "rtl-pynq-z2"
    record = json.loads((acc / "report.json").read_text())
    assert record["verdict"] == "PASS" and "netlist" in {row["stage"] for row in record["stages"]}
    Read(acc / "report.html")  # refuses links, frames and attributes that run
    assert re.findall("<script[^>]*>", (acc / "report.html").read_text()) == ["<script>"]  # its own
    long = [name for name in ODD.values() if len(name) > 9 and name not in ODD_FOLDER]
    for path in (folder / "out").rglob("*"):
        if path.is_file() and path.suffix != ".npz":
            content = path.read_bytes().decode(errors="replace")
            assert not [name for name in long if name in content], path
    modules = r"^\s*module\s+(?:automatic\s+)?(\S+?)[\s(#;]"
    for path in (acc / "rtl").glob("*.sv"):
        for name in re.findall(modules, path.read_text(), re.MULTILINE):
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", name), (path, name)
