"""Depthwise units, pools, upsampling, clipping and border offsets against what they mean, stated without
them. Windows that leave whole, one per beat, from beats of one pixel or several: steps, beats, cycles counted
by hand; what is refused."""

import itertools

import numpy as np
import pytest
import torch
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from torch.nn import functional as F

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.flows.fold import folded_graph
from xnorforge.flows.fold.options import candidates
from xnorforge.hw import graph
from xnorforge.hw.bind import Bound
from xnorforge.hw.lowering.registry import MEANINGS
from xnorforge.hw.ops.border.offsets import offsets
from xnorforge.hw.ops.border.op import Border
from xnorforge.hw.ops.clip.op import Clip
from xnorforge.hw.ops.depthwise.op import Depthwise
from xnorforge.hw.ops.max_pool.op import MaxPool
from xnorforge.hw.ops.sum_pool.op import SumPool
from xnorforge.hw.ops.surround.op import Surround
from xnorforge.hw.ops.window.op import Window
from xnorforge.hw.ops.window.whole import waiting
from xnorforge.hw.streams import value_range
from xnorforge.sim import cosim, device

from ..refusals import stops
from .test_mvu import always_and_never

plugins.parts("hw.ops", "lower")  # enters the meanings
SHAPES = [((7, 11, 5), (2, 2)), ((7, 11, 5), (3, 4)), ((6, 6, 5), (6, 6)), ((9, 4, 5), (1, 3))]


def pooled(x, function):
    """A function of torch on (N, C, H, W), with channels last."""
    return function(torch.tensor(x.transpose(0, 3, 1, 2)).double()).numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize("shape, kernel", SHAPES)
@pytest.mark.parametrize("bits, signed", [(1, 0), (8, 0), (6, 1)])
def test_sums_are_torch_averages_times_their_count_with_the_rest_dropped(shape, kernel, bits, signed):
    op = SumPool.make(ifm=shape, kernel=kernel, stride=kernel, in_bits=bits, in_signed=signed)
    x = op.random_input(1, frames=3)
    expected = pooled(x, lambda t: F.avg_pool2d(t, kernel, divisor_override=1))
    np.testing.assert_array_equal(op.run(x), expected)


@pytest.mark.parametrize("bits, signed, kernel, wide", [
    (1, 0, (7, 7), 6), (1, 0, (8, 8), 7), (1, 0, (1, 1), 1), (8, 0, (2, 2), 10), (8, 1, (2, 2), 10),
    (8, 1, (3, 3), 12),
])  # fmt: skip
def test_a_sum_has_the_bits_that_its_extremes_need_and_no_more(bits, signed, kernel, wide):
    op = SumPool.make(ifm=(*kernel, 1), kernel=kernel, stride=kernel, in_bits=bits, in_signed=signed)
    ends = [op.run(np.full((1, *kernel, 1), end)).item() for end in value_range(bits, bool(signed))]
    assert (op.out_stream().bits, op.out_stream().signed) == (wide, bool(signed))

    def holds(count):
        low, high = value_range(count, bool(signed))
        return low <= ends[0] and ends[1] <= high

    assert holds(wide) and (wide == 1 or not holds(wide - 1))


@pytest.mark.parametrize("kernel, stride, pads, dilation", [
    ((3, 3), (2, 2), 1, 1), ((3, 2), (1, 1), 1, 1), ((2, 2), (3, 3), 0, 1), ((3, 2), (1, 2), 0, 2),
])  # fmt: skip
def test_a_window_and_a_pool_behind_it_are_any_pool_of_torch(kernel, stride, pads, dilation):
    """Maxima of -30 .. 31 in a border of the least value, ORs in one of 0, sums in one of 0."""
    shape, apart = (9, 7, 4), {"stride": stride, "padding": pads, "dilation": dilation}
    sizes = {"kernel": kernel, "stride": stride, "pads": [pads] * 4, "dilation": [dilation] * 2}
    for cls, bits, signed in ((MaxPool, 6, 1), (MaxPool, 1, 0), (SumPool, 6, 1)):
        fill = -32 if cls is MaxPool and signed else 0
        window = Window.make(ifm=shape, bits=bits, signed=signed, pad_value=fill, **sizes)
        image = list(window.out_stream().shape[:2])
        given = {"ifm": [*image, 4], "kernel": kernel, "stride": kernel, "windows": 1}
        pool = cls.make(**given, in_bits=bits, in_signed=signed)
        low, high = (-30, 32) if signed else (0, 2)
        x = np.random.default_rng(1).integers(low, high, (2, *shape))
        if cls is SumPool:
            ones = torch.ones(4, 1, *kernel).double()
            expected = pooled(x, lambda t, ones=ones: F.conv2d(t, ones, None, **apart, groups=4))
        else:
            expected = pooled(x, lambda t: F.max_pool2d(t, kernel, **apart))
        np.testing.assert_array_equal(pool.run(window.run(x)), expected)


