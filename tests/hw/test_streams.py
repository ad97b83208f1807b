"""What the operators that move and compare elements mean, stated without them."""

import numpy as np
import onnx
import pytest
import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from torch.nn import functional as F

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.arg_max.op import ArgMax
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.max_pool.op import MaxPool
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.hw.ops.top_k.op import TopK
from xnorforge.hw.ops.window.op import Window
from xnorforge.hw.ops.window.schedule import ring
from xnorforge.sim import cosim, device


def integers(seed, low, high, *shape):
    return np.random.default_rng(seed).integers(low, high, shape)


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
@pytest.mark.parametrize("pads", [(0, 0), (1, 2)])
def test_windows_are_what_torch_unfolds(stride, dilation, pads):
    x = integers(1, 0, 16, 2, 9, 8, 3)
    op = Window.make(ifm=(9, 8, 3), kernel=(3, 3), stride=stride, dilation=dilation, pads=pads * 2, bits=4)
    unfolded = F.unfold(torch.tensor(x.transpose(0, 3, 1, 2)).float(), (3, 3), dilation, pads, stride)
    # torch orders c, ky, kx; here it is ky, kx, c
    windows = unfolded.numpy().reshape(2, 3, 9, -1).transpose(0, 3, 2, 1)
    np.testing.assert_array_equal(op.run(x), windows.reshape(op.run(x).shape))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("rates, kernel", [((1, 2, 4), 3), ((1, 8), 3), ((2, 3), 5)])
