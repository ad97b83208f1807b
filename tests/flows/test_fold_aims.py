"""Foldings by rate, limits and the resource to spare: the search against all foldings there are, what is
given keeps what was asked, and what cannot be had is refused with figures that can.
"""

import json
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise, product
from math import ceil

import numpy as np
import pytest
from graphs import Graph, lowered
from pipeline import bounds_of, flowing, seeds
from random_graphs import RandomGraph

from xnorforge.core.errors import UserError
from xnorforge.flows.bind import OPS, bind
from xnorforge.flows.fold import aims, fold
from xnorforge.flows.fold.aims import Aim, Search, amounts_of, check_storable, interval_of
from xnorforge.flows.fold.fifo_sizing import depth_of, fifo_before, frame_latency
from xnorforge.flows.fold.loading import as_loadable
from xnorforge.flows.fold.options import RESOURCES, Options, candidates, converters, extents
from xnorforge.flows.fold.search import NO_LIMIT, Part, Price, cheapest, options_of
from xnorforge.flows.lower import emit
from xnorforge.flows.report import provenance
from xnorforge.hw import boards, graph
from xnorforge.hw.parts import estimates_of
from xnorforge.pipeline import request

from ..refusals import refuses, says, stops
from .test_finn_folding import cnv

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
    bounds = bind(emit.emitted(lowered(RandomGraph(seed).model)))
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
    bounds = bind(emit.emitted(lowered(RandomGraph(seed).model)))
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
        for options in search.options:
            some = options.within(24)
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
    for interval, adders in ((1000, False), (64, True)):
        plain = folded(net, interval=interval)["operators"]
        assert adders == any(one["op"] == "DaMvu" for one in plain)
        for limits in ({"lut": "100%"}, {"bram": "100%"}, {"latency": "1000000"}):
            assert folded(net, interval=interval, limits=limits)["operators"] == plain


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


def folded(net, name="acc", folding=None, **aim):
    return fold(net, "pynq-z2", net / name, folding=folding, **aim)


def test_limits_are_kept_and_the_spared_resource_is_the_least(net):
    lut = folded(net, interval=3000, spare="lut")["estimate"]
    bram = folded(net, interval=3000, spare="bram")["estimate"]
    assert lut["lut"] < bram["lut"] and bram["bram36"] < lut["bram36"]
    between = folded(net, interval=3000, spare="lut", limits={"bram": str(bram["bram36"] + 0.5)})
    assert between["estimate"]["bram36"] <= bram["bram36"] + 0.5
    assert lut["lut"] <= between["estimate"]["lut"] <= bram["lut"]
    limits = {"bram": str(bram["bram36"] + 0.5)}
    assert between["aim"] == {"fps": None, "limits": limits, "spare": "lut", "stream": None, "count": None}


def test_a_rate_is_an_interval_at_the_board_s_clock(net):
    assert interval_of("3052", 100.0) == 32765
    by_rate, by_interval = folded(net, fps="100000"), folded(net, interval=1000)
    assert by_rate["interval"] == 1000 and by_rate["operators"] == by_interval["operators"]
    stops(r"^FPS: 200,000,000 frames per second .* 100 million", interval_of, "2e8", 100.0)


def test_the_most_frames_are_those_of_the_widest_folding_or_of_the_limit(net):
    free = folded(net, fps="max")
    assert free["interval_bound"] == 64  # conv0_window: a pixel of 8 x 8 per cycle
    least = folded(net, interval=64, spare="lut")["estimate"]["lut"]
    limit = {"lut": str(least - 50)}
    tight = folded(net, fps="max", limits=limit)
    assert tight["estimate"]["lut"] <= least - 50 and tight["interval_bound"] > 64
    with pytest.raises(UserError):  # one cycle less is refused: the limit binds
        folded(net, interval=tight["interval_bound"] - 1, limits=limit)


def test_a_refusal_names_figures_that_can_be_had(net):
    """What it advises is asked for next, and is given at the price that it states."""
    spared = folded(net, interval=330, spare="lut")["estimate"]["lut"]
    limit = {"lut": str(spared - 50)}
    with pytest.raises(UserError) as error:
        folded(net, interval=330, limits=limit)
    text = str(error.value)
    says(text, "pynq-z2: … 330 cycles per frame (303,030 frames per second)")
    cycles, lut = re.search(r"request ([\d,]+) cycles per frame .* needs ([\d,]+) LUT and", text).groups()
    record = folded(net, interval=int(cycles.replace(",", "")), limits=limit)
    assert ceil(record["estimate"]["lut"]) == int(lut.replace(",", ""))
    least = re.search(r"with 140 BRAM36 it needs at least ([\d,]+) LUT", text)[1].replace(",", "")
    assert folded(net, interval=330, limits={"lut": least})["estimate"]["lut"] == spared
    assert ceil(spared) == int(least)


def test_a_folding_file_says_where_memories_lie(net):
    file = net / "given.json"
    file.write_text(json.dumps({"conv1": {"simd": 9, "pe": 2, "rom": "block", "starts": "block"}}))
    rows = {row["name"]: row for row in folded(net, folding=file)["operators"]}
    assert (rows["conv1"]["rom"], rows["conv1"]["starts"]) == ("block", "block")


@pytest.mark.parametrize("aim, words", [
    ({"fps": "max", "limits": {"lut": "30%", "bram": "50"}, "spare": None}, " FPS=max LUT=30% BRAM=50"),
    ({"fps": None, "limits": {}, "spare": "lut", "stream": 32}, " INTERVAL=77 SPARE=lut STREAM=32"),
    ({"fps": None, "limits": {"latency": "25ns"}, "spare": None}, " INTERVAL=77 LATENCY=25ns CLOCK=200MHz"),
])  # fmt: skip
def test_the_command_of_a_report_asks_for_the_same(aim, words):
    fold_record = {"net": "mnist-tfc", "interval": 77, "output": "scores", "aim": aim}
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
    half the latency is had by twice the lanes; and what cannot be had is refused with what can.
    """
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
    assert units["conv0"] == ("DaMvu", 27, 8) and units["conv1"] == ("XnorMvu", 72, 6)

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
    assert not wired or next(op for op in ops if op.name == wired).constant
    return flowing(net, graph.answers(ops, np.load(net / "lowered.npz")), level="-O0")
