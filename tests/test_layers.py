"""Imports cross between the folders in the allowed directions only: flows and sim use hw."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from .documents import ROOT, tool

imports = tool("imports")
FOLDERS = {
    "hw": ROOT / "hw", "sw": ROOT / "sw", "flows": ROOT / "flows", "sim": ROOT / "sim", "root": ROOT / "src",
}  # fmt: skip
ALLOWED = {"hw": set(), "sw": set(), "flows": {"hw"}, "sim": {"hw"}, "root": set()}
# Of the root: what puts the four together.
TOGETHER = ("__main__.py", "accelerator.py", "api.py", "finn_plugin.py", "cli/", "pipeline/")
TOGETHER += ("studies/", "history/", "demo/")

ADAPTERS = {
    "lower": "xnorforge.flows.lower",
    "bind": "xnorforge.flows.bind",
    "bits": "xnorforge.sim.bits",
    "hls": "xnorforge.flows.backends.hls4ml",
}  # first words of files beside an operator's op.py, and the engine that each may import as its plug-in


def adapted(path: Path) -> str:
    """The engine that a file of an operator's folder may import, nothing for other files."""
    parts, word = path.relative_to(ROOT).parts, path.stem.partition("_")[0]
    return ADAPTERS.get(word, "") if parts[:2] == ("hw", "ops") and len(parts) == 4 else ""


def crossings(text: str, folder: str, package: str = "") -> list[tuple[int, str]]:
    """(line, module) of every import in `text` that `folder` may not make; bare names (`import hw`) count
    too.

    Relative imports are read from `package`, the dotted name of the folder the file lies in.
    """
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            modules = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            parts = module.split(".")
            to = parts[1] if parts[0] == "xnorforge" and len(parts) > 1 else parts[0]
            bare = parts[0] in FOLDERS
            if to in FOLDERS and (bare or (to != folder and to not in ALLOWED[folder])):
                found.append((node.lineno, module))
    return found


def package_of(path: Path) -> str:
    """The shipped name of the package a file of the four folders lies in; nothing for the root package."""
    parts = path.relative_to(ROOT).parts[:-1]
    return "xnorforge" if parts[0] == "src" else ".".join(["xnorforge", *parts])


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_keep_to_the_allowed_directions(folder):
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sorted(FOLDERS[folder].rglob("*.py"))
        if not str(path.relative_to(ROOT)).removeprefix("src/xnorforge/").startswith(TOGETHER)
        for line, module in crossings(path.read_text(), folder, package_of(path))
        if not adapted(path) or not f"{module}.".startswith(f"{adapted(path)}.")
    ]
    assert not wrong, "\n".join(wrong)


def test_an_adapter_of_an_operator_imports_the_engine_it_is_for_and_no_other():
    folder = ROOT / "hw" / "ops" / "join"
    assert adapted(folder / "hls.py") == "xnorforge.flows.backends.hls4ml"
    for path in (folder / "op.py", ROOT / "hw" / "bits.py", ROOT / "sim" / "bits.py"):
        assert adapted(path) == ""


def test_no_module_imports_itself_by_way_of_others():
    paths = imports.modules()
    assert {"xnorforge.core.errors", "xnorforge.flows.lower", "xnorforge.hw.ops.join.op"} <= set(paths)
    needs = imports.graph(paths)
    assert sum(map(len, needs.values())) > 500
    list(TopologicalSorter(needs).static_order())  # raises CycleError, which names the modules


def test_nothing_in_core_reaches_the_interface_or_another_part():
    needs = imports.graph(imports.modules(), late=True)
    reached = waiting = {name for name in needs if name.startswith("xnorforge.core.")}
    while waiting:
        waiting = set().union(*map(needs.get, waiting)) - reached
        reached = reached | waiting
    assert len(reached) > 10 and {name for name in reached if not name.startswith("xnorforge.core.")} == set()


def test_a_change_selects_what_can_see_it():
    labels = imports.choose({"src/xnorforge/plot/figures.py"})
    assert any(test.startswith("tests/test_plot.py::") for test in labels.whole) and not labels.partly
    assert imports.choose({"tests/sw/test_bonn.py"}).arguments() == ["tests/sw/test_bonn.py"]
    top_k = imports.choose({"hw/ops/top_k/xf_top_k.sv"})
    ops = "tests/hw/test_ops.py::test_"
    assert {"tests/hw/test_ops.py", "tests/flows/test_meanings.py"} <= set(map(file_of, top_k.partly))
    assert {"top_k", "topk"} <= top_k.words
    images = "tests/sw/test_tasks.py::test_a_network_takes_the_images_of_its_task"
    assert imports.choose({"sw/networks/mnist_lut_tiny.py"}).has(f"{images}[mnist-lut_tiny]")
    assert any(map(top_k.has, (f"{one}[top_k-1]" for one in top_k.partly if one.startswith(ops))))
    assert not any(map(top_k.has, (f"{one}[fork-1]" for one in top_k.partly if one.startswith(ops))))
    assert "tests/sw/test_bonn.py" not in set(map(file_of, top_k.whole | top_k.partly))
    assert len(set(map(file_of, imports.choose({"hw/ops/base.py"}).whole))) > 60
    # entered in a dictionary of another module, and under another name of a plug-in
    tails = imports.choose({"flows/lower/tails.py::_monotone"}).whole
    assert any(test.startswith("tests/flows/test_endings.py") for test in tails)
    step = imports.choose({"sim/bits/matrices.py::matches"})
    assert "tests/sim/test_bits.py" in set(map(file_of, step.partly)) and "xnor_mvu" in step.words


def test_only_who_uses_a_definition_needs_it():
    """An import alone is no use; a fixture, what a decorator enters and a name in a text are."""
    needs, chain = imports.checkout().needs, "flows/lower/chain.py"
    assert "src/xnorforge/core/jobs.py::extract" in needs["src/xnorforge/core/jobs.py::carry_out"]
    assert "src/xnorforge/core/jobs.py::extract" not in needs["src/xnorforge/core/jobs.py::archive_of"]
    assert "tests/conftest.py::built" in needs["tests/conftest.py::place"]
    assert chain in needs["flows/lower/graph.py::"] and f"{chain}::_batch_norm" in needs[f"{chain}::"]
    assert "src/xnorforge/finn_plugin.py" in needs["tests/flows/test_finn_nodes.py::"]
    assert "hw/ops/top_k/xf_top_k.sv" in needs["tests/test_layers.py::test_a_change_selects_what_can_see_it"]


def test_changed_lines_are_those_definitions_or_the_whole_file():
    checkout = imports.checkout()
    lines = (ROOT / "tools/imports.py").read_text().splitlines()
    at = lines.index("class Module(NamedTuple):") + 2
    assert checkout.definitions("tools/imports.py", range(at, at + 1)) == {"tools/imports.py::Module"}
    assert {"tools/imports.py", "tools/imports.py::choose"} <= checkout.definitions("tools/imports.py")
    assert checkout.definitions("README.md", range(3, 4)) == {"README.md"}


def file_of(test: str) -> str:
    """The module of a test."""
    return test.partition("::")[0]
