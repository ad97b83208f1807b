"""Flip-flops, carry cells and LUT RAM of what operators are made of, as Yosys maps them to 7-series parts."""

from collections.abc import Mapping

import numpy as np

from xnorforge.hw.ops._streams import memory_cost


def positions(count: int) -> int:
    """CARRY4 of a chain of so many positions that is placed by hand (hw/rtl/xf_carry.sv)."""
    return -(-count // 4)


def chain(width: int) -> int:
    """CARRY4 of a sum or a difference of so many bits; Yosys makes one and two bits of LUTs."""
    return positions(width) if width > 2 else 0


def site_count(*parts: Mapping[str, int], ff: int = 0, carry: int = 0) -> dict[str, int]:
    """What operators give as `sites()`: so many flip-flops and carry cells, and those of `parts`."""
    found = {"ff": ff, "carry": carry, "lut_ram": 0}
    return {name: amount + sum(part[name] for part in parts) for name, amount in found.items()}


def counters(*bits: int) -> dict[str, int]:
    """Of registers of these widths to which one is added."""
    return site_count(ff=sum(bits), carry=sum(map(chain, bits)))


def address_bits(places: int) -> int:
    """Bits of an address of so many places, at least one."""
    return max(1, (places - 1).bit_length())


def delay_sites(width: int, stages: int) -> dict[str, int]:
    """Of registers in a row, read behind the last alone: from three on Yosys makes shift registers of them,
    up to 32 stages in a LUT.
    """
    if stages < 3:
        return site_count(ff=width * stages)
    return site_count() | {"lut_ram": width * -(-stages // 32)}


def memory_sites(depth: int, width: int, kind: str = "auto") -> dict[str, int]:
    """Of a memory as in `memory_cost` whose words are read into a register: block RAM has one of its own."""
    if memory_cost(depth, width, kind)["bram36"]:
        return site_count()
    quads = min(-(-depth // words) * -(-width // bits) for words, bits in ((32, 6), (64, 3)))
    return site_count(ff=width) | {"lut_ram": 4 * quads}


def fifo_sites(depth: int, width: int, memory: str) -> dict[str, int]:
    """Of hw/rtl/xf_fifo.sv with a memory in LUTs: two addresses and a count."""
    at, count = address_bits(depth), depth.bit_length()
    return site_count(counters(at, at), memory_sites(depth, width, memory), ff=count + 3, carry=chain(count))


def column_sites(words: np.ndarray) -> dict[str, int]:
    """Of a table in logic whose words (words, bits) of 0 and 1 stand in a register: bits that differ."""
    changing = words[:, (words != words[:1]).any(axis=0)]
    return site_count(ff=len({column.tobytes() for column in changing.T}))


def unread(cut: int) -> int:
    """Low bits of a number that do not decide whether it is more than `cut`.

    >>> unread(7), unread(4), unread(5)
    (3, 0, 1)
    """
    return (~cut & cut + 1).bit_length() - 1


def bits_of(values: np.ndarray, bits: int) -> np.ndarray:
    """Rows of integers as rows of bits, of each the lowest first."""
    return (values[:, :, None] >> np.arange(bits) & 1).astype(np.uint8).reshape(len(values), -1)
