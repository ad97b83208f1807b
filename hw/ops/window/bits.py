"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.hw.ops.window.op import Window
from xnorforge.sim.bits.kernels import merge_pixels
from xnorforge.sim.bits.packed import Packed, Step, pack
from xnorforge.sim.bits.patches import Patches


def step(op: Window) -> Step:
    """The padded image, and where its windows lie: who reads them may do so in place."""
    (height, width, channels), (top, left, bottom, right) = op.get_nodeattr("ifm"), op.get_nodeattr("pads")
    rows, columns = op.axes()
    taps = tuple(
        (y.start, x.start)
        for h, w in op.dilations()
        for y in rows.under_kernel(h)
        for x in columns.under_kernel(w)
    )
    stride, size = (rows.stride, columns.stride), (rows.out, columns.out)
    fill = op.get_nodeattr("pad_value")
    across = [x for _, x in taps[: columns.kernel]]
    merged = channels <= 32 and columns.kernel > 1 and across == list(range(columns.kernel))
    merged = merged and len(op.dilations()) == 1

    def padded(image, value):
        """image (N, H, W, any) and value (any,) or one."""
        if not (top or left or bottom or right):
            return image
        shape = (len(image), height + top + bottom, width + left + right, image.shape[3])
        grown = np.empty(shape, image.dtype)
        grown[:, :top], grown[:, top + height :] = value, value
        grown[:, top : top + height, :left], grown[:, top : top + height, left + width :] = value, value
        grown[:, top : top + height, left : left + width] = image
        return grown

    def run(x):
        if not isinstance(x, Packed):
            kind = np.promote_types(x.dtype, np.min_scalar_type(fill)) if x.dtype != object else x.dtype
            return Patches(padded(x.astype(kind, copy=False), fill), 0, taps, stride, size)
        image = x.words.reshape(len(x.words), height, width, -1)
        if merged and x.bits == channels:
            length = columns.kernel * channels
            return Patches(side_by_side(image), length, taps[:: columns.kernel], stride, size)
        one = fill
        if fill:  # its segment, as often as there are segments in a pixel: several in a window of windows
            one = pack(np.ones((1, x.bits), np.uint8)).words[0, 0]
            one = np.tile(one, image.shape[-1] // len(one))
        return Patches(padded(image, one), x.bits, taps, stride, size)

    def side_by_side(image):
        """In every padded pixel also those to its right under the kernel: words would be half empty."""
        many, one = columns.kernel, (1 << channels) - 1 if fill else 0
        words = -(-many * channels // 64)
        shape = len(image), height + top + bottom, width + left + right - many + 1, words
        out = np.empty(shape, np.uint64)
        merge_pixels(np.ascontiguousarray(image[..., 0]), top, left, one, channels, many, out)
        return out

    return run
