"""Conformance: every operator of the integer graph on random examples of its own (`registry.example`).

Its meaning in lowered integers, its node of lowered.onnx in qonnx, its nodes in FINN's words, and the
contract of its hardware give the same integers, random ones and at the ends of ranges."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from qonnx.core.onnx_exec import execute_onnx

import xnorforge.flows.lower  # noqa: F401  all operators enter what they know
from xnorforge.core import plugins
from xnorforge.core.errors import MismatchError
from xnorforge.flows.finn_graph import as_finn
from xnorforge.flows.lower.proof import checks
from xnorforge.hw import graph as streams
from xnorforge.hw.bind import bind
from xnorforge.hw.bind.registry import TAKERS
from xnorforge.hw.lowering import nodes
from xnorforge.hw.lowering.registry import EXAMPLES, MEANINGS
from xnorforge.hw.lowering.values import Leaf, Node, of_leaf
from xnorforge.hw.lowering.walk import Lowered
from xnorforge.hw.ops.base import HwOp

from ..refusals import refuses

DRAWS, FINN_DRAWS, LEVELS = 80, 25, 15
each = pytest.mark.parametrize("op", sorted(MEANINGS))


@dataclass
class Built:
    """An example as an integer graph and as hardware operators, and frames (N, *shape)."""

    graph: Lowered
    ops: list[HwOp]
    frames: np.ndarray


@cache
def built(op: str, draw: int) -> Built:
    """One example of an operator, a function of its number."""
    assert op in EXAMPLES, f"{op}: its lower.py has no function behind @example({op!r})"
    rng = np.random.default_rng([draw, *op.encode()])
    inputs, row = EXAMPLES[op](rng)
    graph = Graph(inputs, rng)
    for name, at in row:
        graph.append(name, at)
    return Built(graph.lowered, [one.make() for one in bind(graph.lowered)], graph.frames)


class Graph:
    """The integer graph of an example; a tensor's range is what it reaches on the example's frames."""

    def __init__(self, inputs: list[Leaf], rng):
        lo, hi = (np.concatenate([getattr(leaf, end) for leaf in inputs]) for end in ("lo", "hi"))
        shape = (*inputs[0].shape[:-1], len(lo))
        self.frames = frames(rng, shape, lo, hi)
        self.tensors = {"input": self.frames}
        first = Leaf("input", shape, lo, hi)
        self.lowered = Lowered([], {"input": first}, of_leaf(first, Fraction(1), Fraction(0)), {}, [], {})
        self.ends = ["input"] if len(inputs) == 1 else self.taken_apart(inputs, len(lo))

    def put(self, op: str, inputs: list[str], at: dict) -> str:
        """One operator, named by its number; its output becomes that of the graph."""
        name = f"n{len(self.lowered.nodes)}"
        x = self.tensors[name] = MEANINGS[op](*(self.tensors[one] for one in inputs), at)
        flat = x.reshape(-1, x.shape[-1])
        leaf = self.lowered.leaves[name] = Leaf(name, x.shape[1:], flat.min(0), flat.max(0))
        self.lowered.nodes.append(Node(name, op, inputs, name, at))
        self.lowered.output = of_leaf(leaf, Fraction(1), Fraction(0))
        return name

    def append(self, op: str, at: dict) -> None:
        """The next operator of the example's row."""
        self.ends = [self.put(op, self.ends, at)]

    def taken_apart(self, inputs: list[Leaf], channels: int) -> list[str]:
        """Several tensors out of one that has the channels of all, for a network has one input. Each is made
        by a matrix of 0 and 1, and where its elements are few levels by a threshold, so that it has few bits.
        """
        found, at = [], 0
        for leaf in inputs:
            weights = np.eye(channels, dtype=np.int64)[:, at : at + leaf.channels]
            given = {"weights": weights, "xnor": False, "top": 2**10}
            if len(leaf.shape) > 1:
                given |= {"weights": weights[None, None], "groups": 1, "stride": [1, 1], "dilation": [1, 1]}
            name = self.put("Dense" if len(leaf.shape) == 1 else "Conv", ["input"], given)
            low, high = leaf.range
            if low >= 0 and high <= LEVELS:
                steps = np.tile(np.arange(1, high + 1), (leaf.channels, 1))
                direction = np.ones(leaf.channels, np.int64)
                name = self.put("Threshold", [name], {"thresholds": steps, "direction": direction})
            found.append(name)
            at += leaf.channels
        return found


