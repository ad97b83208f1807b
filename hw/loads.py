"""Weights, thresholds and tables that a host replaces at run time (`loadable`), on the chain of xf_load."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.base import PAGE, HwOp

MEMORY_BITS, PLACE_BITS = 10, 18  # of load_t in xf_pkg.sv
IDENTITY = 0x58464C31  # "XFL1", what a host reads at address 0
MAGIC = b"XFW1"  # at the head of a weights file
BUILT_IN = 1  # id of the weights at power-up
REGISTERS = ("identity", "open", "id", "words")


@dataclass(frozen=True)
class Memory:
    """A memory that can be loaded: its number on the chain, its file, bits of a word, words."""

    number: int
    file: str
    width: int
    words: list[int]

    @property
    def pieces(self) -> int:
        """Pieces of 32 bits of a word."""
        return -(-self.width // 32)

    @property
    def piece_bits(self) -> int:
        """Bits of the number of a piece."""
        return (self.pieces - 1).bit_length()


def number_loads(ops: list[HwOp]) -> None:
    """Give the memories of the operators that can be loaded their numbers, from 1 on."""
    number = 1
    for op in ops:
        if 0 < op.first_load < PAGE:
            op.set_nodeattr("on_chain", number)
            number += len(op.loads)


def loaded_memories(op: HwOp) -> list[Memory]:
    """The memories of an operator that a host can load."""
    made = op.memories() if op.first_load else {}
    numbers = {file: op.first_load + place for place, file in enumerate(op.loads)}
    return [Memory(numbers[file], file, *made[file]) for file in op.loads if file in made]


class LoadChain:
    """What a host writes to load the weights of a network with `loadable` operators.

    Attributes:
        ops: the operators on the chain, in its order.
        writes: (byte address, 32 bits) of all words, in any order; `address` of xf_axi_lite, upper half.
        address_bits: of a byte address on AXI4-Lite.
        begins_empty: whether the network takes no frame before a first load.
        id: of these weights, neither 0 nor `BUILT_IN`.
    """

    def __init__(self, ops: list[HwOp]):
        self.ops = [op for op in ops if op.first_load]
        self.begins_empty = any(op.begins_empty for op in self.ops)
        memories = [one for op in self.ops for one in loaded_memories(op)]
        last = max(one.number for one in memories)
        self.memory_bits = last.bit_length()
        self.place_bits = max(1, *((len(one.words) - 1).bit_length() + one.piece_bits for one in memories))
        if self.memory_bits > MEMORY_BITS or self.place_bits > PLACE_BITS:
            raise UserError(
                f"generate: {last} memories of up to {1 << self.place_bits:,} words of 32 bits are more than "
                f"{(1 << MEMORY_BITS) - 1:,} of {1 << PLACE_BITS:,}, which LOADABLE=1 addresses; build with "
                "LOADABLE=0, or with a lower INTERVAL, whose memories are shallower."
            )
        self.address_bits = 1 + self.memory_bits + self.place_bits + 2
        self.writes = [
            (self._address(one, word, piece), value >> 32 * piece & 0xFFFFFFFF)
            for one in memories
            for word, value in enumerate(map(int, one.words))
            for piece in range(one.pieces)
        ]
        content = np.array(self.writes, "<u4").tobytes()
        self.id = max(zlib.crc32(content), BUILT_IN + 1)

    @property
    def control(self) -> int:
        """Byte address of a write that begins (0) or ends a load (the id)."""
        return 1 << self.address_bits - 1

    def _address(self, one: Memory, word: int, piece: int) -> int:
        place = word << one.piece_bits | piece
        return ((1 << self.memory_bits | one.number) << self.place_bits | place) << 2


def load_chain(ops: list[HwOp]) -> LoadChain | None:
    """The chain of a network whose weights can be loaded, or None."""
    return LoadChain(ops) if any(op.first_load for op in ops) else None


def weights_file(structure: int, chain: LoadChain | None, outside: bytes) -> bytes:
    """The file that both drivers load: a head of eight words of 32 bits (magic, structure low and high, id,
    writes, bytes of the text at the end, bytes of weights in memory, CRC of the text), then address and data
    of each write, then the weights that operators read from memory with every frame; the id is their CRC.

    Args:
        structure: 64-bit hash of all that the file does not replace.
        chain: of memories that can be loaded, if there are any.
        outside: weights in memory, whole words of the shell.
    """
    writes = chain.writes if chain else []
    content = np.array(writes, "<u4").tobytes() + outside
    name = max(zlib.crc32(content), BUILT_IN + 1)
    head = [structure & 0xFFFFFFFF, structure >> 32, name, len(writes), 0, len(outside), 0]
    return MAGIC + np.array(head, "<u4").tobytes() + content


def control_address_bits(ops: list[HwOp]) -> int:
    """Bits of a byte address of s_axi_ctrl of `xf_top`; 0: it has no such port."""
    chain = load_chain(ops)
    return chain.address_bits if chain else 0


def recorded_address_bits(record: Mapping[str, Any]) -> int:
    """Bits of a byte address of s_axi_ctrl in a network with this `rtl.json`; 0: it has no such port."""
    return record.get("loads", {"address_bits": 0})["address_bits"]
