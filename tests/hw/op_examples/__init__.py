"""Instances of every operator, at least 20 seeded ones that cover its parameters."""

from functools import cache
from importlib import import_module, util
from pathlib import Path
from types import ModuleType

import numpy as np

from xnorforge.core import plugins
from xnorforge.hw.ops.base import HwOp

from . import reorder

HERE = Path(__file__).parent
# List of examples: operator that has other factors of LUTs for them.
PRICED_APART = {"or_pool": "max_pool", "xnor_mvu": "sign_mvu", "byte_mvu": "sign_mvu"}
PRICED_APART |= dict.fromkeys(reorder.POINTS, "reorder")


def examples_of(kind: str | type) -> list[HwOp]:
    """The examples of an operator, by its folder or class; of one outside the package, those of the file
    `examples.py` beside its `op.py`."""
    name = kind if isinstance(kind, str) else kind.__module__.split(".")[-2]
    return sum((in_file(file) for file, of in PRICED_APART.items() if of == name), [*in_file(name)])


def class_of(name: str) -> type[HwOp]:
    """The operator of a file of examples."""
    return plugins.load("hw.ops", PRICED_APART.get(name, name)).Op


@cache
def in_file(name: str) -> list[HwOp]:
    """All modules of a run share them: those with adders take seconds to solve."""
    if name in (*reorder.POINTS, "reorder", "sign_mvu"):  # of the last two all are priced apart
        return reorder.examples(name)
    if (HERE / f"{name}.py").exists():
        module = import_module(f".{name}", __name__)
        return module.examples(class_of(name)) if hasattr(module, "examples") else _tabled(name, module)
    beside = Path(plugins.load("hw.ops", name).__file__).with_name("examples.py")
    spec = util.spec_from_file_location(f"examples_of_{name}", beside)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.examples(class_of(name))


def _tabled(name: str, module: ModuleType) -> list[HwOp]:
    """One for each of POINTS, values of the attributes NAMES. `arrays(attributes, index, rng)`, if there is
    such a function, draws the constants, and may replace attributes."""
    found = []
    for index, point in enumerate(module.POINTS):
        at = dict(zip(module.NAMES.split(), point))
        drawn = getattr(module, "arrays", lambda *_: None)(at, index, np.random.default_rng(index))
        found.append(class_of(name).make(f"{name}_{index}", drawn, **at))
    return found