def test_a_border_of_several_values_counted_by_hand():
    given = {"ifm": (1, 1, 2), "pads": [0, 1, 1, 0], "in_bits": 2, "out_bits": 4, "out_signed": 1}
    op = Surround.make(arrays={"values": [7, -8]}, **given)
    np.testing.assert_array_equal(op.run([[[[3, 1]]]]), [[[[7, -8], [3, 1]], [[7, -8], [7, -8]]]])
    # The two beats of the border on the left wait for the frame, those below only for the pixel itself.
    assert op.needs().tolist() == [1, 1, 1, 2, 2, 2, 2, 2]


def test_factors_by_place_counted_by_hand():
    arrays = {"table": [[[5]], [[-9]]], "factors": [[1], [6]]}
    types = {"in_bits": 3, "out_bits": 7, "out_signed": 1}
    op = Border.make(arrays=arrays, in_shape=(2, 1, 1), rows=[1, 0], columns=[0], **types)
    np.testing.assert_array_equal(op.run([[[[7]], [[6]]]]), [[[[6 * 7 - 9]], [[6 + 5]]]])


@pytest.mark.parametrize("shape, kernel", SHAPES)
@pytest.mark.parametrize("direction", [None, (1, -1, -1, 1, -1), (-1,) * 5])
def test_maxima_are_the_lowered_graph_s(shape, kernel, direction):
    arrays = {} if direction is None else {"direction": np.array(direction)}
    op = MaxPool.make(arrays=arrays, ifm=shape, kernel=kernel, stride=kernel, in_bits=7, in_signed=1)
    x = op.random_input(2, frames=3)
    at = {"kernel": kernel, "stride": kernel, "dilation": (1, 1)}
    at["direction"] = arrays.get("direction", np.ones(5, np.int64))
    np.testing.assert_array_equal(op.run(x), MEANINGS["MaxPool"](x, at))


def test_a_mixed_pool_of_bits_is_an_or_here_and_an_and_there():
    shape, kernel, direction = (6, 4, 4), (2, 2), np.array([1, -1, 1, -1])
    op = MaxPool.make(arrays={"direction": direction}, ifm=shape, kernel=kernel, stride=kernel, in_bits=1)
    x = op.random_input(3, frames=8)
    taps = x.reshape(8, 3, 2, 2, 2, 4)
    np.testing.assert_array_equal(op.run(x), np.where(direction > 0, taps.any((2, 4)), taps.all((2, 4))))


@pytest.mark.parametrize("least", [0, 1])
def test_an_or_pool_of_an_earlier_build_is_read_as_a_pool_of_bits(least):
    model = folded_graph([MaxPool.make("old", ifm=(4, 4, 2), kernel=(2, 2), stride=(2, 2))], "net")
    model.graph.node[0].op_type = "OrPool"
    model.graph.node[0].attribute.append(helper.make_attribute("all", least))
    [read] = graph.operators(ModelWrapper(model))
    assert type(read) is MaxPool and read.of_bits and read.minima().tolist() == [bool(least)] * 2


