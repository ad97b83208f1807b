"""Operators, one folder each. This package is also the ONNX domain of folded graphs, `xnorforge.hw.ops`."""

from types import ModuleType
from typing import Any

from xnorforge.core import plugins

DOMAIN = "xnorforge.hw.ops"


def part(op: object, name: str) -> ModuleType | None:
    """The module `<name>.py` next to the `op.py` of an operator, or None."""
    package, _, folder = type(op).__module__.removesuffix(".op").rpartition(".")
    if package != DOMAIN or not (plugins.place("hw.ops", folder) / f"{name}.py").is_file():
        return None
    return plugins.load("hw.ops", folder, name)


def __getattr__(name: str) -> Any:
    """qonnx asks the domain's module for `custom_op`, {op_type: class}; the folders are the entries."""
    if name == "custom_op":
        classes = [plugins.load("hw.ops", op).Op for op in plugins.names("hw.ops")]
        return {name: cls for cls in classes for name in (*cls.former, cls.__name__)}
    raise AttributeError(name)
