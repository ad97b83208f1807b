"""The compiled kernels. They run beside each other in threads, and no network needs another one.

numba keeps compiled code beside the sources by default and does not notice an edit in another file, so the
cache lies in a folder named by the hash of the files that the code is made of.

Windows lie on a *grid*: int64 (3, 3), per axis how many there are, and how many bytes one is behind the other
among the windows and among the results. The windows of the last axis are taken several at a time.
"""

import numba
import numpy as np
from numba import njit

from xnorforge.core.artifacts import cache_dir, digest
from xnorforge.sim.bits import _llvm, moves, vectors

SOURCES = (__file__, *(one.__file__ for one in (_llvm, moves, vectors)))
numba.config.CACHE_DIR = str(cache_dir() / f"numba-{digest(*SOURCES)[:16]}")  # type: ignore[attr-defined]

# Tiles of binary products: 8 windows of 16 results, and 6 of 32, so that all sums are in registers.
_count_16, _count_32 = vectors.unequal_bits(8, 1), vectors.unequal_bits(6, 2)
_pool_16, _pool_32 = vectors.unequal_bits(8, 1, True), vectors.unequal_bits(6, 2, True)
_join_16, _join_32 = vectors.joined_bits(8, 1), vectors.joined_bits(6, 2)
_a1, _a2, _a4, _a8 = (vectors.sums(positions, 1) for positions in (1, 2, 4, 8))
_b1, _b2, _b4, _b8 = (vectors.sums(positions, 2) for positions in (1, 2, 4, 8))
_d1, _d2, _d4, _d5 = (vectors.sums(positions, 4) for positions in (1, 2, 4, 5))
_tables = vectors.sign_tables()
_look = vectors.looked_up(8, 2)
_compare = moves.compare_sixteen()
_load, _store, _copy = moves.word_access()
_merge = moves.merge_eight()
_interleave = moves.interleave_three()
_peak = vectors.peak_loop()
STRIP = 48  # columns of windows whose tables of sums stay in the first-level cache


