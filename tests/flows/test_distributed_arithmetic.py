"""Layers as adders: the same numbers as the folded units, and the choice between the two."""

import json

import numpy as np
import pytest
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.flows import synth
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.bind import Bound, bind
from xnorforge.flows.fold import distributed_arithmetic, fold
from xnorforge.flows.fold.search import Part, search
from xnorforge.hw import graph
from xnorforge.sim import cosim
from xnorforge.sim.device import network

from ..refusals import says

PART = Part(lut=53200, bram36=140, dsp=220)
EXAMPLES = [op for name in plugins.names("hw.ops") for op in examples_of(name)]
SMALL = [op for op in EXAMPLES if (found := op.matrix()) is not None and found.weights.size <= 700]


def test_what_can_be_replaced_is_a_matrix_whose_weights_do_not_change():
    assert {type(op).__name__ for op in SMALL} == {"XnorMvu", "ByteMvu", "IntMvu", "SpatialMvu"}


def bound(op) -> Bound:
    """An operator as a rule would bind it."""
    folded = ("simd", "pe", "pixels")
    given = {a.name: op.get_nodeattr(a.name) for a in op.onnx_node.attribute if a.name not in folded}
    return Bound(type(op).__name__, op.name, given, op.arrays_of, [op.name], op.sources, op.results)


@pytest.mark.parametrize("op", SMALL, ids=str)
def test_adders_give_the_numbers_of_the_unit_that_they_replace(op):
    made = distributed_arithmetic.alternative(bound(op), "adders")
    other, x = made.make(), op.random_input(1, frames=20)
    np.testing.assert_array_equal(other.run(x), op.run(x))
    for ours, theirs in ((other.in_stream(), op.in_stream()), (other.out_stream(), op.out_stream())):
        assert (ours.shape, ours.bits, ours.signed) == (theirs.shape, theirs.bits, theirs.signed)
    assert made.nodes == [op.name] and (other.sources, other.results) == (op.sources, op.results)
    assert other.cycles() == op.input_vectors()


def flat(chains):
    """Three operators: Threshold, fc0 of 24 x 10 and fc1 of 10 x 4; TopK behind them."""
    chain = chains["flat"](2)
    return chain, bind(chain.model(), np.ones(4), np.zeros(4))


def chosen(decisions):
    return {row["layer"]: row["chosen"] for row in decisions}


def test_rtl_changes_nothing_and_da4ml_all_but_layers_whose_folding_is_given(chains):
    _, bounds = flat(chains)
    assert distributed_arithmetic.choose(bounds, "rtl", "xc7", PART, 100, {}) == (bounds, [])
    made, decisions = distributed_arithmetic.choose(bounds, "da4ml", "xc7", PART, 100, {"fc0": {"pe": 2}})
    assert [one.op for one in made] == ["Threshold", "XnorMvu", "DaMvu", "TopK"]
    assert [one.op for one in bounds] == ["Threshold", "XnorMvu", "XnorMvu", "TopK"]
    assert chosen(decisions) == {"fc0": "folded", "fc1": "da4ml"}
    assert [row["why"] for row in decisions] == ["its folding was set by the user", "requested"]


def test_a_layer_is_too_large_by_its_weights_and_a_network_by_all_its_layers(chains):
    chain = chains["Chain"]((16,), 1).sign("sign0").dense("wide", 640).dense("last", 4, raw=True)
    _, decisions = distributed_arithmetic.choose(bind(chain.model()), "da4ml", "xc7", PART, 13000, {})
    assert chosen(decisions) == {"wide": "folded", "last": "da4ml"}
    says(decisions[0]["why"], "wide: … 16 x 640 … 10,240 … 10,000")
    with pytest.raises(UserError) as refused:
        distributed_arithmetic.choose(bind(chain.model()), "da4ml", "xc7", PART, 13000, {"last": {"pe": 1}})
    says(refused, "da4ml: … wide: … 10,240 … 10,000 … BACKEND=rtl")
    with pytest.raises(UserError) as refused:
        distributed_arithmetic.choose([], "da4m", "xc7", PART, 1, {})
    says(refused, "backend: … 'da4m' … auto, da4ml, finn, hls4ml, rtl … 'da4ml'")


def counted(monkeypatch, per_op):
    """Fake counts, and the lists of operators that were counted."""
    asked = []

    def count(ops, family):
        asked.append([op.name for op in ops])
        zero = dict.fromkeys(("lut", "ff", "bram36", "dsp"), 0)
        return [synth.cells.resources({}, family) | zero | per_op(op) for op in ops]

    monkeypatch.setattr(synth, "count", count)
    return asked


