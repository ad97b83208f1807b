"""Lowered nodes to our operators: one chain of streams, still without parallelism.

    [FMPadding | Pad] ConvolutionInputGenerator         -> Window
    MVAU on bits with xnor, [Thresholding]              -> XnorMvu, thresholds inside
    MVAU on integers with +-1 weights, [Thresholding]   -> ByteMvu, thresholds inside
    ConvolutionInputGenerator (depthwise) Pool on bits  -> OrPool
    DirectedPool on bits, minimum in all channels       -> OrPool, all
    Thresholding | Threshold                            -> Threshold
    the last scores, where logits are one positive scale times them plus one bias -> TopK behind them

A window that is the whole image needs no operator: its elements arrive in that order anyway.
What no operator builds exactly is refused by name.
"""

from dataclasses import dataclass, field
from math import prod

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from xnorforge.errors import UserError
from xnorforge.hw.ops.base import HwOp
from xnorforge.plugins import load, names

WORKS = "a chain of convolutions, dense layers, thresholds and maximum pools on bits can be built"
PADS = ("FMPadding", "Pad")
THRESHOLDS = ("Thresholding", "Threshold")
MISSING = {
    "DuplicateStreams": "an operator that forks a stream",
    "ElementwiseAdd": "an operator that adds two streams",
    "ElementwiseMul": "an operator that multiplies by constants",
    "StreamingConcat": "an operator that joins streams by channel",
    "UpsampleNearestNeighbour": "an operator that repeats pixels",
    "VVAU": "a depthwise unit",
}


@dataclass
class Bound:
    """One operator to be: its class by name, its attributes without simd and pe, its constants, the nodes it stands for."""

    op: str
    name: str
    attributes: dict
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    nodes: list[str] = field(default_factory=list)

    def make(self, **folding) -> HwOp:
        """The operator with the given simd, pe."""
        return OPS[self.op].make(self.name, self.arrays, **self.attributes, **folding)


def _operators() -> dict[str, type[HwOp]]:
    classes = (load("hw.ops", name).Op for name in names("hw.ops"))
    return {op.__name__: op for op in classes}


OPS = _operators()


def bind(model: ModelWrapper, scale=None, bias=None) -> list[Bound]:
    """The chain of operators of a lowered network.

    Args:
        model: lowered graph, FINN hardware-abstraction nodes, channels last, integers.
        scale, bias: of the logits (`lowered.npz`); None leaves the scores as they are.

    Raises:
        UserError: a node or a combination that no operator builds; the text names the node and what works.
    """
    chain = _chain(model)
    bound, at = [], 0
    while at < len(chain):
        taken, made = _step(model, chain[at:], bound)
        bound += made
        at += taken
    if not bound:
        raise UserError(f"{model.graph.name}: no operator between input and output; {WORKS}.")
    return bound + _top_k(bound[-1], model, scale, bias)


def _chain(model: ModelWrapper) -> list:
    """The nodes from the graph's input to its output, each the only reader of the one before."""
    if len(model.graph.input) != 1 or len(model.graph.output) != 1:
        raise UserError(
            f"{model.graph.name}: {len(model.graph.input)} inputs and {len(model.graph.output)} outputs; {WORKS}."
        )
    tensor, chain = model.graph.input[0].name, []
    while readers := model.find_consumers(tensor):
        if len(readers) > 1:
            both = " and ".join(node.name for node in readers)
            raise UserError(
                f"{tensor}: {both} both read it, and {MISSING['DuplicateStreams']} is missing in hw/ops; {WORKS}."
            )
        chain.append(readers[0])
        tensor = readers[0].output[0]
    return chain


