"""A binary matrix of several vectors at a time (xf_xnor_mvu_pixels.sv): a word of weights serves all of them.

A row's weights are read once per cycle, and `pixels` vectors are compared with them: no accumulator, and a
memory as narrow as a vector. Of a matrix of 1152 x 128 and 100 vectors a frame, ten at a time take 1,280
cycles.
"""

from dataclasses import dataclass

from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops._sites import address_bits, chain, counters, fifo_sites, memory_sites, site_count
from xnorforge.hw.ops._streams import memory_cost

CONTROL = 46  # LUTs of counters and handshakes …
PLACE = 5.5  # … and of a place's load and results
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
        weight_block, start_block: whether they lie in block RAM.
    """

    mw: int
    mh: int
    pe: int
    pixels: int
    late: int
    acc_bits: int
    out_bits: int
    starts: bool
    weight_block: bool
    start_block: bool

    @property
    def dot(self) -> cost.Dot:
        """Of one vector and one row."""
        return cost.dot(self.mw, 1)

    @property
    def latency(self) -> int:
        """Cycles from a vector to its first results: all rows, the pipeline, the output register."""
        return self.mh + self.late + self.dot.latency + 2

    @property
    def turns(self) -> int:
        """Rounds that the history holds."""
        needed = 3 + -(-(1 + self.late + self.dot.latency + SLACK) // self.mh)
        return 1 << (needed - 1).bit_length()

    def cost(self) -> dict[str, float]:
        """LUT sites and BRAM36 by the model of _mvu_cost.py."""
        groups = self.mh // self.pe
        depth = self.turns << max(1, (groups - 1).bit_length())
        lut = CONTROL + self.pixels * (PLACE + self.dot.lut + (self.acc_bits if self.starts else 0))
        bram36 = 0.0
        memories = [(self.mw, self.weight_block)]
        if self.starts:
            memories.append((self.acc_bits, self.start_block))
        for width, in_block in memories:
            blocks, more = (
                cost.block_cost(width, self.mh)
                if in_block
                else (0.0, cost.logic_rom(width, self.mh) + cost.logic_mux(width, self.mh))
            )
            bram36, lut = bram36 + blocks, lut + more
        picked = -(-(self.pixels - 1) // 3) * self.out_bits  # of so many pixels one: four by a LUT
        turn = 2 + self.turns.bit_length() - 1
        history = memory_cost(depth, self.pixels * self.out_bits, "lut")["lut"]
        stamp = (self.mh * self.turns - 1).bit_length()
        stamps = memory_cost(self.turns * self.pixels, stamp, "lut")["lut"]
        lut += self.pe * (history + picked + turn) + stamps
        return {"lut": float(lut), "bram36": float(bram36)}

    def sites(self, *memories: dict[str, int]) -> dict[str, int]:
        """Sites of the Yosys netlist, those of the memories of weights and starts given; the lines are its
        parts, in the order of the module.
        """
        most, groups = self.turns * self.pixels, self.mh // self.pe
        row, place, group, turn, lane, loaded, done = map(
            address_bits, (self.mh, self.pe, groups, self.turns, self.pixels, self.pixels + 1, most + 1)
        )
        passing = self.mh + self.late + self.dot.latency
        ff, carry = passing + self.pixels + loaded + 1, chain(loaded)
        ff += self.late * (self.mw + self.pixels)
        ff, carry = ff + self.pixels * (self.mw + self.dot.ff), carry + self.pixels * self.dot.carry
        if self.starts:
            ff, carry = ff + row, carry + chain(row) + self.pixels * chain(self.acc_bits)
        ff, carry = ff + self.pe + done + 2, carry + 2 * chain(done) + chain(turn)
        carry += chain(-(-group // 3))  # a comparison by size takes three bits a place
        history = memory_sites(self.turns << group, self.pixels * self.out_bits, "lut") | {"ff": 0}
        return site_count(
            *memories,
            counters(row, place, group, turn),  # what is asked for
            counters(group, turn),  # where it is written
            fifo_sites(most, turn + group + place, "lut"),
            *[history] * self.pe,
            counters(group, lane),  # what is read
            ff=ff + self.pe * self.out_bits + 1,
            carry=carry,
        )
