"""Base class of operators that move elements in groups of neighbours."""

from typing import ClassVar

from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.streams import check_divides


class Grouped(HwOp):
    """Elements of a frame `in_shape` to one of `out_shape`, unchanged. `pe` divides `group`, and `group` the
    last axis of both shapes.
    """

    extents: ClassVar[dict[str, str]] = {"pe": "group"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return {
            "in_shape": ("ints", True, []),
            "out_shape": ("ints", True, []),
            "group": ("i", False, 1),
            "pe": ("i", False, 1),
            "bits": ("i", False, 1),
            "signed": ("i", False, 0, {0, 1}),
        }

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
