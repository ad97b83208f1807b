"""The fastest folding of a small network: whole windows with and without a border, wired weights, adders."""

import numpy as np

from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.hw import graph
from xnorforge.sim import cosim
from xnorforge.sim.device import network


def test_a_network_as_fast_as_its_pixels_come_keeps_its_interval(chains, tmp_path):
    net = chains["small"](3).save(tmp_path / "small")
    record = fold(net, "pynq-z2", tmp_path / "acc", interval=64)
    assert record["interval_bound"] == 8 * 8
    units = {row["name"]: (row["op"], row["in"]["lanes"], row["out"]["lanes"]) for row in record["operators"]}
    assert units["conv0_window"] == ("Window", 3, 27) and units["conv1_window"] == ("Window", 8, 72)
    assert units["conv0"] == ("DaMvu", 27, 8) and units["conv1"] == ("XnorMvu", 72, 6)

    generate(tmp_path / "acc" / "folded.onnx", tmp_path / "rtl")
    ops = graph.operators(tmp_path / "acc" / "folded.onnx")
    assert next(op for op in ops if op.name == "conv1").constant
    device = network(tmp_path / "rtl", ops, level="-O0")
    images, wanted = np.load(net / "golden.npz")["images"], graph.answers(ops, np.load(net / "lowered.npz"))
    frames = graph.enter(ops[0], images)
    flowing, stalled = (cosim.run(device, frames, stall=stall, seed=1) for stall in (0.0, 0.4))
    for run in (flowing, stalled):
        np.testing.assert_array_equal(run.output.reshape(wanted.shape), wanted)
    assert flowing.interval == record["interval_bound"]
