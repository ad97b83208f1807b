"""Steps of matrix-vector units, shared by the operators that are ones. Windows are read where they lie."""

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np

from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.streams import value_range
from xnorforge.sim.bits import kernels
from xnorforge.sim.bits.elements import Ending, Pooling, as_int32
from xnorforge.sim.bits.packed import Packed, Step, pack
from xnorforge.sim.bits.patches import Patches, adjacent_rows, reads_patches
from xnorforge.sim.bits.plans import noted
from xnorforge.sim.bits.sign_tables import look_up_step

SHORT = 2**15
LONGEST = 2**31 - 1


def rounded_up(number: int, to: int) -> int:
    """The next multiple."""
    return -(-number // to) * to


def padded(values: np.ndarray, length: int, value: int) -> np.ndarray:
    """A row of numbers, as many more as are missing, each `value`."""
    return np.concatenate([values, np.full(length - len(values), value, values.dtype)])


def bits_out(frames: int, vectors: int, mh: int) -> Packed:
    """Room for results of mh bits, still 0: the kernels write whole bytes of some of them only."""
    return Packed(np.zeros((frames, vectors, -(-mh // 64)), np.uint64), mh)


def kernel_results(
    kernel: Callable[[np.ndarray], object], frames: int, shape: tuple[int, ...], mh: int, rows: int,
    as_bits: bool,
) -> Packed | np.ndarray:  # fmt: skip
    """What `kernel(out)` writes for all vectors of mh results: bits, or int32, of which the first
    mh of `rows` count, of that shape for each frame."""
    vectors = prod(shape) // mh
    if as_bits:
        found = bits_out(frames, vectors, mh)
        kernel(found.words)
        return found
    out = np.empty((frames, vectors, rows), np.int32)
    kernel(out)
    return out[..., :mh].reshape(frames, *shape)


def matches(op: HwOp) -> Step:
    """Of units that count equal bits of vectors and columns of weights, mw - unequal bits, or levels; of
    integers with such weights their sums."""
    if not op.counts and (given := op.matrix()):
        return products(op, given.weights, given.bias)
    weights = op.integers("weights")
    thresholds = op.arrays_of.get("thresholds")
    mw, mh, shape = *weights.shape, op.out_stream().shape
    rows = rounded_up(mh, kernels.LANES)
    wide = 2 * kernels.LANES if rows % (2 * kernels.LANES) == 0 else kernels.LANES
    limits = None
    if thresholds is not None:
        most = np.clip(mw - np.asarray(thresholds).astype(np.int64), -1, mw)
        limits = padded(most.astype(np.int32), rows, -1)
    matrices: dict[int, kernels.Matrix] = {}
    places: dict[tuple, kernels.Windows] = {}
    vectors = prod(shape) // mh

    def matrix(bits: int) -> kernels.Matrix:
        """The weights for rows of segments of that many bits."""
        if bits not in matrices:
            cut = pack(weights.T.reshape(mh, -1, bits)).words.reshape(mh, -1)
            cut = np.concatenate([cut, np.zeros((rows - mh, cut.shape[1]), np.uint64)])
            halves = cut.view(np.int32).reshape(-1, wide, cut.shape[1], 2)
            columns = np.ascontiguousarray(halves.transpose(0, 2, 3, 1))
            matrices[bits] = kernels.Matrix(
                weights=columns, blocks=len(columns), wide=wide, length=mw, limits=limits
            )
        return matrices[bits]

    def located(
        x: Packed | Patches, pool: tuple[int, int] = (1, 1)
    ) -> tuple[np.ndarray, kernels.Matrix, kernels.Windows]:
        """What the vectors lie in, their weights, and where they lie; a pool only of `direct` ones."""
        if isinstance(x, Patches) and direct(x, mw):
            taken, bits, key = x.image, x.bits, (*pool, *x.image.shape)
            if key not in places:
                places[key] = x.windows(8, 8, pool)
        else:
            cut = (x.cut() if isinstance(x, Patches) else x).rows(mw)
            count = len(x) * vectors
            taken, bits, key = cut.words, cut.bits, (count, cut.bits)
            if key not in places:
                places[key] = adjacent_rows(count, cut.words[0].nbytes // vectors, 8)
        return np.ascontiguousarray(taken), matrix(bits), places[key]

    @reads_patches
    def step(x: Packed | Patches):
        taken, columns, windows = located(x)
        kernel = partial(kernels.count_windows, columns, windows, taken)
        return kernel_results(kernel, len(x), shape, mh, rows, limits is not None)

    def with_pool(pool: Pooling):
        """The step that goes on with a pool by OR of what this one gives; None: not in one pass."""
        *size, channels = shape
        if limits is None or pool.size != tuple(size) or mh != channels:
            return None

        def pooled(x):
            if not (isinstance(x, Patches) and direct(x, mw) and x.size == pool.size):
                return pool.step(step(x))
            taken, columns, windows = located(x, pool.window)
            results = prod(side // of_pool for side, of_pool in zip(pool.size, pool.window))
            found = bits_out(len(x), results, mh)
            kernels.count_windows(columns, windows, taken, found.words)
            return found

        return pooled

    def with_ending(ending: Ending, side: int, levels):
        """The step that goes on with a sum of two streams, this one the `side`-th, and its
        comparison (`elements.level_step`), if any; gives sums and bits. None: not in one pass."""
        if limits is not None or mh != rows or ending.sink.shape != shape:
            return None
        thresholds, inverted = levels or (np.zeros(mh, np.int32), np.zeros(mh // 8, np.uint8))
        ours, others = ending.factors[side], ending.factors[1 - side]
        starts = (ours.astype(np.int64) * mw - ending.low).astype(np.int32)  # modulo 2^32, as the sums
        joining = kernels.Joining(
            starts=starts, factors=ours, others=others, least=thresholds, inverted=inverted, low=ending.low,
            mask=ending.mask,
        )  # fmt: skip

        def joined(x, other):
            other = as_int32(other.cut() if isinstance(other, Patches) else other, ending.sources[1 - side])
            sums, bits = np.empty((len(x), *shape), np.int32), bits_out(len(x), vectors, mh)
            taken, columns, windows = located(x)
            kernels.join_windows(columns, windows, joining, taken, other, sums, bits.words)
            return [sums, bits] if levels else [sums]

        return joined

    return noted(step, with_ending=with_ending, with_pool=with_pool)


def direct(x: Patches, mw: int) -> bool:
    """Whether vectors of mw bits are windows of whole segments."""
    return len(x.taps) * (x.image.shape[3] // -(-x.bits // 64)) * x.bits == mw


class Columns:
    """Integer weights (mw, mh) in the form of `kernels.IntMatrix`.

    Args:
        short: as there.
        weights: int64; they fit signed bytes, or 16 bits where short.
        runs: how many numbers of a vector each run of windows holds.
    """

    def __init__(self, short: bool, weights: np.ndarray, runs: list[int]):
        mh = weights.shape[1]
        rows = rounded_up(mh, kernels.LANES)
        self.wide: int = next(wide for wide in (64, 32, 16) if rows % wide == 0)
        per_word = 2 if short else 4
        parts, at = [], 0
        for length in runs:
            part = np.zeros((rounded_up(length, per_word), rows), np.int16 if short else np.int8)
            part[:length, :mh] = weights[at : at + length]
            parts.append(part)
            at += length
        words = np.concatenate(parts).reshape(-1, per_word, rows // self.wide, self.wide)
        self.words: np.ndarray = np.ascontiguousarray(words.transpose(2, 0, 3, 1)).view(np.int32)[..., 0]


def products(op: HwOp, weights: np.ndarray, bias: np.ndarray) -> Step:
    """Of units that compute x @ weights + bias, integers x (…, mw), weights (mw, mh), bias (mh,),
    maybe against thresholds."""
    weights, bias = (np.asarray(values).astype(np.int64) for values in (weights, bias))
    source, shape, thresholds = op.in_stream(), op.out_stream().shape, op.arrays_of.get("thresholds")
    thresholds = None if thresholds is None else np.asarray(thresholds).astype(np.int64)
    mw, mh = weights.shape
    low, high = value_range(source.bits, source.signed)
    most = int((abs(weights).sum(axis=0) * max(-low, high) + abs(bias)).max())
    as_bytes = bool(kernels.byte_products() and low >= 0 and high < 256 and abs(2 * weights + 1).max() < 256)
    fits = as_bytes or max(-low, high, int(abs(weights).max())) < SHORT
    if not fits or most >= LONGEST:
        return wide_products(weights, bias, thresholds, shape, float if most < 2**53 else np.int64)
    kind, per_word = (np.uint8, 4) if as_bytes else (np.int16, 2)
    rows, vectors = rounded_up(mh, kernels.LANES), prod(shape) // mh
    offsets = padded(bias.astype(np.int32), rows, 0)
    limits = None
    if thresholds is not None:
        limits = padded(np.clip(thresholds, -LONGEST, LONGEST).astype(np.int32), rows, LONGEST)
    by_tables = None
    if as_bytes and thresholds is not None:
        by_tables = look_up_step(weights, bias, thresholds, shape)
    matrices: dict[tuple[int, ...], kernels.IntMatrix] = {}
    places: dict[tuple[int, ...], tuple[kernels.IntMatrix, kernels.Windows, bool]] = {}

    def located(x: Patches | np.ndarray) -> tuple[kernels.IntMatrix, kernels.Windows, bool]:
        """The weights, where vectors lie, and whether the last word of one goes beyond it."""
        item = np.dtype(kind).itemsize
        runs = x.runs(item) if isinstance(x, Patches) else [[0, mw * item]]
        lengths = tuple(length // item for _, length in runs)
        if lengths not in matrices:
            form = Columns(not as_bytes, weights, list(lengths))
            matrices[lengths] = kernels.IntMatrix(
                weights=form.words, blocks=len(form.words), wide=form.wide, bytes=as_bytes, offsets=offsets,
                limits=limits,
            )  # fmt: skip
        if isinstance(x, Patches):
            windows = x.windows(item, 4)
        else:
            windows = adjacent_rows(len(x) * vectors, mw * item, 4)
        return matrices[lengths], windows, any(length % per_word for length in lengths)

    @reads_patches
    def step(x):
        if isinstance(x, Patches) and (x.bits or len(x.taps) * x.image.shape[3] != mw):
            x = x.cut()
        if by_tables and isinstance(x, Patches):
            found = by_tables(x, with_room(x.image, kind, True))
            if found is not None:
                return found
        if isinstance(x, Packed):
            x = x.unpack()
        taken, key = (x.image, x.image.shape) if isinstance(x, Patches) else (x, (len(x),))
        if key not in places:
            places[key] = located(x)
        matrix, windows, rest = places[key]
        kernel = partial(kernels.sum_windows, matrix, windows, with_room(taken, kind, rest))
        return kernel_results(kernel, len(x), shape, mh, rows, limits is not None)

    return step


def with_room(x: np.ndarray, kind: type, more: bool) -> np.ndarray:
    """Integers as bytes of that type, one behind the other; with `more`, 8 bytes behind the last."""
    if not more:
        return np.ascontiguousarray(x, kind).reshape(-1).view(np.uint8)
    room = np.zeros(x.size + 8 // np.dtype(kind).itemsize, kind)
    room[: x.size].reshape(x.shape)[...] = x
    return room.view(np.uint8)


def wide_products(
    weights: np.ndarray, bias: np.ndarray, thresholds: np.ndarray | None, shape: tuple[int, ...],
    exact: type | None,
):  # fmt: skip
    """As `products`, for numbers or sums too wide for the kernel, in a type that holds every sum."""
    weights, bias = weights.astype(exact), bias.astype(exact)

    def step(x):
        rows = x.unpack() if isinstance(x, Packed) else x
        sums = rows.reshape(-1, len(weights)).astype(exact) @ weights + bias
        sums = sums.astype(np.int64).reshape(len(rows), *shape)
        return sums if thresholds is None else pack(sums >= thresholds)

    return step
