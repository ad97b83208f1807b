"""Folding: the same integers whatever the folding, fast enough or refused, given values checked; layers as
adders where a folding asks for them and where the search chooses them (also test_bus.py). By rate, limits and
the resource to spare: the search against all foldings there are, what is given keeps what was asked, and what
cannot be had is refused with figures that can."""

import json
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise, product
from math import ceil

import numpy as np
import pytest
from graphs import Graph, lowered
from op_examples import examples_of
from pipeline import bounds_of, flowing, seeds
from random_graphs import RandomGraph

from xnorforge.core import plugins
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows.fold import aims, fold, options
from xnorforge.flows.fold.aims import Aim, Search, amounts_of, check_storable, interval_of
from xnorforge.flows.fold.fifo_sizing import depth_of, fifo_before, frame_latency
from xnorforge.flows.fold.loading import as_loadable
from xnorforge.flows.fold.options import RESOURCES, Options, adders_of, candidates, converters, extents, fits
from xnorforge.flows.fold.search import NO_LIMIT, Part, Price, cheapest, options_of
from xnorforge.flows.report import provenance
from xnorforge.flows.synth import cells
from xnorforge.flows.synth.mapping import count
from xnorforge.hw import boards, graph
from xnorforge.hw.bind import OPS, Bound, bind
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.ops.da_mvu import adders
from xnorforge.hw.parts import estimates_of
from xnorforge.pipeline import request

from ..refusals import refused as sentence
from ..refusals import refuses, says, stops
from .test_finn_folding import cnv


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


def test_the_network_s_interval_comes_from_the_board(net):
    assert folded(net)["interval"] == 32768
    exported = json.loads((net / "export.json").read_text())
    (net / "export.json").write_text(
        json.dumps(exported | {"net": "mnist-tfc"})
    )  # whatever its folder is called
    assert folded(net)["interval"] == 1024


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
    ({"pool1": {"rom": "logic"}}, "pool1: MaxPool … rom; … pe."),
    ({"pool1": {"rom": "outside"}}, "pool1: … outside"),
    ({"conv1": {"simd": 7}}, "conv1: simd=7 … length=72 … [1, 2, 3, 4, 6, 8, 9, 12, 18, 24, 36, 72]."),
    ({"conv1": {"pe": 4}}, "conv1: pe=4 … outputs=6 … [1, 2, 3, 6]."),
    ({"pool1": {"pe": 5}}, "pool1: pe=5 … channels=6 … [1, 2, 3, 6]."),
    ({"pool1": {"simd": 2}}, "pool1: MaxPool … simd … pe"),
    ({"conv0_window": {"simd": 9}}, "conv0_window: simd=9 … channels=3 … [1, 3, 27]."),
    ({"pool1": {"structure": "adders"}}, "pool1: structure=adders … MaxPool … matrices"),
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
    assert [rows["conv0"]["op"] for rows in units] == ["SignMvu", "DaMvu"]
    assert (units[1]["conv1"]["simd"], units[1]["conv1"]["pe"]) == (72, 6)
    given = {"conv0": {"simd": 27, "pe": 8}}  # what is given is taken
    rows = {row["name"]: row for row in folded(net, given, interval=64)["operators"]}
    assert rows["conv0"]["op"] == "SignMvu"


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
    assert {op.priced_as for op in SMALL} == {"XnorMvu", "ByteMvu", "IntMvu", "SpatialMvu"}


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
    taken = [cells.add(count(ops, "xc7")) for ops in (plain, chosen)]
    assert Part.of(board.capacity).price().of(taken[1]) < Part.of(board.capacity).price().of(taken[0])


BOARD = boards.load("pynq-z2")
BOARD_PART = Part.of(BOARD.capacity)


def test_a_part_with_too_few_multipliers_is_named_by_them():
    """The sum of two layers with float factors takes two DSP blocks, and this part has one."""
    graph, ends = Graph((2, 4, 4), 0), []
    for factor in (0.37, 0.73):
        graph.at = "x"
        graph.real("Conv", graph.weights(3, 2, 3, 3), kernel_shape=[3, 3]).real("Mul", factor)
        ends.append(graph.at)
    model = graph.node("Add", inputs=ends).quant(0.21, 8).model((3, 2, 2))
    bounds = bounds_of(lowered(model))
    small = replace(BOARD, capacity=BOARD.capacity | {"dsp": 1})
    assert amounts_of(Search(bounds, BOARD).chosen(Aim(100, "", {}, "")))["dsp"] > 1
    stops(r"\b[2-9] DSP", Search(bounds, small).chosen, Aim(100, "", {}, ""))


