"""A public function name has one meaning in the whole package.

Two functions of one name and one parameter list mean the same (a protocol, or one thing said by two parts);
of one name and other parameters they mean two things, unless the name stands in `ALLOWED` with its reason.
Names of anything at all, in code and tests, are the field's words; those of `PUZZLING` were used once, with
meanings that only their authors knew, and do not come back.
Left out are methods, for what they mean is said by their class, functions that a decorator puts into an
engine's table under a name of that table, and the commands of the command line and calls of the pipeline,
which have the names of the stages that they run.
"""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("hw", "sw", "flows", "sim", "src/xnorforge")
COMMANDS = ("src/xnorforge/__main__.py", "src/xnorforge/cli/", "src/xnorforge/pipeline/calls.py")
ALLOWED = {
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
    given = [each.args[0] for each in calls if isinstance(each.func, ast.Name) and each.args]
    return any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in given)


def public_functions(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Name and parameters of the public functions of a module, in order."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.parse(text).body if isinstance(node, kinds) and not registered(node)]
    return [(node.name, parameters(node)) for node in nodes if not node.name.startswith("_")]


def meanings() -> dict[str, dict[tuple[str, ...], list[str]]]:
    """{name: {parameters: files}} of the package."""
    found: dict[str, dict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            file = str(path.relative_to(ROOT))
            for name, given in () if file.startswith(COMMANDS) else public_functions(path.read_text()):
                found[name][given].append(file)
    return found


MEANINGS = meanings()
SEVERAL = {name for name, kinds in MEANINGS.items() if len(kinds) > 1}


def test_a_public_function_name_has_one_meaning():
    several = [(name, *one) for name in sorted(SEVERAL - set(ALLOWED)) for one in MEANINGS[name].items()]
    wrong = [f"{name}({', '.join(given)}): {', '.join(files)}" for name, given, files in several]
    assert not wrong, "\n".join(["rename all but one of each, or say in ALLOWED why they are one:", *wrong])


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_what_is_let_through_has_several_meanings_still(name):
    assert name in SEVERAL, f"{name} has one meaning now: take it off the list"


def test_no_name_is_a_word_whose_meaning_only_its_author_knew():
    wrong = {
        f"{path.relative_to(ROOT)}: {name}: {PUZZLING[name]}"
        for folder in (*FOLDERS, "tests")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for field in ("id", "attr", "arg", "name", "asname")
        if isinstance(name := getattr(node, field, None), str) and name in PUZZLING
    }
    assert not wrong, "\n".join(sorted(wrong))
