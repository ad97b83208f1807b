"""Parts of a lowered graph that several operators read in the same way."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from onnx import NodeProto

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.beat import CombiningBeat
from xnorforge.hw.streams import divisors, value_range

from .network import OPS, Bound, Network, Taken, get, ints
from .registry import takes

BORDERS = ("FMPadding", "Pad")
SHORTEST_RUN = 2  # inputs that share a constant; with one input per constant, a plain product costs the same
OWN_WINDOWS = ("GroupedConv",)  # nodes that make their windows themselves


def integer_thresholds(network: Network, node: NodeProto, channels: int) -> np.ndarray:
    """Integer thresholds (channels, steps): x >= t is x >= ceil(t) on integers."""
    if node.op_type == "Thresholding" and get(node, "ActVal"):
        raise UserError(f"{node.name}: levels start at {get(node, 'ActVal')}, but must start at 0.")
    steps = network.integers(node.input[1])
    return np.ascontiguousarray(np.broadcast_to(steps, (channels, steps.shape[1])))


def with_threshold(network: Network, node: NodeProto) -> list[Any]:
    """The node, and the one-step threshold after it if there is one."""
    after = network.reader(node)
    fused = after is not None and after.op_type == "Thresholding" and get(after, "numSteps") == 1
    return [node, after] if fused else [node]


def is_scale(network: Network, node: NodeProto) -> bool:
    """Whether a node is a product with constants."""
    return node.op_type == "ElementwiseMul" and network.constant(node.input[1]) is not None


def is_sign(network: Network, node: NodeProto) -> bool:
    """Whether a node is a product with -1 and +1."""
    return is_scale(network, node) and bool((abs(network.constant(node.input[1])) == 1).all())


@dataclass
class Levels:
    """Thresholds on integers: their nodes, with a product by -1 and +1 before them if any; the input's
    attributes; the arrays `thresholds` and, if some channels compare downwards, `direction`."""

    nodes: list[NodeProto]
    attributes: Record
    arrays: dict[str, np.ndarray]


def levels_at(network: Network, node: NodeProto) -> Levels | None:
    """The thresholds that begin at a node, None if there are none."""
    sign = None
    if node.op_type == "ElementwiseMul":
        after = network.reader(node)
        if after is None or after.op_type != "Thresholding" or not is_sign(network, node):
            return None
        sign, node = node, after
    x = (node if sign is None else sign).input[0]
    shape = network.shape(x)
    arrays = {"thresholds": integer_thresholds(network, node, shape[-1])}
    if sign is not None:
        arrays["direction"] = network.constant(sign.input[1]).astype(np.int64)
    attributes = {"in_shape": shape, **network.width(x)}
    return Levels([node] if sign is None else [sign, node], attributes, arrays)


@dataclass
class Matrix:
    """A matrix-vector unit (MVAU) and the one-step threshold after it if there is one.

    Attributes:
        nodes: one or two lowered nodes.
        weights: (inputs, outputs), 0 and 1 where `xnor`.
        thresholds: (outputs,) or None.
        bits, signed: of an input element.
        xnor: equal bits are counted.
        attributes: mw, mh, vectors, in_shape, out_shape.
    """

    nodes: list[NodeProto]
    weights: np.ndarray
    thresholds: np.ndarray | None
    bits: int
    signed: bool
    xnor: bool
    attributes: Record

    def arrays(self, weights: np.ndarray, low: int | None = None, high: int | None = None) -> Record:
        """Constants of a unit; thresholds clipped to `low` .. `high`, which mean always and never."""
        found = {"weights": weights.astype(np.int64)}
        if self.thresholds is not None:
            found["thresholds"] = np.clip(self.thresholds, low, high) if high is not None else self.thresholds
        return found


def matrix_at(network: Network, node: NodeProto) -> Matrix:
    """The matrix-vector unit of a node."""
    nodes, (bits, signed) = with_threshold(network, node), network.kind(node.input[0])
    weights = network.constant(node.input[1])
    length, outputs = weights.shape
    attributes = {
        "mw": length, "mh": outputs, "vectors": prod(network.shape(node.input[0])) // length,
        "in_shape": as_it_comes(network, node.input[0], length), "out_shape": network.shape(node.output[0]),
    }  # fmt: skip
    steps = steps_behind(network, nodes)
    return Matrix(nodes, weights, steps, bits, signed, bool(get(node, "binaryXnorMode")), attributes)


def steps_behind(network: Network, nodes: list[NodeProto]) -> np.ndarray | None:
    """The thresholds (outputs,) of the second node of a unit, None for a unit of one node."""
    if len(nodes) == 1:
        return None
    return integer_thresholds(network, nodes[1], network.shape(nodes[1].output[0])[-1])[:, 0]


def shared_sizes(weights: np.ndarray) -> np.ndarray | None:
    """The sizes of weights (inputs, outputs) that are signs times a constant of their place, the same in
    all outputs and in each run of neighbouring inputs: one per longest run. None for other weights."""
    sizes = np.abs(np.rint(weights)).astype(np.int64)
    of_row = sizes[:, 0]
    if (sizes != sizes[:, :1]).any() or of_row.min() < 1 or of_row.min() == of_row.max():
        return None
    run = max(run for run in divisors(len(of_row)) if (of_row == of_row[::run].repeat(run)).all())
    return of_row[::run] if run >= SHORTEST_RUN else None


def as_it_comes(network: Network, tensor: str, length: int) -> list[int]:
    """The shape of a unit's input; a dense layer reads the frame as the operator before it streams it."""
    stream, shape = network.stream(tensor), network.shape(tensor)
    return list(stream.shape) if stream is not None and prod(shape) == length else shape