def tiny(chains, seed):
    """Six numbers to bits, two dense layers: 4,608 foldings with their memory styles."""
    chain = chains["Chain"]((6,), seed).sign("sign0").dense("fc0", 4).dense("fc1", 2, raw=True)
    return bind(chain.model())


def in_every_style(bound):
    """All foldings of an operator."""
    styles = OPS[bound.op].styles
    for op in candidates(bound, {}):
        folding = {name: op.get_nodeattr(name) for name in extents(bound)}
        for values in product(*styles.values()):
            chosen = folding | dict(zip(styles, values))
            if OPS[bound.op].together(bound.attributes, chosen):
                yield bound.make(**chosen)


def amounts(ops):
    return tuple(amounts_of(ops)[name] for name in RESOURCES)


def everything(bounds, interval):
    """Amounts of all foldings of a chain within an interval, one by one."""

    @cache
    def between(source, sink):
        found = converters("any", source, sink)
        return None if found is None else amounts(found)

    alone = []
    for bound in bounds:
        ops = [op for op in in_every_style(bound) if op.cycles() <= interval]
        alone.append({(amounts([op]), op.in_stream(), op.out_stream()) for op in ops})
    for combination in product(*alone):
        parts = [own for own, _, _ in combination]
        parts += [between(one[2], after[1]) for one, after in pairwise(combination)]
        if None not in parts:
            yield tuple(map(sum, zip(*parts)))


@pytest.mark.parametrize(("seed", "interval"), [(0, 24), (1, 12), (2, 6), (3, 2), (4, 4), (8, 4)])
def test_no_folding_at_all_is_better_than_the_one_found_within_limits(chains, seed, interval):
    """The last one has loaded weights, for a part that has UltraRAM."""
    bounds, board = tiny(chains, seed), BOARD
    if seed == 8:
        bounds, board = as_loadable(bounds), boards.load("kv260")
    with estimates_of(board.family):
        options, every = options_of(bounds, {}, False), np.array([*everything(bounds, interval)])
        part = Part.of(board.capacity)
        share, small = part.price().weights[1], [replace(part, lut=300, bram36=one) for one in (1, 2)]
        rng, met, most = np.random.default_rng(seed), 0, every.max(axis=0)
        assert (most[3] > 1) == (seed == 8)
        rows = [*np.eye(2, len(RESOURCES)), share, *rng.exponential(share, (4, len(share)))]
        linear = [Price(np.array([row]), np.zeros(1)) for row in rows]
        for price in [*linear, *(one.price() for one in small)]:
            for shares in [(np.inf, np.inf), *rng.random((6, 2))]:
                given = zip(every.T, shares)
                lut, bram = (np.quantile(one, share) if share < 1 else share for one, share in given)
                uram = rng.integers(0, most[3] + 1)
                fit = every[(every[:, 0] <= lut) & (every[:, 1] <= bram) & (every[:, 3] <= uram)]
                limits = {"lut": lut, "bram36": bram, "uram": uram}
                found = cheapest(options, interval, price, NO_LIMIT | limits)
                assert (found is None) == (len(fit) == 0)
                if found:
                    taken, ops = np.array([found.amounts[name] for name in RESOURCES]), found.operators()
                    least = price.each(fit).min()
                    assert price.each(taken) == pytest.approx(least, rel=1e-6, abs=1e-4)
                    assert all(taken[[0, 1, 3]] <= np.array([lut, bram, uram]) + 1e-5)
                    assert amounts(ops) == pytest.approx(tuple(taken)) and found.interval <= interval
                    met += 1
    assert met > 20


@pytest.mark.parametrize("seed", seeds(4, 200))
def test_foldings_that_are_not_priced_would_not_be_chosen(seed, monkeypatch):
    """The price is the same if all foldings of all operators are priced."""
    bounds = bind(lowered(RandomGraph(seed).model))
    options = options_of(bounds, {}, True)
    interval = max(one.fastest for one in options) * int(np.random.default_rng(seed).choice([1, 4, 30]))
    found = cheapest(options, interval, BOARD_PART.price())

    monkeypatch.setattr(Options, "_narrow", lambda self, ks: [o for k in ks for o in self._price(k).values()])
    every = cheapest(options_of(bounds, {}, True), interval, BOARD_PART.price())
    prices = [BOARD_PART.cost(one.operators()) for one in (found, every)]
    assert prices[0] == pytest.approx(prices[1], rel=1e-9)


