"""Operators, one folder each. This package is also the ONNX domain of folded graphs: `xnorforge.hw.ops`."""

from functools import cache
from types import ModuleType

from xnorforge.core import plugins

DOMAIN = "xnorforge.hw.ops"


def part(op, name: str) -> ModuleType | None:
    """The file `<name>.py` beside the `op.py` of an operator, None where it has none."""
    return _parts(name).get(type(op))


@cache
def _parts(name: str) -> dict[type, ModuleType]:
    """{class: module `<name>.py`} of the operators that have one."""
    found = plugins.parts("hw.ops", name)
    return {plugins.load("hw.ops", folder).Op: module for folder, module in found.items()}


def __getattr__(name: str):
    """qonnx asks the domain's module for `custom_op`: op_type -> class, found by folder."""
    if name == "custom_op":
        return {
            cls.__name__: cls for cls in (plugins.load("hw.ops", op).Op for op in plugins.names("hw.ops"))
        }
    raise AttributeError(name)
