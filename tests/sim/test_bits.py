"""The bit simulator gives what `execute_node` of the operators gives, in random networks and at odd sizes."""

import os

import numpy as np
import pytest
from documents import python
from op_examples import examples_of
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core import plugins
from xnorforge.flows.fold import folded_graph
from xnorforge.hw import graph
from xnorforge.hw.any_width import drawn
from xnorforge.hw.ops import part
from xnorforge.hw.ops._mvu import Mvu
from xnorforge.sim.bits import BitSimulator, kernels, simulate_bits, step_of, threads
from xnorforge.sim.bits.packed import as_integers, as_stream, pack

from ..refusals import stops
from .random_networks import RandomNetwork

OPS = {name: plugins.load("hw.ops", name).Op for name in plugins.names("hw.ops")}
EVERY = [(name, i, op) for name, cls in OPS.items() for i, op in enumerate(examples_of(cls))]
EXAMPLES = [pytest.param(op, id=f"{name}-{i}") for name, i, op in EVERY]


@pytest.mark.parametrize("channels", [1, 7, 63, 64, 65, 200])
def test_packing_keeps_every_bit_and_leaves_the_rest_zero(channels):
    bits = np.random.default_rng(channels).integers(0, 2, (3, 4, channels))
    packed = pack(bits)
    np.testing.assert_array_equal(packed.unpack(), bits)
    ones = sum(int(word).bit_count() for word in packed.words.ravel())
    assert ones == bits.sum()


def test_arrays_that_a_kernel_would_misread_are_refused():
    """Of another type, or not one element beside the other."""
    numbers = np.arange(8, dtype=np.int32)
    assert kernels.address(numbers, np.int32) == numbers.ctypes.data
    for other in (numbers.astype(np.int64), numbers[::2]):
        with pytest.raises(TypeError):
            kernels.address(other, np.int32)


def test_rows_cut_anew_hold_the_same_bits_in_the_same_order():
    bits = np.random.default_rng(0).integers(0, 2, (2, 6, 10))
    np.testing.assert_array_equal(pack(bits).rows(4).unpack().reshape(2, -1), bits.reshape(2, -1))


def ends(op):
    """Inputs with nothing but the least, and nothing but the greatest value of each stream."""
    reach = [(-(1 << (s.bits - 1)), (1 << (s.bits - 1)) - 1) if s.signed else (0, (1 << s.bits) - 1)
             for s in op.in_streams()]  # fmt: skip
    shapes = [(1, *stream.shape) for stream in op.in_streams()]
    return [[np.full(shape, limits[end]) for shape, limits in zip(shapes, reach)] for end in (0, 1)]


@pytest.mark.parametrize("op", EXAMPLES)
def test_every_example_of_every_operator_equals_its_contract(op):
    """Those with a packed form by it, the others by the way their `execute_node` is called."""
    step, streams = step_of(op), op.out_streams()
    for inputs in [op.random_inputs(seed=3, frames=3), op.random_inputs(seed=4, frames=1), *ends(op)]:
        found = step(*(as_stream(x, stream) for x, stream in zip(inputs, op.in_streams())))
        found = found if isinstance(found, list) else [found]
        for got, want, stream in zip(found, op.run_all(*inputs), streams, strict=True):
            np.testing.assert_array_equal(as_integers(as_stream(got, stream), stream), want)