def test_windows_of_several_rates_are_what_torch_unfolds_at_each(rates, kernel, stride):
    x, border = integers(1, 0, 16, 2, 9, 8, 3), kernel // 2
    pads = [border * max(rates)] * 4
    op = Window.make(ifm=(9, 8, 3), kernel=[kernel] * 2, stride=[stride] * 2, rates=rates, pads=pads, bits=4)
    image, parts = torch.tensor(x.transpose(0, 3, 1, 2)).float(), []
    for rate in rates:
        unfolded = F.unfold(image, kernel, rate, border * rate, stride)
        cut = unfolded.numpy().reshape(2, 3, kernel**2, -1).transpose(0, 3, 2, 1)
        parts.append(cut.reshape(2, -1, kernel**2 * 3))
    found = op.run(x)
    assert found.shape == (2, -(-9 // stride), -(-8 // stride), len(rates) * kernel**2 * 3)
    np.testing.assert_array_equal(found.reshape(2, -1, found.shape[-1]), np.concatenate(parts, 2))


def test_a_window_of_several_rates_keeps_the_rows_of_the_largest():
    sizes = {"ifm": (30, 40, 64), "kernel": (3, 3), "pads": (8, 8, 8, 8), "simd": 64}
    several, largest = Window.make(rates=(1, 4, 8), **sizes), Window.make(dilation=(8, 8), **sizes)
    assert several.rows().need == largest.rows().need and several.rows().freed == largest.rows().freed
    assert several.cycles() == 3 * largest.cycles() == 27 * 30 * 40


@pytest.mark.parametrize("rates, kernel", [((1, 2, 4), (3, 3)), ((2, 3), (1, 5))])
def test_pixels_side_by_side_are_those_one_after_the_other(rates, kernel):
    pads = [k // 2 * max(rates) for k in kernel] * 2
    sizes = {"ifm": (9, 8, 3), "kernel": kernel, "rates": rates, "pads": pads, "bits": 4}
    one, row = (Window.make(simd=simd, **sizes) for simd in (3, kernel[1] * 3))
    x = one.random_input(5)
    np.testing.assert_array_equal(one.run(x), row.run(x))
    assert (row.in_stream().lanes, row.out_stream().lanes) == (3, kernel[1] * 3)
    assert one.cycles() == 9 * 8 * len(rates) * kernel[0] * kernel[1] == kernel[1] * row.cycles()
    # Rows are waited for as before, for as many windows in fewer beats.
    assert row.needs().tolist() == one.needs()[:: kernel[1]].tolist()
    assert row.latency() == one.latency()


def test_pixels_side_by_side_are_of_several_rates():
    sizes = {"ifm": [9, 8, 4], "kernel": [3, 3]}
    assert Window.foldings(sizes | {"rates": (1, 2)}) == {"simd": [1, 2, 4, 12], "pixels": [1]}
    assert Window.foldings(sizes) == {"simd": [1, 2, 4, 36], "pixels": [1]}
    with pytest.raises(UserError, match=r"simd=12 does not divide channels=4"):
        Window.make(simd=12, **sizes).axes()


@pytest.mark.parametrize("shift, offset, wanted", [
    (0, None, [0, 1, 2, 0]), (0, [0, 0, 1], [2, 2, 2, 2]), (1, [0, 1, 0], [0, 1, 2, 1]),
    (1, [2, 0, 0], [0, 0, 2, 0]),
])  # fmt: skip
def test_labels_by_hand(shift, offset, wanted):
    pixels = np.array([[[5, 4, 5], [-1, 0, 0], [-8, -7, 7], [3, 3, 3]]])
    arrays = {} if offset is None else {"offset": np.array(offset)}
    op = ArgMax.make("label", arrays, in_shape=(4, 3), in_bits=4, in_signed=1, shift=shift)
    assert op.run(pixels).ravel().tolist() == wanted


def test_windows_of_each_side_s_own_pads_are_views_of_the_padded_image():
    x = integers(2, -8, 8, 2, 5, 6, 2)
    op = Window.make(ifm=(5, 6, 2), kernel=(3, 4), pads=(2, 0, 1, 3), pad_value=-5, bits=4, signed=1)
    padded = np.full((2, 8, 9, 2), -5)
    padded[:, 2:7, 0:6] = x
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 4), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    np.testing.assert_array_equal(op.run(x), views.reshape(2, 6, 6, 24))


@pytest.mark.parametrize("value", [0, 1])
def test_pads_of_bits_are_the_chosen_bit(value):
    op = Window.make(ifm=(4, 4, 1), kernel=(3, 3), pads=(1, 1, 1, 1), pad_value=value)
    pads = op.run(np.full((1, 4, 4, 1), 1 - value)) == value
    # nine taps: none of the four inner pixels, three of eight at an edge, five of four at a corner
    assert pads.sum() == 4 * 5 + 8 * 3


@pytest.mark.parametrize("kernel", [(1, 1), (5, 4)], ids=["one pixel", "the whole frame"])
def test_windows_that_are_the_stream_itself_cost_no_cycle(kernel):
    op = Window.make(ifm=(5, 4, 6), kernel=kernel, simd=3)
    x = op.random_input(3)
    np.testing.assert_array_equal(op.run(x).ravel(), x.ravel())
    assert op.cycles() == 5 * 4 * 6 // 3


@pytest.mark.parametrize(
    "shape, stride", [((32, 32, 3), 1), ((30, 30, 64), 1), ((12, 12, 128), 1), ((225, 225, 3), 2)]
)
def test_a_plain_3x3_window_needs_three_rows_beside_its_own(shape, stride):
    op = Window.make(ifm=shape, kernel=(3, 3), stride=(stride, stride), simd=shape[2])
    assert ring(op.rows()) == 3 + 3


def test_the_last_row_of_a_window_is_needed_pixel_by_pixel():
    op = Window.make(ifm=(4, 5, 1), kernel=(3, 3), pads=(1,) * 4)
    needs = op.needs().reshape(4, 5, 9)
    # Row 0 whole, then pixels 0 and 1 of row 1, and a pixel more for each window.
    assert needs[0, 0].tolist() == [5] * 7 + [6, 7] and op.latency() == 5 + 2
    assert needs[0, :, -1].tolist() == [7, 8, 9, 10, 10]
    assert needs[1, :, -1].tolist() == [12, 13, 14, 15, 15] and (needs[2:, -1] == 20).all()


def test_a_single_row_is_needed_pixel_by_pixel_from_its_first():
    op = Window.make(ifm=(1, 4, 2), kernel=(1, 3), pads=(0, 1, 0, 1), simd=1)
    assert op.needs().reshape(4, 6)[:, -1].tolist() == [4, 6, 8, 8]
    assert op.needs()[:4].tolist() == [1, 1, 1, 2]


@pytest.mark.parametrize("columns", [{"dilation": (1, 2)}, {"stride": (1, 4)}, {"rates": (1, 2)}], ids=str)
def test_windows_that_leave_columns_out_wait_for_whole_rows(columns):
    op = Window.make(ifm=(7, 9, 1), kernel=(3, 3), **columns)
    assert set(op.needs() % 9) == {0}


def ends_by_the_cycle(rows, ring, frames):
    """Cycle in which each frame is read, counting writer and reader cycle by cycle."""
    written = freed = write_left = read_left = row = 0
    need = [f * rows.height + n for f in range(frames) for n in rows.need]
    over = [f * rows.height + n for f in range(frames) for n in rows.freed]
    found, cycle = [], 0
    while len(found) < frames:
        if cycle > frames * 50 * rows.interval:
            return None
        may_write = write_left > 0 or written - freed < ring
        may_read = read_left > 0 or written >= need[row]
        if may_write:
            write_left = (write_left or rows.write) - 1
        if may_read:
            read_left = (read_left or rows.read) - 1
        cycle += 1
        written += may_write and not write_left
        if may_read and not read_left:
            freed, row = over[row], row + 1
            if row % len(rows.need) == 0:
                found.append(cycle)
    return found


@pytest.mark.parametrize("seed", range(16))
def test_the_ring_is_the_smallest_that_stops_neither_the_slower_side_nor_two_busy_neighbours(seed):
    rng = np.random.default_rng(seed)
    kernel, stride = (int(rng.integers(1, high)) for high in (5, 4))
    pads = rng.integers(0, kernel, 2)
    height, width = (int(rng.integers(kernel, 12)) for _ in range(2))
    op = Window.make(ifm=(height, width, 2), kernel=(kernel, kernel), stride=(stride, stride),
                     pads=(pads[0], pads[1], pads[1], pads[0]))  # fmt: skip
    rows = op.rows()

    def lost(size, paced):
        ends = ends_by_the_cycle(paced, size, 40)
        return ends is None or (np.diff(ends)[-15:] != paced.interval).any()

    assert not lost(ring(rows), rows) and not lost(ring(rows), rows.evenly)
    assert ring(rows) == 1 or lost(ring(rows) - 1, rows) or lost(ring(rows) - 1, rows.evenly)


@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (1, 4)])
@pytest.mark.parametrize("least", [False, True])
def test_pools_are_torch_pools_with_the_rest_dropped(kernel, least):
    x = integers(4, 0, 2, 3, 7, 11, 5)
    arrays = {"direction": np.full(5, -1)} if least else {}
    op = MaxPool.make("dut", arrays, ifm=(7, 11, 5), kernel=kernel, stride=kernel, pe=5)
    bits = torch.tensor(x.transpose(0, 3, 1, 2)).float()
    pooled = 1 - F.max_pool2d(1 - bits, kernel) if least else F.max_pool2d(bits, kernel)
    np.testing.assert_array_equal(op.run(x), pooled.numpy().transpose(0, 2, 3, 1))


