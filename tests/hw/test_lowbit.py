"""Units of small integer weights: sums in integers, portable form, cells; those of depthwise units."""

import re

import numpy as np
import pytest
from mapped import compare_sites, equal_the_contract, mapped
from op_examples.da_mvu import seeded as seeded_da_mvu
from op_examples.depthwise import seeded as seeded_depthwise
from op_examples.drawn import seeded
from op_examples.int_mvu import TERNARY

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.da_mvu.op import DaMvu
from xnorforge.hw.ops.depthwise.op import Depthwise
from xnorforge.hw.ops.int_mvu.op import IntMvu
from xnorforge.hw.ops.spatial_mvu.op import SpatialMvu
from xnorforge.sim import cosim, device, netlist

# Odd and even lanes, all kinds of gates in the highest plane, chains that are not full.
UNITS = [
    *(seeded(IntMvu, 1, 2 * n, 2, n, 1, 2, True, w_bits=bits) for n, bits in ((2, 8), (3, 7), (3, 4))),
    seeded(IntMvu, 2, 10, 4, 5, 2, 3, False, w_bits=3, in_bits=5, in_signed=1),
    *(seeded(IntMvu, 4, 2 * n, 4, n, 2, 3, True, w_bits=4, in_bits=1) for n in (1, 2, 12)),
    seeded(IntMvu, 5, 22, 4, 11, 1, 3, False, w_bits=3, in_bits=1, bipolar=1),
    *(seeded(IntMvu, 6, 2 * n, 4, n, 2, 3, True, dsp=1) for n in (1, 3)),
    seeded(IntMvu, 7, 10, 3, 5, 1, 3, False, in_bits=7, in_signed=1, dsp=1),
    seeded(IntMvu, 8, 8, 4, 8, 4, 3, True, in_bits=4, w_bits=4, dsp=1),
    seeded(IntMvu, 9, 14, 6, 7, 2, 3, True, in_bits=2, w_bits=2, **TERNARY),
    seeded(IntMvu, 9, 28, 6, 14, 2, 3, False, in_bits=3, in_signed=1, w_bits=2, rom="block", **TERNARY),
    seeded(SpatialMvu, 10, 36, 6, 4, 3, 3, False, run=4, scale_bits=3),
    seeded(SpatialMvu, 10, 36, 6, 4, 3, 3, False, run=4, scale_bits=3, rom="block"),
    seeded(SpatialMvu, 11, 27, 4, 9, 2, 3, True, run=3, scale_bits=4),
]


@pytest.fixture(scope="module")
def portable():
    """The units built without XF_SIM, with what every tool reads; 7-series cells run in the netlist below."""
    return device.bench(UNITS, ())


@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_the_portable_form_equals_the_contract_in_the_same_cycles(portable, stall):
    equal_the_contract(portable, UNITS, stall)


def unit(weights, thresholds=None, **attributes):
    """A unit of one vector per frame, one element and one row per beat unless said otherwise."""
    weights = np.array(weights)
    arrays = {"weights": weights} | ({} if thresholds is None else {"thresholds": np.array(thresholds)})
    mw, mh = weights.shape
    return IntMvu.make("unit", arrays, mw=mw, mh=mh, vectors=1, in_shape=[mw], out_shape=[mh], **attributes)


def test_sums_are_the_product_with_the_weights():
    op = unit([[3, -128], [-4, 127], [0, 1]])
    np.testing.assert_array_equal(op.run([[10, 20, 255]]), [[30 - 80, -1280 + 2540 + 255]])


def test_a_bit_counts_as_0_or_1_or_as_minus_or_plus_one():
    weights, x = [[3], [-2], [1]], [[1, 0, 1]]
    assert unit(weights, in_bits=1, w_bits=3).run(x) == 3 + 1
    assert unit(weights, in_bits=1, w_bits=3, bipolar=1).run(x) == 3 + 2 + 1


def test_thresholds_are_reached_from_equality_on():
    op = unit([[5, 5, 5, 5]], [-(10**6), 15, 16, 10**6], w_bits=4)
    np.testing.assert_array_equal(op.run([[3]]), [[1, 1, 0, 0]])


def test_every_weight_times_every_input_comes_out_of_both_datapaths():
    every = []
    for bits in (2, 3, 5, 8):
        weights = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1))[None, :]
        kinds = {"in_bits": 4, "w_bits": bits, "pe": 2}
        every += [unit(weights, dsp=dsp, in_signed=signed, **kinds) for dsp in (0, 1) for signed in (0, 1)]
    frames = [np.arange(16)[:, None] - 8 * op.in_signed for op in every]
    for op, x, run in zip(every, frames, cosim.run(device.bench(every), frames, seed=1), strict=True):
        np.testing.assert_array_equal(run.output, x * op.arrays_of["weights"], str(op))