def of_skid_buffers(ops):
    """LUTs between operators that both pass ready on: a bit of a beat each, and four."""
    before = {tensor: op for op in ops for tensor in op.results}
    ends = [(tensor, op, stream) for op in ops for tensor, stream in zip(op.sources, op.in_streams())]
    passed = {tensor for tensor, op in before.items() if op.ready_through}
    return sum(stream.width + 4 for tensor, op, stream in ends if tensor in passed and op.ready_through)


@pytest.mark.parametrize("seed", seeds(1, 3))
def test_foldings_of_random_graphs_with_branches_keep_their_limits(seed):
    """The least LUTs of all foldings within an interval are had, and nothing below."""
    bounds = bind(lowered(RandomGraph(seed).model))
    search = Search(bounds, BOARD)
    interval = 4 * search.fastest
    plain = search.cheapest(interval, NO_LIMIT)
    least = search.cheapest(interval, NO_LIMIT, "lut").amounts["lut"]
    for share in (0.0, 0.3, 0.7):
        limit = least + share * (plain.amounts["lut"] - least)
        found = search.cheapest(interval, NO_LIMIT | {"lut": limit})
        ops = found.operators()
        taken = amounts_of(ops)
        taken["lut"] += of_skid_buffers(ops)
        assert taken == pytest.approx(found.amounts) and taken["lut"] <= limit + 1e-5
        assert search._cost(taken, "") >= search._cost(plain.amounts, "") - 1e-9
    assert search.cheapest(interval, NO_LIMIT | {"lut": least - 1}) is None


@pytest.mark.parametrize("interval", [1, 2, 64, 400])
def test_adders_that_a_quick_look_leaves_out_would_not_be_chosen(chains, interval):
    """The folding with every matrix' adders searched in full is the same, and a quick look takes less."""
    bounds = bind(chains["Chain"]((24,)).sign("sign0").dense("fc0", 16).dense("fc1", 9, raw=True).model())
    quick, exact = options_of(bounds, {}, True), options_of(bounds, {}, True)
    for one in exact:
        one.within(1)
        one.improve()
    limits, price = NO_LIMIT, BOARD_PART.price()
    foldings = [cheapest(some, interval, price, limits).operators() for some in (quick, exact)]
    prices = [BOARD_PART.cost(ops) for ops in foldings]
    assert prices[0] == pytest.approx(prices[1])


def test_counts_decide_between_alternatives(chains):
    """Counted as other amounts than estimated, drawn at random: by these no other style of any operator, at
    the same speed and streams, makes the chosen folding cheaper; without them another is chosen."""
    changed = 0
    for seed in range(8):
        bounds, drawn = tiny(chains, seed), {}
        rng, aim = np.random.default_rng(seed), Aim(24, "", {}, "lut")

        def count(ops, rng=rng, drawn=drawn):
            found = [{"lut": float(rng.uniform(0.2, 3) * max(amounts_of([op])["lut"], 9))} for op in ops]
            drawn.update(zip(map(aims._made_of, ops), found))
            return found

        search = Search(bounds, BOARD)
        chosen = search.best_counted(aim, 10, count)
        own = {op.name: drawn[aims._made_of(op)]["lut"] for op in chosen}
        for choice in search.options:
            some = choice.within(24)
            now = next(
                one for one in some if any(aims._made_of(one.op) == aims._made_of(op) for op in chosen)
            )
            for one in (one for one in some if one.lanes == now.lanes):
                assert drawn[aims._made_of(one.op)]["lut"] >= own[one.op.name] - 1e-6
        plain = Search(bounds, BOARD).chosen(aim)
        changed += {*map(aims._made_of, plain)} != {*map(aims._made_of, chosen)}
    assert changed > 2


def test_weights_lie_in_block_ram_while_the_part_has_it_to_spare(chains):
    """CNV: 55 of the part's 140 block RAMs take what would be more than 3,000 LUT."""
    search = Search(bind(cnv(chains["Chain"]((32, 32, 3), images=1)).model()), BOARD, adders=True)
    found = search.within(32400, search.limits({}))
    assert amounts_of(found)["lut"] <= 5500 and amounts_of(found)["bram36"] <= 55


