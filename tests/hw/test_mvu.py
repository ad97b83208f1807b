"""Matrix-vector units: the contract in integers, memories, folding, 7-series form, cost model. Matrices as
adders: by hand, on whole domains, against the folded units' meaning, what is refused."""

from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from documents import python
from mapped import compare_sites, equal_the_contract
from op_examples import in_file
from op_examples.drawn import seeded

from xnorforge.flows.synth.mapping import count
from xnorforge.hw.ops import _dots
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops.base import LOAD_BITS
from xnorforge.hw.ops.da_mvu.adders import Adders, solve
from xnorforge.hw.ops.da_mvu.op import DaMvu
from xnorforge.hw.ops.sign_mvu.op import SignMvu
from xnorforge.sim import cosim, device

GATES = Path(__file__).with_name("xc7_gates.sv")
of_bytes = partial(seeded, SignMvu, in_bits=8)
# Wide and odd dot products, and what the examples hold of raw, signed and narrow.
UNITS = [
    seeded(SignMvu, 0, 576, 1, 576, 1, 6, True), seeded(SignMvu, 1, 192, 1, 192, 1, 6, False),
    *(seeded(SignMvu, simd, 2 * simd, 2, simd, 1, 2, True) for simd in (5, 17, 64, 100, 145)),
    *(seeded(SignMvu, simd, 3 * simd, 6, simd, 2) for simd in (1, 2, 11, 36)),
    seeded(SignMvu, 9, 40, 5, 40, 5, 4), seeded(SignMvu, 8, 100, 8, 100, 8, 3),  # wired weights
    *(  # with registers behind every so many levels of logic
        sooner for mw, mh in ((9, 15), (23, 10), (40, 5), (100, 8))
        for sooner in seeded(SignMvu, mw, mw, mh, mw, mh, 4).sooner(9)
    ),
    *(seeded(SignMvu, seed, 40, 12, 40, 4, 8, pixels=4, rom=rom, starts=starts)  # several vectors at a time
      for seed, (rom, starts) in enumerate([("logic", "logic"), ("block", "logic"), ("block", "block")])),
    of_bytes(1, 27, 8, 3, 4), of_bytes(2, 27, 4, 9, 2, raw=True, in_signed=1), of_bytes(3, 27, 2, 27, 1),
    of_bytes(4, 24, 2, 12, 1, raw=True), of_bytes(5, 15, 2, 5, 1, in_bits=3, in_signed=1),
    # Weights in block RAM: heaps of no level to four, an odd number of elements.
    *(seeded(SignMvu, simd, 2 * simd, 2, simd, 1, 2, True, rom="block") for simd in (4, 13, 36, 64, 150)),
    of_bytes(6, 15, 2, 5, 1, rom="block"), of_bytes(7, 8, 4, 4, 2, rom="block"),
]  # fmt: skip


@pytest.fixture(scope="module", params=["7-series cells-few", "portable-few", "7-series cells", "portable"])
def forms(request):
    """A bench of a fifth of the units or all, without XF_SIM, for 7-series cells or any tool; the units."""
    xc7, few = request.param.startswith("7"), request.param.endswith("few")
    units = UNITS[::5] if few else UNITS
    return device.bench(units, ["XF_XC7"] if xc7 else (), extra=[GATES] if xc7 else []), units


@pytest.mark.quick("*few*")
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_cells_and_portable_form_equal_the_contract_in_the_same_cycles(forms, stall):
    equal_the_contract(*forms, stall)


SUMS = {
    "xnor_mvu": lambda v, row: (v == row).sum(),
    "byte_mvu": lambda v, row: v[row == 1].sum() - v[row == 0].sum(),
}