def _step(model: ModelWrapper, chain: list, before: list[Bound]) -> tuple[int, list[Bound]]:
    """The operators that the first nodes of `chain` become, and how many nodes they are."""
    first, second = chain[0], chain[1] if len(chain) > 1 else None
    kinds = first.op_type, second.op_type if second is not None else ""
    if kinds[0] in PADS and kinds[1] == "ConvolutionInputGenerator" and not _get(second, "depthwise"):
        return 2, [_window(model, second, first)]
    if kinds[0] == "ConvolutionInputGenerator" and not _get(first, "depthwise"):
        return 1, _plain_window(model, first)
    if kinds == ("ConvolutionInputGenerator", "Pool"):
        return 2, [_pool_behind_window(model, first, second)]
    if kinds[0] == "DirectedPool":
        return 1, [_or_pool(model, first, _ints(first, "kernel"), _ints(first, "stride"), [first.name])]
    if kinds[0] == "MVAU":
        fused = kinds[1] == "Thresholding" and _get(second, "numSteps") == 1
        return 1 + fused, [_mvu(model, first, second if fused else None, before)]
    if kinds[0] in THRESHOLDS:
        return 1, [_threshold(model, first)]
    lacks = MISSING.get(kinds[0], f"an operator for {kinds[0]}")
    raise UserError(f"{first.name}: {lacks} is missing in hw/ops; {_instead(first) or WORKS}.")


def _window(model: ModelWrapper, node, pad=None) -> Bound:
    given = model.get_tensor_datatype((pad or node).input[0])
    pads, value = [0, 0, 0, 0], 0
    if pad is not None:
        pads = _ints(pad, "Padding" if pad.op_type == "FMPadding" else "pads")
        value = 0 if pad.op_type == "FMPadding" else _get(pad, "value")
    attributes = {
        "ifm": _shape(model, (pad or node).input[0]),
        "kernel": _ints(node, "ConvKernelDim"),
        "stride": _ints(node, "Stride"),
        "dilation": _ints(node, "Dilation"),
        "pads": pads,
        "pad_value": value,
        "bits": given.bitwidth(),
        "signed": int(given.signed()),
    }
    return Bound("Window", node.name, attributes, nodes=[one.name for one in (pad, node) if one is not None])


def _plain_window(model: ModelWrapper, node) -> list[Bound]:
    """No operator where the window is the whole image."""
    window = _window(model, node)
    return [] if window.attributes["kernel"] == window.attributes["ifm"][:2] else [window]


def _pool_behind_window(model: ModelWrapper, window, pool) -> Bound:
    function = getCustomOp(pool).get_nodeattr("Function")
    if function != "MaxPool":
        raise UserError(f"{pool.name}: {function} has no operator in hw/ops; a maximum pool on bits can be built.")
    if _ints(window, "Dilation") != [1, 1]:
        raise UserError(
            f"{pool.name}: a pool with dilation {_ints(window, 'Dilation')} has no operator in hw/ops; use dilation 1."
        )
    names = [window.name, pool.name]
    return _or_pool(model, window, _ints(window, "ConvKernelDim"), _ints(window, "Stride"), names, pool.name)


def _or_pool(
    model: ModelWrapper, node, kernel: list[int], stride: list[int], nodes: list[str], name: str = ""
) -> Bound:
    """A pool on bits: the maximum, or the minimum where the node says so for all channels."""
    name, given = name or node.name, model.get_tensor_datatype(node.input[0])
    if given.bitwidth() != 1:
        raise UserError(
            f"{name}: a pool on {given.name} has no operator in hw/ops; {_instead(node) or 'place it behind the binary activation'}."
        )
    every = node.op_type == "DirectedPool"
    if every and (model.get_initializer(node.input[1]) > 0).any():
        raise UserError(f"{name}: a pool that mixes maximum and minimum has no operator in hw/ops; {_instead(node)}.")
    if kernel != stride:
        raise UserError(
            f"{name}: a pool of {kernel} with stride {stride} has no operator in hw/ops; windows that do not overlap can be built."
        )
    return Bound(
        "OrPool",
        name,
        {"ifm": _shape(model, node.input[0]), "kernel": kernel, "stride": stride, "all": int(every)},
        nodes=nodes,
    )