def test_limits_that_limit_nothing_change_nothing(net):
    """The shorter interval makes adders of a matrix."""
    for interval, added in ((1000, False), (64, True)):
        plain = aimed_at(net, interval=interval)["operators"]
        assert added == any(one["op"] == "DaMvu" for one in plain)
        for limits in ({"lut": "100%"}, {"bram": "100%"}, {"latency": "1000000"}):
            assert aimed_at(net, interval=interval, limits=limits)["operators"] == plain


def test_weights_that_no_block_ram_and_no_lut_could_store_are_refused_at_once(chains):
    rng = np.random.default_rng(0)
    bounds = tiny(chains, 0)
    matrix = next(one for one in bounds if one.name == "fc0")
    too_many = rng.integers(0, 2, (4096, 2200))  # 9 Mbit; the part stores 8.6
    with refuses("pynq-z2: … 9.0 Mbit … 8.6 Mbit … ultra96 … channels … fc0"):
        check_storable([replace(matrix, arrays={"weights": too_many})], BOARD)
    check_storable([replace(matrix, arrays={"weights": too_many[:2048]})], BOARD)
    rows_repeat = np.tile(too_many[:64], (64, 1))
    check_storable([replace(matrix, arrays={"weights": rows_repeat})], BOARD)


def test_a_board_whose_ultra_ram_holds_the_weights_is_advised_with_loads(chains):
    matrix = next(one for one in tiny(chains, 0) if one.name == "fc0")
    weights = np.random.default_rng(0).integers(0, 2, (4096, 4096))  # 16.8 Mbit; UltraRAM of 18.9 in one part
    with refuses("pynq-z2: … 16.8 Mbit … kv260 with LOADABLE=1"):
        check_storable([replace(matrix, arrays={"weights": weights})], BOARD)
    loaded = matrix.attributes | {"loadable": 1}
    check_storable([replace(matrix, attributes=loaded, arrays={"weights": weights})], boards.load("kv260"))


def test_what_stands_behind_a_dear_fifo_is_made_faster_where_that_costs_less(chains):
    """A FIFO of 200,000 beats comes in front of fc1 unless it has cycles to spare."""
    bounds = tiny(chains, 0)

    def finish(ops, _most=0):
        found = []
        for op in ops:
            if op.name == "fc1" and op.cycles() == slow:
                found.append(fifo_before(op, 0, 200_000))
            found.append(op)
        return found

    limits = Search(bounds, BOARD).limits({})
    plain = Search(bounds, BOARD).within(24, limits, "lut")
    slow = next(op.cycles() for op in plain if op.name == "fc1")
    found = Search(bounds, BOARD, finish=finish).within(24, limits, "lut")
    (last,) = [op for op in found if op.name == "fc1"]
    assert last.cycles() < slow and not [op for op in found if depth_of(op)]
    assert amounts_of(plain)["lut"] < amounts_of(found)["lut"] < amounts_of(finish(plain))["lut"]
    kept = Search(bounds, BOARD, {"fc1": {"simd": 1, "pe": 1}}, finish).within(24, limits, "lut")
    assert [op.name for op in kept if depth_of(op)] == ["fifo_fc1"]


def aimed_at(net, name="acc", folding=None, **aim):
    return fold(net, "pynq-z2", net / name, folding=folding, **aim)


def test_limits_are_kept_and_the_spared_resource_is_the_least(net):
    lut = aimed_at(net, interval=3000, spare="lut")["estimate"]
    bram = aimed_at(net, interval=3000, spare="bram")["estimate"]
    assert lut["lut"] < bram["lut"] and bram["bram36"] < lut["bram36"]
    between = aimed_at(net, interval=3000, spare="lut", limits={"bram": str(bram["bram36"] + 0.5)})
    assert between["estimate"]["bram36"] <= bram["bram36"] + 0.5
    assert lut["lut"] <= between["estimate"]["lut"] <= bram["lut"]
    free = {"fps": None, "stream": None, "count": None, "like": [], "loops": "auto", "gb_per_s": None}
    assert between["aim"] == free | {"limits": {"bram": str(bram["bram36"] + 0.5)}, "spare": "lut"}