@pytest.mark.parametrize("bits, signed", [(2, 0), (2, 1), (3, 1), (8, 0)])
def test_every_ternary_weight_times_every_input_comes_out_of_every_place(bits, signed):
    """Weights beside their gates, in logic and in block RAM; 40 words are too many to share LUTs."""
    kinds = {"in_bits": bits, "in_signed": signed, "w_bits": 2, "simd": 4, "pe": 2}
    roms = (4, "logic"), (80, "logic"), (80, "block")
    every = [unit(np.tile([[-1, 0, 1, 1]], (mw, 1)), rom=rom, **kinds) for mw, rom in roms]
    assert all(op.ternary() for op in every)
    values = np.arange(2**bits)[:, None] - (2 ** (bits - 1) if signed else 0)
    frames = [np.repeat(values, op.get_nodeattr("mw"), axis=1) for op in every]
    for op, x, run in zip(every, frames, cosim.run(device.bench(every), frames, seed=1), strict=True):
        np.testing.assert_array_equal(run.output, x.sum(1, keepdims=True) * [-1, 0, 1, 1], str(op))


def test_weights_are_gates_where_that_is_smaller():
    weights = np.tile([[-1, 0, 1, 1]], (64, 1))
    few = {"in_bits": 2, "w_bits": 2, "simd": 16}
    assert unit(weights, **few).ternary() and unit(weights, **few).rtl()[1]["Dot"] == "xf_pkg::Ternary"
    lower = np.where(weights < 0, -2, weights)
    assert unit(weights, **few).estimate()["lut"] < unit(lower, **few).estimate()["lut"]
    assert not unit(weights - 1, **few).ternary()  # down to -2
    assert not unit(weights, **few | {"in_bits": 1}).ternary()
    assert not unit(weights, **few | {"w_bits": 3}).ternary()
    assert not unit(weights, in_bits=8, w_bits=2, simd=16, dsp=1).ternary()
    # Sums without thresholds start from constants of their rows: a table, which few lanes do not pay for.
    assert not unit(np.tile(weights, (1, 50)), in_bits=2, w_bits=2, simd=2).ternary()


def test_the_worst_weights_fit_the_type_of_the_sums_and_no_narrower_one_would_do():
    for more in ({}, {"in_signed": 1}, {"in_bits": 1}, {"in_bits": 1, "bipolar": 1}):
        op = unit(np.full((9, 1), -128), **more)
        reach = max(-op.result_range()[0] - 1, op.result_range()[1])
        assert op.result_bits == reach.bit_length() + 1, more


def test_narrower_sums_are_taken_where_the_weights_allow_them():
    weights = np.array([[1, -1], [0, 1], [-1, 0]])
    assert unit(weights, w_bits=2).result_bits == 12  # 3 * 255 * 2 below zero
    op = unit(weights, w_bits=2, out_bits=9)
    assert op.result_range() == (-255, 255)
    assert op.out_stream().bits == 9
    op.cycles()


def test_two_rows_share_a_multiplier_where_their_factor_fits():
    weights = np.full((4, 2), -127)
    assert unit(weights, dsp=1, simd=4, pe=2).chain() == (2, 2)
    assert unit(weights, dsp=1, simd=4, pe=1).chain() == (1, 3)
    assert unit(weights, dsp=1, simd=4, pe=2, in_bits=4).chain() == (2, 3)
    weights[0] = [-1, -128]  # the second row's factor would be -129
    assert unit(weights, dsp=1, simd=4, pe=2).chain() == (1, 3)
    assert unit(weights, dsp=1, simd=4, pe=2).estimate()["dsp"] == 8


def spatial(weights, **attributes):
    """A unit of bits with a constant per place."""
    mw, mh = np.shape(weights)
    shape = {"mw": mw, "mh": mh, "vectors": 1, "in_shape": [mw], "out_shape": [mh]}
    return SpatialMvu.make("unit", {"weights": np.array(weights)}, **shape, **attributes)


def test_a_constant_per_place_is_the_product_with_the_weights_from_one_bit_per_weight():
    op = spatial([[3, -3], [-3, 3], [1, 1], [-1, 1]], run=2, scale_bits=2, simd=2)
    np.testing.assert_array_equal(op.run([[1, 0, 1, 1]]), [[3 + 1 - 1, -3 + 1 + 1]])
    (bits, words), (_, scales) = op.memories()["WeightFile"], op.memories()["ScaleFile"]
    assert (bits, words, scales) == (2, [0b01, 0b01, 0b10, 0b11], [3, 1])