def clip_of_everything(bits, signed, mul, out_bits, out_signed, wide=False):
    """A clip with a channel for every bound within and beyond reach, both directions; its pixels: all inputs.

    `wide`: all channels side by side, so that each compares with a constant."""
    low, high = value_range(bits, bool(signed))
    at = np.arange(mul * low - 3, mul * high + 4)
    arrays = {"at": np.tile(at, 2), "direction": np.repeat([1, -1], len(at))}
    x = np.repeat(np.arange(low, high + 1)[:, None], 2 * len(at), axis=1)
    given = {"in_shape": x.shape, "pe": x.shape[1] if wide else 2, "in_bits": bits, "in_signed": signed}
    given |= {"mul": mul, "out_bits": out_bits, "out_signed": out_signed}
    op = Clip.make(f"{bits}_{signed}_{mul}_{wide:d}", arrays, **given)
    return op, x[None], MEANINGS["Clip"](x[None], {**arrays, "mul": mul})


def test_every_input_clipped_at_every_bound_is_the_lowered_graph_s_in_rtl_too():
    points = [(4, 0, 1, 6, 1), (4, 1, 2, 6, 1), (5, 1, 1, 6, 1), (3, 0, 2, 6, 1)]
    given = [clip_of_everything(*point, wide) for point in points for wide in (False, True)]
    ops, frames, expected = zip(*given)
    for op, x, want in given:
        np.testing.assert_array_equal(op.run(x), want)
    runs = cosim.run(device.bench(list(ops)), list(frames))
    for run, want in zip(runs, expected):
        np.testing.assert_array_equal(run.output, want)


def test_a_clipped_value_beyond_its_type_keeps_its_lowest_bits():
    op, x, want = clip_of_everything(5, 1, 2, 4, 1)
    np.testing.assert_array_equal(op.run(x), (want + 8) % 16 - 8)


def test_a_clip_without_directions_is_relu():
    op = Clip.make(arrays={"at": np.zeros(3)}, in_shape=(3,), in_bits=5, in_signed=1, mul=2, out_bits=5)
    np.testing.assert_array_equal(op.run([[-16, -1, 0], [1, 7, 15]]), [[0, 0, 0], [2, 14, 30]])


def axes(sizes, kernels, strides, dilations):
    """All axes (size, kernel, stride, dilation, before, behind); no window is padding alone."""
    for size, kernel, stride, dilation in itertools.product(sizes, kernels, strides, dilations):
        reach = (kernel - 1) * dilation
        for before, behind in itertools.product(range(reach + 1), repeat=2):
            if size + before + behind > reach:
                yield size, kernel, stride, dilation, before, behind


AXES = list(axes(range(1, 6), (1, 2, 3), (1, 2, 3), (1, 2)))


@pytest.mark.parametrize("part", range(4))
def test_offsets_turn_a_convolution_padded_with_minus_one_into_one_padded_with_nothing(part):
    for number, row in list(enumerate(AXES))[part::4]:
        rng = np.random.default_rng(number)
        column = AXES[rng.integers(len(AXES))]
        size, kernel, stride, dilation, before, behind = zip(row, column)
        weights, x = rng.choice([-1, 1], (*kernel, 2, 3)), rng.integers(0, 2, (2, *size, 2))
        at = {"weights": weights, "stride": stride, "dilation": dilation, "groups": 1, "top": weights.size,
              "xnor": 0}  # fmt: skip
        bits = np.pad(x, ((0, 0), *zip(before, behind), (0, 0)))
        length = 2 * kernel[0] * kernel[1]
        matches = (MEANINGS["Conv"](2 * bits - 1, at) + length) // 2
        expected = MEANINGS["SignedConv"](x, at | {"pads": (*before, *behind)})
        rows, columns, table = offsets(weights, (*size, 2), kernel, stride, dilation, (*before, *behind))
        assert max(rows) + 1 == table.shape[0] and max(columns) + 1 == table.shape[1]
        np.testing.assert_array_equal(2 * matches - length + table[np.ix_(rows, columns)], expected)
        given = {"in_shape": matches.shape[1:], "rows": rows, "columns": columns}
        types = {"in_bits": 6, "mul": 2, "out_bits": 6, "out_signed": 1}
        op = Border.make(arrays={"table": table - length}, **given, **types)
        np.testing.assert_array_equal(op.run(matches), expected)


