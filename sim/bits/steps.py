"""What each operator does to packed bits or plain integers. An operator not named here runs its own
`execute_node`.

A value between operators is `Packed` where the stream carries single unsigned bits, else integers (N,
*shape). A step takes one value per stream in and gives one, or a list of them, one per stream out.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from xnorforge.sim.bits.kernels import products, unequal, unequal_at_most
from xnorforge.sim.bits.packed import Packed, pack


def held(x, stream):
    """A value in the form its stream asks for."""
    if stream.bits > 1 or stream.signed:
        return integers(x, stream)
    return x if isinstance(x, Packed) else pack(x.reshape(-1, *stream.shape))


def integers(x, stream) -> np.ndarray:
    """A value as int64 (N, *shape), packed or not."""
    return (
        (x.unpack() if isinstance(x, Packed) else x).astype(np.int64, copy=False).reshape(-1, *stream.shape)
    )


def xnor_mvu(op):
    """XnorMvu, Correlate: matches = mw - unequal bits."""
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


def byte_mvu(op):
    """ByteMvu: sums of ±x, in 32 bits where they fit."""
    weights = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    thresholds = op.arrays_of.get("thresholds")
    kind = np.int32 if len(weights) << op.in_stream().bits < 1 << 31 else np.int64
    signs, shape = (2 * weights - 1).astype(kind), op.out_stream().shape

    def step(x):
        rows = integers(x, op.in_stream()).astype(kind).reshape(-1, len(signs))
        sums = np.empty((len(rows), signs.shape[1]), kind)
        products(rows, signs, sums)
        sums = sums.reshape(len(x), -1, signs.shape[1])
        return (
            sums.reshape(-1, *shape)
            if thresholds is None
            else pack(sums >= np.asarray(thresholds).astype(np.int64))
        )

    return step


def window(op):
    """Window: views of the padded image, copied once."""
    (height, width, _), pads = op.get_nodeattr("ifm"), op.get_nodeattr("pads")
    kernel, (sh, sw), dilations = op.get_nodeattr("kernel"), op.get_nodeattr("stride"), op.dilations()
    reaches = [[(k - 1) * d + 1 for k, d in zip(kernel, dilation)] for dilation in dilations]

    def windows(x, value):
        """x (N, H, W, C) to (N, OH, OW, taps, C); kernels of smaller rates lie in the middle of the largest."""
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

    def step(x):
        fill = op.get_nodeattr("pad_value")
        if not isinstance(x, Packed):
            return windows(x, fill).reshape(len(x), *op.out_stream().shape)
        one = pack(np.full((1, x.bits), fill)).words[0, 0]
        image = x.words.reshape(len(x.words), height, width, -1)
        if x.words.shape[1] != height * width:  # pixels of several segments (a window of a window)
            one = np.tile(one, image.shape[-1] // len(one))
        return Packed(windows(image, one).reshape(len(image), -1, x.words.shape[-1]), x.bits)

    return step


def or_pool(op):
    """OrPool: OR (AND) of whole words."""
    height, width, _ = op.get_nodeattr("ifm")
    (kh, kw), (sh, sw) = op.get_nodeattr("kernel"), op.get_nodeattr("stride")
    join = np.bitwise_and if op.get_nodeattr("all") else np.bitwise_or

    def step(x: Packed):
        image = x.words.reshape(len(x.words), height, width, -1)
        oh, ow = (height - kh) // sh + 1, (width - kw) // sw + 1
        taps = [
            image[:, y : y + sh * (oh - 1) + 1 : sh, c : c + sw * (ow - 1) + 1 : sw]
            for y in range(kh)
            for c in range(kw)
        ]
        out = taps[0].copy()
        for tap in taps[1:]:
            join(out, tap, out=out)
        return Packed(out.reshape(len(out), -1, x.words.shape[-1]), x.bits)

    return step


def upsample(op):
    """Upsample: pixels and rows repeated, packed or not."""
    height, width, _ = op.get_nodeattr("ifm")
    fy, fx = op.get_nodeattr("factor")

    def step(x):
        image = x.words if isinstance(x, Packed) else x
        grown = image.reshape(len(image), height, width, -1).repeat(fy, axis=1).repeat(fx, axis=2)
        if isinstance(x, Packed):
            return Packed(grown.reshape(len(grown), -1, x.words.shape[-1]), x.bits)
        return grown

    return step


def threshold(op):
    """Threshold: how many of a channel's thresholds are reached."""
    thresholds = np.asarray(op.arrays_of["thresholds"]).astype(np.int64)
    direction = np.asarray(op.arrays_of.get("direction", np.ones(len(thresholds)))).astype(np.int64)

    def step(x):
        x = integers(x, op.in_stream()) * direction
        level = np.zeros(x.shape, np.int64)
        for step_of_channel in thresholds.T:
            level += x >= step_of_channel
        return level

    return step


