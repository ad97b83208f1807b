"""What the operators that only move elements check and share."""

from collections.abc import Mapping, Sequence

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import INT64_BITS, as_width, width_of


def divisors(number: int) -> list[int]:
    """All divisors, ascending.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    return [d for d in range(1, number + 1) if number % d == 0]


def check_divides(name: str, attribute: str, value: int, what: str, total: int) -> None:
    """Raise UserError unless `value` lanes divide `total` elements."""
    if value < 1 or total % value:
        raise UserError(
            f"{name}: {attribute}={value} does not divide {what}={total}; use one of {divisors(total)}."
        )


def value_range(bits: int, signed: bool) -> tuple[int, int]:
    """Least and greatest value of an element.

    >>> value_range(8, True)
    (-128, 127)
    """
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def signed_bits(low: int, high: int) -> int:
    """Bits of two's complement that hold low .. high.

    >>> signed_bits(-128, 5), signed_bits(0, 5)
    (8, 4)
    """
    return max(int(high), -int(low) - 1, 0).bit_length() + 1


def wrapped(values: np.ndarray, bits: int, signed: bool) -> np.ndarray:
    """Integers modulo 2**bits, as the elements of that width.

    >>> wrapped(np.array([127, 128, -129]), 8, True)
    array([ 127, -128,  127])
    """
    if width_of(values) >= INT64_BITS or bits > INT64_BITS:
        values = as_width(values, INT64_BITS + 1)
    low, _ = value_range(bits, signed)
    return as_width((values - low) % 2**bits + low, bits)


def packed(values, bits: int) -> tuple[int, int]:
    """Numbers of `bits` bits side by side, the first in the lowest bits, as a parameter: (bits in all,
    number).

    >>> packed([1, 2, -1], 4)
    (12, 3873)
    """
    values = [int(value) % 2**bits for value in values]
    return bits * len(values), sum(value << (bits * index) for index, value in enumerate(values))


def spare_cost(width: int) -> float:
    """LUTs of a spare output register of `width` bits (hw/rtl/xf_spare.sv): a choice per bit, and valid."""
    return width + 1.0


def memory_cost(depth: int, width: int, kind: str = "auto") -> dict[str, float]:
    """What a memory with one write and one read port takes on a 7-series part: {"lut", "bram36"}.

    Yosys weighs four LUTs (32 x 6 or 64 x 3 bits) as 8, half a block as 129 and a whole one as 257 and takes
    the least; `kind` "lut" or "block" forces one. What joins LUT memories deeper than 64 is included.
    """
    quads = _quads(depth, width)
    blocks = -(-depth // 64)
    joined = blocks + width * (blocks - 1) / 2 if blocks > 1 else 0
    halves, wholes = (
        min(-(-depth // words) * -(-width // bits) for words, bits in shapes)
        for shapes in (
            ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36)),
            ((32768, 1), (16384, 2), (8192, 4), (4096, 9), (2048, 18), (1024, 36), (512, 72)),
        )
    )
    block = min(129 * halves, 257 * wholes)
    if kind == "lut" or (kind == "auto" and 8 * quads <= block):
        return {"lut": 4 * quads + joined, "bram36": 0.0}
    return {"lut": 0.0, "bram36": halves / 2 if 129 * halves < 257 * wholes else float(wholes)}


def chain(width: int) -> int:
    """CARRY4 of a sum or a difference of so many bits; Yosys makes one and two bits of LUTs."""
    return -(-width // 4) if width > 2 else 0


def compare_chain(width: int, constant: bool = False) -> int:
    """CARRY4 of a comparison by size: a place of the chain compares three bits, or six with a constant."""
    return chain(-(-width // (6 if constant else 3)))


def site_count(*parts: Mapping[str, int], ff: int = 0, carry: int = 0) -> dict[str, int]:
    """What `HwOp.sites` gives: so many flip-flops and carry cells, and what `parts` have."""
    found = {"ff": ff, "carry": carry, "lut_ram": 0}
    return {name: int(amount + sum(part[name] for part in parts)) for name, amount in found.items()}


def counter_sites(*sizes: int) -> dict[str, int]:
    """Of counters over so many values each, which count up or down by one."""
    bits = [(size - 1).bit_length() for size in sizes]
    return site_count(ff=sum(bits), carry=sum(map(chain, bits)))


def walk_chains(address: int, beats: int) -> int:
    """CARRY4 of an address of so many bits that goes on by one, and back to the first beat of a pixel: that
    takes a chain of its own where beats are no power of two, of bits from that of the lowest 1 on.
    """
    back = chain(address + 1 - (beats - 1 & 1 - beats).bit_length()) if beats & (beats - 1) else 0
    return chain(address) + back


def skid_sites(width: int) -> dict[str, int]:
    """Of hw/rtl/xf_skid.sv: two registers, each with its valid."""
    return site_count(ff=2 * width + 2)


def spare_sites(width: int) -> dict[str, int]:
    """Of hw/rtl/xf_spare.sv, without the register in front of it."""
    return site_count(ff=width + 1)


def memory_sites(depth: int, width: int, kind: str = "auto") -> dict[str, int]:
    """Of a memory as in `memory_cost` whose words are read into a register: block RAM has one of its own."""
    if memory_cost(depth, width, kind)["bram36"]:
        return site_count()
    return site_count(ff=width) | {"lut_ram": 4 * _quads(depth, width)}


def fifo_sites(depth: int, width: int, memory: str) -> dict[str, int]:
    """Of hw/rtl/xf_fifo.sv with a memory "lut" or "block": two addresses and a count; behind a block RAM
    stands one more register.
    """
    count, block = depth.bit_length(), memory == "block"
    ff = count + 3 + (width + 1 if block else 0)
    given = memory_sites(depth, width, memory)
    return site_count(counter_sites(depth, depth), given, ff=ff, carry=chain(count))


def column_sites(words: np.ndarray) -> dict[str, int]:
    """Of a table in logic whose words (words, bits) of 0 and 1 stand in a register: bits that differ.

    Yosys makes one of the register of the address too, where table and address are in one module.
    """
    columns = words[:, (words != words[:1]).any(0)]
    return site_count(ff=len({column.tobytes() for column in columns.T}))


def binary(words: Sequence[int], bits: int) -> np.ndarray:
    """Words of `bits` bits as rows of 0 and 1, the lowest first.

    >>> binary([1, 6], 3).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    size = -(-bits // 8)
    rows = np.frombuffer(b"".join(word.to_bytes(size, "little") for word in words), np.uint8)
    return np.unpackbits(rows.reshape(-1, size), axis=1, bitorder="little")[:, :bits]


def _quads(depth: int, width: int) -> int:
    """Fours of LUTs, each 32 x 6 or 64 x 3 bits."""
    return min(-(-depth // words) * -(-width // bits) for words, bits in ((32, 6), (64, 3)))
