"""The bit simulator gives what the operators' own `execute_node` gives, on random chains and at odd sizes."""

import os
import subprocess
import sys

import numpy as np
import pytest
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.hw import graph
from xnorforge.hw.ops import part
from xnorforge.sim.bits import BitSimulator, kernels, simulate_bits, step_of, threads
from xnorforge.sim.bits.packed import as_integers, as_stream, pack

OPS = {name: plugins.load("hw.ops", name).Op for name in plugins.names("hw.ops")}
EXAMPLES = [
    pytest.param(op, id=f"{name}-{i}") for name, cls in OPS.items() for i, op in enumerate(examples_of(cls))
]


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
    return [
        [np.full((1, *s.shape), limits[end]) for s, limits in zip(op.in_streams(), reach)] for end in (0, 1)
    ]


@pytest.mark.parametrize("op", EXAMPLES)
def test_every_example_of_every_operator_equals_its_contract(op):
    """Those with a packed form by it, the others by the way their `execute_node` is called."""
    step, streams = step_of(op), op.out_streams()
    for inputs in [op.random_inputs(seed=3, frames=3), op.random_inputs(seed=4, frames=1), *ends(op)]:
        found = step(*(as_stream(x, stream) for x, stream in zip(inputs, op.in_streams())))
        found = found if isinstance(found, list) else [found]
        for got, want, stream in zip(found, op.run_all(*inputs), streams, strict=True):
            np.testing.assert_array_equal(as_integers(as_stream(got, stream), stream), want)


def test_what_has_a_packed_form_is_run_by_it_and_all_of_it_is_among_the_examples():
    packed = plugins.parts("hw.ops", "bits")
    assert packed and set(packed) <= set(OPS)
    for name, module in packed.items():
        examples = examples_of(OPS[name])
        assert len(examples) >= 20 and all(part(op, "bits") is module for op in examples)
        assert BitSimulator(examples[:1]).plain == []
    plain = [name for name, cls in OPS.items() if name not in packed and not cls.identity]
    assert all(BitSimulator(examples_of(OPS[name])[:1]).plain for name in plain)


def random_chain(seed):
    """Bytes or bits in, then windows, matrices, pools, thresholds and FIFOs of seeded sizes."""
    rng = np.random.default_rng(seed)
    size, channels, first = (
        int(rng.integers(6, 13)),
        int(rng.choice([1, 3, 5, 64, 70])),
        bool(rng.integers(2)),
    )
    ops, shape, bits = [], [size, size, channels], 8 if first else 1
    for _ in range(int(rng.integers(1, 4))):
        kernel = int(rng.integers(1, 4))
        if min(shape[:2]) < kernel:
            break
        pad, stride = int(rng.integers(0, kernel)), int(rng.integers(1, 3))
        ops.append(
            OPS["window"].make(
                ifm=shape,
                kernel=[kernel] * 2,
                stride=[stride] * 2,
                pads=[pad] * 4,
                pad_value=int(rng.integers(2)),
                bits=bits,
            )
        )
        seen = list(ops[-1].out_stream().shape)
        mw, mh = seen[-1], int(rng.choice([1, 10, 64, 65, 130]))
        kind = "byte_mvu" if bits == 8 else "xnor_mvu"
        size = {
            "mw": mw,
            "mh": mh,
            "vectors": seen[0] * seen[1],
            "in_shape": seen,
            "out_shape": [*seen[:2], mh],
        }
        arrays = {"weights": rng.integers(0, 2, (mw, mh))}
        if rng.integers(3):
            arrays["thresholds"] = (
                rng.integers(-200, 200, mh)
                if bits == 8
                else np.clip(rng.integers(mw // 2 - 2, mw // 2 + 4, mh), 0, mw + 1)
            )
            ops.append(OPS[kind].make(arrays=arrays, **size))
        else:
            ops.append(OPS[kind].make(arrays=arrays, **size))
            sums = ops[-1].out_stream()
            low = -(2 ** (sums.bits - 1)) if sums.signed else 0
            steps = rng.integers(low, low + 2**sums.bits, (mh, 1))
            arrays = {"thresholds": steps, "direction": rng.choice([-1, 1], mh)}
            arrays["thresholds"] *= arrays["direction"][:, None]
            ops.append(
                OPS["threshold"].make(
                    arrays=arrays, in_shape=list(sums.shape), in_bits=sums.bits, in_signed=int(sums.signed)
                )
            )
        shape, bits = [*seen[:2], mh], 1
        ops.append(OPS["fifo"].make(shape=shape, depth=4))
        if min(shape[:2]) >= 2 and rng.integers(2):
            ops.append(OPS["or_pool"].make(ifm=shape, kernel=[2, 2], stride=[2, 2], all=int(rng.integers(2))))
            shape = list(ops[-1].out_stream().shape)
    mw = int(np.prod(shape))
    ops.append(
        OPS["xnor_mvu"].make(
            arrays={"weights": rng.integers(0, 2, (mw, 10))}, mw=mw, mh=10, in_shape=shape, out_shape=[10]
        )
    )
    ops.append(OPS["top_k"].make(n=10, k=2, in_bits=ops[-1].out_stream().bits))
    return ops


@pytest.mark.parametrize("seed", range(12))
def test_a_random_chain_equals_the_reference_walk_at_every_operator(chain, seed):
    model = chain(random_chain(seed))
    ops = graph.operators(model)
    images = ops[0].random_input(seed, frames=5).transpose(0, 3, 1, 2).astype(np.uint8)
    expected = graph.execute(ops, images, keep="all", block=2)
    got = BitSimulator(model).run(images, keep="all", block=3)
    assert list(got) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


def test_an_operator_without_a_packed_form_runs_its_contract_and_is_named(make_add):
    add = make_add([4], 1, 8, add=3, name="plus")
    simulator = BitSimulator([add])
    assert simulator.plain == ["plus"]
    np.testing.assert_array_equal(simulator.run(np.full((1, 4), 254, np.uint8))["plus"], [[1, 1, 1, 1]])


def test_a_file_gives_what_its_graph_gives(chain, tmp_path):
    model = chain(random_chain(1))
    model.save(str(tmp_path / "folded.onnx"))
    ops = graph.operators(model)
    images = ops[0].random_input(0, frames=2).transpose(0, 3, 1, 2).astype(np.uint8)
    np.testing.assert_array_equal(
        simulate_bits(tmp_path / "folded.onnx", images), simulate_bits(model, images)
    )


def test_a_tensor_that_nothing_gives_or_two_read_is_refused(chain):
    for tensor in ("elsewhere", "t0"):
        model = chain(random_chain(2))
        model.graph.node[1].input[0] = tensor
        with pytest.raises(ValueError, match=rf"reads \['{tensor}'\]"):
            graph.operators(model)


def test_a_tensor_that_nothing_reads_is_refused(chain):
    model = chain(random_chain(2))
    model.graph.output[0].name = model.graph.node[0].output[0]
    with pytest.raises(ValueError, match=r"\['\w+'\] are produced but never read"):
        graph.operators(model)


@pytest.mark.parametrize("given, expected", [("1", 1), ("3", 3), ("", None), ("many", None)])
def test_threads_follow_the_environment(monkeypatch, given, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert threads() == (expected or len(os.sched_getaffinity(0)))


def test_the_result_does_not_depend_on_threads_or_blocks(chain, monkeypatch):
    simulator = BitSimulator(chain(random_chain(3)))
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
    environment = {**os.environ, "XNORFORGE_PLUGINS": str(tmp_path)}
    run = [sys.executable, "-c", USE]
    found = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    assert found == "[] [[0, 1], [1, 0]]\n"