def top_k(op):
    """TopK: the scores, then the indices of the largest, first on ties."""
    k = op.get_nodeattr("k")

    def step(x):
        x = integers(x, op.in_stream())
        return np.concatenate([x, np.argsort(-x, axis=-1, kind="stable")[..., :k]], axis=-1)

    return step


def arg_max(op):
    """ArgMax: the largest key is the last of those sorted by key, and then from the last channel to the
    first.
    """
    offset, shift = op.offset(), op.get_nodeattr("shift")

    def step(x):
        keys = (integers(x, op.in_stream()) * 2**shift + offset) * len(offset) - np.arange(len(offset))
        return keys.argsort(-1)[..., -1:]

    return step


def same(op):
    """Fifo and Width change how values travel, not what they are."""
    return lambda x: x


def reference(op):
    """The operator's own `execute_node`, for one without a form of its own here."""

    def step(*inputs):
        return op.run_all(*(integers(x, stream) for x, stream in zip(inputs, op.in_streams())))

    return step


def fork(op):
    """Fork: the same value once per reader; nothing changes a value in place."""
    return lambda x: [x] * op.outputs


def int_mvu(op):
    """IntMvu, DaMvu: as `execute_node`, from bits without a detour over wide integers."""
    weights = np.asarray(op.arrays_of["weights"])
    kind = np.float32 if len(weights) << (op.in_bits + op.weight_bits - 1) < 2**24 else np.float64
    weights, thresholds, shape = weights.astype(kind), op.arrays_of.get("thresholds"), op.out_stream().shape

    def step(x):
        rows = x.unpack() if isinstance(x, Packed) else x
        result = op.result(rows.reshape(-1, len(weights)).astype(kind), weights).reshape(len(rows), *shape)
        return result.astype(np.int64) if thresholds is None else pack(result >= np.asarray(thresholds))

    return step


def depthwise(op):
    """Depthwise: tap by tap."""
    signs = 2 * np.asarray(op.arrays_of["weights"]).astype(np.int32) - 1
    thresholds, shape = op.arrays_of.get("thresholds"), op.out_stream().shape
    equal = (signs < 0).sum(axis=0) if op.get_nodeattr("xnor") else 0

    def step(x):
        rows = x.unpack() if isinstance(x, Packed) else x
        taps = rows.reshape(-1, *signs.shape)
        result = (sum(taps[:, k] * signs[k] for k in range(len(signs))) + equal).reshape(len(rows), *shape)
        return result.astype(np.int64) if thresholds is None else pack(result >= np.asarray(thresholds))

    return step


def interact(op):
    """Interact: how many steps of each stair a sum passed, times a matrix of the edges of that stair."""
    influence, thresholds, direction = op.tables()
    shape, g = op.in_stream().shape, influence.shape[1]
    stairs = []
    for size in np.unique(abs(influence[abs(influence) > 1])):
        edges = np.zeros((shape[-1], shape[-1]), np.float32)
        for k, group in enumerate(influence):
            edges[k * g : (k + 1) * g, k * g : (k + 1) * g] = np.sign(group) * (abs(group) == size)
        stairs.append((op.cuts(int(size)), edges, (int(size) - 1) // 2 * edges.sum(axis=0)))

    def step(x):
        x = integers(x, op.in_stream())
        rows = x.reshape(-1, shape[-1]).astype(np.int32)
        moved = np.zeros(rows.shape, np.float32)  # small integers: exact
        for cuts, edges, middle in stairs:
            passed = np.zeros(rows.shape, np.float32)
            for cut in cuts:
                passed += rows > cut
            moved += passed @ edges - middle
        mixed = op.scale * x - op.offset + op.get_nodeattr("unit") * moved.astype(np.int64).reshape(x.shape)
        return mixed if thresholds is None else pack(direction * mixed >= thresholds)

    return step


STEPS = {
    "XnorMvu": xnor_mvu,
    "Correlate": xnor_mvu,
    "ByteMvu": byte_mvu,
    "IntMvu": int_mvu,
    "DaMvu": int_mvu,
    "Depthwise": depthwise,
    "Window": window,
    "OrPool": or_pool,
    "Threshold": threshold,
    "Interact": interact,
    "Upsample": upsample,
    "TopK": top_k,
    "ArgMax": arg_max,
    "Fifo": same,
    "Fork": fork,
    "Width": same,
}
