"""A binary matrix of several vectors at a time (xf_xnor_mvu_pixels.sv): a word of weights serves all of them.

A row's weights are read once per cycle, and `pixels` vectors are compared with them: no accumulator, and a
memory as narrow as a vector. Of a matrix of 1152 x 128 and 100 vectors a frame, ten take 1,280 cycles.
"""

from typing import Self

from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops._mvu import Folded, Mvu
from xnorforge.hw.ops.base import Rtl
from xnorforge.hw.parts import Parts
from xnorforge.hw.timing import Buffer, Rounds, Stop, Timing, Work

SLACK = 8  # moves of handshakes, see Needed of the module


class Several(Folded):
    """The unit of `pixels` vectors at a time."""

    def __init__(self, op: Mvu):
        super().__init__(op)
        self.mw, self.mh, _, self.pe = op.folding()
        self.pixels: int = op.get_nodeattr("pixels")
        self.latency: int = self.mh + op.late() + op.dot().latency  # of a count

    @classmethod
    def of(cls, op: Mvu) -> Self | None:
        """Where several vectors are asked for."""
        return cls(op) if op.get_nodeattr("pixels") > 1 else None

    def rtl(self) -> Rtl:
        shared = ("Mw", "Mh", "Pe", "WeightMemory", "WeightRows", "StartMemory", "DotCycles")
        _, parameters = super().rtl()
        return "xf_xnor_mvu_pixels", {name: parameters[name] for name in shared} | {"Pixels": self.pixels}

    def beside(self, suffix: str, /) -> tuple[dict[str, str], list[str]]:
        """A dot product per vector."""
        return self.dot.beside(self.pixels, ("w_i",), (), suffix)

    @property
    def turns(self) -> int:
        """Rounds that the history holds."""
        needed = 3 + -(-(1 + self.latency - self.mh + SLACK) // self.mh)
        return 1 << (needed - 1).bit_length()

    def parts(self) -> Parts:
        """Parts in the order of the module, then the memories of weights and starts."""
        op, dot, late = self.op, self.op.dot(), self.op.late()
        most, groups, pixels = self.turns * self.pixels, self.mh // self.pe, self.pixels
        row, place, group, turn, lane, loaded, done = map(
            address_bits, (self.mh, self.pe, groups, self.turns, pixels, pixels + 1, most + 1)
        )
        found = Parts(several=1, places=pixels, late_rows=self.pe * (turn + 2))
        found.registers(self.latency + pixels + loaded + 1).chains(loaded)
        found.registers(late * (self.mw + pixels) + pixels * (self.mw + dot.ff))
        found.placed(pixels * dot.carry).gates(dot_products=pixels * dot.lut)
        if op.has_starts():
            found.chains(op.acc_bits, count=pixels).gates(accumulator_bits=pixels * op.acc_bits)
        out_bits = op.out_stream().bits
        found.registers(self.pe + done + 2).chains(done, done, turn, -(-group // 3))
        found.add(Parts().memory(self.turns << group, pixels * out_bits, "lut", 0), count=self.pe)
        found.choices(self.pe * out_bits, pixels)
        asked, written, read = (row, place, group, turn), (group, turn), (group, lane)
        for bits in (*asked, *written, *read):
            found.registers(bits).chains(bits)
        queue = Parts().fifo(most, turn + group + place, "lut")
        queue.logic.clear()
        found.add(queue).registers(self.pe * out_bits + 1).add(op.weight_parts())
        return found.add(op.start_parts(True)) if op.has_starts() else found

    def timing(self) -> Timing:
        """Vectors share the rows that go round; behind them each waits in the history, then leaves."""
        rounds = Rounds(self.pixels, self.mh, self.turns)
        front = Timing([Work(takes=(0,))], self.latency, Stop.ROUND, rounds=rounds)
        beats = Work(self.mh // self.pe, needs=1, frees=1)
        return Timing([beats], 1, Stop.READER, Buffer(1, self.turns * self.pixels, free=2), front)
