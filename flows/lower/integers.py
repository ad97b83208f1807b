"""Meaning of the integer operators, in numpy: int64, channels last, (N, H, W, C) or (N, F)."""

import numpy as np

TOP = 2**52  # beyond, float64 matrix products and thresholds would round


def windows(x: np.ndarray, kernel, stride, dilation=(1, 1)) -> np.ndarray:
    """All windows of (N, H, W, C) as a view (N, OH, OW, kh, kw, C)."""
    n, height, width, channels = x.shape
    (kh, kw), (sh, sw), (dh, dw) = kernel, stride, dilation
    rows, columns = (height - dh * (kh - 1) - 1) // sh + 1, (width - dw * (kw - 1) - 1) // sw + 1
    a, b, c, d = x.strides
    shape, strides = (n, rows, columns, kh, kw, channels), (a, b * sh, c * sw, b * dh, c * dw, d)
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)


def product(x: np.ndarray, w: np.ndarray, top: int) -> np.ndarray:
    """x (…, K) times w (K, O), exact: float32 holds every sum up to 2^24, float64 up to 2^53; `top` bounds
    them.
    """
    kind = np.float32 if top < 2**24 else np.float64
    return (x.astype(kind, copy=False) @ w.astype(kind)).astype(np.int64)


def conv(x, at):
    """Windows times weights (kh, kw, C/groups, O); `xnor`: matching bits instead of the sum."""
    w, groups = at["weights"], at["groups"]
    inside, outside = w.shape[2], w.shape[3] // groups
    kind = np.float32 if at["top"] < 2**24 else np.float64
    x = x.astype(kind)
    parts = []
    for g in range(groups):
        part = np.ascontiguousarray(x[..., g * inside : (g + 1) * inside])
        view = windows(part, w.shape[:2], at["stride"], at["dilation"])
        rows = view.reshape(-1, int(np.prod(w.shape[:3])))
        flat = w[..., g * outside : (g + 1) * outside].reshape(rows.shape[1], -1)
        parts.append(product(rows, flat, at["top"]).reshape(*view.shape[:3], -1))
    y = parts[0] if groups == 1 else np.concatenate(parts, -1)
    return y + (w < 0).sum((0, 1, 2)) if at["xnor"] else y


def signed_conv(x, at):
    """Bits read as -1 and +1, zeros around them: the taps beyond the border add nothing."""
    top, left, bottom, right = at["pads"]
    return conv(np.pad(2 * x - 1, ((0, 0), (top, bottom), (left, right), (0, 0))), at)


def concentric(x, at, kernel):
    """(rate, image) for kernels of several dilations around the same pixels; `pads` are those of the largest."""
    x = pad(x, at)
    for rate in at["rates"]:
        rows, columns = ((k - 1) * (max(at["rates"]) - rate) // 2 for k in kernel)
        yield rate, x[:, rows : x.shape[1] - rows, columns : x.shape[2] - columns]


def rates_window(x, at):
    """Pixels under those kernels, (N, OH, OW, rates kh kw C)."""
    kernel = at["kernel"]
    parts = [windows(image, kernel, at["stride"], (rate, rate)) for rate, image in concentric(x, at, kernel)]
    return np.concatenate([part.reshape(*part.shape[:3], -1) for part in parts], -1)


def rates_conv(x, at):
    """Sum of convolutions of several dilations, weights (rates, kh, kw, C, O)."""
    images = concentric(x, at, at["weights"].shape[1:3])
    return sum(
        conv(image, at | {"weights": w, "dilation": (rate, rate), "groups": 1})
        for w, (rate, image) in zip(at["weights"], images)
    )


def dense(x, at):
    """x (N, F) times weights (F, O); `xnor`: matching bits instead of the sum."""
    y = product(x, at["weights"], at["top"])
    return y + (at["weights"] < 0).sum(0) if at["xnor"] else y


def threshold(x, at):
    """Number of thresholds t of the channel with direction * x >= t."""
    x, steps = x * at["direction"], at["thresholds"]
    if steps.shape[1] == 1:
        return (x >= steps[:, 0]).astype(np.int64)
    return np.stack([np.searchsorted(t, x[..., c], side="right") for c, t in enumerate(steps)], -1).astype(
        np.int64
    )


def max_pool(x, at):
    """Maximum where the channel's direction is +1, minimum where it is -1."""
    x = np.ascontiguousarray(x * at["direction"])
    return windows(x, at["kernel"], at["stride"]).max((3, 4)) * at["direction"]


def sum_pool(x, at):
    """Sum over each window."""
    return windows(np.ascontiguousarray(x), at["kernel"], at["stride"]).sum((3, 4))


def pad(x, at):
    """A border of one integer."""
    top, left, bottom, right = at["pads"]
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=at["value"])


def clip(x, at):
    """mul * x, not below `at` where direction is +1, not above it where direction is -1."""
    x = x * at["mul"]
    return np.where(at["direction"] > 0, np.maximum(x, at["at"]), np.minimum(x, at["at"]))


def join(inputs, at):
    """Sum of the inputs, each times its integers per channel."""
    return sum(x * at["multipliers"][k] for k, x in enumerate(inputs))


def interact(x, at):
    """p + sum over edges t -> s of delta_ts(p_t), p = 2 x - n0 where x counts matches, else x (CI-BCNN, eqs.
    2 and 3).

    influence (groups, g, g), [group, t, s]: K, odd, 0 for no edge; channels of a group are neighbours. delta
    is sgn(K) unit times the number of j in 1 .. |K| - 1 with p_t |K| > n0 (2 j - |K|), less (|K| - 1) / 2.
    """
    p, influence, n0 = 2 * x - at["n0"] if at["matches"] else x, at["influence"], at["n0"]
    mixed = p.copy()
    for group, t, s in np.argwhere(influence):
        k, first = influence[group, t, s], group * influence.shape[1]
        size = abs(k)
        passed = sum(
            (p[..., first + t] * size > n0 * (2 * j - size)).astype(np.int64) for j in range(1, size)
        )
        mixed[..., first + s] += np.sign(k) * at["unit"] * (passed - (size - 1) // 2)
    return mixed


UNARY = {
    "Conv": conv,
    "SignedConv": signed_conv,
    "RatesConv": rates_conv,
    "RatesWindow": rates_window,
    "Dense": dense,
    "Threshold": threshold,
    "MaxPool": max_pool,
    "SumPool": sum_pool,
    "Pad": pad,
    "Clip": clip,
    "Interact": interact,
    "Flatten": lambda x, at: x.reshape(len(x), -1),
    "Upsample": lambda x, at: x.repeat(at["factor"], 1).repeat(at["factor"], 2),
}


def run(op: str, inputs: list[np.ndarray], at: dict) -> np.ndarray:
    """One operator on its input tensors."""
    if op == "Join":
        return join(inputs, at)
    if op == "Concat":
        return np.concatenate(inputs, -1)
    return UNARY[op](inputs[0], at)