def ungrouped(weights: np.ndarray, groups: int) -> np.ndarray:
    """Weights (kh, kw, C / groups, O) as (kh kw C, O), 0 between groups."""
    *kernel, inside, outputs = weights.shape
    found = np.zeros((*kernel, groups, inside, groups, outputs // groups))
    for group in range(groups):
        found[:, :, group, :, group] = weights.reshape(*kernel, inside, groups, -1)[:, :, :, group]
    return found.reshape(-1, outputs)


def border_at(node: NodeProto) -> tuple[list[int], int]:
    """Pads and value of a border."""
    if node.op_type == "FMPadding":
        return ints(node, "Padding"), 0
    return ints(node, "pads"), get(node, "value")


def border_in_front(network: Network, node: NodeProto, sizes: Record) -> NodeProto | None:
    """The border node that windows of these sizes on a node's input can absorb, None if none: not
    wider than the kernel, its value an element of the stream."""
    before = network.model.find_producer(node.input[0])
    if before is None or before.op_type not in BORDERS:
        return None
    (pads, value), (low, high) = border_at(before), value_range(*network.kind(before.input[0]))
    reach = [(k - 1) * d for k, d in zip(sizes["kernel"], sizes["dilation"])] * 2
    return before if low <= value <= high and all(p <= r for p, r in zip(pads, reach)) else None


def around(network: Network, x: str, sizes: Record, pad: NodeProto | None = None) -> Record:
    """Attributes of windows of kernel, stride and dilation on a tensor, with the border of a node."""
    pads, value = ([0, 0, 0, 0], 0) if pad is None else border_at(pad)
    return {"ifm": network.shape(x), **sizes, "pads": pads, "pad_value": value, **network.width(x, "")}


def own_sizes(network: Network, node: NodeProto) -> dict[str, list[int]]:
    """Kernel, stride and dilation of a node that forms its windows itself, of weights (kh, kw, …)."""
    kernel = list(network.constant(node.input[1]).shape[:2])
    return {"kernel": kernel} | {key: ints(node, key) for key in ("stride", "dilation")}


def sizes_of(node: NodeProto) -> dict[str, list[int]]:
    """Kernel, stride and dilation of FINN's windows."""
    names = {"kernel": "ConvKernelDim", "stride": "Stride", "dilation": "Dilation"}
    return {ours: ints(node, theirs) for ours, theirs in names.items()}


def kinds(network: Network, tensors: list[str]) -> dict[str, list[int]]:
    """Widths of the inputs of an operator with several inputs."""
    found = [network.kind(tensor) for tensor in tensors]
    return {"in_bits": [bits for bits, _ in found], "in_signed": [int(signed) for _, signed in found]}


def out_width(network: Network, node: NodeProto) -> dict[str, int]:
    """Output width of an operator whose width is set from outside."""
    bits, signed = network.declared(node.output[0])
    return {"out_bits": bits, "out_signed": signed}


def own_node(network: Network, node: NodeProto) -> tuple[list[NodeProto], list[Bound]]:
    """The operator that a node is named as: its streams, then its constants, and its attributes."""
    known, tensors = OPS[node.op_type], list(node.input)
    types = known(node).get_nodeattr_types()
    count = len(tensors) - sum(network.constant(name) is not None for name in tensors)
    several = issubclass(known, CombiningBeat)
    width = kinds(network, tensors[:count]) if several else network.width(tensors[0])
    attributes = {"in_shape": network.shape(node.output[0]), **width}
    attributes |= {one.name: get(node, one.name) for one in node.attribute if one.name in types}
    attributes |= out_width(network, node) if "out_bits" in types else {}
    arrays = dict(zip(known.arrays, map(network.integers, tensors[count:])))
    return [node], [Bound(node.op_type, node.name, attributes, arrays, [node.name], tensors[:count])]


@takes("Reshape")
def reshape(_network: Network, node: NodeProto) -> Taken:
    """Another shape of the same stream: no operator."""
    return [node], []
