"""The operator on packed bits, for the bit simulator."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from xnorforge.sim.bits.packed import Packed, pack


def step(op):
    """Views of the padded image, copied once."""
    (height, width, _), pads = op.get_nodeattr("ifm"), op.get_nodeattr("pads")
    kernel, (sh, sw), dilations = op.get_nodeattr("kernel"), op.get_nodeattr("stride"), op.dilations()
    reaches = [[(k - 1) * d + 1 for k, d in zip(kernel, dilation)] for dilation in dilations]

    def windows(x, value):
        """x (N, H, W, C) to (N, OH, OW, taps, C); kernels of smaller rates lie in the middle of the
        largest.
        """
        top, left, bottom, right = pads
        if any(pads):
            grown = np.empty((len(x), height + top + bottom, width + left + right, x.shape[-1]), x.dtype)
            grown[:] = value
            grown[:, top : top + height, left : left + width] = x
            x = grown
        parts = []
        for (dh, dw), reach in zip(dilations, reaches):
            rows, columns = (
                slice((most - own) // 2, size - (most - own) // 2)
                for size, most, own in zip(x.shape[1:], reaches[-1], reach)
            )
            view = sliding_window_view(x[:, rows, columns], reach, (1, 2))[:, ::sh, ::sw, :, ::dh, ::dw]
            parts.append(np.moveaxis(view, 3, 5).reshape(*view.shape[:3], -1, x.shape[-1]))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 3)

    def run(x):
        fill = op.get_nodeattr("pad_value")
        if not isinstance(x, Packed):
            return windows(x, fill).reshape(len(x), *op.out_stream().shape)
        one = pack(np.full((1, x.bits), fill)).words[0, 0]
        image = x.words.reshape(len(x.words), height, width, -1)
        if x.words.shape[1] != height * width:  # pixels of several segments (a window of a window)
            one = np.tile(one, image.shape[-1] // len(one))
        return Packed(windows(image, one).reshape(len(image), -1, x.words.shape[-1]), x.bits)

    return run
