"""Matrices as adders: by hand, on whole domains, against the folded units' meaning, what is refused."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from documents import python

from xnorforge.hw.ops.da_mvu.adders import Adders, solve
from xnorforge.hw.ops.da_mvu.op import DaMvu
from xnorforge.sim import cosim


def dense(weights, thresholds=None, bias=None, vectors=1, **attributes):
    """A layer of one matrix."""
    weights = np.asarray(weights)
    mw, mh = weights.shape
    arrays = {"weights": weights, "bias": np.zeros(mh, int) if bias is None else bias}
    if thresholds is not None:
        arrays["thresholds"] = np.asarray(thresholds)
    shapes = {"mw": mw, "mh": mh, "vectors": vectors, "in_shape": [vectors, mw], "out_shape": [vectors, mh]}
    return DaMvu.with_adders("layer", arrays, **shapes, **attributes)


def values(rows, inputs, x):
    """Every number of a graph on vectors x (N, inputs), row by row."""
    found = list(np.asarray(x).T)
    for a, i, b, j, sign in rows.tolist():
        assert max(a, b) < len(found)
        found.append((found[a] << i) + sign * (found[b] << j))
    return np.stack(found, axis=1)


def test_sums_and_comparisons_by_hand():
    weights = [[1, -1, 3], [1, 1, -4], [-1, 1, 0]]
    x = np.array([[[0, 0, 0]], [[1, 2, 3]], [[7, 0, 1]]])
    sums = dense(weights, bias=np.array([0, 10, 1]), in_bits=3, out_bits=7, out_signed=1).run(x)
    assert sums[:, 0].tolist() == [[0, 10, 1], [0, 14, -4], [6, 4, 22]]
    bits = dense(weights, [0, 5, -4], np.array([0, 10, 1]), in_bits=3).run(x)
    assert bits[:, 0].tolist() == [[1, 1, 1], [1, 1, 1], [1, 0, 1]]


@pytest.mark.parametrize("kind", ["ones", "few", "wide"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("quick", [False, True])
def test_a_graph_makes_its_matrix_within_the_bits_it_states(kind, seed, quick):
    rng = np.random.default_rng(seed)
    mw, mh, low, high = (
        int(rng.integers(1, 8)), int(rng.integers(1, 9)), *((0, 1) if kind != "wide" else (-2, 1)),
    )  # fmt: skip
    choices = {"ones": [-1, 1], "few": [-1, 0, 0, 1], "wide": list(range(-8, 8))}[kind]
    weights = rng.choice(choices, (mw, mh))
    rows = solve(weights, low, high, quick)
    graph = Adders(rows, mw, low, high)
    x = np.array(list(product(range(low, high + 1), repeat=mw)))
    found = values(rows, mw, x)
    for row, column in enumerate(weights.T):
        end = graph.find(column)
        number, power, sign = end or (0, 0, 0)
        np.testing.assert_array_equal(sign * (found[:, number] << power), x @ weights[:, row])
    for number in range(found.shape[1]):
        assert (found[:, number].min(), found[:, number].max()) == (graph.low[number], graph.high[number])
        limits = (-(1 << graph.width(number) - 1), (1 << graph.width(number) - 1) - 1)
        limits = limits if graph.signed(number) else (0, (1 << graph.width(number)) - 1)
        assert limits[0] <= graph.low[number] and graph.high[number] <= limits[1]


def test_the_hardware_answers_every_vector_of_eight_bits_at_every_threshold():
    rng = np.random.default_rng(5)
    column = rng.choice([-1, 1], (8, 1))
    weights, thresholds = np.repeat(column, 11, axis=1), np.arange(-1, 10)
    op = dense(weights, thresholds, (weights < 0).sum(axis=0), vectors=256)
    x = np.array(list(product((0, 1), repeat=8)))[None]
    matches = (x == (column.T > 0)).sum(axis=-1)
    np.testing.assert_array_equal(cosim.run(op, x).output, matches[..., None] >= thresholds)


def test_an_answer_that_is_always_or_never_takes_no_adder():
    weights = np.ones((7, 2), int)
    op = dense(weights, [0, 8])
    assert op.arrays_of["adders"].shape == (0, 5) and op.latency() == 1
    x = op.random_input(1)
    np.testing.assert_array_equal(cosim.run(op, x).output, x[..., :2] * 0 + [1, 0])
    assert len(dense(weights, [1, 8]).arrays_of["adders"]) == 6
    assert len(dense(weights, [1, 7]).arrays_of["adders"]) == 6  # equal columns share their sums


@pytest.mark.parametrize("bits, signed, inputs", [(1, 0, 6), (1, 0, 3), (2, 1, 3), (3, 0, 2), (6, 1, 1)])
def test_few_bits_are_a_table_that_is_exact_on_all_of_them(bits, signed, inputs):
    """Beside rows of sums, among inputs that nothing reads."""
    rng, low = np.random.default_rng(bits + inputs), -signed << bits - 1
    weights = np.zeros((9, 12), int)
    for row in range(11):
        weights[rng.choice(inputs + 1, inputs, False), row] = rng.choice([-3, -1, 1, 2], inputs)
    weights[:, 11] = 1
    domain = np.array(list(product(range(low, low + (1 << bits)), repeat=inputs)))
    x = np.zeros((len(domain) + 9, 9), int)
    x[: len(domain), :inputs], x[len(domain) :] = domain, rng.integers(low, low + (1 << bits), (9, 9))
    thresholds = rng.integers(-4, 5, 12)
    op = dense(weights, thresholds, vectors=len(x), in_bits=bits, in_signed=signed)
    assert 11 >= len(op.tables) > 3 and 11 not in op.tables
    np.testing.assert_array_equal(cosim.run(op, x[None]).output[0], x @ weights >= thresholds)


def test_weights_of_zero_take_nothing():
    rng = np.random.default_rng(0)
    weights = np.zeros((784, 500), int)
    for column in weights.T:
        column[rng.choice(784, 6, False)] = rng.choice([-1, 1], 6)
    op = dense(weights, np.zeros(500, int))
    assert len(op.arrays_of["adders"]) == 0 and op.latency() == 1
    assert op.estimate()["lut"] <= 500 + 784  # a LUT per row; the rest takes the place of a waiting beat


def test_equal_weights_give_equal_bytes_in_another_process_with_other_threads():
    text = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r});"
        "from op_examples.da_mvu import seeded; from xnorforge.hw.ops.da_mvu.op import DaMvu;"
        "print(*seeded(DaMvu, 3, 48, 24, False).generated(), seeded(DaMvu, 4, 20, 8, True, 8).estimate())"
    )
    said = {python("-c", text, check=True, OMP_NUM_THREADS=threads).stdout for threads in ("1", "2")}
    assert len(said) == 1 and "xf_da_mvu_" in said.pop()


def test_half_the_terms_are_left_of_a_matrix_of_plus_and_minus_one():
    weights = np.random.default_rng(0).choice([-1, 1], (64, 16))
    graph = Adders(solve(weights, 0, 1), 64, 0, 1)
    assert len(graph.rows) < 64 * 16 / 3 and max(graph.level) <= 10


def test_adders_of_other_weights_are_not_taken():
    op = dense(np.eye(3, dtype=int) + 1, in_bits=4, out_bits=8)
    same = {a.name: op.get_nodeattr(a.name) for a in op.onnx_node.attribute}
    other = DaMvu.make("layer", op.arrays_of | {"weights": np.ones((3, 3), int) * 5}, **same)
    with pytest.raises(ValueError, match=r"adders.*weights"):
        other.rtl()
