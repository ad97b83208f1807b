"""Folding: the same integers whatever the folding, fast enough or refused, given values checked; layers as
adders where a folding asks for them and where the search chooses them (also test_frame_per_cycle.py).
"""

import json
from dataclasses import replace
from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from op_examples import examples_of
from pipeline import flowing

from xnorforge.core import plugins
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows import synth
from xnorforge.flows.bind import Bound, bind
from xnorforge.flows.fold import fold, options
from xnorforge.flows.fold.aims import Aim, Search
from xnorforge.flows.fold.options import adders_of, candidates, fits
from xnorforge.flows.fold.search import Part
from xnorforge.flows.synth import cells
from xnorforge.hw import boards, graph
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.ops.da_mvu import adders

from ..refusals import refused as sentence
from ..refusals import says, stops


def folded(net, given=None, name="acc", **options):
    path = None
    if given is not None:
        path = net / f"{name}.json"
        path.write_text(json.dumps(given))
    return fold(net, "pynq-z2", net / name, folding=path, **options)


@pytest.mark.parametrize("interval", [330, 1000, 3000, 30000])
@pytest.mark.parametrize("kind", ["small", "flat"])
def test_every_interval_gives_the_reference_integers_within_it(chains, tmp_path, kind, interval):
    record = folded(chains[kind](interval).save(tmp_path / kind), interval=interval)
    (check,) = record["checks"]
    assert (check["name"], check["images"], check["mismatches"]) == ("folded = lowered", 6, 0)
    assert record["interval_bound"] <= interval
    assert all(row["cycles"] <= interval for row in record["operators"])
    slowest = [row["name"] for row in record["operators"] if row["cycles"] == record["interval_bound"]]
    assert slowest == record["bottleneck"]


@pytest.mark.parametrize("limits", [{}, {"lut": "500", "bram": "0"}])
def test_the_price_of_a_faster_folding_is_that_of_asking_for_it(net, limits):
    now = folded(net, interval=3000, limits=limits)
    assert {row["fits"] for row in now["faster"]} == ({True, False} if limits else {True})
    last = now["interval_bound"]
    assert folded(net, interval=last - 1, limits=limits)["interval_bound"] == now["faster"][0]["interval"]
    for row in now["faster"]:
        assert row["interval"] < last
        last = row["interval"]
        if row["fits"]:
            asked = folded(net, interval=last, limits=limits)
            assert asked["interval_bound"] == last
            for name in ("lut", "bram36", "dsp"):
                assert asked["estimate"][name] == pytest.approx(row[name], rel=0.1, abs=1)
        else:
            with pytest.raises(UserError):
                folded(net, interval=last, limits=limits)


def random_folding(bound, rng):
    """Any folding that the operator's streams can carry."""
    op = rng.choice(candidates(bound, {}))
    has = op.get_nodeattr_types()
    found = {name: int(op.get_nodeattr(name)) for name in ("simd", "pe") if name in has}
    return found | {"depth": int(rng.integers(1, 9))}


@pytest.mark.parametrize("seed", range(6))
def test_the_result_does_not_depend_on_pe_simd_or_depth(chains, tmp_path, seed):
    chain, rng = chains["small"](5), np.random.default_rng(seed)
    net = chain.save(tmp_path / "small")
    given = {bound.name: random_folding(bound, rng) for bound in bind(chain.model())}
    record = folded(net, given)
    rows = {row["name"]: row for row in record["operators"]}
    for name, one in given.items():
        assert rows[f"fifo_{name}"]["depth"] == one.pop("depth")
        assert {key: rows[name][key] for key in one} == one
    (got,) = graph.execute(net / "acc" / "folded.onnx", np.load(net / "golden.npz")["images"]).values()
    np.testing.assert_array_equal(got[:, :-1], chain.x)
    np.testing.assert_array_equal(got[:, -1], chain.x.argmax(1))


def test_beats_of_neighbours_match_and_width_converters_stand_between_unequal_ones(net):
    record = folded(net, {"conv1": {"pe": 3, "simd": 9}, "conv1_window": {"simd": 4}}, interval=5000)
    rows = record["operators"]
    for one, after in pairwise(rows):
        assert one["out"] == after["in"]
    widths = [row["name"] for row in rows if row["name"].startswith("width_conv1")]
    assert widths[-2:] == ["width_conv1_step0", "width_conv1_step1"]