@pytest.mark.parametrize("kind, index", [(kind, k) for kind in SUMS for k in range(len(in_file(kind)))])
def test_the_contract_counts_equal_bits_or_adds_and_subtracts(kind, index):
    op = in_file(kind)[index]
    x, weights = op.random_input(index), op.arrays_of["weights"]
    sums = np.array([[SUMS[kind](v, row) for row in weights.T] for v in x.reshape(-1, len(weights))])
    wanted = sums if op.raw else sums >= op.arrays_of["thresholds"]
    np.testing.assert_array_equal(op.run(x), wanted.reshape(len(x), *op.out_stream().shape))


@pytest.mark.parametrize("in_bits, signed", [(1, 0), (8, 0), (8, 1)])
def test_extreme_sums_fit_the_output_type(in_bits, signed):
    unit = seeded(SignMvu, 0, 16, 4, 4, 2, raw=True, in_bits=in_bits, in_signed=signed)
    low, high = unit.result_range()
    bits, minus = unit.out_stream().bits, unit.out_stream().signed
    assert -(2 ** (bits - 1)) * minus <= low and high < 2 ** (bits - minus)
    assert high >= 2 ** (bits - minus - 1)  # and no narrower one would do


def test_weight_words_lie_as_the_architecture_says():
    op = seeded(SignMvu, 1, 12, 6, 4, 3)
    bits, words = op.memories()["WeightFile"]
    weights = op.arrays_of["weights"]
    assert bits == 12 and len(words) == 6
    for nf in range(2):
        for sf in range(3):
            for p in range(3):
                for s in range(4):
                    assert words[nf * 3 + sf] >> (p * 4 + s) & 1 == weights[sf * 4 + s, nf * 3 + p]


def test_words_deeper_than_a_block_lie_in_columns_side_by_side():
    one = seeded(SignMvu, 1, 12, 6, 4, 3, rom="block")
    many = seeded(SignMvu, 1, 12, 6, 4, 3, rom="block", rom_rows=4)
    (_, words), (bits, rows) = one.memories()["WeightFile"], many.memories()["WeightFile"]
    assert (one.rtl()[1]["WeightRows"], many.rtl()[1]["WeightRows"]) == (0, 4)
    assert bits == 2 * 12 and len(words) == 6 and len(rows) == 4
    apart = [[row & 0xFFF, row >> 12] for row in rows]
    assert apart == [[words[0], words[4]], [words[1], words[5]], [words[2], 0], [words[3], 0]]
    units = [seeded(SignMvu, 1, 12, 6, 4, 3, rom=rom, rom_rows=8) for rom in ("block", "logic")]
    alone, logic = (one.memories()["WeightFile"] for one in units)
    assert alone == logic == (12, words)  # one column, and no block RAM


@pytest.mark.quick("768*")
@pytest.mark.parametrize(("mw", "mh", "simd", "pe"), [(1152, 32, 32, 1), (768, 96, 16, 2), (2304, 72, 64, 1)])
def test_columns_behind_one_another_are_chosen_from_with_the_luts_of_the_model(mw, mh, simd, pe):
    """1,152, 2,304 and 2,592 words."""
    unit = seeded(SignMvu, 1, mw, mh, simd, pe, 1, rom="columns")
    [found] = count([unit], "xc7")
    says = unit.estimate()
    assert found["bram36"] == says["bram36"] and abs(found["lut"] - says["lut"]) <= 0.1 * found["lut"]
    compare_sites(unit, found)


def test_yosys_maps_columns_of_words_into_blocks_of_ecp5():
    """Three columns of 256 words of 4 bits are one block, with two registers of 12 bits behind it."""
    [unit] = count([seeded(SignMvu, 1, 60, 40, 2, 2, rom="block", rom_rows=256)], "ecp5")
    assert unit["bram36"] == 0.5 and unit["ff"] >= 24
    [one] = count([seeded(SignMvu, 1, 60, 40, 2, 2, rom="block", rom_rows=1024)], "ecp5")
    assert one["bram36"] == 0.5 and 10 <= unit["ff"] - one["ff"] <= 30


