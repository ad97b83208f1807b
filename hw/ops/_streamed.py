"""Matrix-vector units whose weights come from outside with every frame."""

from math import prod

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.ops.base import HwOp, Matrix, Stream
from xnorforge.hw.ops.reorder.op import Reorder, reorder_of
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.hw.ops.xnor_matmul.op import XnorMatmul
from xnorforge.hw.parts import LUTS_PER_BLOCK, family_in_use
from xnorforge.hw.shells.dma import layout_of
from xnorforge.hw.streams import divisors

WIDEST_WORD = 2048  # bits of weights from outside at a time
FILLED = 7 / 8  # of their slots in memory
IDLE = 1 / 2  # of the cycles that the slowest folding takes within an interval: quicker ones are left out
NARROWEST_PRODUCT = 9  # bits from which Yosys takes a DSP48 for a product


def streamed(op: HwOp, matrix: Matrix, interval: int, rounds: int) -> list[HwOp]:
    """Products of held vectors, tile by tile; their order; thresholds. The vectors of a frame are held in
    `rounds` equal parts, for each of which weights are read again. The words of weights are those with the
    smallest operators that keep the interval; words that fill their slots in memory are preferred.

    Raises:
        UserError: the unit has no such form, or no folding keeps the interval.
    """
    kind, weights = _numbers(op, matrix)
    (mw, mh), vectors = weights.shape, op.get_nodeattr("vectors")
    words = {
        (simd, pe): vectors * (mw // simd) * (mh // pe)
        for simd in divisors(mw)
        for pe in divisors(mh)
        if vectors * (mw // simd) * (mh // pe) <= interval and simd * pe * kind["w_bits"] <= WIDEST_WORD
    }
    if not words:
        raise UserError(f"{op.name}: no folding keeps {interval:,} cycles; use a longer INTERVAL.")

    def fills(word: tuple[int, int]) -> bool:
        size = prod(word) * kind["w_bits"]
        return size >= FILLED * 8 * layout_of(Stream((prod(word),), prod(word), kind["w_bits"])).slot

    def luts(ops: list[HwOp]) -> float:
        costs = [one.estimate(registers=False) for one in ops]
        return sum(one["lut"] + LUTS_PER_BLOCK * one["bram36"] for one in costs)

    words = {word: cycles for word, cycles in words.items() if fills(word)} or words
    sizes = {"mw": mw, "mh": mh, "vectors": vectors // rounds, "rounds": rounds} | kind
    slow = [word for word, cycles in words.items() if cycles > IDLE * max(words.values())]
    return min((_with_words(op, weights, sizes, *word) for word in slow), key=luts)


def _numbers(op: HwOp, matrix: Matrix) -> tuple[Record, np.ndarray]:
    """Kinds of elements, weights and sums of the product, and the weights (mw, mh)."""
    bits, signed = op.in_bits, int(op.in_signed)
    kind = {"in_bits": bits, "in_signed": signed, "w_bits": op.weight_bits, "outside": 1}
    if bits == op.weight_bits == 1:
        return kind, np.asarray(op.arrays_of["weights"])
    kind |= {"w_bits": max(2, op.weight_bits), "out_bits": op.result_bits}
    wide = bits + (not signed) + kind["w_bits"] >= NARROWEST_PRODUCT
    kind["dsp"] = int(wide and bits > 1 and family_in_use().startswith("xc"))
    if matrix.bias.any() or (signed and not kind["dsp"]):
        what = "signed inputs without DSP blocks" if signed else "bits that stand for -1 and +1"
        raise UserError(
            f"{op.name}: {what} need constants that weights from outside do not bring; use another rom."
        )
    return kind, matrix.weights


def _with_words(op: HwOp, weights: np.ndarray, sizes: Record, simd: int, pe: int) -> list[HwOp]:
    """The operators that read words of `pe` rows, `simd` elements of each."""
    vectors, rounds, shape = sizes["vectors"], sizes["rounds"], op.get_nodeattr("out_shape")
    tiles = sizes["mh"] // pe
    own = {} if min(tiles, vectors) > 1 else {"out_shape": shape}  # in the order of the vectors
    product = XnorMatmul.make(op.name, {"weights": weights}, simd=simd, pe=pe, **sizes, **own)
    found: list[HwOp] = [product]
    sums = product.out_stream()
    if not own:
        order = np.arange(prod(shape)).reshape(rounds, tiles, vectors, pe).swapaxes(1, 2)
        attributes, arrays = reorder_of(sums.shape, order.reshape(shape))
        attributes |= {"pe": pe, "bits": sums.bits, "signed": int(sums.signed)}
        found.append(Reorder.make(f"{op.name}_order", arrays, **attributes))
    if not op.raw:
        steps = op.integers("thresholds")[:, None]
        kinds = {"in_bits": sums.bits, "in_signed": int(sums.signed), "loadable": op.get_nodeattr("loadable")}
        found.append(Threshold.make(f"{op.name}_threshold", {"thresholds": steps}, in_shape=shape, **kinds))
    return found
