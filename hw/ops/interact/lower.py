"""Channel interaction (CI-BCNN): sums of bits move by the levels that other channels of their group reach."""

from fractions import Fraction

import numpy as np
from onnx import NodeProto, helper

from xnorforge.core.types import Record
from xnorforge.hw.lowering.examples import random_shape
from xnorforge.hw.lowering.nodes import IntegerNode
from xnorforge.hw.lowering.registry import example, meaning, rule
from xnorforge.hw.lowering.sums import one_leaf
from xnorforge.hw.lowering.values import Leaf, Value
from xnorforge.hw.lowering.walk import refuse
from xnorforge.hw.ops.threshold.lower import one_threshold


@meaning("Interact")
def interact(x: np.ndarray, at: Record) -> np.ndarray:
    """p + sum over edges t -> s of delta_ts(p_t), p = 2 x - n0 where x counts matches, else x (CI-BCNN,
    equations 2 and 3).

    `influence` (groups, g, g), [group, t, s]: K, odd, 0 for no edge; channels of a group are neighbours.
    delta is sgn(K) unit times the number of j in 1 .. |K| - 1 with p_t |K| > extent (2 j - |K|), less
    (|K| - 1) / 2. `extent` is n0 in equation 3, and where it is not given."""
    p, influence = 2 * x - at["n0"] if at["matches"] else x, at["influence"]
    extent = at.get("extent") or at["n0"]
    mixed = p.copy()
    for group, t, s in np.argwhere(influence):
        k, first = influence[group, t, s], group * influence.shape[1]
        size = abs(k)
        passed = sum(
            (p[..., first + t] * size > extent * (2 * j - size)).astype(np.int64) for j in range(1, size)
        )
        mixed[..., first + s] += np.sign(k) * at["unit"] * (passed - (size - 1) // 2)
    return mixed


class Interact(IntegerNode):
    """The node of exported networks, whose channels are axis 1."""

    arrays: tuple[str, ...] = ("influence",)

    def execute_node(self, context: dict[str, np.ndarray], graph: object) -> None:
        """Channels go last and back."""
        axis, (x, _) = self.get_nodeattr("axis"), self.onnx_node.input
        moved = context | {x: np.moveaxis(context[x], axis, -1)}
        super().execute_node(moved, graph)
        out = self.onnx_node.output[0]
        context[out] = np.ascontiguousarray(np.moveaxis(moved[out], -1, axis))

    def make_shape_compatible_op(self, _model) -> NodeProto:
        """Input and output have one shape."""
        return helper.make_node("Identity", self.onnx_node.input[:1], self.onnx_node.output)


@rule("Interact")
def _interact(walk, node, at) -> Value:
    """Channel interaction of CI-BCNN, right after a convolution or dense layer of +-1 by +-1."""
    value, influence = one_leaf(walk, walk.value(node), node), walk.constant(node, 1).astype(np.int64)
    name, scale = value.single
    leaf, n0, unit = walk.leaves[name], at["n0"], at["unit"]
    matches = int((scale == 2).all() and (value.offset == -n0).all())
    if not matches and not ((scale == 1).all() and (value.offset == 0).all()):
        raise refuse(
            node, "its input is not a plain sum of bits", "put it right after a convolution of +-1 by +-1"
        )
    if influence.size != leaf.channels * influence.shape[1] or leaf.order is not None:
        raise refuse(node, f"its graph does not fit {leaf.channels} channels", "export the network again")
    extent = at.get("extent", n0)
    if not 0 < extent <= n0:
        raise refuse(node, f"extent={extent} is not in 1 .. n0={n0}", "export the network again")
    levels = np.maximum(abs(influence) - 1, 0) // 2
    reach = unit * levels.sum(1).reshape(-1)
    out = walk.emit(
        "Interact", [leaf], leaf.shape, -n0 - reach, n0 + reach, f"{leaf.layer}_interact", leaf.layer,
        influence=influence, n0=n0, unit=unit, matches=matches, axis=-1,
        **({"extent": extent} if extent != n0 else {}),
    )  # fmt: skip
    return walk.value_of(out, Fraction(1), Fraction(0))


@example("Interact")
def _moved(rng):
    """Counts 0 .. n0 or sums -n0 .. n0 of one to three groups, compared or not."""
    groups, g, n0, unit = (int(rng.integers(1, end)) for end in (4, 4, 30, 4))
    influence = rng.choice([0, 0, 1, -1, 3, -3, 5, -5, 7, -9], (groups, g, g))
    matches, channels = int(rng.integers(2)), groups * g
    low, high = (np.full(channels, end) for end in (0 if matches else -n0, n0))
    leaf = Leaf("x", (*random_shape(rng)[:-1], channels), low, high)
    at = {"influence": influence, "n0": n0, "unit": unit, "matches": matches, "axis": -1}
    at |= {"extent": int(rng.integers(1, n0 + 1))} if rng.integers(2) else {}
    return [leaf], [("Interact", at), *one_threshold(rng, -n0, n0, channels)]
