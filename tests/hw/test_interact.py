"""Channel interaction: the paper's stair, the formula of the lowered node, every form of the hardware."""

from pathlib import Path

import numpy as np
import pytest
from mapped import compare_sites, mapped
from op_examples.interact import seeded as seeded_interact

from xnorforge.core import plugins
from xnorforge.hw.lowering.registry import MEANINGS
from xnorforge.hw.ops.interact.op import Interact
from xnorforge.hw.ops.interact.plan import cuts, plan
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.sim import cosim, device

plugins.parts("hw.ops", "lower")  # enters the meanings
GATES = Path(__file__).with_name("xc7_gates.sv")
SIZES = (3, -3, 5, -5, 11, -11)


@pytest.mark.parametrize("share", [0, 0.3, 0.05])
@pytest.mark.parametrize("n0", [1, 27, 144, 288, 576])
@pytest.mark.parametrize("matches", [0, 1])
def test_the_contract_is_the_formula_of_the_lowered_node_for_every_input(n0, matches, share):
    rng = np.random.default_rng(n0)
    influence = rng.choice(SIZES, (3, 8, 8)) * (rng.random((3, 8, 8)) < 0.3) * (1 - np.eye(8, dtype=int))
    extent = -int(-share * n0 // 1)
    at = {"influence": influence, "n0": n0, "unit": 3, "matches": matches, "extent": extent}
    op = Interact.make(arrays={"influence": influence}, in_shape=[24], n0=n0, unit=3, matches=matches,
                       extent=extent, in_bits=n0.bit_length() + 1 - matches)  # fmt: skip
    low = 0 if matches else -n0
    x = np.stack([rng.permutation(np.arange(low, n0 + 1)) for _ in range(24)], 1)
    expected = MEANINGS["Interact"](x, at)
    np.testing.assert_array_equal(op.run(x), expected)
    thresholds, direction = rng.integers(-n0, n0 + 1, 24), rng.choice([-1, 1], 24)
    arrays = {"influence": influence, "thresholds": thresholds, "direction": direction}
    bits = Interact.make(arrays=arrays, in_shape=[24], n0=n0, unit=3, matches=matches,
                         in_bits=op.in_stream().bits, extent=extent)  # fmt: skip
    np.testing.assert_array_equal(bits.run(x), direction * expected >= thresholds)


def every_input(seed, g, pe, n0, matches=1, form="auto", raw=False, channels=12, unit=3, extent=0):
    """An instance whose frame holds every input of every channel once, and that frame."""
    rng = np.random.default_rng(seed)
    bits = n0.bit_length() + 1 - matches
    shape = (channels // g, g, g)
    arrays = {"influence": rng.choice(SIZES, shape) * (rng.random(shape) < 0.4)}
    if not raw:
        arrays["thresholds"] = rng.normal(0, n0 / 5, channels).round().astype(int)
        arrays["direction"] = rng.choice([-1, 1], channels)
    attributes = {"in_shape": [1 << bits, channels], "in_bits": bits, "matches": matches, "form": form}
    op = Interact.make(f"pe={pe} {form}", arrays, n0=n0, unit=unit, pe=pe, extent=extent, **attributes)
    x = np.stack([rng.permutation(1 << bits) for _ in range(channels)], 1)
    x -= 0 if matches else 1 << bits - 1
    return op, x[None]


def no_edges():
    """All thresholds and directions against all inputs of four bits, without an edge."""
    thresholds, direction = np.tile(np.arange(-17, 18), 2), np.repeat([-1, 1], 35)
    arrays = {"influence": np.zeros((7, 10, 10)), "thresholds": thresholds, "direction": direction}
    op = Interact.make("no edge", arrays, in_shape=[16, 70], in_bits=4, n0=15, unit=1, pe=70)
    return op, np.repeat(np.arange(16), 70).reshape(1, 16, 70)


CASES = [
    no_edges(), every_input(1, 12, 12, 288, form="table"), every_input(1, 12, 12, 288, form="adder"),
    every_input(1, 12, 4, 288, form="table"), every_input(1, 12, 4, 288, form="adder"),
    every_input(2, 12, 1, 144, form="adder", unit=2), every_input(3, 6, 4, 27, matches=0, form="adder"),
    every_input(4, 4, 6, 27, matches=0, form="table"), every_input(5, 6, 2, 60, raw=True),
    every_input(6, 12, 12, 60, matches=0, raw=True), every_input(7, 12, 12, 288, unit=17, extent=78),
    every_input(8, 6, 2, 60, raw=True, unit=8, extent=36),
    every_input(9, 6, 4, 60, matches=0, form="adder", unit=8, extent=5),
]  # fmt: skip


@pytest.fixture(scope="module", params=[("XF_XC7",), ()], ids=["7-series cells", "portable"])
def runs(request):
    """Every case on the hardware, with pauses."""
    bench = device.bench([op for op, _ in CASES], request.param, extra=[GATES] if request.param else [])
    return cosim.run(bench, [x for _, x in CASES], stall=0.2, seed=5)


@pytest.mark.quick("7-series*")
@pytest.mark.parametrize("index", range(len(CASES)))
def test_every_form_of_the_hardware_is_the_formula_for_every_input(runs, index):
    op, x = CASES[index]
    influence, thresholds, direction = op.tables()
    at = {key: op.get_nodeattr(key) for key in ("n0", "unit", "matches", "extent")} | {"influence": influence}
    mixed = MEANINGS["Interact"](x, at)
    np.testing.assert_array_equal(runs[index].output, mixed if op.raw else direction * mixed >= thresholds)


def test_without_edges_it_is_the_plain_threshold():
    op, x = no_edges()
    _, thresholds, direction = op.tables()
    plain = Threshold.make(arrays={"thresholds": thresholds[:, None], "direction": direction},
                           in_shape=[16, 70], in_bits=5, in_signed=1)  # fmt: skip
    np.testing.assert_array_equal(op.run(x), plain.run(2 * x - 15))


@pytest.mark.parametrize("pe", [1, 2, 5, 70])
def test_without_edges_nothing_is_compared_kept_or_waited_for(pe):
    op = no_edges()[0]
    op.set_nodeattr("pe", pe)
    (text,) = op.generated().values()
    assert not {"code", "over", "v0_0", "m0"} & set(text.replace("[", " ").split())
    assert (op.plan().span, op.latency()) == (1, 3)


def test_groups_without_edges_are_neither_teachers_nor_students():
    influence = np.zeros((4, 4, 4), int)
    influence[2, 1, 3] = -5
    made = plan(influence, 8, {5: cuts(5, 100, 2, 100)}, 0)
    assert made.span == 1
    # Group 2 is on lanes 0 .. 3 of beat 1.
    assert [len(cuts) for cuts in made.cuts] == [0, 4, 0, 0, 0, 0, 0, 0]
    assert [len(slots) for slots in made.slots] == [0, 0, 0, 1, 0, 0, 0, 0]
    assert made.slots[3][0].teachers == [None, (0, 1)]
    assert made.slots[3][0].values == [(), (4, 3, 2, 1, 0, 2, 2, 2)]


@pytest.mark.parametrize(
    ("g", "pe", "beats"), [(16, 16, 1), (16, 32, 1), (16, 4, 4), (16, 1, 16), (16, 24, 2), (6, 4, 3)]
)
def test_a_group_waits_for_its_last_beat_and_two_cycles(g, pe, beats):
    op = seeded_interact(Interact, 1, [96], g, pe, 20, 0.3, (3,))
    assert op.latency() == beats + 2
    assert op.cycles() == 96 // pe


def test_the_same_edges_in_any_order_are_the_same_hardware():
    rng = np.random.default_rng(0)
    ends = rng.permuted(np.argwhere(~np.eye(6, dtype=bool)))[:9]
    edges = [(t, s, k) for (t, s), k in zip(ends, rng.choice(SIZES, 9))]
    made = []
    for _ in range(4):
        influence = np.zeros((1, 6, 6), int)
        for t, s, k in edges:
            influence[0, t, s] = k
        arrays = {"influence": influence, "thresholds": np.arange(6)}
        made.append(Interact.make(arrays=arrays, in_shape=[6], in_bits=6, n0=40, unit=1, pe=2).generated())
        rng.shuffle(edges)
    assert all(one == made[0] for one in made)


def test_another_threshold_is_another_module():
    names = []
    for last in (3, 4):
        arrays = {"influence": np.eye(4)[None, ::-1] * 3, "thresholds": [0, 1, 2, last]}
        names += Interact.make(arrays=arrays, in_shape=[4], in_bits=6, n0=40, unit=1).generated()
    assert len(set(names)) == 2


@pytest.mark.full
def test_the_cost_model_stays_within_an_eighth_of_a_synthesis(tmp_path):
    ops = [
        seeded_interact(Interact, 1, [32], 16, 4, 288, 0.05, (3, 5)),
        seeded_interact(Interact, 2, [16], 16, 16, 144, 0.05, (3,), raw=True),
        seeded_interact(Interact, 3, [64], 16, 16, 576, 0.1, (3,), extent=120, unit=27),
    ]
    for op, found in zip(ops, mapped(ops, tmp_path).counted):
        assert op.estimate()["lut"] == pytest.approx(found["lut"], rel=0.125)
        assert found["bram36"] == 0
        compare_sites(op, found)