def test_a_rate_is_an_interval_at_the_board_s_clock(net):
    assert interval_of("3052", 100.0) == 32765
    by_rate, by_interval = aimed_at(net, fps="100000"), aimed_at(net, interval=1000)
    assert by_rate["interval"] == 1000 and by_rate["operators"] == by_interval["operators"]
    stops(r"^FPS: 200,000,000 frames per second .* 100 million", interval_of, "2e8", 100.0)


def test_the_most_frames_are_those_of_the_widest_folding_or_of_the_limit(net):
    free = aimed_at(net, fps="max")
    assert free["interval_bound"] == 64  # conv0_window: a pixel of 8 x 8 per cycle
    least = aimed_at(net, interval=64, spare="lut")["estimate"]["lut"]
    limit = {"lut": str(least - 50)}
    tight = aimed_at(net, fps="max", limits=limit)
    assert tight["estimate"]["lut"] <= least - 50 and tight["interval_bound"] > 64
    with pytest.raises(UserError):  # one cycle less is refused: the limit binds
        aimed_at(net, interval=tight["interval_bound"] - 1, limits=limit)


def test_a_refusal_names_figures_that_can_be_had(net):
    """What it advises is asked for next, and is given at the price that it states."""
    spared = aimed_at(net, interval=330, spare="lut")["estimate"]["lut"]
    limit = {"lut": str(spared - 50)}
    with pytest.raises(UserError) as error:
        aimed_at(net, interval=330, limits=limit)
    text = str(error.value)
    says(text, "pynq-z2: … 330 cycles per frame (303,030 frames per second)")
    cycles, lut = re.search(r"request ([\d,]+) cycles per frame .* needs ([\d,]+) LUT and", text).groups()
    record = aimed_at(net, interval=int(cycles.replace(",", "")), limits=limit)
    assert ceil(record["estimate"]["lut"]) == int(lut.replace(",", ""))
    least = re.search(r"with 140 BRAM36 it needs at least ([\d,]+) LUT", text)[1].replace(",", "")
    assert aimed_at(net, interval=330, limits={"lut": least})["estimate"]["lut"] == spared
    assert ceil(spared) == int(least)


def test_a_folding_file_says_where_memories_lie(net):
    file = net / "given.json"
    file.write_text(json.dumps({"conv1": {"simd": 9, "pe": 2, "rom": "block", "starts": "block"}}))
    rows = {row["name"]: row for row in aimed_at(net, folding=file)["operators"]}
    assert (rows["conv1"]["rom"], rows["conv1"]["starts"]) == ("block", "block")


@pytest.mark.parametrize("aim, words", [
    ({"fps": "max", "limits": {"lut": "30%", "bram": "50"}, "spare": None}, " FPS=max LUT=30% BRAM=50"),
    ({"fps": None, "limits": {}, "spare": "lut", "stream": 32}, " INTERVAL=77 SPARE=lut STREAM=32"),
    ({"fps": None, "limits": {"latency": "25ns"}, "spare": None}, " INTERVAL=77 LATENCY=25ns CLOCK=200MHz"),
    ({"fps": "9", "limits": {}, "spare": None, "loops": "on", "gb_per_s": 2.0}, " FPS=9 LOOPS=on MEMORY=2"),
    ({"fps": "9", "limits": {}, "spare": None, "like": ["a", "b c"]}, " FPS=9 LOADABLE=1 LIKE='a,b c'"),
])  # fmt: skip
def test_the_command_of_a_report_asks_for_the_same(aim, words):
    loadable = "LOADABLE" in words
    fold_record = {"net": "mnist-tfc", "interval": 77, "output": "scores", "loadable": loadable, "aim": aim}
    export = {"source": "trained", "net": "mnist-tfc", "method": "ste"}
    board = boards.at_clock(BOARD, "5ns" if "CLOCK" in words else None)
    said = provenance.command(export, fold_record, board, "rtl")
    assert said == f"make build NET=mnist-tfc METHOD=ste BOARD=pynq-z2{words}"


@pytest.mark.parametrize(
    "given", ["FPS=-1", "FPS=nan", "FPS=fast", "LUT=120%", "LUT=0", "BRAM=1e999", "BRAM=%", "CLOCK=0ns"]
)
def test_a_rate_or_limit_that_is_none_is_refused_before_anything_is_built(given):
    name, _, value = given.partition("=")
    stops(rf"^{name}: '{re.escape(value)}' ", request.aims, request.Request(**{name.lower(): value}))
    stops(r"^FPS: .*INTERVAL", request.aims, request.Request(fps="max", interval=3))


