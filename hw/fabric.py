"""What a part family is made of, as far as an estimate needs it: carry cells, memories of LUTs, block RAMs.

The figures are those of Yosys' mapping, so that an estimate chooses memories as a synthesis does.
"""

from dataclasses import dataclass
from functools import cache

BRAM36_BITS, URAM_BITS = 36 * 1024, 72 * 4096  # of a block, parity included


def address_bits(places: int) -> int:
    """Bits of an address of so many places, at least one."""
    return max(1, (places - 1).bit_length())


@dataclass(frozen=True)
class BlockRam:
    """A kind of block RAM.

    Attributes:
        bits: without parity.
        bram36: what it counts as.
        price: as Yosys weighs it against other memories.
        widths: bits of a word, narrowest first; each is twice as wide as the one before, parity aside.
        narrowest: bits of the narrowest word, parity aside.
    """

    bits: int
    bram36: float
    price: int
    widths: tuple[int, ...]
    narrowest: int = 1

    def words(self, place: int) -> int:
        """Words of `widths[place]` bits."""
        return self.bits // (self.narrowest << place)


@dataclass(frozen=True)
class LutRam:
    """A memory of several LUTs: its words, their bits, the LUT sites it takes, its price to Yosys, and what
    of that goes with the bits that are used."""

    words: int
    bits: int
    luts: int
    price: int
    scaled: int = 0


@dataclass(frozen=True)
class UltraRam:
    """A kind of large memory that a configuration cannot fill: words of a block, their bits, of which those
    of a `lane` are written together."""

    words: int
    bits: int
    lane: int

    def count(self, depth: int, width: int) -> int:
        """Blocks of a memory that is written 32 bits at a time; a word may hold several narrow ones.

        >>> [UltraRam(4096, 72, 8).count(*size) for size in ((4096, 576), (5000, 33), (5000, 32))]
        [8, 2, 1]
        """
        lanes = width // 32 * -(-32 // self.lane) + -(-(width % 32) // self.lane)
        most = self.bits // self.lane
        return min(-(-depth // (self.words << k)) * -(-(lanes << k) // most) for k in range(4))


@dataclass(frozen=True)
class Fabric:
    """The cells of a family; the defaults are those of the reference family.

    Attributes:
        lut_inputs: of a LUT, at most 6.
        carry_bits: bits of a sum per carry cell.
        carry_from: bits from which a sum has carry cells.
        compared: bits that a place of a carry chain compares, of two numbers, and of one with a constant.
        shift_from: registers in a row from which LUTs replace them; 0: never.
        lut_rams: memories of LUTs, smallest first.
        block_rams: kinds of block RAM.
        ultra_ram: None where the family has none.
        guarded: whether registers watch a block RAM for reads of the word that is written, where there may
            be such: those of two words, an address and two more.
    """

    lut_inputs: int = 6
    carry_bits: int = 4
    carry_from: int = 3
    compared: tuple[int, int] = (3, 6)
    shift_from: int = 3
    lut_rams: tuple[LutRam, ...] = (LutRam(32, 6, 4, 8, 7), LutRam(64, 3, 4, 8, 7))
    block_rams: tuple[BlockRam, ...] = (
        BlockRam(1 << 14, 0.5, 129, (1, 2, 4, 9, 18, 36)),
        BlockRam(1 << 15, 1.0, 257, (1, 2, 4, 9, 18, 36, 72)),
    )
    ultra_ram: UltraRam | None = None
    guarded: bool = False

    def for_words(self, words: int) -> int:
        """LUTs that do for a table of so many words what one of six inputs does for 64 of them.

        >>> [Fabric(lut_inputs=4).for_words(words) for words in (2, 17, 64, 260)]
        [1, 2, 4, 4]
        """
        return max(1, -(-min(words, 64) >> self.lut_inputs))

    def carry(self, bits: int) -> int:
        """Carry cells of a sum or a difference of so many bits.

        >>> [Fabric().carry(bits) for bits in (2, 3, 9)]
        [0, 1, 3]
        """
        return -(-bits // self.carry_bits) if bits >= self.carry_from else 0


REFERENCE = Fabric()
SHIFT = 32  # registers of a shift register that a LUT holds


@dataclass(frozen=True)
class Memory:
    """A memory as it is mapped.

    Attributes:
        block: whether it lies in block RAM or UltraRAM.
        bram36: block RAMs.
        luts: LUT sites that hold its words.
        rows: memories among which a read chooses.
        choice: LUTs of the reference family that choose.
        guards: registers that guard it.
        uram: UltraRAMs.
    """

    block: bool
    bram36: float
    luts: int
    rows: int
    choice: float
    guards: int = 0
    uram: int = 0


@cache
def block_choice(depth: int, width: int, written: bool = True, fabric: Fabric = REFERENCE):
    """How Yosys puts a memory into block RAM: its price, BRAM36, and the rows of blocks that a read chooses.

    A block costs its price, a bit of a row beyond the first a half. The rows of a memory that is never
    `written` share blocks, side by side.

    >>> block_choice(4096, 9), block_choice(3125, 32), block_choice(1500, 20, written=False)
    ((257.0, 1.0, 1), (999.0, 3.5, 7), (277.0, 1.0, 3))
    """
    choices: list[tuple[float, float, int]] = []
    for block in fabric.block_rams:
        for place, bits in enumerate(block.widths):
            rows = -(-depth // block.words(place))
            count = rows * -(-width // bits) if written else -(-rows * width // bits)
            choices.append((block.price * count + width * (rows - 1) / 2, block.bram36 * count, rows))
    return min(choices)


@cache
def memory_of(depth: int, width: int, kind: str = "auto", fabric: Fabric = REFERENCE) -> Memory:
    """How a memory with one write and one read port is mapped: the cheaper one to Yosys, or what `kind` asks
    for, "lut", "block", "rom", which is block RAM that is never written, or "ultra", where the family has it.
    Of "near" a word may be read while it is written, which registers may have to watch."""
    if kind == "ultra" and fabric.ultra_ram:
        rows = -(-depth // fabric.ultra_ram.words)
        choice = width * -(-(rows - 1) // 3)  # a LUT has two data inputs, or four
        return Memory(True, 0.0, 0, rows, choice, uram=fabric.ultra_ram.count(depth, width))
    price, bram36, rows = block_choice(depth, width, kind != "rom", fabric)
    if kind == "rom":  # of more than eight rows some LUTs tell them apart
        each = -(-(rows - 1) // 3) if rows <= 8 else rows // 2
        return Memory(True, bram36, 0, rows, width * each + (rows > 8) * min(22, 5 * width // 2))
    near = fabric.guarded and kind == "near"
    guards = (2 * width + address_bits(depth) + 2) * near
    made = [(-(-depth // ram.words), -(-width // ram.bits), ram) for ram in fabric.lut_rams]
    if kind == "block" or not made:
        return Memory(True, bram36, 0, rows, width * (rows // 2), guards)
    logic = min(
        high * ((ram.price - ram.scaled) * wide + ram.scaled * width / ram.bits)
        + (width + 1) * (high - 1) / 2
        for high, wide, ram in made
    )
    if kind in ("auto", "near") and price + width * near < logic:
        return Memory(True, bram36, 0, rows, width * (rows // 2), guards)
    luts = min(ram.luts * high * wide for high, wide, ram in made)
    high = -(-depth // fabric.lut_rams[-1].words)
    return Memory(False, 0.0, luts, high, high + width * (high - 1) / 2 if high > 1 else 0.0)