def test_a_constant_per_place_costs_less_than_weights_of_several_bits():
    rng = np.random.default_rng(0)
    weights = rng.choice((-1, 1), (144, 16)) * np.repeat([3, 5, 2, 6, 7, 4, 1, 5, 3], 16)[:, None]
    for simd, pe in ((8, 2), (16, 1), (16, 4), (48, 4), (144, 2)):
        folding = {"simd": simd, "pe": pe, "rom": "block"}
        ours = spatial(weights, run=16, **folding).estimate()
        assert ours["lut"] < unit(weights, in_bits=1, w_bits=4, **folding).estimate()["lut"]


def test_sums_wider_than_the_adders_are_refused():
    wide = IntMvu.make("wide", mw=512, mh=1, simd=512, vectors=1, in_shape=[512], out_shape=[1])
    with pytest.raises(UserError, match=r"^wide: simd=512\b.*\b25\b.*\b24\b.*simd"):
        wide.rtl()
    assert wide.cycles() == 1 and wide.estimate()["lut"] == float("inf")  # a folding search passes it by


MAPPED = [
    seeded(IntMvu, 1, 12, 2, 3, 1, 2, True, w_bits=5, rom="block"),
    seeded(IntMvu, 3, 48, 4, 24, 1, 2, False, w_bits=3, in_bits=1, bipolar=1, rom="block"),
    seeded(IntMvu, 4, 20, 4, 5, 2, 2, True, dsp=1, rom="block"),
    seeded(IntMvu, 6, 72, 8, 12, 4, 2, False, in_bits=2, w_bits=2, **TERNARY),
    seeded(IntMvu, 7, 72, 8, 24, 1, 2, True, in_bits=2, in_signed=1, w_bits=2, rom="block", **TERNARY),
    seeded(SpatialMvu, 8, 72, 8, 8, 2, 3, False, run=8, scale_bits=3),
    seeded(SpatialMvu, 9, 72, 6, 24, 2, 3, True, run=8, scale_bits=2, rom="block"),
    seeded_depthwise(Depthwise, 5, (2, 2, 8), (3, 3), 2, False, 0, 4, 1),
    seeded_da_mvu(DaMvu, 8, 27, 8, False, 8),
]


@pytest.fixture(scope="module", params=[3, 1], ids=["some", "all"])
def synthesis(request, tmp_path_factory):
    """Units, and their synthesis side by side."""
    units = MAPPED[:: request.param]
    return units, mapped(units, tmp_path_factory.mktemp("synthesis"))


@pytest.mark.quick("some")
def test_the_cost_model_is_what_yosys_counts(synthesis):
    for unit, found in zip(synthesis[0], synthesis[1].counted, strict=True):
        model = unit.estimate()
        assert found["lut"] == pytest.approx(model["lut"], rel=0.08, abs=10), unit
        assert (found["bram36"], found["dsp"]) == (model["bram36"], model.get("dsp", 0)), unit
        compare_sites(unit, found)  # flip-flops, carry cells, memory in LUTs


def test_dsp_blocks_and_block_rams_of_ultrascale_give_the_contract_s_integers(tmp_path):
    unit = MAPPED[2]
    found, x = mapped([unit], tmp_path, "xcup"), unit.random_input(seed=1, frames=20)
    assert found.counted[0]["dsp"] == 5 and found.counted[0]["bram36"] > 0
    [run] = cosim.run(found.device(), [x], stall=0.3, seed=2)
    np.testing.assert_array_equal(run.output, unit.run(x))


@pytest.mark.quick("some-ours")
@pytest.mark.parametrize("models", ["ours", "Yosys'"])
def test_the_mapped_cells_give_the_contract_s_integers(synthesis, tmp_path, models):
    units, synthesised = synthesis
    text = netlist.sources(synthesised.folder, "xc7")[1].read_text()
    if models != "ours":
        text = re.sub(r"^module DSP48E1\b.*?^endmodule\n", "", text, flags=re.MULTILINE | re.DOTALL)
    kept = tmp_path / "cells.v"
    kept.write_text(text)
    frames = [unit.random_input(seed=index, frames=5) for index, unit in enumerate(units)]
    runs = cosim.run(synthesised.device(kept), frames, stall=0.3, seed=2)
    for op, x, run in zip(units, frames, runs, strict=True):
        np.testing.assert_array_equal(run.output, op.run(x), str(op))
