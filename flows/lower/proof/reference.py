"""Comparison of the network's own float32 execution with the integer graph, quantiser by quantiser.

Every quantiser is judged on the activations that the reference itself computes before it, so that one
difference does not cause others. Where the reference adds in float32 what the integer graph adds exactly, an
activation whose sum lies within that rounding error (`rounding.py`) of a threshold may come out on either
side: such a difference is a tie. Any other difference is a mismatch.
"""

from collections import Counter

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import MismatchError
from xnorforge.core.indexed_model import indexed
from xnorforge.flows.qonnx_execution import images_at_once, qonnx_scores, qonnx_tensors
from xnorforge.hw.lowering.values import Node, Value
from xnorforge.hw.lowering.walk import Lowered

from . import rounding


def scale_and_bias(value: Value) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset of a value of one leaf, float64 per channel."""
    return value.single[1].astype(np.float64), value.offset.astype(np.float64)


def dequantise(value: Value, integers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of a value of one leaf, float64, and how far its four roundings may put each off."""
    scale, offset = scale_and_bias(value)
    product = scale * integers.astype(np.float64)
    return product + offset, 2.0**-51 * (abs(product) + abs(offset))


class Reference:
    """The network together with its integer graph.

    Attributes:
        ties: {operator: number of activations within the reference's rounding of a threshold that came out on
            the other side}, over all images so far; of_image: their number per image.
        compared: number of activations compared so far.
    """

    def __init__(self, graph: Lowered, model: ModelWrapper):
        self.graph, self.model = graph.walked or graph, indexed(model)
        self.ties: Counter[str] = Counter()
        self.of_image: dict[int, int] = {}
        self.compared: int = 0
        self.bound: np.ndarray = rounding.bound(self.graph, len(model.graph.node))
        self._slacks: dict[str, np.ndarray | None] = {}
        self.judged = {value.single[0]: (name, value) for name, value in self.graph.activations.items()}

    def compare(self, frame: np.ndarray, x: np.ndarray, image: int) -> int:
        """Compare one image: integers (H, W, C), and the same image as the network takes it, float32.

        Returns:
            Its number of ties; an image is judged once.

        Raises:
            MismatchError: an activation or a score differs by more than float32 rounding; the text names
                operator, channel, position and both values.
        """
        if image in self.of_image:
            return self.of_image[image]
        self.of_image[image] = self.judge(frame, qonnx_tensors(self.model, x[None]), image)
        return self.of_image[image]

    def judge(self, frame: np.ndarray, context: dict[str, np.ndarray], image: int) -> int:
        """Like `compare`, for a run that exists: `context` has every tensor of the network for an image."""
        tensors = {next(iter(self.graph.leaves)): np.asarray(frame[None], np.int64)}
        before = self.ties.total()
        made: dict[str, Node | None] = dict.fromkeys(tensors)
        for leaf, node in (made | {node.out: node for node in self.graph.nodes}).items():
            if node is not None:
                tensors[leaf] = self.graph.run_node(node, tensors)
            if leaf in self.judged:
                tensors[leaf] = self._judge(leaf, node, tensors, context, image)
        self._check_scores(tensors, context[self.model.graph.output[0].name][0], image)
        return self.ties.total() - before

    def explains(self, frames: np.ndarray, inputs: np.ndarray, image: int, golden: np.ndarray) -> bool:
        """Whether ties explain why the scores of an image differ from those of the integer graph.

        That is the case if the scores are the reference's, alone or in a batch, and that run had ties.

        Args:
            frames, inputs: all images, as for `compare`; golden: the given scores of the image.
        """
        alone = qonnx_scores(self.model, inputs[image][None])[0]
        ties = self.compare(frames[image], inputs[image], image)
        if ties and np.array_equal(alone.ravel(), golden.ravel()):
            return True
        size = images_at_once(self.model)
        start = image // size * size
        among = qonnx_tensors(self.model, inputs[start : start + size])
        own = {name: x[image - start :][:1] for name, x in among.items() if np.ndim(x)}
        if not np.array_equal(own[self.model.graph.output[0].name].ravel(), golden.ravel()):
            return False
        counted = self.ties.copy()
        found, self.ties = self.judge(frames[image], own, image), counted
        return found > 0

    def _slack(self, node: Node) -> np.ndarray | None:
        """By how many integers float32 may be off in front of a quantiser, None where it is exact."""
        if node.quantises is None:
            return None
        if node.out not in self._slacks:
            nodes = len(self.model.graph.node)
            self._slacks[node.out] = rounding.slack(self.graph, node.quantises.value, nodes)
        return self._slacks[node.out]

    def _judge(self, leaf: str, node: Node | None, tensors, context, image: int) -> np.ndarray:
        """The reference's levels of a quantiser, where they may differ."""
        tensor, value = self.judged[leaf]
        got, (scale, offset) = tensors[leaf], scale_and_bias(value)
        given = context[tensor][0].astype(np.float64)
        if value.view is None:
            given = _in_our_order(given, self.graph.leaves[leaf])
        else:  # elements that the network leaves out are not compared
            found = scale * got[0] + offset
            found.reshape(-1)[value.view.reshape(-1)] = given.reshape(-1)
            given = found
        wanted = np.rint((given - offset) / np.where(scale == 0, 1, scale)).astype(np.int64)
        wanted = np.where(scale == 0, got[0], wanted)[None]
        self.compared += wanted.size
        differ = wanted != got
        if differ.any() and node is not None:
            self._count_ties(node, tensors, got, wanted, differ, image)
        elif differ.any():
            report_mismatch(self.graph, leaf, got[0], wanted[0], image, "qonnx")
        return wanted

    def _count_ties(self, node: Node, tensors, got, wanted, differ, image: int) -> None:
        off = self._slack(node)
        if off is None:
            report_mismatch(self.graph, node.out, got[0], wanted[0], image, "qonnx")
            return
        source = node.inputs[0]
        ends = [self.graph.run_node(node, {source: tensors[source] + step}) for step in (-off, off)]
        allowed = (wanted >= np.minimum(*ends)) & (wanted <= np.maximum(*ends))
        if not (allowed | ~differ).all():
            off_by_more = np.where(allowed, got, wanted)
            report_mismatch(self.graph, node.out, got[0], off_by_more[0], image, "qonnx")
        self.ties[node.name] += int(differ.sum())

    def _check_scores(self, tensors, given: np.ndarray, image: int) -> None:
        leaf = self.graph.output.single[0]
        order = self.graph.leaves[leaf].order
        exact, off = dequantise(self.graph.output, tensors[leaf][0])
        given = _in_our_order(given.astype(np.float64), self.graph.leaves[leaf])
        bound = (self.bound if order is None else self.bound[order]) + off
        wrong = np.argwhere(abs(exact - given) > bound)
        if len(wrong):
            at = tuple(wrong[0].tolist())
            raise MismatchError(
                f"lower: score {at[-1]} of image {image} is {exact[at]:.9g} in the integer graph and "
                f"{given[at]:.9g} in qonnx, on equal activations; float32 may be off by {bound[at]:.3g}."
            )


def _in_our_order(x: np.ndarray, leaf) -> np.ndarray:
    """Elements of the network in the frame's layout; axes of length 1 may be missing."""
    if len(leaf.shape) == 3:
        return np.moveaxis(x.reshape(leaf.channels, *leaf.shape[:2]), 0, -1)
    x = x.reshape(-1)
    return x if leaf.order is None else x[leaf.order]


def report_mismatch(
    graph: Lowered, leaf: str, got: np.ndarray, wanted: np.ndarray, image: int, other: str
) -> None:
    """Raise the error for the first difference: operator, channel, position and both values."""
    wrong = np.argwhere(got != wanted)
    if not len(wrong):
        return
    name = next((n.name for n in graph.nodes if n.out == leaf), leaf)
    *position, channel = wrong[0].tolist()
    where = f"channel {channel}" + (f", position (y {position[0]}, x {position[1]})" if position else "")
    values = f"{int(got[tuple(wrong[0])])} in the integer graph and {int(wanted[tuple(wrong[0])])} in {other}"
    raise MismatchError(
        f"lower: {name}, {where}, image {image}: {values}; {len(wrong)} of {got.size} differ."
    )
