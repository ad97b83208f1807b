"""Transposed convolutions: one convolution with one set of channels per position within a stride.

    y[s i + d k - p] += x[i] w[k]   along an axis, stride s, dilation d, first pad p

For the output s m + r, r = 0 .. s - 1, a tap k contributes where d k = r + p (mod s), and it reads x[m - o]
with o = (d k - r - p) / s. So every position r of a block has its own kernel on the same windows of x, 0
where another position has a tap: an ordinary convolution inside a border of zeros, without zeros between the
pixels of x, whose values need not include 0. Its channels are the pixels of the block, as a view.
"""

from fractions import Fraction

import numpy as np

from xnorforge.core.types import Ints
from xnorforge.hw.lowering.linear import integer_weights, linear_layer
from xnorforge.hw.lowering.registry import rule
from xnorforge.hw.lowering.sums import one_leaf
from xnorforge.hw.lowering.views import seen
from xnorforge.hw.lowering.walk import refuse


@rule("ConvTranspose")
def _conv_transpose(walk, node, at):
    """As a convolution with one output channel group per position of the stride, rearranged into pixels."""
    groups, value = at.get("group", 1), one_leaf(walk, walk.value(node), node)
    weights, scale = _weights(walk, node, groups)
    outputs, inside, *kernel = weights.shape
    if inside * groups != value.channels or len(value.shape) != 3:
        why = f"its weights have {inside * groups} input channels, but its input has {value.channels}"
        raise refuse(node, why, "make them equal")
    rows, columns = (_Axis(*axis) for axis in zip(value.shape, kernel, *_geometry(node, at)))
    if min(rows.size, columns.size) < 1:
        raise refuse(node, f"its result has {rows.size}x{columns.size} pixels", "use smaller pads")
    block, taps = (rows.places, columns.places), (rows.taps, columns.taps)
    whole = np.zeros((*block, groups, outputs // groups, groups, inside, *taps), np.int64)
    parts = weights.reshape(groups, outputs // groups, inside, *kernel)
    for group in range(groups):
        for row, down, r in rows.reads:
            for column, across, c in columns.reads:
                whole[r, c, group, :, group, :, down, across] = parts[group, :, :, row, column]
    whole = whole.reshape(-1, value.channels, *taps)
    pads = [rows.first, columns.first, rows.last, columns.last]
    scales = np.tile(scale, block[0] * block[1])
    windows = ((1, 1), (1, 1), pads, Fraction(0))
    found = linear_layer(walk, node, value, whole, scales, windows)
    y, x = np.arange(rows.size)[:, None], np.arange(columns.size)
    pixel = y // block[0] * found.shape[1] + x // block[1]
    place = y % block[0] * block[1] + x % block[1]
    view = (pixel * block[0] * block[1] + place) * outputs + np.arange(outputs)[:, None, None]
    return seen(found, view)


class _Axis:
    """One axis of a transposed convolution as an ordinary convolution.

    Attributes:
        size: of the result. places: positions in a block along this axis. taps: of the ordinary kernel.
        reads: (tap of the kernel, tap of the ordinary kernel, position that it belongs to).
        first, last: pads of the ordinary convolution.
    """

    def __init__(self, side: int, kernel: int, stride: int, dilation: int, pads: Ints, more: int):
        self.size = stride * (side - 1) + more + dilation * (kernel - 1) + 1 - sum(pads)
        self.places = min(stride, max(self.size, 1))
        count = -(-self.size // stride)
        pairs = [(tap, place) for tap in range(kernel) for place in range(self.places)]
        steps = ((tap, *divmod(tap * dilation - place - pads[0], stride), place) for tap, place in pairs)
        reads = [(tap, step, place) for tap, step, rest, place in steps if rest == 0]
        # Taps of weight 0 if the result begins after the first pixel or ends before the last one.
        most = max([0, *(back for _, back, _ in reads)])
        least = min([count - side, *(back for _, back, _ in reads)])
        self.taps, self.first, self.last = most - least + 1, most, count - side - least
        self.reads = [(tap, most - back, place) for tap, back, place in reads]


def _geometry(node, at):
    """Per axis stride, dilation, the two pads, and the additional size of the result at its end."""
    stride, dilation = list(at.get("strides", [1, 1])), list(at.get("dilations", [1, 1]))
    more, pads = list(at.get("output_padding", [0, 0])), list(at.get("pads", [0] * 4))
    more = [0, *more] if len(more) == 1 else more
    how, wanted = at.get("auto_pad", b"NOTSET").decode(), at.get("output_shape")
    if how.startswith("SAME") or wanted:
        raise refuse(node, "it states output_shape instead of pads", "state pads and output_padding")
    if any(m >= s for m, s in zip(more, stride)):  # onnxruntime, the reference, then confuses rows
        why = f"its output_padding {more} is not below its stride {stride}, where onnxruntime is wrong"
        raise refuse(node, why, "use an output_padding smaller than the stride")
    return stride, dilation, [pads[axis::2] for axis in (0, 1)], more


def _weights(walk, node, groups: int):
    """Integers (outputs, inputs of a group, rows, columns) of the weights, and their scale per output."""
    name = node.input[1]
    if name not in walk.constants:
        raise refuse(node, "its weights are not constant", "export them as constants")
    if walk.constants[name].ndim not in (3, 4):
        rank = walk.constants[name].ndim - 2
        cure = "use a transposed convolution with 1 or 2 dimensions"
        raise refuse(node, f"its kernel has {rank} dimensions", cure)

    def outputs_first(given):
        inputs, outputs, *kernel = given.shape
        kernel = [1, *kernel] if len(kernel) == 1 else kernel
        grouped = given.reshape(groups, inputs // groups, outputs, *kernel).swapaxes(1, 2)
        return grouped.reshape(groups * outputs, inputs // groups, *kernel)

    if name not in walk.weights:
        weights, scale = integer_weights(walk, node, name, outputs_first(walk.constants[name]))
        return weights, scale.reshape(-1)
    weights, scale = walk.weights[name]
    scale = scale.reshape((1,) * (weights.ndim - scale.ndim) + scale.shape)
    rows = outputs_first(np.broadcast_to(scale, weights.shape)).reshape(groups * weights.shape[1], -1)
    if (rows != rows[:, :1]).any():
        raise refuse(node, "its weight scale varies over the inputs", "use one scale, or one per output")
    return outputs_first(weights), rows[:, 0]
