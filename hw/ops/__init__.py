"""Operators, one folder each. This package is also the ONNX domain of folded graphs: `xnorforge.hw.ops`."""

from xnorforge.core import plugins

DOMAIN = "xnorforge.hw.ops"


def __getattr__(name: str):
    """qonnx asks the domain's module for `custom_op`: op_type -> class, found by folder."""
    if name == "custom_op":
        return {
            cls.__name__: cls for cls in (plugins.load("hw.ops", op).Op for op in plugins.names("hw.ops"))
        }
    raise AttributeError(name)
