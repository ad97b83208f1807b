"""A FIFO between two operators."""

from typing import ClassVar

from xnorforge.core.errors import UserError
from xnorforge.hw.fabric import block_choice, memory_of
from xnorforge.hw.ops.base import HwOp, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.timing import Timing, fifo

MEMORIES = {"lut": 1, "block": 2}
KINDS = ("auto", *MEMORIES)
HALF_BLOCK = 190  # LUTs for which "auto" gives up half a BRAM36: what XC7Z020 has per half
DEEPEST = 2**24  # beats; more than the memory of any part


class Fifo(HwOp):
    """Pass a stream on unchanged, with room for `depth` waiting beats.

    A depth of 2 or less is a skid buffer, which holds two beats. Otherwise `depth` counts the beats in the
    memory; one more waits in the output register, and with block RAM another in the RAM's register. `kind` is
    "lut" (LUT RAM), "block" (block RAM) or "auto", the cheaper one on a 7-series part. A block memory that is
    slightly deeper than a power of two keeps the remainder in LUTs.

    Rate: one beat per cycle. Latency: 1 cycle as a skid, 2 cycles with LUT RAM, 3 with block RAM."""

    module = "xf_fifo"
    identity = True
    extents: ClassVar[dict[str, str]] = {}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(shape=[], lanes=1, bits=1, signed=0, depth=2, kind="auto")

    def in_stream(self) -> Stream:
        depth, kind = self.get_nodeattr("depth"), self.get_nodeattr("kind")
        if not 1 <= depth <= DEEPEST:
            raise UserError(f"{self.name}: depth={depth} is out of range; use 1 .. {DEEPEST:,}.")
        if kind not in KINDS:
            raise UserError(f"{self.name}: kind='{kind}' is unknown; use one of {', '.join(KINDS)}.")
        shape, bits = tuple(self.get_nodeattr("shape")), self.get_nodeattr("bits")
        return Stream(shape, self.get_nodeattr("lanes"), bits, bool(self.get_nodeattr("signed")))

    def out_stream(self) -> Stream:
        return self.in_stream()

    @property
    def memory(self) -> str:
        """What it is built of, where it is no skid: "lut" or "block"."""
        kind = self.get_nodeattr("kind")
        if kind in MEMORIES:
            return kind
        size = self.get_nodeattr("depth"), self.in_stream().width
        return "block" if block_choice(*size)[0] < 2 * memory_of(*size, "lut").luts else "lut"

    def in_block(self) -> int:
        """Beats of a memory of kind "block" that lie in block RAM; the rest lies in LUTs."""
        depth = self.get_nodeattr("depth")
        if depth <= 2 or self.get_nodeattr("kind") != "auto":
            return depth
        part = 1 << (depth - 1).bit_length() - 1
        width = self.in_stream().width
        whole, cut = (memory_of(size, width, self.memory) for size in (depth, part))
        rest = memory_of(depth - part, width, "lut")
        lut = cut.choice + rest.luts + rest.choice + width + 3  # with a multiplexer in front of the rest
        return part if 2 * HALF_BLOCK * (whole.bram36 - cut.bram36) > lut else depth

    def execute_node(self, context: Tensors, _graph: object) -> None:
        context[self.onnx_node.output[0]] = context[self.onnx_node.input[0]]

    def timing(self) -> Timing:
        return fifo(self.get_nodeattr("depth"), self.memory == "block")

    def rtl(self) -> Rtl:
        width, depth = self.in_stream().width, self.get_nodeattr("depth")
        return self.module, {
            "Width": width, "Depth": depth, "Kind": MEMORIES[self.memory], "InBlock": self.in_block()
        }  # fmt: skip

    def parts(self) -> Parts:
        width, depth = self.in_stream().width, self.get_nodeattr("depth")
        if depth <= 2:
            return Parts().skid(width)
        return Parts().fifo(depth, width, self.memory, self.in_block())


Op = Fifo
