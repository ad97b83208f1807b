"""Parts of an integer graph that several operators read in the same way."""

from dataclasses import dataclass
from math import prod

import numpy as np
from onnx import NodeProto

from xnorforge.core.types import Record
from xnorforge.hw.beat import CombiningBeat
from xnorforge.hw.streams import divisors, value_range

from .network import OPS, Bound, Network, Placed, Taken
from .registry import takes

SHORTEST_RUN = 2  # inputs that share a constant; with one input per constant, a plain product costs the same
PIXEL = [1, 1]


def falls(node: Placed) -> bool:
    """Whether some channels of thresholds compare downwards."""
    return bool((node.at["direction"] < 0).any())


def with_threshold(network: Network, node: Placed, falling: bool = False) -> list[Placed]:
    """The node, and the one-step threshold after it if there is one; one that falls if that is allowed."""
    after = network.reader(node)
    if after is None or after.op != "Threshold" or after.at["thresholds"].shape[1] > 1:
        return [node]
    return [node] if falls(after) and not falling else [node, after]


def levels_at(network: Network, node: Placed) -> tuple[Record, dict[str, np.ndarray]]:
    """Attributes of an operator of thresholds, and its arrays: `thresholds`, `direction` if some fall."""
    arrays = {"thresholds": node.at["thresholds"]}
    arrays |= {"direction": node.at["direction"]} if falls(node) else {}
    return {"in_shape": network.shape(node.input[0]), **network.width(node.input[0])}, arrays


@dataclass
class Seen:
    """What a unit reads of a node's input.

    Attributes:
        pads: the border in front of the node if its windows make it; windows: their operator, if any.
        shape: of a frame of vectors, as it is streamed; bits, signed: of an element.
    """

    pads: list[Placed]
    windows: list[Bound]
    shape: list[int]
    bits: int
    signed: bool

    @property
    def width(self) -> dict[str, int]:
        """Bits and sign as attributes."""
        return {"in_bits": self.bits, "in_signed": int(self.signed)}


def seen_by(network: Network, node: Placed, always: bool = False) -> Seen:
    """The windows of a node, or its input as it is.

    A window that is the whole image needs no operator, unless it is wanted `always`: its elements arrive in
    that order anyway."""
    (x,), at = node.input, node.at
    if node.op == "Dense":
        return Seen([], [], as_it_comes(network, x, len(at["weights"])), *network.kind(x))
    sizes, pad = sizes_of(node), border_in_front(network, node)
    source = x if pad is None else pad.input[0]  # a border passes elements on as they come
    kind = network.kind(source)
    length = at["weights"][..., 0].size * at.get("groups", 1)
    shape = [*network.shape(node.output[0])[:2], length]
    if sizes["kernel"] == sizes["stride"] == PIXEL and "rates" not in sizes:
        return Seen([], [], as_it_comes(network, x, length), *kind)
    if sizes["kernel"] == network.shape(x)[:2] and not (pad or always or "rates" in sizes):
        stream = network.stream(x)
        return Seen([], [], shape if stream is None else list(stream.shape), *kind)
    attributes = around(network, source, sizes, pad)
    attributes |= {"pads": at["pads"], "pad_value": at["value"]} if "rates" in sizes else {}
    pads = [] if pad is None else [pad]
    window = Bound("Window", f"{node.name}_window", attributes, nodes=[one.name for one in [*pads, node]])
    stream = window.make_alone().out_stream()
    return Seen(pads, [window], list(stream.shape) if prod(stream.shape) == length else shape, *kind)


@dataclass
class Matrix:
    """A product with weights, its windows, and the one-step threshold after it if there is one.

    Attributes:
        nodes: of the integer graph, a border in front of them first.
        weights: (inputs, outputs).
        thresholds: (outputs,) or None.
        seen: what it reads.
        xnor: equal bits are counted.
        attributes: mw, mh, vectors, in_shape, out_shape.
    """

    nodes: list[Placed]
    weights: np.ndarray
    thresholds: np.ndarray | None
    seen: Seen
    xnor: bool
    attributes: Record

    def bound(
        self, op: str, attributes: Record, weights: np.ndarray, ends: tuple[int, int] | None = None
    ) -> Taken:
        """The windows and the operator of this name; thresholds clipped to `ends`: always and never."""
        arrays, own = {"weights": weights.astype(np.int64)}, self.nodes[len(self.seen.pads) :]
        if self.thresholds is not None:
            arrays["thresholds"] = self.thresholds if ends is None else np.clip(self.thresholds, *ends)
        unit = Bound(op, own[0].name, self.attributes | attributes, arrays, [one.name for one in own])
        return self.nodes, [*self.seen.windows, unit]