@pytest.mark.parametrize(
    "op", [seeded(SignMvu, 1, 9, 4, 3, 2), seeded(SignMvu, 1, 9, 4, 3, 2, in_signed=1, in_bits=8)], ids=str
)
def test_thresholds_out_of_reach_are_always_and_never(op):
    always_and_never(op, np.zeros((1, 2, 9), int))


def always_and_never(op, more):
    """Hold that thresholds of four rows are passed by all sums or by none, of random input and `more`."""
    low, high = op.result_range()
    op.arrays_of["thresholds"] = np.array([low - 10**6, low, high + 1, high + 10**6])
    x = np.concatenate([op.random_input(3, 40), more])
    np.testing.assert_array_equal(op.run(x).reshape(-1, 4) == [1, 1, 0, 0], True)
    bits, half = op.acc_bits, 2 ** (op.acc_bits - 1)
    starts = [word >> (bits * k) & (2**bits - 1) for word in op.memories()["StartFile"][1] for k in range(2)]
    assert [start >= half for start in starts[:2]] == [True, True]  # whatever is counted, the answer is 1 …
    assert [start + op.top < half for start in starts[2:]] == [True, True]  # … and 0


@pytest.mark.quick("SignMvu(in_bits=8*")
@pytest.mark.parametrize("unit", [
    seeded(SignMvu, 1, 96, 48, 24, 2), seeded(SignMvu, 2, 64, 80, 16, 8, raw=True, rom="block"),
    seeded(SignMvu, 300, 36, 16, 36, 16, 8, pixels=4),
    seeded(SignMvu, 303, 144, 64, 144, 8, 16, pixels=8, rom="block", starts="logic"),
    seeded(SignMvu, 3, 27, 8, 9, 4, in_bits=8), seeded(SignMvu, 5, 2048, 1, 64, 1, 100, raw=True, loadable=1),
    seeded(SignMvu, 6, 1152, 1, 96, 1, 50, raw=True, rom="block", loadable=1),
], ids=str)  # fmt: skip
def test_cost_model_is_what_yosys_counts(unit):
    [found], model = count([unit], "xc7"), unit.estimate()
    found["ff"] += LOAD_BITS * bool(unit.first_load)  # in front of it, in the chain
    assert found["bram36"] == model["bram36"]
    assert abs(found["lut"] - model["lut"]) <= max(10, 0.04 * found["lut"]), (found, model)
    compare_sites(unit, found)


@pytest.mark.parametrize("columns, lut", [
    ("1000 0100 0010 0001", 4),
    ("1000 1000 0000 1111", 1),  # equal, always 0, always 1
    ("1000 0111", 2),
    ("10" * 64 + " " + "1" * 64 + "01" * 32, 3),  # the second changes in its last 64 words alone
    ("10" * 100 + " " + "10" * 100, 4),  # the last eight words are a table of their own
    ("10" * 160, 5 * 1.4),  # five tables, beyond what the multiplexers of a slice join
])  # fmt: skip
def test_a_table_in_logic_takes_a_lut_per_different_column_of_64_words(columns, lut):
    words = np.array([list(column) for column in columns.split()]).T.astype(np.uint8)
    assert cost.table_lut(words) == lut


@pytest.mark.parametrize("mw, mh, pe, pixels, rom, starts, lut, bram36", [
    (64, 32, 8, 7, "auto", "auto", 801, 0), (90, 24, 24, 24, "auto", "auto", 3352, 0),
    (256, 128, 4, 2, "block", "logic", 692, 4), (72, 96, 12, 12, "logic", "block", 1449, 0.5),
    (200, 256, 4, 3, "block", "logic", 881, 3), (576, 64, 16, 4, "block", "logic", 2595, 8),
    (1152, 128, 16, 10, "block", "logic", 12150, 16), (1152, 256, 4, 3, "block", "logic", 3775, 16),
])  # fmt: skip
def test_cost_model_of_several_vectors_at_a_time(mw, mh, pe, pixels, rom, starts, lut, bram36):
    """As counted by Yosys."""
    unit = seeded(SignMvu, 1, mw, mh, mw, pe, pixels, pixels=pixels, rom=rom, starts=starts)
    model = unit.estimate()
    assert model["bram36"] == bram36 and abs(model["lut"] - lut) <= 0.02 * lut


