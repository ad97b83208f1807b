"""Cut a QONNX network into parts for several devices, at quantised tensors that all later nodes hang from.

Each part is a QONNX network of its own. It ends in the quantised tensor, and the next one begins with the
same quantiser, which leaves quantised values as they are and states the integers of the input.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import prod

import numpy as np
from onnx import ModelProto, numpy_helper
from onnx.utils import Extractor
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from xnorforge.core.errors import UserError

MOST_CUTS = 100_000  # sets of places that the search compares


@dataclass(frozen=True)
class Place:
    """A tensor at which a network can be cut.

    Attributes:
        tensor: its name.
        source: the tensor that the quantiser reads.
        elements: of one frame.
        bits: of one element on the link.
        weight_bits: of all weights in front of it.
    """

    tensor: str
    source: str
    elements: int
    bits: int
    weight_bits: int

    @property
    def frame_bits(self) -> int:
        """What the link carries per frame."""
        return self.elements * self.bits


class Network:
    """A QONNX network of one input and one output.

    Raises:
        UserError: it has several.
    """

    def __init__(self, model: ModelProto):
        self.model = ModelWrapper(model).transform(InferShapes())
        graph = self.model.graph
        self.constant = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        inputs = [given.name for given in graph.input if given.name not in self.constant]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise UserError(
                f"cut: the network has {len(inputs)} inputs and {len(graph.output)} outputs; "
                "cut one that has one of each."
            )
        self.ends = inputs[0], graph.output[0].name
        self.bits = {name: self._weight_bits(name) for name in self.constant}
        self.places: list[Place] = list(self._places())

    def _weight_bits(self, name: str) -> int:
        """Bits of an initialiser where it is the weights of a quantiser; biases, scales and norms count 0."""
        for node in self.model.graph.node:
            if node.input[0] == name and node.op_type in ("BipolarQuant", "Quant"):
                width = 1 if node.op_type == "BipolarQuant" else int(self.constant[node.input[3]].max())
                return self.constant[name].size * width
        return 0

    def _places(self) -> Iterator[Place]:
        """Where one tensor alone leads on, in the order of the network."""
        graph, last = self.model.graph, dict[str, int]()
        for at, node in enumerate(graph.node):
            last.update(dict.fromkeys(node.input, at))
        last[self.ends[1]] = len(graph.node)
        depends, live, weights, counted = {self.ends[0]}, {self.ends[0]}, 0, set[str]()
        needs = self._constants_behind()
        for at, node in enumerate(graph.node):
            if depends.isdisjoint(node.input):
                continue
            new = set().union(*(needs.get(name, {name}) for name in node.input)) - counted
            counted |= new
            weights += sum(self.bits.get(name, 0) for name in new)
            depends.update(node.output)
            live = {name for name in (*live, *node.output) if last.get(name, -1) > at}
            alone = live == {node.output[0]} and node.output[0] != self.ends[1]
            if alone and (found := self._place(node, weights)):
                yield found

    def _constants_behind(self) -> dict[str, set[str]]:
        """{tensor that depends on no input: initialisers it is computed from}."""
        found = {name: {name} for name in self.constant}
        for node in self.model.graph.node:
            if all(name in found for name in node.input if name):
                behind = set().union(*(found[name] for name in node.input if name))
                found.update(dict.fromkeys(node.output, behind))
        return found

    def _place(self, node, weights: int) -> Place | None:
        """The output of a quantiser of one scale, without a zero point."""
        if node.op_type not in ("BipolarQuant", "Quant"):
            return None
        scale, *zero_points = (self.constant.get(name) for name in node.input[1:3])
        one_scale = scale is not None and np.unique(scale).size == 1
        centred = all(point is not None and not point.any() for point in zero_points)
        if not (one_scale and centred):
            return None
        bits = 1 if node.op_type == "BipolarQuant" else int(self.constant[node.input[3]].max())
        elements = prod(self.model.get_tensor_shape(node.output[0])[1:])
        return Place(node.output[0], node.input[0], elements, bits, weights)

    def best(self, parts: int, link: int, cycles: int) -> list[Place]:
        """The places of which the largest part has the fewest weight bits; among these the links carry least.

        Args:
            parts: number of devices.
            link: bits that pass from one device to the next in a cycle.
            cycles: per frame, within which a link has to carry it.

        Raises:
            UserError: there are too few places.
        """
        fit = [place for place in self.places if place.frame_bits <= link * cycles]
        if len(fit) < parts - 1:
            raise UserError(
                f"cut: the network has {len(self.places)} places to cut it, and at {len(fit)} of them a link "
                f"of {link} bits carries a frame within {cycles:,} cycles; allow fewer devices, a wider link "
                "or a larger INTERVAL."
            )
        while prod(range(len(fit) - parts + 2, len(fit) + 1)) > MOST_CUTS and len(fit) > 2 * parts:
            fit = fit[::2]
        total = sum(self.bits.values())

        def worst(chosen: Sequence[Place]) -> tuple[int, int]:
            ends = [0, *(place.weight_bits for place in chosen), total]
            return max(b - a for a, b in pairwise(ends)), sum(place.frame_bits for place in chosen)

        return list(min(combinations(fit, parts - 1), key=worst))

    def cut(self, places: Sequence[Place]) -> list[ModelProto]:
        """The parts between places, in their order."""
        model = self.model.model
        del model.graph.quantization_annotation[:]
        extractor = Extractor(model)
        starts = [self.ends[0], *(place.source for place in places)]
        ends = [*(place.tensor for place in places), self.ends[1]]
        return [extractor.extract_model([start], [end]) for start, end in zip(starts, ends)]