def test_a_latency_is_kept_by_faster_operators_behind_one_another(chains):
    """Two dense layers, each as slow as the interval allows: the second begins when the first has ended, so
    half the latency is had by twice the lanes; and what cannot be had is refused with what can."""
    search = Search(tiny(chains, 3), BOARD)
    slow = search.chosen(Aim(24, limits={"latency": "inf"}))
    said = refusal(search, Aim(24, limits={"latency": "1"}))
    least = int(re.search(r"takes ([\d,]+) cycles", said).group(1))
    assert least < frame_latency(slow)
    for asked in range(least, frame_latency(slow) + 1):
        ops = search.chosen(Aim(24, limits={"latency": str(asked)}))
        assert frame_latency(ops) <= asked and max(op.cycles() for op in ops) <= 24
    same = search.chosen(Aim(24, limits={"latency": f"{frame_latency(slow) / BOARD.clock_mhz}us"}))
    assert amounts_of(same) == amounts_of(slow)
    assert "a shorter interval" in refusal(search, Aim(24, limits={"latency": str(least - 1)}))


def refusal(search, aim):
    """The words of a refusal."""
    with pytest.raises(UserError) as refused:
        search.chosen(aim)
    return str(refused.value)


def test_a_network_as_fast_as_its_pixels_come_keeps_its_interval(chains, tmp_path):
    net = chains["small"](3).save(tmp_path)
    record = fold(net, "pynq-z2", tmp_path / "acc", interval=64)
    assert record["interval_bound"] == 8 * 8
    units = {row["name"]: (row["op"], row["in"]["lanes"], row["out"]["lanes"]) for row in record["operators"]}
    assert units["conv0_window"] == ("Window", 3, 27) and units["conv1_window"] == ("Window", 8, 72)
    assert units["conv0"] == ("DaMvu", 27, 8) and units["conv1"] == ("SignMvu", 72, 6)

    assert simulated(net, wired="conv1").interval == record["interval_bound"]


def test_dense_layers_are_as_fast_as_eight_pixels_per_beat_come(chains, tmp_path):
    net = chains["Chain"]((12, 10, 1), 5).sign("sign0").dense("fc0", 16).dense("fc1", 4, raw=True)
    record = fold(net.save(tmp_path), "pynq-z2", tmp_path / "acc", interval=15)
    assert record["interval_bound"] == 12 * 10 // 8
    first = record["operators"][0]
    assert (first["op"], first["pe"], first["pixels"], first["in"]["lanes"]) == ("Threshold", 1, 8, 8)
    assert simulated(tmp_path).interval == 15
    given = tmp_path / "given.json"
    given.write_text('{"sign0": {"pixels": 1}}')
    slower = fold(tmp_path, "pynq-z2", tmp_path / "slower", interval=120)
    one = fold(tmp_path, "pynq-z2", tmp_path / "one", interval=120, folding=given)
    assert one["operators"][0]["pixels"] == 1 and one["interval_bound"] <= 120
    assert slower["estimate"]["lut"] <= one["estimate"]["lut"], "several pixels are taken to save something"


def test_a_strided_convolution_is_faster_than_a_pixel_per_cycle(chains, tmp_path):
    net = chains["Chain"]((12, 16, 3), 6).conv("conv0", 8, stride=2, pad=1).dense("fc0", 4, raw=True)
    record = fold(net.save(tmp_path), "pynq-z2", tmp_path / "acc", interval=80)
    assert record["interval_bound"] <= 80 < 12 * 16 // 2
    window = next(row for row in record["operators"] if row["op"] == "Window")
    assert window["pixels"] > 2 and window["in"]["lanes"] == 3 * window["pixels"]
    assert simulated(tmp_path).interval <= 80


def simulated(net, wired=""):
    """The run without pauses of the accelerator in acc, whose answers are right with and without them."""
    ops = graph.operators(net / "acc/folded.onnx")
    assert not wired or next(op for op in ops if op.name == wired).rtl()[0].startswith("xf_xnor_constant")
    return flowing(net, graph.answers(ops, np.load(net / "lowered.npz")), level="-O0")