def test_wired_weights_are_less_than_a_quarter_of_a_lut_each_and_taken_only_where_smaller():
    conv1 = seeded(SignMvu, 1, 576, 64, 576, 64, 1)
    assert "constant" in conv1.rtl()[0] and conv1.estimate()["lut"] < 0.25 * 576 * 64
    assert not conv1.memories() and conv1.input_buffer() is None and conv1.cycles() == 1
    for mw, mh, lut in ((40, 5, 141), (96, 4, 185), (96, 16, 636), (150, 24, 1222), (576, 64, 7577)):
        model = seeded(SignMvu, 1, mw, mh, mw, mh, 1).estimate()["lut"]
        assert abs(model - lut) <= 0.012 * lut, "as counted by Yosys"
    for other in (seeded(SignMvu, 1, 576, 64, 576, 32, 1), seeded(SignMvu, 1, 32, 8, 32, 8, 1, raw=True)):
        assert "constant" not in other.rtl()[0] and other.memories()


def test_wired_weights_answer_after_fewer_registers_of_any_number_down_to_one():
    op = seeded(SignMvu, 7, 56, 24, 56, 24, 3)
    others = op.sooner(9)
    assert [other.latency() for other in others] == [4, 3, 2, 1] and op.latency() == 7
    x = op.random_input(5, frames=40)
    runs = cosim.run(device.bench(others), [x] * len(others), seed=3)
    assert [run.latency for run in runs] == [other.latency() for other in others]
    for run in runs:
        np.testing.assert_array_equal(run.output, op.run(x))
    area = [other.estimate() for other in (op, *others)]
    assert len({one["lut"] for one in area}) == 1
    assert sorted((one["ff"] for one in area), reverse=True) == [one["ff"] for one in area]
    unwired = seeded(SignMvu, 7, 56, 24, 28, 24, 3)
    assert unwired.sooner(9) == []


def test_rows_of_wired_weights_that_agree_share_all_counts():
    """Equal rows are one group, opposite ones another; a threshold beyond all counts is always or never."""
    row = np.random.default_rng(3).integers(0, 2, 64)
    weights, thresholds = np.stack([row, row, 1 - row, 1 - row], 1), np.array([0, 33, 32, 65])
    sizes = {"mw": 64, "mh": 4, "simd": 64, "pe": 4, "in_shape": [64], "out_shape": [4]}
    op = SignMvu.make("dut", {"weights": weights, "thresholds": thresholds}, **sizes)
    assert [len(group) for group in op.built.groups[0]] == [0, 0, 0, 0, 0, 0, 64, 0]
    x = op.random_input(5, frames=20)
    run = cosim.run(device.bench([op]), [x])
    matches = (x == row).sum(axis=1)
    wanted = np.stack([matches >= 0, matches >= 33, 64 - matches >= 32, matches > 64], 1)
    np.testing.assert_array_equal(run[0].output, wanted)


@pytest.mark.parametrize("simd, lut", [(64, 67), (96, 102), (192, 197), (576, 583)])
def test_popcount_takes_at_most_one_and_a_tenth_lut_per_pair(simd, lut):
    assert _dots.signed_sum(simd, 1).lut == lut  # as counted by Yosys
    assert all(_dots.signed_sum(wide, 1).lut <= 1.1 * wide for wide in range(64, 1153))


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
    mw, mh, low, high = (int(rng.integers(1, 8)), int(rng.integers(1, 9)),
                         *((0, 1) if kind != "wide" else (-2, 1)))  # fmt: skip
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
