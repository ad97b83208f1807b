"""Networks of the user's own: modules in a Python file, `<task>-<FILE.py:NAME>`, or objects of this process.

The module takes pixels / 255 unless another `scale` is given; everything else about it is its own.
"""

import copy
import importlib.util
import inspect
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import nn

from xnorforge.core.errors import UserError, as_one_sentence
from xnorforge.sw.networks.base import Recipe

SCALE = 1 / 255
RECIPE = Recipe(epochs=30, batch=64, lr=5e-3, warmup=50)
# Rows and columns of pictures, in the order in which they are tried.
SIZES = (32, 28, 16, 20, 24, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224)
# By name: a function that returns a fresh copy of the module, and its task.
MEMORY: dict[str, tuple[Callable[[], nn.Module], Any]] = {}


class Given(nn.Module):
    """A module of the user's own behind the scaling of raw pixels."""

    def __init__(self, module: nn.Module, scale: float = SCALE):
        super().__init__()
        self.module, self.scale = module, scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(x * self.scale)


def load(net: str) -> Any:
    """Return what a file of sw/networks has: `build` and `RECIPE`."""
    if net in MEMORY:
        return SimpleNamespace(build=MEMORY[net][0], RECIPE=RECIPE)
    target = net.partition("-")[2]
    return SimpleNamespace(build=lambda: Given(copy.deepcopy(module_of(target))), RECIPE=RECIPE)


def picture_shape(target: str, usual: tuple[int, int, int], classes: int) -> tuple[int, int, int]:
    """Return the shape of the pictures that a network of the user's own takes, (C, rows, columns): its own
    attribute `input_shape`, the usual one, or the first of 3 or 1 channels and `SIZES` with which it runs.

    Raises:
        UserError: it runs with none of them, or gives fewer scores than there are classes.
    """
    module = copy.deepcopy(module_of(target)).eval()
    stated = getattr(module, "input_shape", None)
    tried, said = [(channels, size, size) for channels in (3, 1) for size in SIZES], ""
    for shape in [stated] if stated else [usual, *tried]:
        try:
            with torch.no_grad():
                scores = module(torch.zeros(1, *shape)).flatten(1).shape[1]
        except Exception as error:
            said = " ".join(str(error).split())[:200]
            continue
        if scores < classes:
            raise UserError(
                f"{target}: gives {scores} scores, but there are {classes} classes of pictures; give its "
                f"last layer {classes} outputs."
            )
        return shape[0], shape[1], shape[2]
    sizes = "its input_shape" if stated else "any usual size"
    raise UserError(
        f"{target}: does not run on pictures of {sizes} ({said}); give it the attribute input_shape = "
        "(channels, rows, columns) of the pictures that it takes."
    )


def module_of(target: str) -> nn.Module:
    """The network that `file.py:Name` or `file.py` refers to; the file is executed.

    `Name` is a subclass of nn.Module that needs no arguments, a function that returns a module, or a module.
    Without `Name`, the file must have exactly one subclass of nn.Module that needs no arguments.

    Raises:
        UserError: no such file or name, several candidates, or the name does not give a module.
    """
    file, _, name = target.partition(":")
    path = Path(file)
    if not path.is_file() or path.suffix != ".py":
        raise UserError(
            f"{file}: no such Python file; give file.py:Name, the file and the class of the network in it."
        )
    code = _run(path)
    classes = [
        key
        for key, value in vars(code).items()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == path.stem
    ]
    if not name:
        simple = [key for key in classes if not _needed(getattr(code, key))]
        if len(simple) != 1:
            there = f"has {', '.join(simple)}" if simple else "has no nn.Module class without arguments"
            example = simple[0] if simple else "Name"
            raise UserError(f"{file}: {there}; name the network, as in {file}:{example}.")
        name = simple[0]
    found = getattr(code, name, None)
    if found is None:
        near = get_close_matches(name, classes, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(classes) or 'no networks'}."
        raise UserError(f"{file}: does not define '{name}'; {hint}")
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise UserError(
            f"{file}: '{name}' is not a network; name an nn.Module class or a function that returns a module."
        )
    if needed := _needed(found):
        raise UserError(
            f"{file}: {name} needs the arguments {', '.join(needed)}; give them defaults, or name a function "
            "that returns the network."
        )
    with as_one_sentence(f"{file}: {name}() raised"):
        made = found()
    if not isinstance(made, nn.Module):
        raise UserError(
            f"{file}: {name} returns {type(made).__name__}, not an nn.Module; return the network."
        )
    return made


def _run(path: Path) -> ModuleType:
    """Run a file as a module; it can import from its folder."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        with as_one_sentence(f"{path}: running it raised"):
            spec.loader.exec_module(code)
    finally:
        sys.path.pop(0)
    return code


def _needed(maker) -> list[str]:
    """Parameters without a default."""
    return [
        one.name
        for one in inspect.signature(maker).parameters.values()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