def _mvu(model: ModelWrapper, node, threshold, before: list[Bound]) -> Bound:
    """A matrix-vector unit; its thresholds are those of the node behind it, where that has one level."""
    given, weights = model.get_tensor_datatype(node.input[0]), model.get_initializer(node.input[1])
    length, outputs = weights.shape
    xnor = bool(_get(node, "binaryXnorMode"))
    if not np.isin(weights, (0, 1) if xnor else (-1, 1)).all():
        kind = model.get_tensor_datatype(node.input[1]).name
        raise UserError(
            f"{node.name}: weights of {kind} have no operator in hw/ops; weights of -1 and +1 can be built."
        )
    if not xnor and given.bitwidth() == 1:
        raise UserError(
            f"{node.name}: bits that count as 0 and 1 have no operator in hw/ops; bits that count as -1 and +1 can be built."
        )
    shape = _shape(model, node.input[0])
    whole = not before or before[-1].op != "Window"
    if whole and prod(shape) == length and before:
        shape = _output(before[-1])  # a dense layer reads the frame as the operator before it streams it
    attributes = {
        "mw": length,
        "mh": outputs,
        "vectors": prod(shape) // length,
        "in_shape": shape,
        "out_shape": _shape(model, node.output[0]),
    }
    arrays = {"weights": (weights > 0).astype(np.int64)}
    if threshold is not None:
        least, most = (0, length + 1) if xnor else _reach(given, length)
        steps = _thresholds(model, threshold, outputs)[:, 0]
        arrays["thresholds"] = np.clip(steps, least, most)
    if not xnor:
        attributes |= {"in_bits": given.bitwidth(), "in_signed": int(given.signed())}
    nodes = [node.name] + ([threshold.name] if threshold is not None else [])
    return Bound("XnorMvu" if xnor else "ByteMvu", node.name, attributes, arrays, nodes)


def _reach(given, length: int) -> tuple[int, int]:
    """Thresholds that mean always and never for a sum of `length` elements, each added or subtracted."""
    largest = length * max(abs(int(given.min())), abs(int(given.max())))
    return -largest, largest + 1


def _threshold(model: ModelWrapper, node) -> Bound:
    given, shape = model.get_tensor_datatype(node.input[0]), _shape(model, node.input[0])
    arrays = {"thresholds": _thresholds(model, node, shape[-1])}
    if node.op_type == "Threshold":
        arrays["direction"] = model.get_initializer(node.input[2]).astype(np.int64)
    attributes = {"in_shape": shape, "in_bits": given.bitwidth(), "in_signed": int(given.signed())}
    return Bound("Threshold", node.name, attributes, arrays, [node.name])


def _thresholds(model: ModelWrapper, node, channels: int) -> np.ndarray:
    """Integer thresholds (channels, steps): x >= t is x >= ceil(t) on integers."""
    if node.op_type == "Thresholding" and _get(node, "ActVal"):
        raise UserError(f"{node.name}: levels start at {_get(node, 'ActVal')}; levels that start at 0 can be built.")
    steps = np.ceil(model.get_initializer(node.input[1])).astype(np.int64)
    return np.ascontiguousarray(np.broadcast_to(steps, (channels, steps.shape[1])))


def _top_k(last: Bound, model: ModelWrapper, scale, bias) -> list[Bound]:
    """The index of the largest score, where that is the class with the largest logit."""
    shape = _shape(model, model.graph.output[0].name)
    if scale is None or len(shape) != 1 or shape[0] < 2:
        return []
    if np.ptp(scale) or np.ptp(bias) or np.min(scale) <= 0:
        return []
    stream = last.make().out_stream()
    attributes = {"n": shape[0], "k": 1, "in_bits": stream.bits, "in_signed": int(stream.signed)}
    return [Bound("TopK", "top_k", attributes)]


def _output(bound: Bound) -> list[int]:
    return list(bound.make().out_stream().shape)


def _instead(node) -> str:
    """What the lowering says to write instead of a node of its own; empty for others."""
    attributes = {one.name: one.s.decode() for one in node.attribute if one.name == "instead"}
    return attributes.get("instead", "")


def _get(node, attribute: str) -> int:
    return getCustomOp(node).get_nodeattr(attribute)


def _ints(node, attribute: str) -> list[int]:
    return [int(value) for value in getCustomOp(node).get_nodeattr(attribute)]


def _shape(model: ModelWrapper, tensor: str) -> list[int]:
    """Shape of one frame."""
    return list(model.get_tensor_shape(tensor))[1:]