def frames(rng, shape, lo, hi) -> np.ndarray:
    """All elements at their least, all at their greatest, each at one of the two, and four at random."""
    ends = [np.where(rng.integers(0, 2, shape), lo, hi) for _ in range(2)]
    lowest, highest = (np.broadcast_to(end, shape) for end in (lo, hi))
    return np.stack([lowest, highest, *ends, *rng.integers(lo, hi + 1, (4, *shape))]).astype(np.int64)


def hardware(one: Built) -> dict[str, np.ndarray]:
    """Every tensor between the hardware operators, by their contracts."""
    images = one.frames.transpose(0, 3, 1, 2) if one.frames.ndim == 4 else one.frames
    return streams.tensors(one.ops, images)


def compare(one: Built, found: dict[str, np.ndarray]) -> None:
    """Every tensor that is one of lowered.onnx as well, the last among them, is the integer graph's."""
    expected = one.graph.run(one.frames)
    last = f"{one.graph.nodes[-1].name}_out"
    tensors = {f"{node.name}_out": node.out for node in one.graph.nodes if f"{node.name}_out" in found}
    tensors[last] = one.graph.nodes[-1].out
    for tensor, leaf in tensors.items():
        for image, (x, y) in enumerate(zip(expected[leaf], found[tensor], strict=True)):
            checks.report_mismatch(one.graph, leaf, x, y.reshape(x.shape), image, "the contract")


@each
def test_the_meaning_of_an_operator_is_the_contract_of_its_hardware(op):
    for draw in range(DRAWS):
        one = built(op, draw)
        compare(one, hardware(one))


@each
def test_the_nodes_of_an_operator_compute_its_meaning(op, tmp_path):
    """In FINN's words by FINN; in the file, which is the same graph again, by qonnx."""
    for draw in range(FINN_DRAWS):
        graph, frame = (one := built(op, draw)).graph, one.frames[:1]
        made, left_out = checks.finn_is_equal(graph, one.frames[:5:2])
        assert made["integers"] and not left_out
        model = nodes.as_onnx(graph)
        model.save(str(tmp_path / "lowered.onnx"))
        again = nodes.read_graph(tmp_path / "lowered.onnx")
        assert nodes.as_onnx(again).model == model.model and again.leaves.keys() == graph.leaves.keys()
        (got,) = execute_onnx(model, {"input": np.float32(frame)}).values()
        for values in (got, *again.run(frame)):
            np.testing.assert_array_equal(values, graph.run(frame)[graph.outputs[0]])


def test_a_file_of_another_version_is_refused(tmp_path):
    as_finn(built("Dense", 0).graph).save(str(tmp_path / "lowered.onnx"))
    with refuses("lowered.onnx: another version … lower the network again"):
        nodes.read_graph(tmp_path / "lowered.onnx")


@each
def test_a_meaning_that_is_wrong_at_the_top_of_one_channel_is_found(op, monkeypatch):
    true, rng = MEANINGS[op], np.random.default_rng(0)

    def wrong(*given):
        y = true(*given).copy()
        channel = y[..., rng.integers(y.shape[-1])]
        channel[channel == channel.max()] += 1
        return y

    drawn = [(one, hardware(one)) for one in (built(op, draw) for draw in range(DRAWS))]
    monkeypatch.setitem(MEANINGS, op, wrong)
    unseen = []
    for one, tensors in drawn:
        try:
            compare(one, tensors)
        except MismatchError:
            continue
        unseen.append(one.graph.nodes[-1].op)
    # A weight of 0 or a threshold behind the operator can hide it, nothing else.
    assert op not in unseen and len(unseen) <= 0.6 * DRAWS


def test_the_examples_reach_every_hardware_operator_and_every_node():
    every = [built(op, draw) for op in sorted(MEANINGS) for draw in range(DRAWS)]
    reached = {type(op) for one in every for op in one.ops}
    modules = {take.__module__ for ranked in TAKERS.values() for _, take in ranked}
    takers = {name.split(".")[-2] for name in modules if ".hw.ops." in name}
    assert {name for name in takers if plugins.load("hw.ops", name).Op not in reached} == set()
