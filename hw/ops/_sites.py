"""Flip-flops, carry cells and LUT RAM of what operators are made of, as Yosys maps them to 7-series parts."""

from collections.abc import Mapping, Sequence

import numpy as np

from xnorforge.hw.ops._streams import block_choice, memory_cost, quads

SHIFTS = 3  # registers in a row from which Yosys makes them a shift register of LUTs


def positions(count: int) -> int:
    """CARRY4 of a chain of so many positions that is placed by hand (hw/rtl/xf_carry.sv)."""
    return -(-count // 4)


def chain(width: int) -> int:
    """CARRY4 of a sum or a difference of so many bits; Yosys makes one and two bits of LUTs."""
    return positions(width) if width > 2 else 0


def compare_chain(width: int, constant: bool = False) -> int:
    """CARRY4 of a comparison by size: a place of the chain compares three bits, or six with a constant."""
    return chain(-(-width // (6 if constant else 3)))


def site_count(*parts: Mapping[str, int], ff: int = 0, carry: int = 0) -> dict[str, int]:
    """What `HwOp.sites` gives: so many flip-flops and carry cells, and what `parts` have."""
    found = {"ff": ff, "carry": carry, "lut_ram": 0}
    return {name: int(amount + sum(part[name] for part in parts)) for name, amount in found.items()}


def counters(*bits: int) -> dict[str, int]:
    """Of registers of these widths to which one is added."""
    return site_count(ff=sum(bits), carry=sum(map(chain, bits)))


def counter_sites(*sizes: int) -> dict[str, int]:
    """Of counters over so many values each, which count up or down by one."""
    return counters(*[(size - 1).bit_length() for size in sizes])


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


def address_bits(places: int) -> int:
    """Bits of an address of so many places, at least one."""
    return max(1, (places - 1).bit_length())


def delay_sites(width: int, stages: int) -> dict[str, int]:
    """Of registers in a row, read behind the last alone: from SHIFTS on a shift register, 32 stages at most
    in a LUT.
    """
    if stages < SHIFTS:
        return site_count(ff=width * stages)
    return site_count() | {"lut_ram": width * -(-stages // 32)}


def memory_sites(depth: int, width: int, kind: str = "auto") -> dict[str, int]:
    """Of a memory as in `memory_cost` whose words are read into a register: block RAM has one of its own, and
    the address bits that choose among its rows are kept.
    """
    if memory_cost(depth, width, kind)["bram36"]:
        return site_count(ff=(block_choice(depth, width)[-1] - 1).bit_length())
    return site_count(ff=width) | {"lut_ram": 4 * quads(depth, width)}


def fifo_sites(depth: int, width: int, memory: str) -> dict[str, int]:
    """Of hw/rtl/xf_fifo.sv with a memory "lut" or "block": two addresses and a count; behind a block RAM
    stands one more register.
    """
    at, count, block = address_bits(depth), depth.bit_length(), memory == "block"
    ff = count + 3 + (width + 1 if block else 0)
    given = memory_sites(depth, width, memory)
    return site_count(counters(at, at), given, ff=ff, carry=chain(count))


def column_sites(words: np.ndarray) -> dict[str, int]:
    """Of a table in logic whose words (words, bits) of 0 and 1 stand in a register: bits that differ.

    Yosys makes one of the register of the address too, where table and address are in one module.
    """
    return site_count(ff=different_columns(words))


def different_columns(words: np.ndarray) -> int:
    """How many bits of these words (words, bits) of 0 and 1 change, equal ones counted once."""
    columns = words[:, (words != words[:1]).any(0)]
    return len({column.tobytes() for column in columns.T})


def unread(cut: int) -> int:
    """Low bits of a number that do not decide whether it is more than `cut`.

    >>> unread(7), unread(4), unread(5)
    (3, 0, 1)
    """
    return (~cut & cut + 1).bit_length() - 1


def bits_of(values: np.ndarray, bits: int) -> np.ndarray:
    """Rows of integers as rows of bits, of each the lowest first."""
    if bits == 1:
        return (values & 1).astype(np.uint8)
    return (values[:, :, None] >> np.arange(bits) & 1).astype(np.uint8).reshape(len(values), -1)


def binary(words: Sequence[int], bits: int) -> np.ndarray:
    """Words of `bits` bits as rows of 0 and 1, the lowest first.

    >>> binary([1, 6], 3).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    size = -(-bits // 8)
    rows = np.frombuffer(b"".join(word.to_bytes(size, "little") for word in words), np.uint8)
    return np.unpackbits(rows.reshape(-1, size), axis=1, bitorder="little")[:, :bits]
