"""The compiled kernels: sums by hand, windows of any kind, and processors with fewer extensions."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from documents import python

from xnorforge.hw.ops.concat.bits import channels_beside
from xnorforge.hw.ops.int_mvu.op import IntMvu
from xnorforge.hw.ops.sign_mvu.op import SignMvu
from xnorforge.hw.ops.window.op import Window
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.bits.kernels import interleave_planes, merge_pixels
from xnorforge.sim.bits.patches import Patches
from xnorforge.sim.bits.sign_tables import table_signs

KINDS = {"xnor": (SignMvu, 1), "byte": (SignMvu, 8), "wide": (SignMvu, 12), "int": (IntMvu, 4)}


def layer(kind, channels, rows, compared, seed, size=(7, 9), **window):
    """A convolution of 7 x 9 pixels as its two operators, weights and thresholds at random."""
    rng = np.random.default_rng(seed)
    unit, bits = KINDS[kind]
    cut = Window.make("window", ifm=[*size, channels], bits=bits, **window)
    *size, mw = cut.out_stream().shape
    low, high = (-8, 8) if kind == "int" else (0, 2)
    arrays = {"weights": rng.integers(low, high, (mw, rows))}
    if compared:
        near = mw // 2 if kind == "xnor" else 0
        arrays["thresholds"] = rng.integers(near - 3, near + 4, rows)
    given = {} if kind == "xnor" else {"in_bits": bits}
    sizes = {"mw": mw, "mh": rows, "vectors": size[0] * size[1]}
    sizes |= {"in_shape": [*size, mw], "out_shape": [*size, rows]}
    matrix = unit.make("matrix", arrays, **sizes, **given)
    matrix.onnx_node.input[0] = cut.onnx_node.output[0]
    return [cut, matrix]


WINDOWS = {
    "plain": {"kernel": [3, 3]}, "padded": {"kernel": [3, 3], "pads": [1, 1, 1, 1], "pad_value": 1},
    "strided": {"kernel": [3, 2], "stride": [2, 3]},
    "dilated": {"kernel": [3, 3], "dilation": [2, 3], "pads": [1, 0, 2, 0]},
    "several dilations": {"kernel": [3, 3], "rates": [1, 2], "pads": [2, 2, 2, 2]},
}  # fmt: skip


def wrong(kinds=tuple(KINDS), frames=9):
    """Layers of every kind, window and odd size whose results are not those of their contracts."""
    found = []
    for seed, (kind, (name, window)) in enumerate((k, w) for k in kinds for w in WINDOWS.items()):
        for channels, rows, compared in ((3, 64, True), (70, 33, True), (64, 10, False), (16, 32, False)):
            ops = layer(kind, channels, rows, compared, seed, **window)
            x = ops[0].random_input(seed, frames=frames)
            images = x.transpose(0, 3, 1, 2).astype(np.int64 if kind == "wide" else np.uint8)
            got = BitSimulator(ops).run(images, block=8)["matrix"]
            if not np.array_equal(got, ops[1].run(ops[0].run(x))):
                found.append((kind, name, channels, rows))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_layers_of_every_window_and_odd_size_equal_their_contracts(kind):
    assert wrong([kind]) == []


def test_sums_by_hand():
    """Two pixels of 1 and 2, 3 and 4; rows of weights +1 +1, -1 +1."""
    sizes = {"mw": 2, "mh": 2, "vectors": 2, "in_shape": [2, 2], "out_shape": [2, 2]}
    op = SignMvu.make("sums", {"weights": np.array([[1, 0], [1, 1]])}, in_bits=8, **sizes)
    got = BitSimulator([op]).run(np.array([[[1, 2], [3, 4]]], np.uint8))["sums"]
    assert got.tolist() == [[[3, 1], [7, 1]]]


def test_windows_name_their_runs_and_are_cut_out_as_numpy_cuts_them():
    image = np.arange(2 * 4 * 5 * 3).reshape(2, 4, 5, 3)
    patches = Patches(image, 0, ((0, 0), (0, 1), (2, 0), (2, 1)), (1, 2), (2, 2))
    assert patches.runs(1) == [[0, 6], [30, 6]]
    view = np.lib.stride_tricks.sliding_window_view(image, (3, 2), (1, 2))[:, :, ::2, :, ::2]
    np.testing.assert_array_equal(patches.cut(), np.moveaxis(view, 3, 5).reshape(2, 2, 2, 12))


@pytest.mark.parametrize("bits, many", [(16, 3), (32, 3), (1, 2), (5, 5), (21, 7), (30, 3)])
@pytest.mark.parametrize("size, top, left, fill", [((3, 9), 0, 0, 0), ((2, 17), 1, 2, 1), ((4, 8), 2, 1, 0)])
def test_pixels_side_by_side_are_one_row_of_bits(bits, many, size, top, left, fill):
    """By Python's integers of any length, of an image with one more row and two more columns behind it."""
    image = np.random.default_rng(bits).integers(0, 2**bits, (2, *size), np.uint64)
    one = fill * (2**bits - 1)
    padded = np.pad(image, ((0, 0), (top, 1), (left, 2)), constant_values=one)
    rows, columns, words = size[0] + top + 1, size[1] + left + 3 - many, -(-many * bits // 64)
    room = np.zeros(2 * rows * columns * words + 7 * words, np.uint64)
    out = room[: -7 * words].reshape(2, rows, columns, words)
    merge_pixels(image, top, left, one, bits, many, out)
    for place in np.ndindex(out.shape[:3]):
        n, row, column = place
        row_of_bits = sum(int(padded[n, row, column + k]) << (k * bits) for k in range(many))
        assert sum(int(word) << (64 * k) for k, word in enumerate(out[place])) == row_of_bits


@pytest.mark.parametrize("channels, pixels", [(3, 200), (3, 64), (3, 5), (1, 70), (4, 70)])
def test_planes_become_pixels(channels, pixels):
    planes = np.random.default_rng(pixels).integers(0, 256, (2, channels, pixels), np.uint8)
    out = np.zeros((2, pixels, channels), np.uint8)
    interleave_planes(planes, out)
    np.testing.assert_array_equal(out, planes.transpose(0, 2, 1))


@pytest.mark.parametrize("channels", [(16, 32), (16, 5), (48,)])
def test_channels_beside_each_other_are_those_of_numpy(channels):
    """Of whole images, and of every second pixel of larger ones."""
    rng = np.random.default_rng(len(channels))
    for step in (1, 2):
        whole = [rng.integers(-(2**31), 2**31, (2, 6, 4, size), np.int32) for size in channels]
        parts = [part[:, ::step, ::step] for part in whole]
        np.testing.assert_array_equal(channels_beside(parts), np.concatenate(parts, -1))


TABLES = {
    "three strips of columns": {"size": (4, 110)}, "one channel": {"channels": 1},
    "seven channels, strided": {"channels": 7, "stride": [1, 2], "size": (5, 60)},
    "a kernel as wide as the image": {"size": (9, 3)},
    "rows apart": {"stride": [4, 1], "size": (11, 5), "rows": 128},
    "rows and columns apart": {"dilation": [2, 3], "size": (9, 12)},
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_sums_by_tables_are_those_of_the_contract(case):
    """Of all bytes, the largest and the smallest too; thresholds that all sums reach and that none does."""
    given = {"channels": 3, "rows": 64, "kernel": [3, 3], "compared": True, "seed": 5, **TABLES[case]}
    ops = layer("byte", **given)
    limits = ops[1].arrays_of["thresholds"].copy()
    limits[:6] = [-(2**20), 2**20, -(2**15), 2**15, 27 * 255, -27 * 255]
    ops[1].arrays_of["thresholds"] = limits
    x = ops[0].random_input(1, frames=5)
    x[3], x[4] = 0, 255
    got = BitSimulator(ops).run(x.transpose(0, 3, 1, 2).astype(np.uint8))["matrix"]
    np.testing.assert_array_equal(got, ops[1].run(ops[0].run(x)))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_table_holds_the_sum_of_every_choice_of_signs(size):
    signs = table_signs(size).reshape(3, 32, 2).transpose(1, 0, 2).reshape(32, 6)
    assert not signs[:, size:].any()
    choices = sorted(itertools.product([-1, 1], repeat=size), key=lambda one: one[::-1])
    np.testing.assert_array_equal(signs[: 2**size, :size], choices)


@pytest.mark.full
@pytest.mark.parametrize("kind", ["x86-64", "haswell"])
def test_processors_with_fewer_extensions_give_the_same(kind):
    """Compiled without AVX and population counts, and for AVX2; what is done in one call too."""
    code = (
        f"import runpy; run = runpy.run_path({__file__!r}); from xnorforge.sim.bits import kernels; "
        "print(kernels.byte_products(), kernels.short_lookups(), run['wrong'](), "
        f"runpy.run_path({str(Path(__file__).with_name('test_bits_fused.py'))!r})['wrong']())"
    )
    given = {"XNORFORGE_CXXFLAGS": f"-march={kind}", "PYTHONPATH": str(Path(__file__).parents[1])}
    found = python("-c", code, check=True, **given)
    assert found.stdout == "False False [] []\n"
