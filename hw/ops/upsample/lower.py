"""Nearest resizing by a whole factor: every pixel repeated."""

from collections.abc import Callable

import numpy as np

from xnorforge.core.types import Record
from xnorforge.flows.lower.examples import random_leaf
from xnorforge.flows.lower.registry import CHOOSING, emission, example, maker, meaning, rule
from xnorforge.flows.lower.sums import single
from xnorforge.flows.lower.values import Value, replay
from xnorforge.flows.lower.walk import refuse
from xnorforge.hw.ops.upsample.op import repeated

CHOOSING |= {"Resize", "Upsample"}


@meaning("Upsample")
def upsample(x: np.ndarray, at: Record) -> np.ndarray:
    """Rows and columns repeated."""
    return repeated(x, *at["factors"])


@emission("Upsample")
def _emit(emission, node, inputs, out) -> None:
    """FINN's UpsampleNearestNeighbour."""
    _, rows, columns, channels = emission.shapes[inputs[0]]
    emission.put(
        "UpsampleNearestNeighbour", node.name, inputs, out, SIMD=1, HO=emission.shapes[out][1],
        WO=emission.shapes[out][2], HI=rows, WI=columns, NumChannels=channels,
        inputDataType=emission.types[inputs[0]],
    )  # fmt: skip


def _repeats(node, at, size: int, factor: int) -> bool:
    """Whether output pixel x is input pixel x // factor along an axis: ONNX has several ideas of where a
    pixel lies.
    """
    x = np.arange(size * factor)
    plain = b"asymmetric" if node.op_type == "Upsample" else b"half_pixel"
    places = {
        b"half_pixel": (x + 0.5) / factor - 0.5,
        b"pytorch_half_pixel": (x + 0.5) / factor - 0.5 if len(x) > 1 else 0 * x,
        b"asymmetric": x / factor,
        b"align_corners": x * ((size - 1) / max(len(x) - 1, 1)),
    }
    rounded: dict[bytes, Callable] = {
        b"round_prefer_floor": lambda at: np.ceil(at - 0.5),
        b"round_prefer_ceil": lambda at: np.floor(at + 0.5),
        b"floor": np.floor,
        b"ceil": np.ceil,
    }
    place = places.get(at.get("coordinate_transformation_mode", plain))
    nearest = at.get("nearest_mode", b"floor" if node.op_type == "Upsample" else b"round_prefer_floor")
    if place is None or nearest not in rounded:
        return False
    return np.array_equal(np.clip(rounded[nearest](place), 0, size - 1), x // factor)


@rule("Resize", "Upsample")
def _resize(walk, node, at):
    """Nearest-neighbour upsampling by integer factors."""
    value = walk.value(node)
    value = single(walk, value, node)
    leaf = walk.leaves[value.start[0]]
    h, w, _ = leaf.shape
    out_shape = walk.model.get_tensor_shape(node.output[0])
    factors = [out_shape[2] // h, out_shape[3] // w]
    whole = (
        at.get("mode", b"nearest") == b"nearest"
        and out_shape[2:] == [h * factors[0], w * factors[1]]
        and min(factors) > 0
    )
    if not whole or not all(_repeats(node, at, size, factor) for size, factor in zip((h, w), factors)):
        raise refuse(
            node, "it does more than repeat pixels",
            "use a nearest-neighbour resize by integer factors with asymmetric coordinates rounded down, "
            "as torch exports it",
        )  # fmt: skip
    return _repeat(walk, value, factors)


@maker("repeated")
def _repeat(walk, value: Value, factors) -> Value:
    """A value of one leaf with its rows and columns repeated."""
    leaf = walk.leaves[value.start[0]]
    shape = (*(size * factor for size, factor in zip(leaf.shape, factors)), leaf.channels)
    name = f"{leaf.layer}_up"
    return replay(
        value, walk.emit("Upsample", [leaf], shape, leaf.lo, leaf.hi, name, leaf.layer, factors=factors)
    )


@example("Upsample")
def _repeated(rng):
    return [random_leaf(rng)], [("Upsample", {"factors": [int(n) for n in rng.integers(1, 5, 2)]})]