def test_a_clock_that_leaves_room_for_one_handshake_gets_a_buffer_on_every_stream(net):
    """Of a 7-series part, where 1.25 ns are planned per level: 250 MHz are three levels, 100 MHz eight."""

    def bare(name, **options):
        """Streams between two operators that no FIFO cuts, and all of them."""
        folded(net, name=name, interval=3000, **options)
        ops = graph.operators(net / name / "folded.onnx")
        before = {tensor: op for op in ops for tensor in op.results}
        ends = [(before[one], op) for op in ops for one in op.sources if one in before]
        bare = [not {"depth"} & {*a.get_nodeattr_types(), *b.get_nodeattr_types()} for a, b in ends]
        return sum(bare), len(ends)

    assert bare("fast", clock="250MHz")[0] == 0
    streams = bare("slow", clock="100MHz")
    assert streams[0] > 2 and bare("soon", clock="250MHz", limits={"latency": "100000"}) == streams


def test_the_network_s_interval_comes_from_the_board(net, tmp_path):
    assert folded(net)["interval"] == 32768
    named = net.rename(tmp_path / "mnist-tfc")
    assert folded(named)["interval"] == 1024


def test_a_wrong_integer_stops_and_is_located(net):
    reference = dict(np.load(net / "lowered.npz"))
    reference["integers"][2, 3] += 1
    np.savez(net / "lowered.npz", **reference)
    with pytest.raises(MismatchError) as error:
        folded(net)
    want, got = reference["integers"][2, 3], reference["integers"][2, 3] - 1
    says(error, f"fold: top_k … image 2, score 3: {got} instead of {want} (")


def refused(net, given=None, **options):
    return sentence(lambda: folded(net, given, **options))


FORM = (
    "simd, pe, pixels, depth … structure: adders … logic or ultra or columns … or outside; … starts: block or"
)


@pytest.mark.parametrize("given, words", [
    *(({"conv1": {key: value}}, f"acc.json: conv1 … {key!r}: {value!r} … {FORM}") for key, value in (
        ("lanes", 3), ("rom", "lut"), ("rom", "flash"), ("structure", "wires"), ("pe", "2"))),
    ({"pool1": {"rom": "logic"}}, "pool1: OrPool … rom; … pe."),
    ({"pool1": {"rom": "outside"}}, "pool1: … outside"),
    ({"conv1": {"simd": 7}}, "conv1: simd=7 … length=72 … [1, 2, 3, 4, 6, 8, 9, 12, 18, 24, 36, 72]."),
    ({"conv1": {"pe": 4}}, "conv1: pe=4 … outputs=6 … [1, 2, 3, 6]."),
    ({"pool1": {"pe": 5}}, "pool1: pe=5 … channels=6 … [1, 2, 3, 6]."),
    ({"pool1": {"simd": 2}}, "pool1: OrPool … simd … pe"),
    ({"conv0_window": {"simd": 9}}, "conv0_window: simd=9 … channels=3 … [1, 3, 27]."),
    ({"pool1": {"structure": "adders"}}, "pool1: structure=adders … OrPool … matrices"),
    ({"conv1": {"structure": "adders", "pe": 2}}, "conv1: DaMvu … pe … cannot be folded"),
    ({"conv1": {"pixels": 5}}, "conv1: pixels=5 … vectors=36 … [1, 2, 3, 4, 6, 9, 12, 18, 36]."),
    ({"conv1": {"pixels": 4, "pe": 3}}, "conv1: {'pixels': 4, 'pe': 3} … simd=72"),
    ({"conv2": {"simd": 1}}, "folding: … 'conv2' … conv0, conv0_window, conv1, conv1_window, fc0, fc1, "
     "pool1, top_k … conv1"),
])  # fmt: skip
def test_what_a_folding_cannot_be_is_answered_with_what_it_can(net, given, words):
    says(refused(net, given), words)


def test_long_lists_of_divisors_are_cut(chains, tmp_path):
    net = chains["Chain"]((24, 24, 1)).sign("sign0").dense("fc0", 3, raw=True).save(tmp_path / "wide")
    said = refused(net, {"fc0": {"simd": 7}})
    says(said, "fc0: simd=7 … length=576 … [1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, …].")


def test_a_matrix_is_distributed_arithmetic_where_the_folding_asks_for_it(net):
    record = folded(net, {"conv1": {"structure": "adders"}})  # equal to the integers, or fold stops
    assert {row["name"]: row["op"] for row in record["operators"]}["conv1"] == "DaMvu"


def test_an_interval_out_of_reach_names_the_operator_and_what_it_needs(net):
    said = refused(net, interval=10)
    says(
        said,
        "conv0_window: … 10 cycles per frame (10,000,000 frames per second) … 64 cycles … "
        "64 cycles per frame (1,562,500 frames per second)",
    )
    estimate = folded(net, fps="max")["estimate"]
    assert said.endswith(f"{ceil(estimate['lut']):,} LUT and {estimate['bram36']:g} BRAM36.")


def windows(record):
    """{window: elements it takes and gives per beat}"""
    rows = [row for row in record["operators"] if row["op"] == "Window"]
    return {row["name"]: (row["in"]["lanes"], row["out"]["lanes"]) for row in rows}


