"""Layers as adders: the same numbers as the folded units, where a folding asks for them and where the search
chooses them (also test_frame_per_cycle.py).
"""

import json

import numpy as np
import pytest
from op_examples import examples_of
from pipeline import flowing

from xnorforge.core import plugins
from xnorforge.flows import synth
from xnorforge.flows.bind import Bound, bind
from xnorforge.flows.fold import fold, options
from xnorforge.flows.fold.aims import Aim, Search
from xnorforge.flows.fold.options import adders_of
from xnorforge.flows.fold.search import Part
from xnorforge.flows.synth import cells
from xnorforge.hw import boards, graph
from xnorforge.hw.ops.da_mvu import adders

from ..refusals import stops

EXAMPLES = [op for name in plugins.names("hw.ops") for op in examples_of(name)]
SMALL = [op for op in EXAMPLES if (found := op.matrix()) is not None and found.weights.size <= 700]


def test_what_can_be_replaced_is_a_matrix_whose_weights_do_not_change():
    assert {type(op).__name__ for op in SMALL} == {"XnorMvu", "ByteMvu", "IntMvu", "SpatialMvu"}


@pytest.mark.parametrize("most", [1, 2, 7, 127])
@pytest.mark.parametrize("shape", [(9, 16), (27, 32), (72, 24)], ids=str)
def test_no_matrix_takes_fewer_sums_than_its_description_asks_for(most, shape):
    """The search looks for adders only where so few could win; half of that is enough."""
    weights = np.random.default_rng([most, *shape]).integers(-most, most + 1, shape)
    weights = 2 * (weights > 0) - 1 if most == 1 else weights
    assert options._least_sums(weights) < len(adders.solve(weights, -8, 7, quick=True))


def bound(op) -> Bound:
    """An operator as a rule would bind it."""
    folded = ("simd", "pe", "pixels")
    given = {a.name: op.get_nodeattr(a.name) for a in op.onnx_node.attribute if a.name not in folded}
    return Bound(type(op).__name__, op.name, given, op.arrays_of, [op.name], op.sources, op.results)


@pytest.mark.parametrize("op", SMALL, ids=str)
def test_adders_give_the_numbers_of_the_unit_that_they_replace(op):
    made = bound(op)
    made = made.by(adders_of(made.make_alone()))
    other, x = made.make(), op.random_input(1, frames=20)
    np.testing.assert_array_equal(other.run(x), op.run(x))
    for ours, theirs in ((other.in_stream(), op.in_stream()), (other.out_stream(), op.out_stream())):
        assert (ours.shape, ours.bits, ours.signed) == (theirs.shape, theirs.bits, theirs.signed)
    assert made.nodes == [op.name] and (other.sources, other.results) == (op.sources, op.results)
    assert other.cycles() == op.get_nodeattr("vectors")


def test_a_layer_with_too_many_weights_stays_folded_and_is_refused_as_adders(chains, tmp_path):
    chain = chains["Chain"]((16,), 1).sign("sign0").dense("wide", 640).dense("last", 4, raw=True)
    net = chain.save(tmp_path / "net")
    assert not {"DaMvu"} & {row["op"] for row in fold(net, "pynq-z2", net / "acc", 640)["operators"]}
    stops("wide: … 16 x 640 … 10,240 … 10,000 … folded unit", folded_as_adders, net, "wide", interval=640)


def folded_as_adders(net, *names, **options):
    """The record of a network with adders where a folding file asks for them."""
    (net / "adders.json").write_text(json.dumps({name: {"structure": "adders"} for name in names}))
    return fold(net, "pynq-z2", net / "acc", folding=net / "adders.json", **options)


def through_gates(chain, folder, names, interval):
    """Fold with adders, generate, hold RTL against integers at both paces; operators and record."""
    net = chain.save(folder)
    record = folded_as_adders(net, *names, interval=interval)
    assert flowing(net, chain.answers(), checked=True).interval == record["interval_bound"]
    return graph.operators(net / "acc" / "folded.onnx"), record


def test_adders_between_windows_pools_and_converters_keep_numbers_and_the_bound(chains, tmp_path):
    matrices = ["conv0", "conv1", "fc0", "fc1"]
    ops, record = through_gates(chains["small"](7), tmp_path / "small", matrices, 600)
    assert [op.name for op in ops if type(op).__name__ == "DaMvu"] == matrices
    assert "alkaid" in record["run"]["tools"]


@pytest.mark.full
def test_an_mlp_of_64_64_64_10_gives_its_numbers_on_600_rows(chains, tmp_path):
    chain = chains["Chain"]((64,), 5, images=600).sign("sign0")
    chain = chain.dense("fc0", 64).dense("fc1", 64).dense("fc2", 10, raw=True)
    ops, _ = through_gates(chain, tmp_path / "mlp", ["fc0", "fc1", "fc2"], 64)
    assert sum(type(op).__name__ == "DaMvu" for op in ops) == 3


@pytest.mark.full
def test_where_a_pixel_comes_in_every_cycle_adders_are_smaller_by_real_counts(chains):
    """A folded unit then has a place for every weight of its bytes, and no sum is shared."""
    chain = chains["Chain"]((4, 4, 8), 3).conv("conv0", 16, kernel=1)
    bounds, board = bind(chain.conv("conv1", 4, kernel=1, raw=True).model()), boards.load("pynq-z2")
    plain, chosen = (Search(bounds, board, adders=adders).chosen(Aim(16)) for adders in (False, True))
    assert "conv0" in {op.name for op in chosen if type(op).__name__ == "DaMvu"}
    taken = [cells.add(synth.count(ops, "xc7")) for ops in (plain, chosen)]
    assert Part.of(board.capacity).price().of(taken[1]) < Part.of(board.capacity).price().of(taken[0])
