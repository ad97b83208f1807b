"""Of every cell, or of a vector, the channel with the largest score."""

from fractions import Fraction
from math import lcm, prod
from typing import Any

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.bind.network import OPS, Bound
from xnorforge.hw.bind.registry import ending
from xnorforge.hw.streams import signed_bits, value_range

WIDEST = 48  # bits of a key of adders
MOST = 1 << 16  # scores of all channels that are put into order


@ending("labels")
def arg_max(last: Bound, scale: np.ndarray | None, bias: np.ndarray) -> list[Bound]:
    """The channel with the largest scale * n + bias of every cell, or of a vector.

    With one scale s that is the largest n + b / s. Whole parts of b / s are offsets; of the rest only the
    order counts, so that it becomes digits behind the point: exact for any bias. With several scales, as a
    norm at the end gives them, adders make keys with the same order (`keys`)."""
    stream = last.make().out_stream()
    if len(stream.shape) not in (1, 3) or stream.shape[-1] < 2 or scale is None:
        raise UserError(
            f"{last.name}: OUTPUT=labels needs a network with one output, a vector or a map of several "
            f"channels, but this one returns {stream.shape}; use OUTPUT=scores."
        )
    found, wide = [], {"in_bits": stream.bits, "in_signed": int(stream.signed)}
    if np.ptp(scale) or scale[0] <= 0:
        found, shift, offset = [_keys(last, scale, bias)], 0, np.zeros(1)
        wide = {key.replace("out", "in"): found[0].attributes[key] for key in ("out_bits", "out_signed")}
        last = found[0]
    else:
        parts_of = [(Fraction(b) - Fraction(min(bias))) / Fraction(scale[0]) for b in bias]
        rests = sorted({share % 1 for share in parts_of})
        shift = (len(rests) - 1).bit_length()
        offset = np.array([(int(share // 1) << shift) + rests.index(share % 1) for share in parts_of])
    attributes = {"in_shape": list(stream.shape), **wide, "shift": shift}
    arrays = {"offset": offset} if offset.any() else {}
    best = Bound("ArgMax", "arg_max", attributes, arrays, inputs=last.outputs, outputs=["arg_max_out"])
    return [*found, best]


def keys(scale: np.ndarray, bias: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Small integers (gains, offsets) whose gain * n + offset have, over all channels and all integers n in
    low .. high, the order and the ties of scale * n + bias; None if they would have more than `WIDEST` bits.
    """
    numbers = [Fraction(float(x)) for x in (*scale, *bias)]
    grid = lcm(*(x.denominator for x in numbers))
    exact = np.array([int(x * grid) for x in numbers], object).reshape(2, -1)
    n = np.arange(low, high + 1).astype(object)[:, None]

    def ranks(gains, offsets):
        return np.unique((n * gains + offsets).ravel(), return_inverse=True)[1]

    wanted, finest = ranks(*exact), max(int(abs(x)).bit_length() for x in exact.ravel())
    for cut in range(finest, -1, -1):
        half = 1 << cut >> 1
        gains, offsets = (exact + half) >> cut
        offsets = offsets - min(offsets)
        if np.array_equal(ranks(gains, offsets), wanted):
            most = max(abs(x) for x in (n[[0, -1]] * gains + offsets).ravel())
            return (gains, offsets) if int(most).bit_length() <= WIDEST else None
    raise AssertionError("uncut numbers have their own order")


def _keys(last: Bound, scale, bias) -> Bound:
    """A diagonal of adders between scores and the comparison of keys.

    Raises:
        UserError: keys are wider than adders.
    """
    stream = last.make().out_stream()
    low, high = value_range(stream.bits, stream.signed)
    small = stream.bits < 16 and stream.shape[-1] << stream.bits <= MOST
    found = keys(scale, bias, low, high) if small else None
    if found is None:
        raise UserError(
            f"{last.name}: {stream.shape[-1]} channels of {stream.bits} bits with scales from "
            f"{min(scale):g} to {max(scale):g} need keys of more than {WIDEST} bits or too long a list of "
            "them; use OUTPUT=scores."
        )
    ends = np.array([low, high], object)[:, None] * found[0] + found[1]
    least, most = int(ends.min()), int(ends.max())
    channels = stream.shape[-1]
    attributes = {
        "mw": channels, "mh": channels, "vectors": prod(stream.shape[:-1]),
        "in_shape": list(stream.shape), "in_bits": stream.bits, "in_signed": int(stream.signed),
        "out_shape": list(stream.shape), "out_signed": int(least < 0),
        "out_bits": signed_bits(least, most) - (least >= 0),
    }  # fmt: skip
    gains, offsets = (x.astype(np.int64) for x in found)
    adders: Any = OPS["DaMvu"]
    op = adders.with_adders("keys", {"weights": np.diag(gains), "bias": offsets}, **attributes)
    return Bound("DaMvu", "keys", attributes, op.arrays_of, inputs=last.outputs, outputs=["keys_out"])
