"""The compiled kernels: binary matrix products on packed words. They run beside each other in threads.

numba keeps compiled code beside the sources by default and does not notice an edit in another file, so the
cache lies in a folder named by the hash of this one.
"""

import numba
import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from xnorforge.core.artifacts import digest
from xnorforge.sim.verilate import cache_dir

numba.config.CACHE_DIR = str(cache_dir() / f"numba-{digest(__file__)[:16]}")  # type: ignore[attr-defined]


@intrinsic
def popcount(_typing_context, _word):
    """Number of ones in a uint64."""

    def code(_context, builder, _signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), code


@njit(cache=True, nogil=True)
def unequal(rows, weights, out):
    """Count unequal bits: out[r, o] = Σ popcount(rows[r, w] ^ weights[w, o]).

    Args:
        rows: uint64 (R, W).
        weights: uint64 (W, O); outputs are the inner axis, so that the processor counts several at once.
        out: int32 (R, O), overwritten.
    """
    count = np.empty(weights.shape[1], np.uint64)
    for r in range(rows.shape[0]):
        count[:] = 0
        for w in range(rows.shape[1]):
            word = rows[r, w]
            for o in range(weights.shape[1]):
                count[o] += popcount(word ^ weights[w, o])  # type: ignore[call-arg]
        for o in range(weights.shape[1]):
            out[r, o] = count[o]


@njit(cache=True, nogil=True)
def unequal_at_most(rows, weights, limit, out):
    """As `unequal`, each count compared at once: bit o of out[r] is count[r, o] <= limit[o].

    Args:
        limit: int64 (O,); negative: never.
        out: uint64 (R, words of O bits), overwritten.
    """
    count = np.empty(weights.shape[1], np.int64)
    for r in range(rows.shape[0]):
        count[:] = 0
        for w in range(rows.shape[1]):
            word = rows[r, w]
            for o in range(weights.shape[1]):
                count[o] += np.int64(popcount(word ^ weights[w, o]))  # type: ignore[call-arg]
        for k in range(out.shape[1]):
            bits = np.uint64(0)
            for o in range(64 * k, min(64 * k + 64, weights.shape[1])):
                bits |= np.uint64(count[o] <= limit[o]) << np.uint64(o - 64 * k)
            out[r, k] = bits


@njit(cache=True, nogil=True)
def products(rows, signs, out):
    """Integer matrix product: out[r, o] = Σ rows[r, k] * signs[k, o], all of one integer type that holds the
    sums.

    A library's matrix product would start threads of its own inside ours.
    """
    for r in range(rows.shape[0]):
        out[r, :] = 0
        for k in range(rows.shape[1]):
            value = rows[r, k]
            for o in range(signs.shape[1]):
                out[r, o] += value * signs[k, o]
