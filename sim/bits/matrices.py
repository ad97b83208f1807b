"""Steps of matrix-vector units, shared by the operators that are ones."""

import numpy as np

from xnorforge.sim.bits.kernels import products, unequal, unequal_at_most
from xnorforge.sim.bits.packed import Packed, as_integers, pack


def matches(op):
    """Of units that count equal bits of vectors and columns of weights, maybe against thresholds: matches =
    mw - unequal bits.
    """
    weights = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    thresholds = op.arrays_of.get("thresholds")
    mw, mh, shape = *weights.shape, op.out_stream().shape
    limit = None if thresholds is None else mw - np.asarray(thresholds).astype(np.int64)
    packed = {}

    def step(x: Packed):
        x = x.rows(mw)
        if x.bits not in packed:  # a column of weights, cut into the segments of a row
            columns = pack(weights.T.reshape(mh, -1, x.bits)).words
            packed[x.bits] = np.ascontiguousarray(columns.reshape(mh, -1).T)
        frames = len(x.words)
        rows = np.ascontiguousarray(x.words).reshape(-1, len(packed[x.bits]))
        if limit is None:
            out = np.empty((len(rows), mh), np.int32)
            unequal(rows, packed[x.bits], out)
            return (mw - out).reshape(frames, *shape)
        out = np.empty((len(rows), -(-mh // 64)), np.uint64)
        unequal_at_most(rows, packed[x.bits], limit, out)
        return Packed(out.reshape(frames, -1, out.shape[1]), mh)

    return step


def signed_sums(op):
    """Of units that sum +x or -x by weights of 1 and 0, maybe against thresholds; in 32 bits where they
    fit.
    """
    weights = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    thresholds = op.arrays_of.get("thresholds")
    kind = np.int32 if len(weights) << op.in_stream().bits < 1 << 31 else np.int64
    signs, shape = (2 * weights - 1).astype(kind), op.out_stream().shape

    def step(x):
        rows = as_integers(x, op.in_stream()).astype(kind).reshape(-1, len(signs))
        sums = np.empty((len(rows), signs.shape[1]), kind)
        products(rows, signs, sums)
        if thresholds is None:
            return sums.reshape(-1, *shape)
        bits = sums.reshape(len(x), -1, signs.shape[1]) >= np.asarray(thresholds).astype(np.int64)
        return pack(bits)

    return step


def integer_sums(op):
    """Of units whose `result(x, weights)` is a product of integers: as `execute_node`, from bits without a
    detour over wide integers.
    """
    weights = np.asarray(op.arrays_of["weights"])
    kind = np.float32 if len(weights) << (op.in_bits + op.weight_bits - 1) < 2**24 else np.float64
    weights, thresholds, shape = weights.astype(kind), op.arrays_of.get("thresholds"), op.out_stream().shape

    def step(x):
        rows = x.unpack() if isinstance(x, Packed) else x
        result = op.result(rows.reshape(-1, len(weights)).astype(kind), weights).reshape(len(rows), *shape)
        return result.astype(np.int64) if thresholds is None else pack(result >= np.asarray(thresholds))

    return step