@pytest.mark.parametrize("channels", [32, 64, 1024])
@pytest.mark.parametrize("steps", [2, 3])
def test_levels_of_two_bits_are_the_same_from_a_table_read_ahead(channels, steps):
    """Every input of every channel, some thresholds beyond all of them; the table in LUTs and block RAM."""
    thresholds = np.sort(integers(channels, -9, 10, channels, steps), axis=1)
    direction = np.where(integers(steps, 0, 2, channels), 1, -1)
    arrays = {"thresholds": thresholds, "direction": direction}
    op = Threshold.make(arrays=arrays, in_shape=(channels,), in_bits=4, in_signed=1)
    assert ("TableFile" in op.memories()) == (channels > 32) and op.in_block() == (channels == 1024)
    x = np.repeat(np.arange(-8, 8)[:, None], channels, axis=1)
    levels = (x[:, :, None] * direction[:, None] >= thresholds).sum(2)
    [run] = cosim.run(device.bench([op]), [x], stall=0.3, seed=2)
    np.testing.assert_array_equal(run.output, levels)


def test_one_threshold_without_direction_is_the_sign_of_the_difference():
    x = np.arange(-8, 8)[:, None]
    op = Threshold.make(arrays={"thresholds": np.array([[3]])}, in_shape=(1,), in_bits=4, in_signed=1)
    np.testing.assert_array_equal(op.run(x), np.sign(x - 3) >= 0)
    assert op.out_stream().datatype.name == "BINARY"