@pytest.mark.parametrize("bits", [63, 64, 78, 79, 93, 103, 104, 105, 130])
def test_sums_of_any_width_reach_as_many_thresholds_as_pythons_integers_do(bits):
    """Two sums behind one another, so that one is a term of the next, and thresholds around what they are."""
    rng, streams = np.random.default_rng(bits), {"in_shape": (3, 4), "pe": 4, "out_signed": 1}
    factors = [drawn(rng, -(2**reach), 2**reach, (2, 4)).astype(object) for reach in (bits - 24, 3)]
    factors[0] *= 2 ** (52 * (bits == 103))  # whose low half is 0
    first = OPS["join"].make(
        "a", {"multipliers": factors[0]}, **streams, in_bits=(20, 9), in_signed=(1, 0), out_bits=bits
    )
    last = OPS["join"].make(
        "b", {"multipliers": factors[1]}, **streams, in_bits=(bits, 30), in_signed=(1, 1), out_bits=bits
    )
    (x, y), (_, z) = (op.random_inputs(bits, frames=5) for op in (first, last))
    sums = factors[1][0] * (factors[0][0] * x.astype(object) + factors[0][1] * y) + factors[1][1] * z
    sums = (sums + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
    direction = np.array([1, -1, 1, -1])
    near = (sums * direction).reshape(-1, 4).T.astype(object)
    limits = np.sort(np.concatenate([near - 1, near, near + 1], 1))
    kinds = {"in_shape": (3, 4), "pe": 4, "in_bits": bits, "in_signed": 1}
    levels = OPS["threshold"].make("c", {"thresholds": limits, "direction": direction}, **kinds)
    wanted = (sums[..., None] * direction[:, None] >= limits).sum(-1)
    np.testing.assert_array_equal(step_of(levels)(step_of(last)(step_of(first)(x, y), z)), wanted)


def test_what_has_a_packed_form_is_run_by_it_and_all_of_it_is_among_the_examples():
    packed = plugins.parts("hw.ops", "bits")
    assert packed and set(packed) <= set(OPS)
    for name, module in packed.items():
        examples = examples_of(OPS[name])
        assert len(examples) >= 20 and all(part(op, "bits") is module for op in examples)
        assert BitSimulator(examples[:1]).plain == []
    for name, cls in OPS.items():
        known = name in packed or cls.identity or issubclass(cls, Mvu)
        assert bool(BitSimulator(examples_of(cls)[:1]).plain) != known


def random_network(seed):
    """The folded graph of a random network of bits, with branches that meet."""
    return ModelWrapper(folded_graph(RandomNetwork(seed).ops, "network"))


@pytest.mark.parametrize("seed", range(12))
def test_a_random_network_equals_the_reference_walk_at_every_operator(seed):
    model = random_network(seed)
    ops = graph.operators(model)
    images = ops[0].random_input(seed, frames=5).transpose(0, 3, 1, 2).astype(np.uint8)
    expected = graph.execute(ops, images, keep="all", block=2)
    got = BitSimulator(model).run(images, keep="all", block=3)
    assert list(got) == list(expected)
    for name in expected:
        found = got[name].reshape(expected[name].shape)  # a vector is a map of pixels
        np.testing.assert_array_equal(found, expected[name], err_msg=name)


def test_an_operator_without_a_packed_form_runs_its_contract_and_is_named(make_add):
    add = make_add([4], 1, 8, add=3, name="plus")
    simulator = BitSimulator([add])
    assert simulator.plain == ["plus"]
    np.testing.assert_array_equal(simulator.run(np.full((1, 4), 254, np.uint8))["plus"], [[1, 1, 1, 1]])


def test_a_file_gives_what_its_graph_gives(tmp_path):
    model = random_network(1)
    model.save(str(tmp_path / "folded.onnx"))
    ops = graph.operators(model)
    images = ops[0].random_input(0, frames=2).transpose(0, 3, 1, 2).astype(np.uint8)
    found = simulate_bits(tmp_path / "folded.onnx", images)
    np.testing.assert_array_equal(found, simulate_bits(model, images))


def test_a_tensor_that_nothing_gives_or_two_read_is_refused():
    for tensor in ("elsewhere", "x"):
        model = random_network(2)
        model.graph.node[1].input[0] = tensor
        stops(rf"reads \['{tensor}'\]", graph.operators, model, kind=ValueError)


def test_a_tensor_that_nothing_reads_is_refused():
    model = random_network(2)
    model.graph.output[0].name = model.graph.node[0].output[0]
    stops(r"\['\w+'\] are produced but never read", graph.operators, model, kind=ValueError)


@pytest.mark.parametrize("given, expected", [("1", 1), ("3", 3), ("", None), ("many", None)])
def test_threads_follow_the_environment(monkeypatch, given, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert threads() == (expected or len(os.sched_getaffinity(0)))


def test_the_result_does_not_depend_on_threads_or_blocks(monkeypatch):
    simulator = BitSimulator(random_network(3))
    images = simulator.ops[0].random_input(0, frames=11).transpose(0, 3, 1, 2).astype(np.uint8)
    last, expected = simulator.ops[-1].name, simulator.run(images)
    for count, block in ((1, 64), (4, 2), (2, 3)):
        monkeypatch.setenv("OMP_NUM_THREADS", str(count))
        np.testing.assert_array_equal(simulator.run(images, block=block)[last], expected[last])


OUTSIDE = '''
from xnorforge.hw.ops.threshold.op import Threshold


class Flip(Threshold):
    """As Threshold, a bit is 1 where it is 0 there."""

    def execute_node(self, context, graph):
        super().execute_node(context, graph)
        context[self.onnx_node.output[0]] = 1 - context[self.onnx_node.output[0]]


Op = Flip
'''
OUTSIDE_BITS = """
from xnorforge.hw.ops.threshold.bits import step as threshold
from xnorforge.sim.bits.packed import as_integers


def step(op):
    inner = threshold(op)
    return lambda x: 1 - as_integers(inner(x), op.out_stream())
"""
USE = """
import numpy as np
from xnorforge.core import plugins
from xnorforge.sim.bits import BitSimulator

op = plugins.load("hw.ops", "flip").Op.make(
    "flip", {"thresholds": np.array([[3], [5]])}, in_shape=[2], in_bits=3
)
simulator = BitSimulator([op])
print(simulator.plain, simulator.run(np.array([[3, 4], [2, 5]]))["flip"].tolist())
"""


def test_an_operator_outside_the_package_brings_its_packed_form(tmp_path):
    folder = tmp_path / "hw" / "ops" / "flip"
    folder.mkdir(parents=True)
    (folder / "op.py").write_text(OUTSIDE)
    (folder / "bits.py").write_text(OUTSIDE_BITS)
    found = python("-c", USE, check=True, XNORFORGE_PLUGINS=str(tmp_path))
    assert found.stdout == "[] [[0, 1], [1, 0]]\n"
