"""Base class of operators that move elements in groups of neighbours."""

from typing import ClassVar

from xnorforge.hw.ops.base import HwOp, Stream, node_attributes
from xnorforge.hw.streams import check_divides


class Grouped(HwOp):
    """Elements of a frame `in_shape` to one of `out_shape`, unchanged. `pe` divides `group`, and `group` the
    last axis of both shapes."""

    extents: ClassVar[dict[str, str]] = {"pe": "group"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(in_shape=[], out_shape=[], group=1, pe=1, bits=1, signed=(0, 1))

    def in_stream(self) -> Stream:
        return self._stream("in_shape")

    def out_stream(self) -> Stream:
        return self._stream("out_shape")

    def _stream(self, key: str) -> Stream:
        shape = tuple(self.get_nodeattr(key))
        group, pe, bits = (self.get_nodeattr(name) for name in ("group", "pe", "bits"))
        check_divides(self.name, "group", group, "last axis", shape[-1])
        check_divides(self.name, "pe", pe, "group", group)
        return Stream(shape, pe, bits, bool(self.get_nodeattr("signed")))
