"""A binary matrix of several vectors at a time (xf_xnor_mvu_pixels.sv): a word of weights serves all of them.

A row's weights are read once per cycle, and `pixels` vectors are compared with them: no accumulator, and a
memory as narrow as a vector. Of a matrix of 1152 x 128 and 100 vectors a frame, ten take 1,280 cycles.
"""

from dataclasses import dataclass

from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops import _dots
from xnorforge.hw.parts import Parts
from xnorforge.hw.timing import Buffer, Rounds, Stop, Timing, Work

SLACK = 8  # moves of handshakes, see Needed of the module


@dataclass(frozen=True)
class Pixels:
    """The unit.

    Attributes:
        mw, mh: elements of a vector, rows.
        pe: rows per output beat.
        pixels: vectors at a time.
        late: cycles that weights in columns of a memory take longer.
        acc_bits, out_bits: of a sum with its start, of a result.
        starts: whether sums start from something.
    """

    mw: int
    mh: int
    pe: int
    pixels: int
    late: int
    acc_bits: int
    out_bits: int
    starts: bool

    @property
    def dot(self) -> _dots.Dot:
        """Of one vector and one row."""
        return _dots.signed_sum(self.mw, 1)

    @property
    def turns(self) -> int:
        """Rounds that the history holds."""
        needed = 3 + -(-(1 + self.late + self.dot.latency + SLACK) // self.mh)
        return 1 << (needed - 1).bit_length()

    def parts(self) -> Parts:
        """Parts besides the memories of weights and starts, in the order of the module."""
        most, groups, pixels = self.turns * self.pixels, self.mh // self.pe, self.pixels
        row, place, group, turn, lane, loaded, done = map(
            address_bits, (self.mh, self.pe, groups, self.turns, pixels, pixels + 1, most + 1)
        )
        found = Parts(several=1, places=pixels, late_rows=self.pe * (turn + 2))
        found.registers(self.mh + self.late + self.dot.latency + pixels + loaded + 1).chains(loaded)
        found.registers(self.late * (self.mw + pixels) + pixels * (self.mw + self.dot.ff))
        found.placed(pixels * self.dot.carry).gates(dot_products=pixels * self.dot.lut)
        if self.starts:
            found.chains(self.acc_bits, count=pixels).gates(accumulator_bits=pixels * self.acc_bits)
        found.registers(self.pe + done + 2).chains(done, done, turn, -(-group // 3))
        found.add(Parts().memory(self.turns << group, pixels * self.out_bits, "lut", 0), count=self.pe)
        found.choices(self.pe * self.out_bits, pixels)
        asked, written, read = (row, place, group, turn), (group, turn), (group, lane)
        for bits in (*asked, *written, *read):
            found.registers(bits).chains(bits)
        queue = Parts().fifo(most, turn + group + place, "lut")
        queue.logic.clear()
        return found.add(queue).registers(self.pe * self.out_bits + 1)

    def timing(self) -> Timing:
        """Vectors share the rows that go round; behind them each waits in the history, then leaves."""
        rounds, latency = Rounds(self.pixels, self.mh, self.turns), self.mh + self.late + self.dot.latency
        front = Timing([Work(takes=(0,))], latency, Stop.ROUND, rounds=rounds)
        beats = Work(self.mh // self.pe, needs=1, frees=1)
        return Timing([beats], 1, Stop.READER, Buffer(1, self.turns * self.pixels, free=2), front)
