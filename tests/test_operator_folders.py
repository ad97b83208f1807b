"""An operator is one folder: no engine names one, and one from outside goes from ONNX to its netlist. Plug-
ins from outside the package: a folder of XNORFORGE_PLUGINS, or a distribution with an entry point."""

import ast
import csv
import gc
import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core import networks, plugins

from . import documents
from .documents import ROOT, python

EXAMPLES = ROOT / "tests" / "plugins"
INSERTED = {"fifo", "width", "fork"}  # no meaning of their own: engines put them between others
FINN_WORDS = ("finn_graph.py", "backends/finn/nodes.py")
CHECKS = ("lowered = qonnx", "lowered = exact network", "lowered = FINN execution", "folded = lowered",
          "netlist = lowered", "netlist cycles = RTL cycles", "memories of the netlist = folded.onnx",
          "netlist of layers = folded.onnx")  # fmt: skip


def engines() -> list[Path]:
    """Python files of flows, sim, the root package and of hw above its plug-ins, but FINN's words."""
    found = [*(ROOT / "hw").glob("*.py"), *(ROOT / "src" / "xnorforge").glob("*.py")]
    for folder in (ROOT / "flows", ROOT / "sim", *(ROOT / "src" / "xnorforge").iterdir()):
        if folder.is_dir() and not folder.is_symlink():
            found += folder.rglob("*.py")
    return sorted({*found} - {ROOT / "flows" / name for name in FINN_WORDS})


def named(text: str, operators: dict[str, str]) -> set[str]:
    """Operators that a file's code names, comments and docstrings left out.

    A name is the class, as identifier or as a whole string; the folder, where it is one of two words or
    stands behind hw.ops; the module xf_<folder>."""
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
    assert name.capitalize() in found["own"] and name.capitalize() in found["operators"]
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


TASK = '''"""Bright or dark halves: a task of two classes on pictures that a generator draws."""

import numpy as np

from xnorforge.sw.tasks import base
from xnorforge.sw.tasks.base import Images

USUAL = "tiny"


class Task(base.Task):
    """64 pictures to train on."""

    shape = (1, 8, 8)
    recipe_words = "as they are"

    def _drawn(self, count, seed):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, count)
        images = rng.integers(0, 100, (count, 1, 8, 8))
        images[:, :, :, :4] += 150 * labels[:, None, None, None]
        return Images(images.astype(np.uint8), labels, f"{count} made-up halves (seed {seed})")

    def train_sets(self):
        return self._drawn(64, 1), self._drawn(32, 2)

    def test_sets(self):
        return [self._drawn(40, 3)]

    def golden(self, count=None):
        return self._drawn(count or 20, 4)
'''
NETWORK = '''"""Two dense layers on bits."""

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Bits, Block, Network, Scores

RECIPE = Recipe(epochs=30, batch=16, lr=5e-3, warmup=2, arithmetic="float32")
INTERVAL = 64


def build() -> Network:
    return Network(Bits(), Block(64, 16), Scores(16, 2, 0.25))
'''
METHOD = '"""Plain training under another name."""\n\nfrom xnorforge.sw.methods.ste import Method as Method\n'


@pytest.fixture
def folder(tmp_path):
    """A folder laid out like the package, with a task and its network."""
    root = tmp_path / "mine"
    for name, text in {"sw/tasks/halves.py": TASK, "sw/networks/halves_tiny.py": NETWORK}.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text)
    return root


