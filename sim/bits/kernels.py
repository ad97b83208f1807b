"""The compiled kernel: binary matrix products on packed words.

numba keeps compiled code beside the sources by default and does not notice an edit in another file, so the cache
lies in a folder named by the hash of this one.
"""

import os

import numba
import numpy as np
from numba import njit, prange, types
from numba.extending import intrinsic

from xnorforge.artifacts import digest
from xnorforge.sim.verilate import cache_dir

numba.config.CACHE_DIR = str(cache_dir() / f"numba-{digest(__file__)[:16]}")


@intrinsic
def popcount(typing_context, word):
    """Number of ones in a uint64."""

    def code(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), code


@njit(cache=True, parallel=True, error_model="numpy")
def unequal(rows, weights, out):
    """Count unequal bits: out[r, o] = Σ popcount(rows[r, w] ^ weights[w, o]).

    Args:
        rows: uint64 (R, W).
        weights: uint64 (W, O); outputs are the inner axis, so that the processor counts several at once.
        out: int32 (R, O), overwritten.
    """
    for r in prange(rows.shape[0]):
        count = np.zeros(weights.shape[1], np.uint64)
        for w in range(rows.shape[1]):
            word = rows[r, w]
            for o in range(weights.shape[1]):
                count[o] += popcount(word ^ weights[w, o])
        for o in range(weights.shape[1]):
            out[r, o] = count[o]


@njit(cache=True, parallel=True, error_model="numpy")
def unequal_at_most(rows, weights, limit, out):
    """As `unequal`, each count compared at once: bit o of out[r] is count[r, o] <= limit[o].

    Args:
        limit: int64 (O,); negative: never.
        out: uint64 (R, words of O bits), overwritten.
    """
    for r in prange(rows.shape[0]):
        count = np.zeros(weights.shape[1], np.int64)
        for w in range(rows.shape[1]):
            word = rows[r, w]
            for o in range(weights.shape[1]):
                count[o] += np.int64(popcount(word ^ weights[w, o]))
        for k in range(out.shape[1]):
            bits = np.uint64(0)
            for o in range(64 * k, min(64 * k + 64, weights.shape[1])):
                bits |= np.uint64(count[o] <= limit[o]) << np.uint64(o - 64 * k)
            out[r, k] = bits


def use_threads() -> None:
    """As many threads as OMP_NUM_THREADS allows, else all that numba was given."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    numba.set_num_threads(
        min(int(wanted), numba.config.NUMBA_NUM_THREADS) if wanted.isdigit() else numba.config.NUMBA_NUM_THREADS
    )
