"""Imports cross between the folders in the allowed directions only: flows and sim use hw. A public function
name has one meaning in the whole package: functions of one name have one parameter list, unless `EXCUSED`
says why. Names are the field's words, and those of `PUZZLING` do not come back. Left out are methods,
functions that a decorator puts into an engine's table, and commands and calls of stages."""

import ast
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from .documents import ROOT, tool

imports = tool("imports")
FOLDERS = {"hw": ROOT / "hw", "sw": ROOT / "sw", "flows": ROOT / "flows", "sim": ROOT / "sim",
           "root": ROOT / "src"}  # fmt: skip
ALLOWED = {"hw": set(), "sw": set(), "flows": {"hw"}, "sim": {"hw"}, "root": set()}
# Of the root: what puts the four together.
TOGETHER = ("__main__.py", "accelerator.py", "api.py", "finn_plugin.py", "cli/", "pipeline/")
TOGETHER += ("studies/", "history/", "demo/")


def adapted(path: Path) -> str:
    """The engine that a file of an operator's folder may import as its plug-in, nothing for other files."""
    parts = path.relative_to(ROOT).parts
    packed = parts[:2] == ("hw", "ops") and len(parts) == 4 and path.stem.partition("_")[0] == "bits"
    return "xnorforge.sim.bits" if packed else ""


def crossings(text: str, folder: str, package: str = "") -> list[tuple[int, str]]:
    """(line, module) of every import in `text` `folder` may not make; bare names (`import hw`) count too.

    Relative imports are read from `package`, the dotted name of the folder the file lies in."""
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


def test_no_module_imports_itself_by_way_of_others():
    paths = imports.modules()
    assert {"xnorforge.core.errors", "xnorforge.flows.lower", "xnorforge.hw.ops.join.op"} <= set(paths)
    needs = imports.graph(paths, late=True)  # also inside functions
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
    tails = imports.choose({"hw/lowering/tails.py::_monotone"}).whole
    assert any(test.startswith("tests/flows/test_endings.py") for test in tails)
    step = imports.choose({"sim/bits/matrices.py::matches"})
    assert "tests/sim/test_bits.py" in set(map(file_of, step.partly)) and "sign_mvu" in step.words


def test_only_who_uses_a_definition_needs_it():
    """An import alone is no use; a fixture, what a decorator enters and a name in a text are."""
    needs, chain = imports.checkout().needs, "flows/lower/rules/chain.py"
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


CODE = ("hw", "sw", "flows", "sim", "src/xnorforge")
COMMANDS = ("src/xnorforge/__main__.py", "src/xnorforge/cli/", "src/xnorforge/pipeline/calls.py")
EXCUSED = {
    "build": "a network from layers: by its name, or that of the file",
    "main": "what a program starts with",
    "load": "a plug-in of the kind that the module is about, by its name",
    "names": "the plug-ins of the kind that the module is about",
    "train": "a training, from its start or its checkpoint: of a network by name, or of a module",
    "rule": "how an engine's plug-in turns a node into the engine's own form",
    "clips": "the items of a dataset, by what it is divided into",
    "images": "the items of a dataset, by what it is divided into",
}

PUZZLING = {
    "held": "meant: constants rounded to a grid (`on_grid`), or content that was found; say which",
    "told": "meant: a sentence in a record (`summary`), a row of figures, or what was asked for; say which",
    "turned": "meant: the minimum in place of the maximum, an inverted bit, a moved axis; say which",
}


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, ...]:
    """The names of a function's parameters, those with a star marked."""
    given = function.args
    stars = [f"{'*' * n}{one.arg}" for n, one in ((1, given.vararg), (2, given.kwarg)) if one]
    return (*(one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)), *stars)


def registered(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a decorator puts it into a table under a name: `@meaning("Concat")`."""
    calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
    calls = [each for each in calls if ast.unparse(each.func).rpartition(".")[0] in ("", "registry")]
    given = [each.args[0] for each in calls if each.args]
    return any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in given)


def public_functions(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Name and parameters of the public functions of a module, in order."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.parse(text).body if isinstance(node, kinds) and not registered(node)]
    return [(node.name, parameters(node)) for node in nodes if not node.name.startswith("_")]


def meanings() -> dict[str, dict[tuple[str, ...], list[str]]]:
    """{name: {parameters: files}} of the package."""
    found: dict[str, dict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            file = str(path.relative_to(ROOT))
            for name, given in () if file.startswith(COMMANDS) else public_functions(path.read_text()):
                found[name][given].append(file)
    return found


MEANINGS = meanings()
SEVERAL = {name for name, kinds in MEANINGS.items() if len(kinds) > 1}


def test_a_public_function_name_has_one_meaning():
    several = [(name, *one) for name in sorted(SEVERAL - set(EXCUSED)) for one in MEANINGS[name].items()]
    wrong = [f"{name}({', '.join(given)}): {', '.join(files)}" for name, given, files in several]
    assert not wrong, "\n".join(["rename all but one of each, or say in EXCUSED why they are one:", *wrong])


@pytest.mark.parametrize("name", sorted(EXCUSED))
def test_what_is_let_through_has_several_meanings_still(name):
    assert name in SEVERAL, f"{name} has one meaning now: take it off the list"


def test_no_name_is_a_word_whose_meaning_only_its_author_knew():
    wrong = {
        f"{path.relative_to(ROOT)}: {name}: {PUZZLING[name]}"
        for folder in (*CODE, "tests")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for field in ("id", "attr", "arg", "name", "asname")
        if isinstance(name := getattr(node, field, None), str) and name in PUZZLING
    }
    assert not wrong, "\n".join(sorted(wrong))