def test_a_whole_window_per_beat_is_taken_only_where_pixel_by_pixel_is_too_slow(net):
    # conv0: 6 x 6 windows of nine pixels of three channels are 324 beats, or 36 behind 64 pixels.
    slow, fast = (folded(net, name=f"acc{interval}", interval=interval) for interval in (324, 323))
    assert windows(slow)["conv0_window"] == (3, 3) and slow["interval_bound"] == 324
    assert windows(fast)["conv0_window"] == (3, 27) and fast["interval_bound"] < 324
    given = folded(net, {"conv0_window": {"simd": 27}}, interval=324)
    assert windows(given)["conv0_window"] == (3, 27)


def test_a_matrix_that_needs_all_weights_per_cycle_is_wired_where_that_is_smaller(net):
    slow, fast = (folded(net, name=f"acc{interval}", interval=interval) for interval in (324, 64))
    assert fast["interval_bound"] == 64  # the pixels of the image
    units = [{row["name"]: row for row in record["operators"]} for record in (slow, fast)]
    assert [rows["conv0"]["op"] for rows in units] == ["ByteMvu", "DaMvu"]
    assert (units[1]["conv1"]["simd"], units[1]["conv1"]["pe"]) == (72, 6)
    given = {"conv0": {"simd": 27, "pe": 8}}  # what is given is taken
    rows = {row["name"]: row for row in folded(net, given, interval=64)["operators"]}
    assert rows["conv0"]["op"] == "ByteMvu"


def test_several_vectors_at_a_time_are_whole_ones_and_leave_as_fast_as_they_are_made(net):
    # conv1: 36 vectors of 72 elements, six rows.
    record = folded(net, {"conv1": {"pixels": 2}})
    row = next(row for row in record["operators"] if row["name"] == "conv1")
    assert (row["simd"], row["pixels"], row["pe"], row["cycles"]) == (72, 2, 2, 36 // 2 * 6)
    given = folded(net, {"conv1": {"simd": 72, "pe": 2}})
    assert next(row for row in given["operators"] if row["name"] == "conv1")["pixels"] == 1


def test_several_pixels_of_thresholds_are_whole_ones(chains, tmp_path):
    net = chains["Chain"]((4, 6, 3), 1).sign("sign0").dense("fc0", 4, raw=True).save(tmp_path / "net")
    row = folded(net, {"sign0": {"pixels": 2}})["operators"][0]
    assert (row["pixels"], row["pe"], row["in"]["lanes"], row["cycles"]) == (2, 3, 6, 12)
    says(refused(net, {"sign0": {"pixels": 2, "pe": 1}}), "sign0: {'pixels': 2, 'pe': 1} … pe=3.")
    says(refused(net, {"sign0": {"pixels": 7}}), "sign0: pixels=7 … pixels=24 … 12, 24].")
    large = chains["Chain"]((40, 30, 3), 1).sign("sign0").dense("fc0", 4, raw=True).save(tmp_path / "large")
    says(refused(large, {"sign0": {"pixels": 400}}), "sign0: pixels=400 … too wide … 1, 2, 3")


def test_an_image_of_a_thousand_bytes_or_less_enters_in_one_cycle(chains, tmp_path):
    net = chains["Chain"]((28, 28, 1), 1).sign("sign0").dense("fc0", 8).dense("fc1", 4, raw=True)
    fold(net.save(tmp_path / "net"), "pynq-z2", tmp_path / "acc", interval=1)
    rows = json.loads((tmp_path / "acc/fold.json").read_text())["operators"]
    assert max(row["cycles"] for row in rows) == 1 and rows[0]["in"]["lanes"] == 784


def test_beats_divide_the_channels_or_gather_whole_pixels():
    found = {lanes for lanes in range(1, 73) if fits(Stream((3, 4, 6), lanes))}
    assert found == {1, 2, 3, 6, 12, 18, 24, 36, 72}


@pytest.mark.parametrize("site, name, unit", [
    ("ff", "ff", "FF"), ("carry", "carry4", "CARRY4"), ("lut_ram", "lut_memory", "LUT as Memory"),
])  # fmt: skip
def test_less_of_a_part_than_the_estimate_of_a_site_is_warned_of(net, monkeypatch, capsys, site, name, unit):
    """One cell too few, and just enough; the folding is the same, as the count may differ."""
    board = boards.load("pynq-z2")
    takes = folded(net, interval=64)["estimate"][site]
    assert takes > 0 and "cost model" not in capsys.readouterr().err
    for has in (takes, takes - 1):
        small = replace(board, capacity={**board.capacity, name: has})
        monkeypatch.setattr(boards, "load", lambda _name, small=small: small)
        folded(net, interval=64)
        said = f"the cost model predicts {takes:,} {unit}, but pynq-z2 has {has:,}"
        assert (said in capsys.readouterr().err) == (has < takes)


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
