"""Instances of every operator, at least 20 seeded ones that cover its parameters."""

from functools import cache
from importlib import import_module, util
from pathlib import Path

from xnorforge.core import plugins
from xnorforge.hw.ops.base import HwOp

HERE = Path(__file__).parent


def examples_of(kind: str | type) -> list[HwOp]:
    """The examples of an operator, by its folder or class; of one outside the package, those of the file
    `examples.py` beside its `op.py`.
    """
    return list(_made(plugins.load("hw.ops", kind).Op if isinstance(kind, str) else kind))


@cache
def _made(cls: type) -> list[HwOp]:
    """All modules of a run share them: those with adders take seconds to solve."""
    name = cls.__module__.split(".")[-2]
    if (HERE / f"{name}.py").exists():
        return import_module(f".{name}", __name__).examples(cls)
    beside = Path(plugins.load("hw.ops", name).__file__).with_name("examples.py")
    spec = util.spec_from_file_location(f"examples_of_{name}", beside)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.examples(cls)
