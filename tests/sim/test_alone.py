"""Inputs at the edges of constants: what they are; right layers pass with them, wrong ones do not."""

import numpy as np
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.sim import alone
from xnorforge.sim.device import bench

OPS = {name: plugins.load("hw.ops", name).Op for name in plugins.names("hw.ops")}


def threshold(values):
    """Channels of 8 bits with one threshold each."""
    steps = np.array(values)[:, None]
    return OPS["threshold"].make("t", {"thresholds": steps}, in_shape=[len(steps)], in_bits=8)


def test_both_sides_of_each_threshold_are_given():
    (frames,) = alone.inputs_of(threshold([3, 200]))
    assert {2, 3} <= set(frames[:, 0].tolist()) and {199, 200} <= set(frames[:, 1].tolist())


def test_sums_of_a_row_with_a_threshold_are_the_threshold_and_one_less():
    rng = np.random.default_rng(2)
    weights, thresholds = rng.integers(0, 2, (40, 6)), rng.integers(15, 26, 6)
    shapes = {"mw": 40, "mh": 6, "in_shape": [40], "out_shape": [6]}
    op = OPS["sign_mvu"].make("m", {"weights": weights, "thresholds": thresholds}, **shapes)
    (frames,) = alone.inputs_of(op)
    matches = (frames[:, :, None] == weights).sum(axis=1)
    for row, wanted in enumerate(thresholds):
        assert {wanted, wanted - 1} <= set(matches[:, row].tolist())
    # Every weight decides an answer: turned over, it takes a match from the threshold, or adds one to less.
    equal = frames[:, :, None] == weights
    at, below = matches == thresholds, matches == thresholds - 1
    assert ((equal & at[:, None]) | (~equal & below[:, None])).any(axis=0).all()
    assert alone.share_reached(op, [frames]) == 1


def test_a_threshold_that_nothing_reaches_is_not_counted():
    op = threshold([3, 300])
    assert alone.share_reached(op, alone.inputs_of(op)) == 1
    assert alone.share_reached(op, [np.zeros((1, 2), np.int64)]) < 0.5


def test_adders_with_a_threshold_that_a_flipped_bit_brings_into_reach_have_inputs():
    arrays = {"weights": np.array([[1, 3], [1, -5]]), "bias": [0, 0], "thresholds": np.array([17, 1])}
    sizes = {"mw": 2, "mh": 2, "in_shape": [2], "in_bits": 3, "out_shape": [2], "w_bits": 4, "out_bits": 1}
    op = OPS["da_mvu"].with_adders("a", arrays, **sizes)
    wrong = type(op)(op.onnx_node, arrays_of=op.arrays_of | {"thresholds": np.array([1, 1])})
    (frames,) = alone.inputs_of(wrong, op.cycles())
    assert {0, 1} <= set(frames.sum(1)) and frames.max() == 7  # both sides of the row that op has no sum for


def with_one_bit_inverted(op, rng):
    """The same operator with a wrong constant that makes a difference, or None after some tries."""
    for _ in range(40):
        key = rng.choice(list(alone.constants(op)))
        values = alone.constants(op)[key].copy()
        place = tuple(rng.integers(size) for size in values.shape)
        values[place] = -values[place] if set(np.unique(values)) <= {-1, 1} else values[place] ^ 1
        wrong = type(op)(op.onnx_node, arrays_of=op.arrays_of | {key: values})
        try:
            frames = alone.inputs_of(op)
            stored = all(0 <= w < 1 << bits for bits, words in wrong.memories().values() for w in words)
            if stored and (wrong.run(*frames) != op.run(*frames)).any():
                return wrong
        except Exception:  # arrays that the operator refuses
            continue
    return None


KINDS = ["threshold", "clip", "requantise", "join", "sign_mvu", "int_mvu", "interact", "border"]


def test_layers_alone_pass_and_wrong_constants_in_them_are_found():
    """Wrong hardware beside right hardware: each of the first is found, none of the second."""
    rng, right, wrong = np.random.default_rng(5), [], []
    for kind in KINDS:
        found = [op for op in examples_of(OPS[kind]) if op.arrays_of and op.cycles() < 2_000]
        found = filter(alone.narrow, found)
        pairs = [(op, with_one_bit_inverted(op, rng)) for op in list(found)[::5][:2]]
        pairs = [pair for pair in pairs if pair[1] is not None]
        right += [op for op, _ in pairs]
        wrong += [other for _, other in pairs]
    assert len(right) >= 12
    for number, op in enumerate([*right, *wrong]):
        op.onnx_node.name = f"layer_{number}"
    rows = [{"layer": op.name, "bits": 100, "simulated": 0} for op in right]
    check = alone.try_layers("right", bench(right), right, rows)
    assert check["mismatches"] == 0 and check["integers"] > 1_000
    assert np.mean([row["simulated"] for row in rows]) > 90
    device = bench(wrong)
    runs = alone.cosim.attempt(device, [alone.inputs_of(op) for op in right], seed=1)
    for op, run in zip(right, runs):
        assert (run.output != op.run(*alone.inputs_of(op))).any(), (type(op).__name__, op.name)
