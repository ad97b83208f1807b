"""The fastest folding of small networks: windows, wired weights, adders; several pixels a beat."""

import numpy as np
from pipeline import flowing

from xnorforge.flows.fold import fold
from xnorforge.hw import graph


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
