"""Functions after the last layer that keep the order of its scores: the accelerator returns the scores before
them, and the host computes the function if it needs it.

This module has Softmax, LogSoftmax, Sigmoid and Tanh; functions that return indices, which the build itself
adds to a vector of scores, are in the folders of their operators. All are entries of `registry.TAILS`.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.indexed_model import IndexedModel, attributes, indexed

from .registry import TAILS
from .walk import refuse

RELATIVE = 1e-6  # relative float32 error
PASSED = ("Identity", "Dropout", "Cast")  # these change nothing between and after tails


@dataclass(frozen=True)
class Tail:
    """A function of scores.

    Attributes:
        name: its name in `export.json` and `lower.json`.
        differs: (scores float64 (N, classes, …), what the file returns) -> bool, where the second is not the
            function of the first, by more than float32 rounding.
        compute: scores -> what the file returns; None if it returns indices, and no other tail can follow.
        axis: the axis of the classes if the node does not state one; None: it takes every score by itself.
    """

    name: str
    differs: Callable[[np.ndarray, np.ndarray], np.ndarray]
    compute: Callable[[np.ndarray], np.ndarray] | None = None
    axis: int | None = -1


def _monotone(name: str, compute, slope: float, axis: int | None = -1) -> Tail:
    """A tail that returns numbers; `slope` bounds how much it magnifies an error of the scores."""

    def differs(scores, given):
        wanted, reach = compute(scores), abs(scores).max(initial=0)
        far = abs(given - wanted) > RELATIVE * (max(1, abs(wanted).max(initial=0)) + slope * reach)
        chosen = np.take_along_axis(scores, given.argmax(1)[:, None], 1)
        tied = (given == given.max(1, keepdims=True)).sum(1, keepdims=True) > 1  # in float32: any is right
        return far | (~tied & (scores.max(1, keepdims=True) - chosen > RELATIVE * reach))

    return Tail(name, differs, compute, axis)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """Logarithms of the class probabilities, float64 (N, classes, …)."""
    x = x - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


TAILS |= {
    "Softmax": _monotone("softmax", lambda x: np.exp(log_softmax(x)), 1),
    "LogSoftmax": _monotone("log_softmax", log_softmax, 2),
    "Sigmoid": _monotone("sigmoid", lambda x: 0.5 * (1 + np.tanh(x / 2)), 1, None),
    "Tanh": _monotone("tanh", np.tanh, 1, None),
}


def without_tails(network: ModelWrapper) -> tuple[ModelWrapper, list[Tail]]:
    """The network that ends in the scores of its first output (a copy if something was removed), and the
    functions between both, in the network's order.

    Raises:
        UserError: a tail does not keep the order of the classes.
    """
    network = indexed(network)
    name, tails = tails_at(network, network.graph.output[0].name)
    return (_ending_at(network, name) if tails or len(network.graph.output) > 1 else network), tails


def tails_at(network: ModelWrapper, output: str) -> tuple[str, list[Tail]]:
    """The scores that an output is a function of, a tensor, and the functions in between, in their
    order; errors as of `without_tails`."""
    nodes, name, scores = [], output, output
    while (node := network.find_producer(name)) and (node.op_type in TAILS or node.op_type in PASSED):
        kind = f"{node.op_type}.{[*node.output].index(name)}"
        name = node.input[0]
        if node.op_type in TAILS:
            _check(network, node)
            nodes.insert(0, TAILS.get(kind, TAILS[node.op_type]))
            scores = name
    return scores, nodes


def _check(network: ModelWrapper, node) -> None:
    """Refuse a tail along an axis other than that of the classes, and one that selects the smallest."""
    at = attributes(node)
    if node.op_type not in TAILS or TAILS[node.op_type].axis is None:
        return
    shape = network.get_tensor_shape(node.input[0])
    versions = [one.version for one in network.model.opset_import if one.domain in ("", "ai.onnx")]
    first = TAILS[node.op_type].axis if max(versions, default=13) >= 13 else 1
    axis = at.get("axis", first) % len(shape)
    classes = len(shape) - 1 if gives_last(network, node.input[0]) else 1
    if axis != classes and np.prod(shape) != shape[axis]:
        why = f"it works along axis {axis} of {list(shape)}, not along the classes"
        raise refuse(node, why, f"use axis {classes}")
    if not at.get("largest", 1) or at.get("select_last_index", 0):
        why = "it takes the smallest score, or the last of several equal scores"
        raise refuse(node, why, "take the largest, and the first of several, as the build does")


def gives_last(network: ModelWrapper, name: str) -> bool:
    """Whether the last axis is that of the classes: behind a Transpose, or in a list of pixels or boxes."""
    before = network.find_producer(name)
    if before is None or before.op_type == "Transpose":
        return before is not None
    listed = before.op_type in ("Reshape", "Concat") and len(network.get_tensor_shape(name) or ()) == 3
    return listed and gives_last(network, before.input[0])


def _ending_at(network: ModelWrapper, name: str) -> ModelWrapper:
    """A copy that ends in a tensor, without what that does not need."""
    shape, kind = network.get_tensor_shape(name), network.get_tensor_datatype(name)
    proto, needed, left = copy.deepcopy(network.model), {name}, []
    for node in reversed(network.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            left.append(node)
    proto.graph.value_info.extend(proto.graph.output)  # what is left out may be read on the way
    del proto.graph.node[:], proto.graph.output[:]
    proto.graph.node.extend(left[::-1])
    proto.graph.output.append(helper.make_tensor_value_info(name, 1, shape))
    for info in [one for one in proto.graph.value_info if one.name == name]:
        proto.graph.value_info.remove(info)
    found = ModelWrapper(proto, fix_missing_initializer_valueinfo=False)
    found.set_tensor_datatype(name, kind)
    return IndexedModel(found)


def differences(tails: list[Tail], scores: np.ndarray, given: np.ndarray) -> int:
    """How many images or cells of a network with tails differ from what the host computes from its scores.

    Args:
        scores: (N, classes, …) before the tails; given: what the network returns, (N, …).
    """
    scores, given = scores.astype(np.float64), given.astype(np.float64)
    for tail in tails[:-1]:
        assert tail.compute is not None
        scores = tail.compute(scores)
    return int(tails[-1].differs(scores, given.reshape(len(given), -1, *scores.shape[2:])).sum())


def host_function(tails: list[Tail]) -> str | None:
    """What the host computes of the scores: names joined by " of ", the last one first; None for nothing."""
    return " of ".join(tail.name for tail in reversed(tails)) or None