def matrix_at(network: Network, node: Placed) -> Matrix:
    """The matrix of a node, 0 between groups."""
    weights, groups, shape = node.at["weights"], node.at.get("groups", 1), network.shape(node.output[0])
    seen, nodes = seen_by(network, node, always=groups > 1), with_threshold(network, node)
    whole = ungrouped(weights, groups) if groups > 1 else weights.reshape(-1, weights.shape[-1])
    length, outputs = whole.shape
    attributes = {
        "mw": length, "mh": outputs, "vectors": prod(shape[:-1]), "in_shape": seen.shape, "out_shape": shape,
    }  # fmt: skip
    steps = steps_behind(nodes)
    return Matrix([*seen.pads, *nodes], whole, steps, seen, bool(node.at["xnor"]), attributes)


def steps_behind(nodes: list[Placed]) -> np.ndarray | None:
    """The thresholds (outputs,) of the last node of a unit, None for a unit of one node."""
    return nodes[-1].at["thresholds"][:, 0] if len(nodes) > 1 else None


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
    found = np.zeros((*kernel, groups, inside, groups, outputs // groups), weights.dtype)
    for group in range(groups):
        found[:, :, group, :, group] = weights.reshape(*kernel, inside, groups, -1)[:, :, :, group]
    return found.reshape(-1, outputs)


def border_in_front(network: Network, node: Placed) -> Placed | None:
    """The border in front of a node that its windows can make, None if none: not wider than the kernel, its
    value an element of the stream."""
    before = network.maker(node.input[0])
    if before is None or before.op != "Pad" or "rates" in node.at:
        return None
    sizes, (low, high) = sizes_of(node), value_range(*network.kind(before.input[0]))
    reach = [(k - 1) * d for k, d in zip(sizes["kernel"], sizes["dilation"])] * 2
    fits = low <= before.at["value"] <= high and all(p <= r for p, r in zip(before.at["pads"], reach))
    return before if fits else None


def around(network: Network, x: str, sizes: Record, pad: Placed | None = None) -> Record:
    """Attributes of windows of kernel, stride and dilation on a tensor, with the border of a node."""
    border = {"pads": [0, 0, 0, 0], "pad_value": 0}
    if pad is not None:
        border = {"pads": list(pad.at["pads"]), "pad_value": pad.at["value"]}
    return {"ifm": network.shape(x), **sizes, **border, **network.width(x, "")}


def sizes_of(node: Placed) -> dict[str, list[int]]:
    """Kernel, stride, dilation or rates of a node with windows; weights (…, kh, kw, inputs, outputs)."""
    at = node.at
    kernel = at["kernel"] if "kernel" in at else at["weights"].shape[-4:-2]
    rates = {"rates": at["rates"]} if "rates" in at else {"dilation": at.get("dilation", PIXEL)}
    found = {"kernel": kernel, "stride": at["stride"]} | rates
    return {name: [int(n) for n in given] for name, given in found.items()}


def kinds(network: Network, tensors: list[str]) -> dict[str, list[int]]:
    """Widths of the inputs of an operator with several inputs."""
    found = [network.kind(tensor) for tensor in tensors]
    return {"in_bits": [bits for bits, _ in found], "in_signed": [int(signed) for _, signed in found]}


def out_width(network: Network, node: Placed) -> dict[str, int]:
    """Output width of an operator whose width is set from outside."""
    bits, signed = network.declared(node.output[0])
    return {"out_bits": bits, "out_signed": int(signed)}


def own_node(network: Network, node: Placed) -> tuple[list[Placed], list[Bound]]:
    """The operator that a node is named as: its streams, its constants, and its attributes."""
    known, tensors = OPS[node.op], list(node.input)
    types = known(NodeProto()).get_nodeattr_types()
    several = issubclass(known, CombiningBeat)
    width = kinds(network, tensors) if several else network.width(tensors[0])
    attributes = {"in_shape": network.shape(node.output[0]), **width}
    attributes |= {name: value for name, value in node.at.items() if name in types}
    attributes |= out_width(network, node) if "out_bits" in types else {}
    arrays = {name: node.at[name] for name in known.arrays if name in node.at}
    return [node], [Bound(node.op, node.name, attributes, arrays, [node.name], tensors)]


@takes("Reshape")
def reshape(_network: Network, node: Placed) -> Taken:
    """Another shape of the same stream: no operator."""
    return [node], []