def test_auto_takes_the_smaller_share_of_the_part_converters_included(chains, monkeypatch):
    _, bounds = flat(chains)
    monkeypatch.setattr(distributed_arithmetic, "WITHIN_REACH", 1000)
    asked = counted(
        monkeypatch, lambda op: {"lut": 50 if op.name == "fc0" and type(op).__name__ == "DaMvu" else 60}
    )
    made, decisions = distributed_arithmetic.choose(bounds, "auto", "xc7", PART, 240, {})
    assert "fc0" in asked[0] and "fc0" in asked[1]
    for row, sides in zip(decisions, (asked[:2], asked[2:])):
        folded, other = (
            sum(60 - 10 * (name == "fc0" and side) for name in ops) for side, ops in enumerate(sides)
        )
        if row["layer"] == "fc0":
            assert (row["folded"]["lut"], row["da4ml"]["lut"]) == (folded, other)
        assert row["chosen"] == ("da4ml" if row["da4ml"]["lut"] < row["folded"]["lut"] else "folded")
    assert {one.name: one.op == "DaMvu" for one in made if one.name in ("fc0", "fc1")} == {
        row["layer"]: row["chosen"] == "da4ml" for row in decisions
    }


def test_a_block_ram_counts_as_its_share_of_the_part(chains, monkeypatch):
    _, bounds = flat(chains)
    monkeypatch.setattr(distributed_arithmetic, "WITHIN_REACH", 1000)
    for blocks, taken in ((1, "da4ml"), (0, "folded")):  # 1 of 140 blocks is more than 300 of 53,200 LUTs
        kinds = {"DaMvu": {"lut": 300}, "XnorMvu": {"bram36": blocks}}
        counted(monkeypatch, lambda op, kinds=kinds: kinds.get(type(op).__name__, {}))
        _, decisions = distributed_arithmetic.choose(bounds, "auto", "xc7", PART, 240, {})
        assert chosen(decisions) == {"fc0": taken, "fc1": taken}


def test_what_is_out_of_reach_by_the_cost_models_is_not_synthesised(chains, monkeypatch):
    chain = chains["small"](3)
    asked = counted(monkeypatch, lambda *_: {"lut": 1})
    bounds = bind(chain.model())
    made, decisions = distributed_arithmetic.choose(bounds, "auto", "xc7", PART, 30000, {})
    assert asked == [] and made == bounds
    assert {row["chosen"] for row in decisions} == {"folded"} and len(decisions) == 4
    assert all(row["why"].startswith("cost models: ") and row["folded"] is None for row in decisions)


def through_gates(chain, folder, **options):
    """Fold with adders, generate, and hold the RTL against the chain's integers at both paces; the operators,
    the record.
    """
    net = chain.save(folder)
    record = fold(net, "pynq-z2", net / "acc", **options)
    generate(net / "acc" / "folded.onnx", net / "acc" / "rtl")
    ops = graph.operators(net / "acc" / "folded.onnx")
    device = network(net / "acc" / "rtl", ops, checked=True)
    frames = graph.enter(ops[0], np.load(net / "golden.npz")["images"])
    want = np.concatenate([chain.x, chain.x.argmax(1)[:, None]], axis=1)
    flowing = cosim.run(device, frames)
    np.testing.assert_array_equal(flowing.output, want)
    np.testing.assert_array_equal(cosim.run(device, frames, stall=0.5, seed=3).output, want)
    assert flowing.interval == record["interval_bound"]
    return ops, record


def test_a_network_of_adders_between_windows_pools_and_converters_keeps_its_numbers_and_its_bound(
    chains, tmp_path
):
    ops, record = through_gates(chains["small"](7), tmp_path / "small", interval=600, backend="da4ml")
    assert [op.name for op in ops if type(op).__name__ == "DaMvu"] == ["conv0", "conv1", "fc0", "fc1"]
    assert (
        record["backend"] == json.loads((tmp_path / "small/acc/fold.json").read_text())["backend"] == "da4ml"
    )


@pytest.mark.full
def test_an_mlp_of_64_64_64_10_gives_its_numbers_on_600_rows(chains, tmp_path):
    chain = chains["Chain"]((64,), 5, images=600).sign("sign0")
    chain = chain.dense("fc0", 64).dense("fc1", 64).dense("fc2", 10, raw=True)
    ops, _ = through_gates(chain, tmp_path / "mlp", interval=64, backend="da4ml")
    assert sum(type(op).__name__ == "DaMvu" for op in ops) == 3


@pytest.mark.full
def test_where_a_pixel_comes_in_every_cycle_adders_are_smaller_by_real_counts(chains):
    """A folded unit then has a place for every weight of its bytes, and no sum is shared."""
    bounds = bind(
        chains["Chain"]((4, 4, 8), 3).conv("conv0", 16, kernel=1).conv("conv1", 4, kernel=1, raw=True).model()
    )
    made, decisions = distributed_arithmetic.choose(bounds, "auto", "xc7", PART, 16, {})
    for row in decisions:
        used = {side: PART.utilisation(row[side]) for side in ("folded", "da4ml")}
        assert row["chosen"] == min(used, key=used.get) and row["why"].startswith("counted, ")
    networks = [search(each, 16, PART) for each in (bounds, made)]
    taken = [PART.utilisation(synth.cells.add(synth.count(ops, "xc7"))) for ops in networks]
    assert chosen(decisions)["conv0"] == "da4ml" and taken[1] < taken[0]
