"""Rules for nodes that compare, fork, add and concatenate streams.

Thresholding | Threshold                            -> Threshold
ElementwiseMul by -1 and +1, Thresholding           -> Threshold with directions
ElementwiseMul and ElementwiseAdd, any tree of them -> Join
Clip                                                -> Clip
DuplicateStreams                                    -> Fork
StreamingConcat                                     -> Concat
"""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.requantise.op import evenly

from .network import Bound, Network, get

SHIFTED = 7  # thresholds from which a shift is smaller than a search
ELEMENTWISE = ("ElementwiseMul", "ElementwiseAdd")


def threshold(network: Network, node, turn=None):
    """Thresholds on an integer, or on what `turn`, a product with -1 and +1, makes of it."""
    x = (turn if turn is not None else node).input[0]
    shape, (bits, signed) = network.shape(x), network.kind(x)
    arrays = {"thresholds": thresholds(network, node, shape[-1])}
    if turn is not None or node.op_type == "Threshold":
        arrays["direction"] = network.constant(turn.input[1] if turn is not None else node.input[2]).astype(
            np.int64
        )
    attributes = {"in_shape": shape, "in_bits": bits, "in_signed": int(signed)}
    nodes, op, steps = [one for one in (turn, node) if one is not None], "Threshold", arrays["thresholds"]
    even = evenly(steps) if steps.shape[1] >= SHIFTED else None
    if even is not None:
        op, (shift, offset, ties) = "Requantise", even
        attributes |= {"shift": shift, "levels": steps.shape[1]}
        arrays = {
            "offset": offset,
            "ties": ties,
            **{key: arrays[key] for key in ("direction",) if key in arrays},
        }
    return nodes, [Bound(op, node.name, attributes, arrays, [one.name for one in nodes])]


def thresholds(network: Network, node, channels: int) -> np.ndarray:
    """Integer thresholds (channels, steps): x >= t is x >= ceil(t) on integers."""
    if node.op_type == "Thresholding" and get(node, "ActVal"):
        raise UserError(
            f"{node.name}: levels start at {get(node, 'ActVal')}; levels that start at 0 can be built."
        )
    steps = np.ceil(network.constant(node.input[1])).astype(np.int64)
    return np.ascontiguousarray(np.broadcast_to(steps, (channels, steps.shape[1])))


def elementwise(network: Network, node):
    """A sum is bound at its root."""
    after = network.reader(node)
    kind = after.op_type if after is not None else ""
    if kind == "ElementwiseAdd":
        return [], []
    turns = node.op_type == "ElementwiseMul" and kind == "Thresholding"
    if turns and (abs(network.constant(node.input[1])) == 1).all():
        return threshold(network, after, node)
    return _join(network, node)


def _join(network: Network, root):
    """The tree of sums and products with constants that ends in `root` as one operator."""
    nodes, terms, shape = [], [], network.shape(root.output[0])

    def walk(tensor, factor):
        node = network.model.find_producer(tensor)
        if node is not root and (node is None or node.op_type not in ELEMENTWISE):
            terms.append((tensor, factor))
            return
        if node.op_type == "ElementwiseAdd":
            for one in node.input:
                walk(one, factor)
        else:
            walk(node.input[0], factor * network.constant(node.input[1]).astype(np.int64))
        nodes.append(node)

    walk(root.output[0], np.ones(shape[-1], np.int64))
    arrays = {"multipliers": np.stack([factor for _, factor in terms])}
    inputs = [tensor for tensor, _ in terms]
    attributes = {"in_shape": shape, **_kinds(network, inputs), **_width(network, root)}
    return nodes, [Bound("Join", root.name, attributes, arrays, [node.name for node in nodes], inputs)]


def clip(network: Network, node):
    """One bound per channel."""
    bits, signed = network.kind(node.input[0])
    attributes = {
        "in_shape": network.shape(node.input[0]), "in_bits": bits, "in_signed": int(signed),
        "mul": get(node, "mul"),
        **_width(network, node),
    }  # fmt: skip
    at, direction = (np.rint(network.constant(name)).astype(np.int64) for name in node.input[1:])
    return [node], [Bound("Clip", node.name, attributes, {"at": at, "direction": direction}, [node.name])]


def fork(network: Network, node):
    """One output per reader."""
    bits, signed = network.kind(node.input[0])
    attributes = {
        "in_shape": network.shape(node.input[0]), "readers": len(node.output), "bits": bits,
        "signed": int(signed),
    }  # fmt: skip
    return [node], [Bound("Fork", node.name, attributes, {}, [node.name])]


def concat(network: Network, node):
    """Channels side by side."""
    inputs = list(node.input)
    attributes = {
        "out_shape": network.shape(node.output[0]),
        "channels": [network.shape(tensor)[-1] for tensor in inputs],
        **_kinds(network, inputs), **_width(network, node),
    }  # fmt: skip
    return [node], [Bound("Concat", node.name, attributes, {}, [node.name], inputs)]


def _kinds(network: Network, tensors: list[str]) -> dict[str, list[int]]:
    kinds = [network.kind(tensor) for tensor in tensors]
    return {"in_bits": [bits for bits, _ in kinds], "in_signed": [int(signed) for _, signed in kinds]}


def _width(network: Network, node) -> dict[str, int]:
    bits, signed = network.declared(node.output[0])
    return {"out_bits": bits, "out_signed": signed}


RULES = {
    "Thresholding": threshold,
    "Threshold": threshold,
    "ElementwiseMul": elementwise,
    "ElementwiseAdd": elementwise,
    "Clip": clip,
    "DuplicateStreams": fork,
    "StreamingConcat": concat,
}