def test_qonnx_finds_shape_type_and_values_of_a_chain_by_itself():
    thresholds = np.array([[-2, 0, 3], [1, 1, 9]])
    arrays, shape = {"thresholds": np.tile(thresholds, (4, 1))}, {"in_shape": (2, 2, 8), "in_bits": 4}
    window = Window.make("window", ifm=(4, 4, 2), kernel=(2, 2), stride=(2, 2), bits=4, signed=1)
    ops = [window, Threshold.make("act", arrays, **shape, in_signed=1)]
    ops[1].onnx_node.input[0] = "window_out"
    value = onnx.helper.make_tensor_value_info("window_in", onnx.TensorProto.FLOAT, (1, 4, 4, 2))
    end = onnx.helper.make_tensor_value_info("act_out", onnx.TensorProto.FLOAT, None)
    constant = onnx.numpy_helper.from_array(ops[1].arrays_of["thresholds"], "act_thresholds")
    graph = onnx.helper.make_graph([op.onnx_node for op in ops], "chain", [value], [end], [constant])
    model = ModelWrapper(onnx.helper.make_model(graph)).transform(InferShapes()).transform(InferDataTypes())
    assert model.get_tensor_shape("act_out") == [1, 2, 2, 8]
    assert model.get_tensor_datatype("act_out").name == "UINT2"
    x = ops[0].random_input(7, frames=1)
    found = execute_onnx(model, {"window_in": x.astype(np.float32)})["act_out"]
    np.testing.assert_array_equal(found, ops[1].run(ops[0].run(x)))


def test_the_best_come_first_and_the_first_of_equals_wins():
    op = TopK.make(n=6, k=4, in_bits=4, in_signed=1)
    scores = np.array([[3, -1, 7, 3, 7, -8], [0, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(op.run(scores)[:, :6], scores)
    np.testing.assert_array_equal(op.run(scores)[:, 6:], [[2, 4, 0, 3], [0, 1, 2, 3]])


@pytest.mark.parametrize("n, bits, signed, wide", [
    (10, 8, 0, 8), (10, 2, 0, 4), (10, 2, 1, 5), (16, 4, 0, 4), (17, 4, 0, 5), (1, 1, 0, 1),
])  # fmt: skip
def test_an_element_of_top_k_holds_scores_and_indices(n, bits, signed, wide):
    assert TopK.make(n=n, in_bits=bits, in_signed=signed).out_stream().bits == wide


def test_a_fifo_reports_the_depth_that_a_slow_reader_makes_it_need():
    ops = [Fifo.make(f"fifo_{depth}", shape=(40,), bits=4, depth=depth) for depth in (2, 5, 64)]
    frames = [op.random_input(6, frames=1) for op in ops]
    built = device.bench(ops)
    slow = [max(run.fills.values()) for run in cosim.run(built, frames, stall=(0.0, 0.9), seed=1)]
    assert slow[:2] == [2, 5] and 5 < slow[2] <= 40
    flowing = [max(run.fills.values()) for run in cosim.run(built, frames)]
    assert flowing == [2, 2, 2]  # one enters as one leaves
