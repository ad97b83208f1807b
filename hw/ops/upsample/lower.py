"""Nearest resizing by a whole factor: every pixel repeated."""

from collections.abc import Callable

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.lowering.examples import random_leaf
from xnorforge.hw.lowering.registry import CHOOSING, MAKERS, example, maker, meaning, rule
from xnorforge.hw.lowering.sums import single
from xnorforge.hw.lowering.values import Value, replay
from xnorforge.hw.lowering.views import has_channels_last, seen, usual_view, view_of
from xnorforge.hw.lowering.walk import refuse
from xnorforge.hw.ops.upsample.op import repeated

CHOOSING |= {"Resize", "Upsample"}


@meaning("Upsample")
def upsample(x: np.ndarray, at: Record) -> np.ndarray:
    """Rows and columns repeated."""
    return repeated(x, *at["factors"])


def _repeats(node, at, size: int, factor: int) -> bool:
    """Whether output pixel x of an axis is input pixel x // factor, in all conventions of ONNX."""
    x = np.arange(size * factor)
    plain = b"asymmetric" if node.op_type == "Upsample" else b"half_pixel"
    places = {
        b"half_pixel": (x + 0.5) / factor - 0.5,
        b"pytorch_half_pixel": (x + 0.5) / factor - 0.5 if len(x) > 1 else 0 * x, b"asymmetric": x / factor,
        b"align_corners": x * ((size - 1) / max(len(x) - 1, 1)),
    }  # fmt: skip
    rounded: dict[bytes, Callable] = {
        b"round_prefer_floor": lambda at: np.ceil(at - 0.5),
        b"round_prefer_ceil": lambda at: np.floor(at + 0.5), b"floor": np.floor, b"ceil": np.ceil,
    }  # fmt: skip
    place = places.get(at.get("coordinate_transformation_mode", plain))
    nearest = at.get("nearest_mode", b"floor" if node.op_type == "Upsample" else b"round_prefer_floor")
    if place is None or nearest not in rounded:
        return False
    return np.array_equal(np.clip(rounded[nearest](place), 0, size - 1), x // factor)


@rule("Resize", "Upsample")
def _resize(walk, node, at):
    """Nearest-neighbour upsampling by integer factors, of images or rows, channels first or last."""
    value = walk.value(node, arrange=False)
    last = has_channels_last(value)
    value = seen(value, np.moveaxis(view_of(value), -1, 0)) if last else value
    value = single(walk, MAKERS["arranged"](walk, node, value), node)
    before, after = (walk.model.get_tensor_shape(name)[1:] for name in (node.input[0], node.output[0]))
    factors = [new // old for old, new in zip(before, after)]
    whole = at.get("mode", b"nearest") == b"nearest" and factors[-1 if last else 0] == 1
    if (
        not whole
        or [old * factor for old, factor in zip(before, factors)] != after
        or not all(_repeats(node, at, *axis) for axis in zip(before, factors))
    ):
        raise refuse(
            node, "it does more than repeat pixels",
            "use a nearest-neighbour resize by integer factors with asymmetric coordinates rounded down, "
            "as torch exports it",
        )  # fmt: skip
    found = _repeat(walk, value, [1, *(factors[:-1] if last else factors[1:])][-2:])
    usual = usual_view(found.leaf).reshape(-1, *after[:-1])
    return seen(found, np.moveaxis(usual, 0, -1)) if last else found


@maker("repeated")
def _repeat(walk, value: Value, factors) -> Value:
    """A value of one leaf with its rows and columns repeated."""
    leaf = walk.leaves[value.start[0]]
    shape = (*(size * factor for size, factor in zip(leaf.shape, factors)), leaf.channels)
    name = f"{leaf.layer}_up"
    repeated = walk.emit("Upsample", [leaf], shape, leaf.lo, leaf.hi, name, leaf.layer, factors=factors)
    return replay(value, repeated)


@example("Upsample")
def _repeated(rng):
    return [random_leaf(rng)], [("Upsample", {"factors": [int(n) for n in rng.integers(1, 5, 2)]})]
