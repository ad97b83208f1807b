"""The driver: seeded pauses, resets, cycles, and a message for every way in which a device can be wrong."""

import dataclasses
import re

import numpy as np
import pytest

from xnorforge.core import native
from xnorforge.core.errors import MismatchError, ToolMissing
from xnorforge.sim import compare, cosim, verilate
from xnorforge.sim.device import bench

from ..refusals import stops

POINTS = [
    ([16], 1, 8), ([3, 4], 4, 1), ([8], 2, 9), ([100], 100, 1), ([40], 20, 5), ([6], 1, 33), ([4], 1, 62),
]  # fmt: skip
FAULTS = {
    1: r"bad1: .*cycle \d+: 31 of 32 output beats .*, 32 of 32 input beats .*",
    2: r"bad2: m_data changed .*cycle \d+.*", 3: r"bad3: m_valid depends on m_ready .*cycle \d+.*",
    4: r"bad4: s_ready depends on s_valid .*cycle \d+.*",
    5: r"bad5: .*assertion .*TOP\.xf_bench\.u_lane_5\.u_op\.NotFive_A\.",
}  # fmt: skip


@pytest.fixture(scope="module")
def adders(make_add):
    """Operators of 1 to 100 bits per beat, one per way Verilator stores a port."""
    return [make_add(*point, add=index + 1, name=f"add{index}") for index, point in enumerate(POINTS)]


@pytest.fixture(scope="module")
def device(adders):
    return bench(adders)


@pytest.fixture(scope="module")
def inputs(adders):
    return [op.random_input(index, frames=6) for index, op in enumerate(adders)]


def test_every_width_of_port_carries_its_values_at_any_pace(device, adders, inputs):
    for stall in (0.0, 0.5, (0.2, 0.9)):
        for op, x, run in zip(adders, inputs, cosim.run(device, inputs, stall=stall, seed=3, probe=True)):
            np.testing.assert_array_equal(run.output, op.run(x))
            if stall == 0.0:
                assert (run.interval, run.latency) == (op.cycles(), 1)


def test_the_same_seed_gives_the_same_cycles_and_another_seed_others(device, inputs):
    first, again, other = (cosim.run(device, inputs, stall=0.4, seed=seed)[0].cycles for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_lane_pauses_the_same_whatever_runs_beside_it(device, adders, inputs):
    alone = cosim.run(bench(adders[:1]), inputs[:1], stall=0.4, seed=5)[0]
    beside = cosim.run(device, inputs, stall=0.4, seed=5)[0]
    np.testing.assert_array_equal(alone.cycles, beside.cycles)


def test_after_a_reset_in_mid_stream_all_frames_come_again(device, adders, inputs):
    whole = cosim.run(device, inputs)
    for op, x, before, run in zip(adders, inputs, whole, cosim.run(device, inputs, reset_at=14)):
        np.testing.assert_array_equal(run.output, op.run(x))
        assert run.cycles[0, 0] > 14 > before.cycles[0, 0]


def test_each_broken_rule_is_named_and_the_other_lanes_are_whole(make_add):
    names = {0: "good"} | {fault: f"bad{fault}" for fault in FAULTS}
    ops = [make_add([8], 1, 8, fault=fault, name=name) for fault, name in names.items()]
    device, x = bench(ops), [ops[0].random_input(3, frames=4)] * len(ops)
    fine, *bad = cosim.attempt(device, x, stall=0.5, seed=1, probe=True)
    np.testing.assert_array_equal(fine.output, ops[0].run(x[0]))
    for error, message in zip(bad, FAULTS.values(), strict=True):
        assert isinstance(error, MismatchError) and re.fullmatch(message, str(error))
    stops(FAULTS[1], cosim.run, device, x, stall=0.5, seed=1, probe=True, kind=MismatchError)


def test_a_missing_memory_file_is_named(device, inputs):
    with pytest.raises(MismatchError, match=r"lane_0_AddFile\.mem.*not found"):
        cosim.run(dataclasses.replace(device, memories={}), inputs)


def test_waveforms_hold_the_ports(adders, inputs, tmp_path):
    file = tmp_path / f"waves.{verilate.wave_format()}"
    cosim.run(adders[0], inputs[0][:2], waves=file)
    assert file.stat().st_size > 500
    if verilate.wave_format() == "vcd":
        assert "$var wire" in file.read_text() and "lane_0_s0_data" in file.read_text()


def test_an_unchanged_design_is_not_built_again(device, make_add):
    stamp = device.program.stat().st_mtime_ns
    # Other memory files only.
    ops = [make_add(*point, add=7, name=f"add{index}") for index, point in enumerate(POINTS)]
    again = bench(ops).program
    assert (again, again.stat().st_mtime_ns) == (device.program, stamp)


def test_a_design_that_verilator_rejects_gives_its_first_message(tmp_path):
    (tmp_path / "bad.sv").write_text("module bad; assign nowhere = 1; endmodule\n")
    stops(r"^bad: Verilator .*: %\w+.*nowhere", verilate.lint, "bad", [tmp_path / "bad.sv"])


def test_a_missing_compiler_is_named_with_its_cure(monkeypatch, make_add):
    monkeypatch.setenv("CXX", "no-such-compiler")
    stops(r"'no-such-compiler'.*apt-get install g..\).*CXX", native.compiler, kind=ToolMissing)


def test_the_first_difference_is_reported_by_place_and_values():
    expected = np.arange(3 * 2 * 2 * 4).reshape(3, 2, 2, 4)
    got = expected.copy()
    got[1, 0, 1, 2] = -7
    got[2] = 0
    with pytest.raises(MismatchError, match=r"^conv1 \(SignMvu\): RTL ") as error:
        compare.equal("conv1 (SignMvu)", "RTL", got, expected)
    values = ("2 of 3 images", "image 1", "position (0, 1)", "channel 2", "got -7", "expected 22")
    assert all(value in str(error.value) for value in values)


def test_vectors_have_no_position():
    text = compare.describe("fc", "RTL", [[1, 2], [3, 5]], [[1, 2], [3, 4]])
    values = ("fc: RTL ", "1 of 2 images", "image 1", "channel 1", "got 5", "expected 4")
    assert all(value in text for value in values) and "position" not in text


def test_other_shapes_are_a_difference():
    with pytest.raises(MismatchError, match=r"^fc: RTL .*\(2, 3\).*\(2, 4\)"):
        compare.equal("fc", "RTL", np.zeros((2, 3)), np.zeros((2, 4)))


@pytest.mark.parametrize("shapes", [((1, 4), (100, 4)), ((100, 4), (1, 4)), ((100, 1), (100, 4))])
def test_one_frame_is_not_a_hundred_equal_ones(shapes):
    """numpy compares such shapes by repeating the smaller one."""
    got, expected = map(np.zeros, shapes)
    assert compare.compare_arrays("a", got, expected, "w")["mismatches"] == 100
    assert compare.first_difference(got, expected) == (0,)


def test_equal_arrays_pass_and_are_counted():
    values = np.arange(12).reshape(4, 3)
    compare.equal("fc", "RTL", values, values)
    assert compare.compare_arrays("a", values, values, "w") == {
        "name": "a", "images": 4, "mismatches": 0, "integers": 12, "what": "w",
    }  # fmt: skip
    assert compare.frames_unequal(values, values + (values == 4)) == 1
