"""Steps of matrix-vector units, shared by the operators that are ones. Windows are read where they lie."""

from math import prod

import numpy as np

from xnorforge.hw.ops._streams import value_range
from xnorforge.sim.bits._llvm import LANES, byte_products
from xnorforge.sim.bits.elements import Ending, Pooling, as_int32
from xnorforge.sim.bits.kernels import count_windows, join_windows, least_windows, sum_windows
from xnorforge.sim.bits.packed import Packed, pack
from xnorforge.sim.bits.patches import Patches, rows_grid
from xnorforge.sim.bits.plans import noted
from xnorforge.sim.bits.sign_tables import look_up_step

SHORT = 2**15
LONGEST = 2**31 - 1
NONE = np.zeros(0, np.int32)


def reads_patches(step):
    """Mark a step that takes `Patches` as they are; others get them cut out."""
    step.reads_patches = True
    return step


def aligned(values: np.ndarray) -> np.ndarray:
    """A copy that starts at a multiple of 64 bytes."""
    room = np.zeros(values.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def rounded_up(number: int, to: int) -> int:
    """The next multiple."""
    return -(-number // to) * to


def padded(values: np.ndarray, length: int, value: int) -> np.ndarray:
    """A row of numbers, as many more as are missing, each `value`."""
    return np.concatenate([values, np.full(length - len(values), value, values.dtype)])


def bits_out(frames: int, vectors: int, mh: int) -> Packed:
    """Room for results of mh bits, still 0: the kernels write whole bytes of some of them only."""
    return Packed(np.zeros((frames, vectors, -(-mh // 64)), np.uint64), mh)


def matches(op):
    """Of units that count equal bits of vectors and columns of weights, maybe against thresholds: matches =
    mw - unequal bits.
    """
    weights = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    thresholds = op.arrays_of.get("thresholds")
    mw, mh, shape = *weights.shape, op.out_stream().shape
    rows = rounded_up(mh, LANES)
    wide = 2 * LANES if rows % (2 * LANES) == 0 else LANES
    limits = NONE
    if thresholds is not None:
        most = np.clip(mw - np.asarray(thresholds).astype(np.int64), -1, mw)
        limits = padded(most.astype(np.int32), rows, -1)
    columns: dict[int, np.ndarray] = {}
    tables: dict[tuple, tuple[np.ndarray, np.ndarray]] = {}

    def packed_columns(bits: int) -> np.ndarray:
        """The weights for rows of segments of that many bits."""
        if bits not in columns:
            cut = pack(weights.T.reshape(mh, -1, bits)).words.reshape(mh, -1)
            cut = np.concatenate([cut, np.zeros((rows - mh, cut.shape[1]), np.uint64)])
            halves = cut.view(np.int32).reshape(-1, wide, cut.shape[1], 2)
            columns[bits] = aligned(halves.transpose(0, 2, 3, 1))
        return columns[bits]

    vectors = prod(shape) // mh

    def located(x: Packed | Patches, result: int):
        """Where the vectors lie, their weights, places and grid, for results of `result` bytes."""
        frames = len(x)
        if isinstance(x, Patches) and direct(x, mw):
            taken, words = x.image, packed_columns(x.bits)
            if x.image.shape not in tables:
                tables[x.image.shape] = word_places(x.runs(8), 8), x.grid(8, result)
            return taken.reshape(-1), words, *tables[x.image.shape]
        cut = (x.cut() if isinstance(x, Patches) else x).rows(mw)
        taken, words = np.ascontiguousarray(cut.words), packed_columns(cut.bits)
        row = words.shape[1] * 8
        if (frames, row) not in tables:
            tables[frames, row] = word_places([[0, row]], 8), rows_grid(frames * vectors, row, result)
        return taken.reshape(-1), words, *tables[frames, row]

    @reads_patches
    def step(x: Packed | Patches):
        frames = len(x)
        found = bits_out(frames, vectors, mh) if len(limits) else np.empty((frames, vectors, rows), np.int32)
        out = found.words if isinstance(found, Packed) else found
        taken, words, at, grid = located(x, out.shape[2] * out.itemsize)
        count_windows(taken, words, limits, mw, at, grid, out.reshape(-1).view(np.uint8))
        return found if isinstance(found, Packed) else found[..., :mh].reshape(frames, *shape)

    def with_pool(pool: Pooling):
        """The step that goes on with a pool by OR of what this one gives; None: not in one pass."""
        *size, channels = shape
        if not len(limits) or pool.size != tuple(size) or mh != channels:
            return None
        groups: dict[tuple, tuple] = {}

        def pooled(x):
            if not (isinstance(x, Patches) and direct(x, mw) and x.size == pool.size):
                return pool.step(step(x))
            if x.image.shape not in groups:
                first, taps = x.groups(*pool.window)
                row = 8 * -(-mh // 64)
                groups[x.image.shape] = word_places(x.runs(8), 8), first.grid(8, row), taps, prod(first.size)
            at, grid, taps, results = groups[x.image.shape]
            found = bits_out(len(x), results, mh)
            view = found.words.reshape(-1).view(np.uint8)
            least_windows(x.image.reshape(-1), packed_columns(x.bits), limits, taps, at, grid, view)
            return found

        return pooled

    def with_ending(ending: Ending, side: int, levels):
        """The step that goes on with a sum of this stream, the `side`-th of two, and of another, and with a
        comparison of it (`elements.level_step`), if any; gives sums and bits. None: not in one pass.
        """
        if len(limits) or mh != rows or ending.sink.shape != shape:
            return None
        thresholds, inverted = levels or (np.zeros(mh, np.int32), np.zeros(mh // 8, np.uint8))
        ours, others = ending.factors[side], ending.factors[1 - side]
        starts = (ours.astype(np.int64) * mw - ending.low).astype(np.int32)  # modulo 2^32, as the sums
        rows_of = [starts, ours, others, thresholds]
        tails = np.array([[*(row.ctypes.data + 4 * k for row in rows_of), inverted.ctypes.data + k // 8,
                           ending.low, ending.mask] for k in range(0, mh, wide)], np.int64)  # fmt: skip

        def joined(x, other):
            frames = len(x)
            other = as_int32(other.cut() if isinstance(other, Patches) else other, ending.sources[1 - side])
            sums, bits = np.empty((frames, *shape), np.int32), bits_out(frames, vectors, mh)
            taken, words, at, grid = located(x, 4 * mh)
            terms, out, found = (each.reshape(-1).view(np.uint8) for each in (other, sums, bits.words))
            join_windows(taken, words, tails, at, grid, terms, out, found, 8 * bits.words.shape[2])
            return [sums, bits] if levels else [sums]

        return noted(joined, arrays=(rows_of, inverted))  # the addresses in `tails` are of these

    return noted(step, with_ending=with_ending, with_pool=with_pool)


def direct(x: Patches, mw: int) -> bool:
    """Whether vectors of mw bits are windows of whole segments."""
    segments = x.image.shape[3] // -(-x.bits // 64)
    return len(x.taps) * segments * x.bits == mw


class Columns:
    """Integer weights (mw, mh) in the form of `kernels.sum_windows`.

    Args:
        short: as there.
        weights: int64; they fit signed bytes, or 16 bits where short.
        runs: how many numbers of a vector each run of windows holds.
    """

    def __init__(self, short: bool, weights: np.ndarray, runs: list[int]):
        mh = weights.shape[1]
        rows = rounded_up(mh, LANES)
        self.wide = next(wide for wide in (64, 32, 16) if rows % wide == 0)
        per_word = 2 if short else 4
        parts, at = [], 0
        for length in runs:
            part = np.zeros((rounded_up(length, per_word), rows), np.int16 if short else np.int8)
            part[:length, :mh] = weights[at : at + length]
            parts.append(part)
            at += length
        words = np.concatenate(parts).reshape(-1, per_word, rows // self.wide, self.wide)
        self.words = aligned(np.ascontiguousarray(words.transpose(2, 0, 3, 1)).view(np.int32)[..., 0])


def of_matrix(op):
    """`products` of units that state themselves as a matrix."""
    matrix = op.matrix()
    return products(op, matrix.weights, matrix.bias)


def products(op, weights, bias):
    """Of units that compute x @ weights + bias, of integers x (…, mw), weights (mw, mh) and bias (mh,), maybe
    against thresholds.
    """
    weights, bias = (np.asarray(values).astype(np.int64) for values in (weights, bias))
    source, shape, thresholds = op.in_stream(), op.out_stream().shape, op.arrays_of.get("thresholds")
    thresholds = None if thresholds is None else np.asarray(thresholds).astype(np.int64)
    mw, mh = weights.shape
    low, high = value_range(source.bits, source.signed)
    most = int((abs(weights).sum(axis=0) * max(-low, high) + abs(bias)).max())
    as_bytes = byte_products() and low >= 0 and high < 256 and abs(2 * weights + 1).max() < 256
    fits = as_bytes or max(-low, high, int(abs(weights).max())) < SHORT
    if not fits or most >= LONGEST:
        return wide_products(weights, bias, thresholds, shape, float if most < 2**53 else np.int64)
    kind, per_word = (np.uint8, 4) if as_bytes else (np.int16, 2)
    rows, vectors = rounded_up(mh, LANES), prod(shape) // mh
    offsets = padded(bias.astype(np.int32), rows, 0)
    limits = NONE
    if thresholds is not None:
        reached = np.clip(thresholds, -LONGEST, LONGEST)
        limits = padded(reached.astype(np.int32), rows, LONGEST)
    by_tables = None
    if as_bytes and thresholds is not None:
        by_tables = look_up_step(weights, bias, thresholds, shape)
    columns: dict[tuple[int, ...], Columns] = {}
    tables: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray, np.ndarray, bool]] = {}

    @reads_patches
    def step(x):
        if isinstance(x, Patches) and (x.bits or len(x.taps) * x.image.shape[3] != mw):
            x = x.cut()
        if by_tables and isinstance(x, Patches):
            found = by_tables(x, with_room(x.image, kind, True))
            if found is not None:
                return found
        frames, item = len(x), np.dtype(kind).itemsize
        found = bits_out(frames, vectors, mh) if len(limits) else np.empty((frames, vectors, rows), np.int32)
        out = found.words if isinstance(found, Packed) else found
        result = out.shape[2] * out.itemsize
        if isinstance(x, Patches):
            taken, key = x.image, x.image.shape
        else:
            taken, key = x.unpack() if isinstance(x, Packed) else x, (frames,)
        if key not in tables:
            runs = x.runs(item) if isinstance(x, Patches) else [[0, mw * item]]
            lengths = tuple(length // item for _, length in runs)
            if lengths not in columns:
                columns[lengths] = Columns(not as_bytes, weights, list(lengths))
            rest = any(length % per_word for length in lengths)
            rows_of = rows_grid(frames * vectors, mw * item, result)
            grid = x.grid(item, result) if isinstance(x, Patches) else rows_of
            tables[key] = columns[lengths].words, word_places(runs, 4), grid, rest
        words, at, grid, rest = tables[key]
        numbers, view = with_room(taken, kind, rest), out.reshape(-1).view(np.uint8)
        sum_windows(int(not as_bytes), numbers, words, limits, offsets, at, grid, view)
        return found if isinstance(found, Packed) else found[..., :mh].reshape(frames, *shape)

    return step


def word_places(runs: list[list[int]], unit: int) -> np.ndarray:
    """Distances of the words of `unit` bytes of runs [distance, bytes] from the first byte, int64."""
    return np.array([at for start, size in runs for at in range(start, start + size, unit)], np.int64)


def with_room(x: np.ndarray, kind, more: bool) -> np.ndarray:
    """Integers as bytes of numbers of that type, one behind the other; with `more`, 8 bytes behind the
    last.
    """
    if not more:
        return np.ascontiguousarray(x, kind).reshape(-1).view(np.uint8)
    room = np.zeros(x.size + 8 // np.dtype(kind).itemsize, kind)
    room[: x.size].reshape(x.shape)[...] = x
    return room.view(np.uint8)


def wide_products(weights: np.ndarray, bias: np.ndarray, thresholds, shape: tuple[int, ...], exact):
    """As `products`, for numbers or sums too wide for the kernel, in a type that holds every sum."""
    weights, bias = weights.astype(exact), bias.astype(exact)

    def step(x):
        rows = x.unpack() if isinstance(x, Packed) else x
        sums = rows.reshape(-1, len(weights)).astype(exact) @ weights + bias
        sums = sums.astype(np.int64).reshape(len(rows), *shape)
        return sums if thresholds is None else pack(sums >= thresholds)

    return step