@pytest.mark.parametrize("size, kernel, stride, pads, classes", [
    ((14, 14), (3, 3), (1, 1), (1, 1, 1, 1), (3, 3)), ((14, 14), (3, 3), (2, 2), (1, 1, 1, 1), (2, 2)),
    ((14, 14), (3, 3), (1, 1), (0, 0, 0, 0), (1, 1)), ((28, 9), (5, 5), (1, 1), (2, 2, 2, 2), (5, 5)),
    ((14, 14), (3, 3), (1, 1), (0, 0, 2, 1), (3, 2)), ((1, 20), (1, 3), (1, 1), (0, 1, 0, 1), (1, 3)),
])  # fmt: skip
def test_rows_and_columns_with_the_same_taps_outside_are_one_class(size, kernel, stride, pads, classes):
    weights = np.ones((*kernel, 4, 7), np.int64)
    rows, columns, table = offsets(weights, size, kernel, stride, (1, 1), pads)
    assert table.shape == (*classes, 7)
    assert rows[len(rows) // 2] == columns[len(columns) // 2] == 0 and not table[0, 0].any()
    flat = offsets(weights.reshape(-1, 7), size, kernel, stride, (1, 1), pads)
    np.testing.assert_array_equal(flat[2], table)


def test_offsets_of_a_convolution_counted_by_hand():
    # 3x3 of ones over one channel, a pixel of padding around: five taps outside at a corner, three at an
    # edge.
    rows, columns, table = offsets(np.ones((3, 3, 1, 1)), (3, 3), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1))
    np.testing.assert_array_equal(table[np.ix_(rows, columns)][..., 0], [[5, 3, 5], [3, 0, 3], [5, 3, 5]])


def test_a_sum_beyond_its_type_keeps_its_lowest_bits():
    op = Border.make(arrays={"table": [[[5]], [[-9]]]}, in_shape=(2, 1, 1), in_bits=3, out_bits=3,
                     out_signed=1, rows=[1, 0], columns=[0])  # fmt: skip
    np.testing.assert_array_equal(op.run([[[[7]], [[6]]]]), [[[[-2]], [[3]]]])  # 7 - 9; 6 + 5 - 8


def unit(weights, thresholds=None, **attributes):
    """A unit on one window, all taps in a column."""
    weights = np.array(weights)
    arrays = {"weights": weights} | ({} if thresholds is None else {"thresholds": np.array(thresholds)})
    taps, channels = weights.shape
    return Depthwise.make("unit", arrays, ofm=(1, 1, channels), kernel=(taps, 1), **attributes)