@njit
def at_once(size, wide):
    """How many windows of a row of `size` a tile of `wide` results takes, all about as many."""
    most = 6 if wide == 32 else 8
    return max(1, -(-size // max(1, -(-size // most))))


@njit(cache=True, nogil=True)
def count_windows(bits, weights, limits, length, places, grid, out):
    """Binary dot products of windows: the number of equal bits, or whether few enough are unequal.

    Args:
        bits: uint64 (any,), where the windows lie.
        weights: int32 (O / wide, words of a window, 2, wide), the halves of words, 64-byte aligned; wide is
            16 or 32.
        limits: int32 (O,): bit o of a result is unequal bits <= limits[o]; negative: never. Of length 0: a
            result is the numbers `length` - unequal bits.
        places: int64 (words of a window,), see `_llvm`.
        grid: int64 (3, 3), see above.
        out: uint8 (any,): results of O bits or int32, overwritten.
    """
    compared, wide = len(limits) > 0, weights.shape[3]
    step = wide // 8 if compared else wide * 4
    words, size = weights.shape[1] * wide * 8, grid[2, 0]
    tile = at_once(size, wide)
    stride, out_stride, table, count = grid[2, 1], grid[2, 2], places.ctypes.data, len(places)
    for i in range(grid[0, 0]):
        for block in range(len(weights)):
            w = weights.ctypes.data + block * words
            limit = limits.ctypes.data + block * wide * 4 if compared else 0
            for j in range(grid[1, 0]):
                x = bits.ctypes.data + i * grid[0, 1] + j * grid[1, 1]
                y = out.ctypes.data + i * grid[0, 2] + j * grid[1, 2] + block * step
                for k in range(0, size, tile):
                    many, a, b = min(tile, size - k), x + k * stride, y + k * out_stride
                    if wide == 32:
                        _count_32(many, a, w, limit, length, table, count, stride, b, out_stride)
                    else:
                        _count_16(many, a, w, limit, length, table, count, stride, b, out_stride)


@njit(cache=True, nogil=True)
def least_windows(bits, weights, limits, taps, places, grid, out):
    """As `count_windows` with limits: a bit is 1 where it is for any of the windows at some distances.

    Args:
        bits, weights, limits, places, grid, out: as there.
        taps: int64 (any,), how many distances, and these, in bytes.
    """
    wide = weights.shape[3]
    words, size = weights.shape[1] * wide * 8, grid[2, 0]
    tile, many_taps = at_once(size, wide), taps.ctypes.data
    stride, out_stride, table, count = grid[2, 1], grid[2, 2], places.ctypes.data, len(places)
    for i in range(grid[0, 0]):
        for block in range(len(weights)):
            w, limit = weights.ctypes.data + block * words, limits.ctypes.data + block * wide * 4
            for j in range(grid[1, 0]):
                x = bits.ctypes.data + i * grid[0, 1] + j * grid[1, 1]
                y = out.ctypes.data + i * grid[0, 2] + j * grid[1, 2] + block * wide // 8
                for k in range(0, size, tile):
                    many, a, b = min(tile, size - k), x + k * stride, y + k * out_stride
                    if wide == 32:
                        _pool_32(many, a, w, limit, many_taps, table, count, stride, b, out_stride)
                    else:
                        _pool_16(many, a, w, limit, many_taps, table, count, stride, b, out_stride)


@njit(cache=True, nogil=True)
def join_windows(bits, weights, tails, places, grid, other, sums, out, row):
    """As `count_windows`: the numbers of equal bits, times factors, are added to another stream times its
    own, and the sums are compared.

    Args:
        bits, weights, places, grid: as there; a result is O numbers.
        tails: int64 (O / wide, 7), see `vectors.joined_bits`.
        other: uint8 (any,): int32 results of the other stream.
        sums: uint8 (any,): int32 results, overwritten.
        out: uint8 (any,): O bits per result, `row` bytes from those of the next, overwritten.
    """
    wide = weights.shape[3]
    words, size, result = weights.shape[1] * wide * 8, grid[2, 0], len(tails) * wide * 4
    stride, out_stride, table, count = grid[2, 1], grid[2, 2], places.ctypes.data, len(places)
    far, near, next_bits = grid[0, 2] // result * row, grid[1, 2] // result * row, out_stride // result * row
    tile = at_once(size, wide)
    for i in range(grid[0, 0]):
        for block in range(len(weights)):
            w, tail = weights.ctypes.data + block * words, tails.ctypes.data + block * 56
            for j in range(grid[1, 0]):
                x = bits.ctypes.data + i * grid[0, 1] + j * grid[1, 1]
                start = i * grid[0, 2] + j * grid[1, 2] + block * wide * 4
                y = out.ctypes.data + i * far + j * near + block * wide // 8
                for k in range(0, size, tile):
                    many, a, c = min(tile, size - k), x + k * stride, y + k * next_bits
                    term = other.ctypes.data + start + k * out_stride
                    b = sums.ctypes.data + start + k * out_stride
                    if wide == 32:
                        _join_32(many, a, w, tail, table, count, stride, term, b, out_stride, c, next_bits)
                    else:
                        _join_16(many, a, w, tail, table, count, stride, term, b, out_stride, c, next_bits)


@njit(cache=True, nogil=True)
def sum_windows(short, image, weights, limits, offsets, places, grid, out):
    """Integer dot products of windows, or whether they reach a limit.

    Args:
        short: 1 of signed 16-bit numbers, 0 of unsigned bytes, which needs `_llvm.byte_products()`.
        image: uint8 (any,), where the numbers of the windows lie, and 3 bytes more.
        weights: int32 (O / wide, words of 4 bytes of a window, wide), 64-byte aligned; wide is 16, 32 or
            64.
        limits: int32 (O,): bit o of a result is sum >= limits[o]. Of length 0: a result is the sums.
        offsets: int32 (O,), what the sums start from.
        places: int64 (words of a window,), of words of 4 bytes.
        grid: int64 (3, 3).
        out: uint8 (any,): results of O bits or int32, overwritten.
    """
    compared, wide = len(limits) > 0, weights.shape[2]
    step = wide // 8 if compared else wide * 4
    words, size, largest = weights.shape[1] * wide * 4, grid[2, 0], 5 if wide == 64 else 8
    stride, out_stride, table, count = grid[2, 1], grid[2, 2], places.ctypes.data, len(places)
    for i in range(grid[0, 0]):
        for block in range(len(weights)):
            w, start = weights.ctypes.data + block * words, offsets.ctypes.data + block * wide * 4
            limit = limits.ctypes.data + block * wide * 4 if compared else 0
            for j in range(grid[1, 0]):
                x = image.ctypes.data + i * grid[0, 1] + j * grid[1, 1]
                y = out.ctypes.data + i * grid[0, 2] + j * grid[1, 2] + block * step
                k = 0
                while k < size:
                    a, b, left = x + k * stride, y + k * out_stride, size - k
                    many = largest if left >= largest else 4 if left >= 4 else 2 if left >= 2 else 1
                    if wide == 64:
                        if many == 5:
                            _d5(short, a, w, limit, start, table, count, stride, b, out_stride)
                        elif many == 4:
                            _d4(short, a, w, limit, start, table, count, stride, b, out_stride)
                        elif many == 2:
                            _d2(short, a, w, limit, start, table, count, stride, b, out_stride)
                        else:
                            _d1(short, a, w, limit, start, table, count, stride, b, out_stride)
                    elif wide == 32:
                        if many == 8:
                            _b8(short, a, w, limit, start, table, count, stride, b, out_stride)
                        elif many == 4:
                            _b4(short, a, w, limit, start, table, count, stride, b, out_stride)
                        elif many == 2:
                            _b2(short, a, w, limit, start, table, count, stride, b, out_stride)
                        else:
                            _b1(short, a, w, limit, start, table, count, stride, b, out_stride)
                    elif many == 8:
                        _a8(short, a, w, limit, start, table, count, stride, b, out_stride)
                    elif many == 4:
                        _a4(short, a, w, limit, start, table, count, stride, b, out_stride)
                    elif many == 2:
                        _a2(short, a, w, limit, start, table, count, stride, b, out_stride)
                    else:
                        _a1(short, a, w, limit, start, table, count, stride, b, out_stride)
                    k += many


@njit(cache=True, nogil=True)
def look_up_windows(image, signs, offsets, indices, limits, starts, places, sizes, out):
    """Whether sums of bytes times signs reach a limit, by tables of sums (`sign_tables.py`).

    Args:
        image: uint8 (any,), where the windows lie, and 5 bytes more.
        signs: int8 (kinds, 3, 64), those of each kind of table.
        offsets: int64 (kinds,), their bytes' distance from the left of a window.
        indices: int16 (O / 64, tables of a window, 64): which sum of a table.
        limits, starts: int16 (O,): bit o of a result is sum >= limits[o], where sums start from starts[o].
        places: int64 (depth, tables of a window): where a window that begins in an image row finds them, by
            that row modulo the depth, of as many rows as tables are kept.
        sizes: int64 (8,): images, bytes of each; rows of windows, bytes of an image row, and image rows from
            one to the next; columns, and bytes from one to the next; bytes of a result.
        out: uint8 (any,): results of O bits, overwritten.
    """
    rows, line, down, columns, right, result = sizes[2], sizes[3], sizes[4], sizes[5], sizes[6], sizes[7]
    depth, count, stride = len(places), places.shape[1], 64 * len(offsets)
    room = np.empty(depth * STRIP * stride + 64, np.uint8)
    tables = room.ctypes.data + -room.ctypes.data % 64
    for n in range(sizes[0]):
        for left in range(0, columns, STRIP):
            many, built = min(STRIP, columns - left), 0
            tile = -(-many // -(-many // 8))
            for row in range(rows):
                top = row * down
                for at in range(max(built, top), top + depth):
                    x = image.ctypes.data + n * sizes[1] + at * line + left * right
                    to = tables + at % depth * STRIP * stride
                    for kind in range(len(offsets)):
                        of_kind = signs.ctypes.data + 192 * kind
                        _tables(x + offsets[kind], right, many, of_kind, to + 64 * kind, stride)
                built = top + depth
                y = out.ctypes.data + ((n * rows + row) * columns + left) * result
                table = places.ctypes.data + top % depth * count * 8
                for block in range(len(indices)):
                    w = indices.ctypes.data + block * count * 128
                    limit, start = limits.ctypes.data + block * 128, starts.ctypes.data + block * 128
                    for k in range(0, many, tile):
                        a, b = tables + k * stride, y + k * result + block * 8
                        _look(min(tile, many - k), a, w, limit, start, table, count, stride, b, result)


@njit(cache=True, nogil=True)
def reach(x, thresholds, falls, out):
    """Bits of numbers that reach their channel's threshold: bit c of a pixel is (x[c] >= thresholds[c]),
    inverted where `falls` says so.

    Args:
        x: int32 (pixels, C).
        thresholds: int32 (C rounded up to 16,).
        falls: uint8 (bytes of as many bits,), 1 where the bit is inverted; bits beyond C are 0.
        out: uint8 (pixels, bytes of whole words), overwritten where there are channels.
    """
    channels = x.shape[1]
    whole = channels // 16 * 16
    for pixel in range(len(x)):
        a, b = x.ctypes.data + pixel * channels * 4, out.ctypes.data + pixel * out.shape[1]
        for c in range(0, whole, 16):
            least, inverted = thresholds.ctypes.data + 4 * c, falls.ctypes.data + c // 8
            _compare(a + 4 * c, least, inverted, b + c // 8)
        for c in range(whole, channels, 8):
            bits = np.uint8(0)
            for k in range(c, min(c + 8, channels)):
                bits |= np.uint8(x[pixel, k] >= thresholds[k]) << np.uint8(k - c)
            out[pixel, c // 8] = bits ^ falls[c // 8]


@njit(cache=True, nogil=True)
def count_levels(x, thresholds, falls, out):
    """How many thresholds numbers reach: out = sum over steps s of (x >= thresholds[s]) != falls.

    Args:
        x: int32 (rows, K).
        thresholds: int32 (steps, K).
        falls: uint8 (K,), 0 or 1.
        out: uint8 (rows, K), overwritten.
    """
    for row in range(len(x)):
        for c in range(x.shape[1]):
            out[row, c] = 0
        for s in range(len(thresholds)):
            for c in range(x.shape[1]):
                out[row, c] += np.uint8(x[row, c] >= thresholds[s, c]) ^ falls[c]


@njit(cache=True, nogil=True)
def add_times(x, factors, low, mask, out):
    """out[r, k] += x[r, k] * factors[k], then modulo mask + 1, a power of two, to low .. low + mask; int32
    (rows, K) and (K,).
    """
    for row in range(len(x)):
        for c in range(x.shape[1]):
            out[row, c] = ((out[row, c] + x[row, c] * factors[c] - low) & mask) + low


@njit(cache=True, nogil=True)
def sum_of_two(x, factors, y, others, low, mask, out):
    """out[r, k] = x[r, k] * factors[k] + y[r, k] * others[k], modulo mask + 1, a power of two, to low .. low
    + mask; int32 (rows, K) and (K,).
    """
    for row in range(len(x)):
        for c in range(x.shape[1]):
            total = x[row, c] * factors[c] + y[row, c] * others[c]
            out[row, c] = ((total - low) & mask) + low


@njit(cache=True, nogil=True)
def sum_pixels(image, height, breadth, out):
    """Sums over windows (height, breadth) that do not overlap, of image int32 (N, H, W, C); out int32 (N,
    H // height, W // breadth, C), overwritten.
    """
    images, rows, columns, channels = out.shape
    for n in range(images):
        for row in range(rows):
            for column in range(columns):
                for c in range(channels):
                    out[n, row, column, c] = 0
                for y in range(row * height, row * height + height):
                    for x in range(column * breadth, column * breadth + breadth):
                        for c in range(channels):
                            out[n, row, column, c] += image[n, y, x, c]


@njit(cache=True, nogil=True)
def place_channels(x, at, out):
    """out[..., at : at + C] = x, of int32 (N, H, W, C) whose channels lie side by side, C a multiple of 16;
    out is as large but for its channels.
    """
    images, rows, columns, channels = x.shape
    to = out.ctypes.data + 4 * at
    for n in range(images):
        for row in range(rows):
            pixel = x.ctypes.data + n * x.strides[0] + row * x.strides[1]
            for _ in range(columns):
                for k in range(0, 4 * channels, 64):
                    _copy(pixel + k, to + k)
                pixel, to = pixel + x.strides[2], to + 4 * out.shape[3]


@njit(cache=True, nogil=True)
def pool_words(image, height, breadth, every, out):
    """OR, or with `every` AND, of the words of windows that do not overlap.

    Args:
        image: uint64 (N, H, W, words).
        height, breadth: of a window.
        out: uint64 (N, H // height, W // breadth, words), overwritten.
    """
    images, rows, columns, words = out.shape
    pixel, line = 8 * words, 8 * words * image.shape[2]
    flip = np.uint64(0) - np.uint64(every)  # AND is OR of the inverted
    to = out.ctypes.data
    for n in range(images):
        for row in range(rows):
            first = image.ctypes.data + (n * image.shape[1] + row * height) * line
            for word in range(words):
                x, y = first + 8 * word, to + 8 * word
                for _ in range(columns):
                    if height == 2 and breadth == 2:
                        bits = (_load(x) ^ flip) | (_load(x + pixel) ^ flip)
                        bits |= (_load(x + line) ^ flip) | (_load(x + line + pixel) ^ flip)
                    else:
                        bits = np.uint64(0)
                        for tap in range(height * breadth):
                            bits |= _load(x + tap // breadth * line + tap % breadth * pixel) ^ flip
                    _store(y, bits ^ flip)
                    x, y = x + breadth * pixel, y + pixel
            to += columns * pixel


@njit(cache=True, nogil=True)
def interleave_planes(planes, out):
    """Planes uint8 (N, C, H * W) to pixels uint8 (N, H * W, C), overwritten."""
    images, channels, pixels = planes.shape
    at_once = pixels // 64 * 64 if channels == 3 else 0
    for n in range(images):
        plane, pixel = planes.ctypes.data + n * channels * pixels, out.ctypes.data + n * channels * pixels
        for k in range(0, at_once, 64):
            _interleave(plane + k, pixels, pixel + 3 * k)
        for k in range(at_once, pixels):
            for c in range(channels):
                out[n, k, c] = planes[n, c, k]


@njit(cache=True, nogil=True)
def merge_pixels(image, top, left, fill, bits, many, out):
    """Of padded images the bits of `many` pixels side by side, one behind the other.

    Args:
        image: uint64 (N, H, W), `bits` (64 at most) of each pixel.
        top, left: where they lie in the padded ones, whose other pixels are `fill`.
        out: uint64 (N, padded H, padded W - many + 1, words): of each pixel and those to its right,
            overwritten, as are 7 results behind the last.
    """
    images, rows, columns, words = out.shape
    height, breadth = image.shape[1:]
    grown, whole = columns + many - 1, breadth // 8 * 8
    padded = np.full(rows * grown + 7, fill)
    x, y = image.ctypes.data, out.ctypes.data
    for _ in range(images):
        inside = padded.ctypes.data + 8 * (
            top * grown + left
        )  # not row by row: just written words load slowly
        for _ in range(height):
            for k in range(0, 8 * whole, 64):
                _copy(x + k, inside + k)
            for k in range(8 * whole, 8 * breadth, 8):
                _store(inside + k, _load(x + k))
            x, inside = x + 8 * breadth, inside + 8 * grown
        pixels = padded.ctypes.data
        for _ in range(rows):
            for column in range(0, columns, 8):
                for word in range(words):
                    to = y + 8 * (words * column + word)
                    _merge(pixels + 8 * column, bits, many, word, to, 8 * words)
            y, pixels = y + 8 * words * columns, pixels + 8 * grown


@njit(cache=True, nogil=True)
def run_peak_loop(words, weights, rounds, out):
    """`vectors.peak_loop` on arrays: 2 * 512 * 8 operations per round."""
    _peak(words.ctypes.data, weights.ctypes.data, rounds, out.ctypes.data)