def run(cwd: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """The command line in a folder, in a process of its own: plug-ins are looked for once per process."""
    return documents.python("-m", "xnorforge", *words, cwd=cwd, **environment)


@pytest.mark.parametrize("until", ["fold", pytest.param("report", marks=pytest.mark.full)])
def test_a_method_from_outside_is_compared_with_the_baseline_and_built(folder, tmp_path, until):
    """That of CONTRIBUTING, on a network from outside too."""
    recipe = documents.sections(documents.ROOT / "CONTRIBUTING.md")["A method"]
    documents.write([block for block in recipe if block.path], folder)
    plugged, variant = {"XNORFORGE_PLUGINS": str(folder)}, "bipolar_pull"
    methods = ("--methods", f"ste {variant}", "--seeds", "0 1", "--epochs", "2")
    ended = run(tmp_path, "compare", "halves-tiny", *methods, "-o", "compare", **plugged)
    assert ended.returncode == 0, ended.stderr
    compared = tmp_path / "compare/halves-tiny/2"
    table, below = (compared / "table.md").read_text().split("## Differences from ste")
    assert f"| {variant} |" in table and "each of its scores equals the module's" in table
    (line,) = [line for line in below.splitlines() if line.startswith(f"| {variant} |")]
    assert line.split("|")[-3].strip() == "2"  # pairs
    with (compared / f"{variant}-0/curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    # Of 16 x 64 latents near 0 the pull is nearly 1 each, the scores' 32 included.
    assert float(rows[0]["loss pull"]) == pytest.approx(1e-6 * (64 * 16 + 16 * 2), rel=0.02)
    assert float(rows[0]["share pull 1.dot"]) > 0

    words = ("--method", "bipolar_pull", "--weights", str(compared / f"{variant}-0"), "--board", "pynq-z2")
    ended = run(tmp_path, "build", "halves-tiny", *words, "--until", until, **plugged)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (fold,) = tmp_path.glob("out/*/rtl-pynq-z2/fold.json")
    card = json.loads((compared / f"{variant}-0/card.json").read_text())
    assert card["method"] == "bipolar_pull" and card["hyper"] == {"strength": 1e-6}
    assert card["data"]["trained_on"] == "64 made-up halves (seed 1)"
    exported = json.loads((fold.parent.parent / "export.json").read_text())
    assert exported["source"].endswith(card["weights"]["sha256"][:16])
    folded = json.loads(fold.read_text())
    assert folded["interval"] == 64 and folded["checks"][0]["mismatches"] == 0
    if until == "report":
        report = json.loads((fold.parent / "report.json").read_text())
        assert {row["mismatches"] for row in report["stages"] + report["audits"]} == {0}


def test_the_list_shows_plug_ins_from_outside(folder, tmp_path):
    found = json.loads(run(tmp_path, "list", "--json", XNORFORGE_PLUGINS=str(folder)).stdout)
    assert "halves-tiny" in found["nets"] and "halves" in found["tasks"]
    assert set(found) == {"schema", "nets", *map(plugins.plural, plugins.KINDS)}


def test_an_installed_distribution_brings_plug_ins_by_an_entry_point(tmp_path):
    """What pip leaves of a package with the entry point: its modules and its dist-info folder."""
    site = tmp_path / "site"
    methods, info = site / "my_methods/sw/methods", site / "my_methods-1.0.dist-info"
    methods.mkdir(parents=True)
    info.mkdir()
    (site / "my_methods/__init__.py").touch()
    (methods / "other_ste.py").write_text(METHOD)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-methods\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[xnorforge.plugins]\nmine = my_methods\n")
    found = json.loads(run(tmp_path, "list", "--json", PYTHONPATH=str(site)).stdout)
    assert {"other_ste", "ste"} <= set(found["methods"])
    (info / "entry_points.txt").write_text("[xnorforge.plugins]\nmine = our_methods\n")
    ended = run(tmp_path, "list", PYTHONPATH=str(site))
    assert ended.returncode == 2
    assert "'our_methods'" in ended.stderr and "xnorforge.plugins" in ended.stderr


def test_a_folder_of_which_git_left_byte_code_alone_is_no_plug_in(folder, tmp_path):
    (folder / "hw/ops/gone/__pycache__").mkdir(parents=True)
    found = json.loads(run(tmp_path, "list", "--json", XNORFORGE_PLUGINS=str(folder)).stdout)
    assert found["operators"] and "gone" not in found["operators"]


def test_two_plug_ins_of_one_name_are_refused(folder, tmp_path):
    (folder / "sw/methods").mkdir()
    (folder / "sw/methods/ste.py").write_text(METHOD)
    ended = run(tmp_path, "list", XNORFORGE_PLUGINS=str(folder))
    assert ended.returncode == 2
    assert ended.stderr.startswith("sw.methods: ") and "ste.py" in ended.stderr


def test_names_and_intervals_cost_no_import_of_torch():
    program = (
        "import sys; from xnorforge.core import networks; from xnorforge.sw import networks as also;"
        "assert networks.names() == also.names(); networks.usual('mnist'); networks.interval('mnist-tfc');"
        "print('torch' in sys.modules)"
    )
    assert documents.python("-c", program, check=True).stdout == "False\n"


def test_the_interval_of_a_run_is_that_of_its_network():
    assert networks.interval("mnist-tfc") == networks.interval("mnist-tfc-bonn") == 1024
    assert networks.interval("mnist-tfcx") is None and networks.interval("cifar10-cnv") is None


@pytest.mark.parametrize(("text", "value"), [("INTERVAL = 8", 8), ("OTHER = 8", None)])
def test_a_literal_of_a_file_is_read(tmp_path, text, value):
    (tmp_path / "net.py").write_text(text)
    assert networks.literal(tmp_path / "net.py", "INTERVAL") == value


def test_a_value_that_is_no_literal_is_named(tmp_path):
    (tmp_path / "net.py").write_text("INTERVAL = cycles()\n")
    with pytest.raises(networks.UserError, match=r"net\.py: INTERVAL "):
        networks.literal(tmp_path / "net.py", "INTERVAL")


def test_files_are_parsed_by_many_threads():
    class Slow:  # collected while a tree is made, which lets another thread run there
        def __init__(self):
            self.own = self

        def __del__(self):
            sum(range(200))

    def parse(path):
        [Slow() for _ in range(5)]
        return plugins.parsed(path)

    least, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(50)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            trees = list(pool.map(parse, 400 * [Path(plugins.__file__)]))
    finally:
        gc.set_threshold(*least)
        sys.setswitchinterval(interval)
    assert len({ast.dump(tree) for tree in trees}) == 1