@pytest.mark.parametrize("bits, signed", [(1, 0), (3, 0), (8, 1)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 1)])
def test_behind_a_window_it_is_a_convolution_of_one_group_per_channel(bits, signed, stride):
    rng = np.random.default_rng(bits)
    weights = rng.choice([-1, 1], (3, 2, 1, 5))  # kh, kw, 1, C as in the lowered graph
    window = Window.make(ifm=(6, 5, 5), kernel=(3, 2), stride=stride, bits=bits, signed=signed)
    x = window.random_input(1)
    op = Depthwise.make(
        arrays={"weights": (weights.reshape(6, 5) + 1) // 2},
        ofm=(*window.out_stream().shape[:2], 5), kernel=(3, 2), in_bits=bits, in_signed=signed,
    )  # fmt: skip
    at = {"weights": weights, "groups": 5, "stride": stride, "dilation": (1, 1), "xnor": 0,
          "top": 6 * 2**bits}  # fmt: skip
    np.testing.assert_array_equal(op.run(window.run(x)), MEANINGS["Conv"](x, at))


def test_a_bit_adds_its_sign_or_counts_where_it_equals_its_weight():
    weights, x = [[1, 0], [0, 0], [1, 1]], [[[[1, 1, 0, 1, 1, 0]]]]  # channel 0: 1, 0, 1; channel 1: 1, 1, 0
    np.testing.assert_array_equal(unit(weights).run(x).ravel(), [1 - 0 + 1, -1 - 1 + 0])
    np.testing.assert_array_equal(unit(weights, xnor=1).run(x).ravel(), [3, 0])
    np.testing.assert_array_equal(unit(weights, [2, -1]).run(x).ravel(), [1, 0])


def test_every_window_of_four_bits_under_every_kernel():
    kernels = (np.arange(16)[None, :] >> np.arange(4)[:, None]) & 1
    kinds = [(xnor, pe, limit) for xnor in (0, 1) for pe in (1, 16) for limit in (None, [1] * 16)]
    ops = [unit(kernels, limits, xnor=xnor, pe=pe) for xnor, pe, limits in kinds]
    x = np.broadcast_to(kernels.T[:, None, None, :, None], (16, 1, 1, 4, 16)).reshape(16, 1, 1, 64)
    equal = (kernels.T[:, :, None] == kernels[None]).sum(1)
    sums = kernels.T @ (2 * kernels - 1)
    runs = cosim.run(device.bench(ops), [x] * len(ops), seed=1)
    for (xnor, _, limits), run in zip(kinds, runs, strict=True):
        wanted = equal if xnor else sums
        wanted = wanted >= 1 if limits else wanted
        np.testing.assert_array_equal(run.output.reshape(16, 16), wanted)


def test_thresholds_out_of_reach_are_always_and_never():
    for more in ({}, {"xnor": 1}, {"in_bits": 8, "in_signed": 1}):
        op = unit(np.ones((1, 4), int), [0] * 4, pe=2, **more)
        always_and_never(op, op.random_input(4, 1))


def whole(ifm, kernel, **more):
    return Window.make("w", ifm=ifm, kernel=kernel, simd=kernel[0] * kernel[1] * ifm[2], **more)


def test_without_a_border_a_frame_takes_a_cycle_per_pixel():
    op = whole((5, 6, 4), (3, 3))
    assert op.cycles() == 30
    assert (op.in_stream().lanes, op.out_stream().lanes) == (4, 36)
    # The first window ends with the third pixel of the third row; a row of windows is 4 of 6 pixels.
    first = [15, 16, 17, 18]
    assert op.needs().tolist() == [*first, *(n + 6 for n in first), *(n + 12 for n in first)]


def test_a_border_to_the_right_and_below_takes_a_cycle_per_row_and_column_of_it():
    op = whole((4, 5, 1), (3, 3), pads=(1, 1, 1, 1))
    assert op.cycles() == (4 + 1) * (5 + 1)
    # Window (0, 0) ends with pixel (1, 1); that at the end of a row when the row is there.
    assert op.needs()[:5].tolist() == [7, 8, 9, 10, 10]
    assert op.needs()[-6:].tolist() == [20] * 6
    left = whole((4, 5, 1), (3, 3), pads=(2, 2, 0, 0))
    assert left.cycles() == 4 * 5
    assert left.needs().tolist() == list(range(1, 21))


def test_of_a_stride_the_pixels_between_windows_are_taken_too():
    op = whole((7, 8, 2), (3, 3), stride=(2, 2))
    assert op.cycles() == 56
    assert op.needs().tolist() == [8 * y + x + 1 for y in (2, 4, 6) for x in (2, 4, 6)]


@pytest.mark.parametrize("bits", [1, 8])
def test_a_whole_window_is_the_pixels_one_after_the_other(bits):
    one = whole((6, 7, 3), (3, 2), stride=(1, 2), pads=(1, 0, 1, 1), bits=bits)
    other = Window.make("w", **{key: one.get_nodeattr(key) for key in one.get_nodeattr_types()} | {"simd": 1})
    x = one.random_input(4)
    np.testing.assert_array_equal(one.run(x), other.run(x))


def test_the_pixels_that_wait_are_those_of_the_rows_without_windows():
    """Even neighbours of 3x3 windows: no window leaves while two rows of the next frame come."""
    assert 2 * 30 <= waiting(whole((30, 30, 64), (3, 3)).steps()) <= 2 * 30 + 4
    assert 2 * 12 <= waiting(whole((12, 12, 8), (3, 3)).steps()) <= 2 * 12 + 4
    # Every pixel its window: nothing has to wait but while the border is stepped through.
    assert waiting(whole((12, 12, 8), (3, 3), pads=(2, 2, 0, 0)).steps()) <= 4


@pytest.mark.parametrize("more", [
    {"rates": [1, 2], "pads": (2,) * 4, "simd": 36}, {"pads": (2, 0, 1, 0)}, {"pads": (0, 1, 0, 2)},
], ids=["several rates", "more border than reach, rows", "columns"])  # fmt: skip
def test_what_is_not_built_whole_is_answered_with_the_divisors(more):
    op = Window.make("w", **{"ifm": (6, 6, 2), "kernel": (3, 3), "simd": 18} | more)
    simd = op.get_nodeattr("simd")
    said = rf"^w: simd={simd} does not divide channels=2; use one of \[1, 2\]\.$"
    with pytest.raises(UserError, match=said):
        op.in_stream(), op.axes()


def several(ifm, kernel, stride, pixels, **more):
    sizes = {"ifm": ifm, "kernel": kernel, "stride": stride, "simd": kernel[0] * kernel[1] * ifm[2]}
    return Window.make("w", **sizes | more, pixels=pixels)


def test_a_row_of_windows_takes_a_step_per_stride_and_any_other_a_step_per_beat():
    one = several((128, 160, 3), (3, 3), (2, 2), 4, pads=(1, 1, 1, 1), bits=8)
    assert one.cycles() == 64 * (160 // 2) + 64 * (160 // 4)
    assert (one.in_stream().width, one.out_stream().lanes) == (4 * 24, 27)
    # Window (0, 0) ends with pixel (1, 1), of the first beat of the second row of 40; (0, 1) with (1, 3).
    assert one.needs()[:4].tolist() == [41, 41, 42, 42]
    assert one.needs()[-1] == 128 * 40
    two = several((128, 128, 3), (3, 3), (2, 2), 2, bits=8)
    assert two.cycles() == 128 * 64 and two.needs()[0] == 2 * 64 + 2


def test_of_a_stride_longer_than_a_beat_every_beat_is_a_step():
    op = several((9, 12, 2), (3, 3), (4, 4), 2)
    assert op.cycles() == 9 * 6
    assert op.needs().tolist() == [6 * y + x for y in (2, 6) for x in (2, 4, 6)]


def test_a_border_to_the_right_and_below_takes_steps_of_rows_with_windows():
    op = several((7, 8, 2), (5, 5), (2, 2), 4, pads=(2, 2, 2, 2))
    # Windows end in rows 2, 4, 6 and 8, and in columns 2, 4, 6 and 8: a group of two beyond the image.
    assert op.cycles() == 4 * (4 + 1) + 5 * 2
    assert op.needs().tolist() == [2 * y + x for y in (2, 4, 6) for x in (1, 2, 2, 2)] + [14] * 4


@pytest.mark.parametrize("pixels", [2, 4, 8])
def test_the_windows_are_those_of_one_pixel_per_beat(pixels):
    sizes = (7, 16, 3), (3, 3), (2, 2)
    one, many = (several(*sizes, n, pads=(1, 0, 1, 1), bits=8, pad_value=9) for n in (1, pixels))
    x = one.random_input(pixels)
    np.testing.assert_array_equal(many.run(x), one.run(x))
    assert one.in_stream().beats == pixels * many.in_stream().beats


@pytest.mark.parametrize("pixels, stride, more", [
    (8, (2, 2), {}), (4, (2, 1), {}), (4, (2, 3), {}), (4, (2, 2), {"simd": 3}),
], ids=["no divisor of the row", "windows at each column", "neither divides", "not whole"])  # fmt: skip
def test_beats_that_are_not_built_are_refused(pixels, stride, more):
    op = several((8, 12, 3), (3, 3), stride, pixels, **more)
    stops(rf"^w: pixels={pixels}\b.*whole windows.*stride", op.axes)


def test_a_folding_looks_at_up_to_four_strides_per_beat_where_several_are_asked_for():
    attributes = {"ifm": [8, 48, 3], "kernel": [3, 3], "stride": [2, 2], "pads": [1, 1, 1, 1], "bits": 8}
    bound = Bound("Window", "w", attributes, inputs=["x"], outputs=["y"])
    found = [(op.get_nodeattr("simd"), op.get_nodeattr("pixels")) for op in candidates(bound, {}, True)]
    assert found == [(1, 1), (3, 1), (27, 1), (27, 2), (27, 4), (27, 6), (27, 8)]
    assert all(op.get_nodeattr("pixels") == 1 for op in candidates(bound, {}))
    stops(r"w: .* simd=27\.$", candidates, bound, {"simd": 3, "pixels": 4})
