"""Binary matrix-vector unit whose weights, a template in two banks, can be replaced between frames."""

import copy
from collections.abc import Mapping
from math import lcm
from typing import Any, ClassVar

import numpy as np

from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops._decode import Decoder
from xnorforge.hw.ops._mvu import Mvu
from xnorforge.hw.ops._templates import BANKS, Templated
from xnorforge.hw.ops.base import Memories, Rtl
from xnorforge.hw.ops.xnor_mvu.op import XnorMvu
from xnorforge.hw.parts import Parts

LUT_WORDS = 128  # of both banks, up to which they lie in LUTs
IDENTITY = 0x58464331  # "XFC1", what a host reads at address 0
CONTROL = 47  # LUTs of counters, handshake and addresses, of reading and of writing


class Correlate(XnorMvu, Templated):
    """Count equal bits of vectors and a template that is replaced at run time: UINT 0 .. mw per row.

        y[row] = number of k with x[k] == weights[k, row]    the response of ±1 values is 2 * y - mw

    Shapes: `vectors` vectors of `mw` bits to as many vectors of `mh` counts. `weights` (mw, mh) of 0 and 1 is
    the content of both banks at power-up.

    With its first beat every frame carries two flags: `bank`, the bank it is compared with, and `learn`,
    which stores its first vector as the template of the other bank, for all rows. A host can also write a
    template over AXI4-Lite (`writes` returns the addresses and words). It must not write a bank while a frame
    is in flight that uses the bank or that learns. Reset keeps the banks. `sim/templates.py` defines what a
    sequence of such frames returns; `execute_node` uses `weights` for every frame.

    Registers, in bytes: 0x0 identity "XFC1", 0x4 words per bank, 0x8 bits per word. The upper half of the
    address space is {1, bank, word, piece, 00}: each write sets 32 bits of a word, the lowest piece first.
    Bit p * simd + s of word nf * (mw / simd) + sf is the weight of element sf * simd + s in row nf * pe + p.

    Rate: (mw / simd) * (mh / pe) cycles per vector, at least 2 cycles per frame. Latency: mw / simd + 2
    cycles plus the pipeline of the count.

    Cost: as XnorMvu without thresholds, plus both banks in LUT RAM or block RAM (`ram`).
    """

    module = "xf_correlate"
    arrays: tuple[str, ...] = ("weights",)
    extents: ClassVar[dict[str, str]] = Mvu.extents  # one vector at a time
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = {}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        left_out = {*XnorMvu.styles, "rom_rows"}
        kept = {key: kind for key, kind in super().get_nodeattr_types().items() if key not in left_out}
        return kept | {"ram": ("s", False, "auto", {"auto", "block", "lut"})}

    @property
    def loads(self) -> tuple[str, ...]:
        """None: its templates have a port of their own."""
        return ()

    def weight_rows(self) -> int:
        """0: the templates lie in a memory of their own."""
        return 0

    def deep_rows(self) -> int:
        """0, for the same reason."""
        return 0

    @property
    def bank_words(self) -> int:
        """Words of a bank."""
        mw, mh, simd, pe = self.folding()
        return mw // simd * (mh // pe)

    @property
    def word_bits(self) -> int:
        """Bits of a word."""
        return self.get_nodeattr("simd") * self.get_nodeattr("pe")

    @property
    def pieces(self) -> int:
        """Pieces of 32 bits of a word."""
        return -(-self.word_bits // 32)

    @property
    def blocks(self) -> bool:
        """Whether the banks lie in block RAM."""
        ram = self.get_nodeattr("ram")
        return ram == "block" or (ram == "auto" and BANKS * self._rows() > LUT_WORDS)

    def _rows(self) -> int:
        """Words of a bank with those that only round it up to a power of two."""
        return 2 ** address_bits(self.bank_words)

    def side_ports(self) -> dict[str, tuple[int, int | None]]:
        """Flags of the frame, and the port that loads a template."""
        return {
            "flags_i": (2, 0),
            "flags_valid_i": (1, 1),
            "frame_done_o": (1, None),
            "load_addr_i": (self.address_bits - 3, 0),
            "load_data_i": (32, 0),
            "load_valid_i": (1, 0),
            "load_error_o": (1, None),
        }

    @property
    def address_bits(self) -> int:
        """Bits of a byte address on AXI4-Lite: half, bank, word, piece, byte."""
        return 1 + 1 + address_bits(self.bank_words) + address_bits(self.pieces) + 2

    @property
    def registers(self) -> list[int]:
        """What a host reads from address 0 on, 32 bits each: identity, words of a bank, bits of a word."""
        return [IDENTITY, self.bank_words, self.word_bits]

    def writes(self, weights: np.ndarray, bank: int) -> list[tuple[int, int]]:
        """The writes that load a template: (byte address, 32 bits), in any order.

        Args:
            weights: (mw, mh) of 0/1.
            bank: 0 or 1.
        """
        found = []
        for word, value in enumerate(self.weight_words(np.asarray(weights).astype(np.int64))):
            for piece in range(self.pieces):
                found.append((self.write_address(bank, word, piece), value >> (32 * piece) & 0xFFFFFFFF))
        return found

    def write_address(self, bank: int, word: int, piece: int) -> int:
        """Byte address of 32 bits of a word."""
        return (
            ((2 + bank) << address_bits(self.bank_words) | word) << address_bits(self.pieces) | piece
        ) << 2

    def learnt(self, x: np.ndarray) -> np.ndarray:
        """The templates (N, mw, mh) that a bank holds after it learnt from inputs (N, *shape): the first
        vector for all rows.
        """
        mw, mh, *_ = self.folding()
        return np.repeat(np.asarray(x).reshape(len(x), -1, mw)[:, 0, :, None], mh, axis=2).astype(np.int64)

    def holding(self, weights: np.ndarray) -> "Correlate":
        """The same operator with another template (mw, mh)."""
        found = copy.copy(self)
        found.arrays_of = self.arrays_of | {"weights": np.asarray(weights).astype(np.int64)}
        found.folding()
        return found

    def matrix(self) -> None:
        """None: its weights change."""
        return None

    def layout(self) -> dict:
        """Matrix and fold; words of a bank and bits of a word; addresses of the banks, bytes from word to
        word.
        """
        mw, mh, simd, pe = self.folding()
        return {
            "template": {"mw": mw, "mh": mh, "simd": simd, "pe": pe},
            "words": self.bank_words,
            "word_bits": self.word_bits,
            "banks": [self.write_address(bank, 0, 0) for bank in range(BANKS)],
            "word_bytes": self.write_address(0, 1, 0) - self.write_address(0, 0, 0),
        }

    def cycles(self) -> int:
        """As of every matrix-vector unit; a frame of one beat takes two, so that what it learns is there for
        the next.
        """
        return max(2, super().cycles())

    def rtl(self) -> Rtl:
        mw, mh, simd, pe = self.folding()
        shape = {"Mw": mw, "Mh": mh, "Simd": simd, "Pe": pe, "Vectors": self.get_nodeattr("vectors")}
        return self.module, shape | {"Block": int(self.blocks)}

    def decoder(self, _name: str, _given: Mapping[str, Any], /) -> Decoder | None:
        return None  # its weights are loaded

    def memories(self) -> Memories:
        """Both banks, the second from the next power of two on."""
        bank = self.weight_words(self.arrays_of["weights"])
        gap = [0] * (self._rows() - len(bank))
        return {"TemplateFile": (self.word_bits, (bank + gap) * BANKS)}

    def parts(self) -> Parts:
        mw, mh, simd, pe = self.folding()
        beats, passes, vectors, dot = mw // simd, mh // pe, self.get_nodeattr("vectors"), self.dot()
        acc, depth = self.result_bits if beats > 1 else 0, BANKS * self._rows()
        found = Parts().add(
            cost.replay_buffer(simd, beats, passes),
            cost.delay_line(dot.latency, beats),
            cost.result(pe * self.result_bits, beats),
        )
        # What is written: a beat that is learnt, or a piece that is loaded, where a beat is learnt.
        found.gates(written_bits=min(self.word_bits, lcm(simd, 32)))
        found.registers(2 + address_bits(self.bank_words) + (self.bank_words * vectors == 1))
        found.counters(vectors).registers(pe * (dot.ff + acc)).placed(pe * dot.carry).chains(acc, count=pe)
        found.gates(dot_products=pe * dot.lut, accumulator_bits=pe * acc)
        if self.blocks:
            return found.memory(depth, self.word_bits, "block")
        for piece in range(self.pieces):  # written one by one, and so memories of their own
            found.memory(depth, min(32, self.word_bits - 32 * piece), "lut")
        return found


Op = Correlate
