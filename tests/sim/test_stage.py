"""The stage on a small network of every kind of operator: proof, cycles, fills, and where a fault sits."""

import re
import shutil

import numpy as np
import pytest
from driving import generated

from xnorforge.core import plugins
from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import MismatchError
from xnorforge.hw import graph
from xnorforge.sim import stage

from ..refusals import stops

IMAGES = 24


def small():
    """Bytes 8 x 8 x 2 to 6 x 6 x 8 bits, pooled to 3 x 3 x 8, to 4 scores."""
    make = {name: plugins.load("hw.ops", name).Op.make for name in plugins.names("hw.ops")}
    rng = np.random.default_rng(0)
    bits, shape = (lambda *size: rng.integers(0, 2, size)), [6, 6, 18]
    return [
        make["window"](ifm=[8, 8, 2], kernel=[3, 3], bits=8, simd=2),
        make["byte_mvu"](
            arrays={"weights": bits(18, 8), "thresholds": rng.integers(-200, 200, 8)},
            mw=18, mh=8, simd=2, pe=2, vectors=36, in_shape=shape, out_shape=[6, 6, 8],
        ),
        make["fifo"](shape=[6, 6, 8], lanes=2, depth=8),
        make["or_pool"](ifm=[6, 6, 8], kernel=[2, 2], stride=[2, 2], pe=2),
        make["width"](shape=[3, 3, 8], in_lanes=2, out_lanes=4),
        make["fifo"](shape=[3, 3, 8], lanes=4, depth=2),
        make["xnor_mvu"](arrays={"weights": bits(72, 4)}, mw=72, mh=4, simd=4, in_shape=[3, 3, 8],
        out_shape=[4]),
        make["top_k"](n=4, in_bits=7),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder as the stages before `sim` leave it."""
    net = tmp_path_factory.mktemp("net")
    ops = generated(small(), net)
    images = np.random.default_rng(1).integers(0, 256, (IMAGES, 2, 8, 8)).astype(np.uint8)
    integers = graph.execute(ops[:-1], images)[ops[-2].name]
    labels = integers.argmax(axis=1)
    labels[0], labels[1] = (labels[0] + 1) % 4, -1
    np.savez(net / "golden.npz", images=images, labels=labels, scores=integers.astype(np.float32))
    np.savez(net / "lowered.npz", integers=integers, scale=np.ones(4), bias=np.zeros(4))
    return net


@pytest.fixture
def net(built, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(built, tmp_path / "net")


def test_a_sound_accelerator_is_proven_and_counted(net):
    record = stage.simulate(net, net, images=10, stalled=5)
    assert record == read_json(net / "sim.json")
    assert [(check["images"], check["mismatches"]) for check in record["checks"]] == [
        (IMAGES, 0), (10, 0), (5, 0), (3, 0), (10, 0), (5, 0), (0, 0),
    ]  # fmt: skip
    assert [check["integers"] for check in record["checks"][-3:-1]] == [10 * (64 + 5), 5 * (64 + 5)]
    modelled = record["model"]
    for name in ("interval", "interval_constant", "latency", "first_beat"):
        assert modelled[name] == record[name]
    assert modelled["fifos"] == record["fifos"]
    assert record["checks"][1]["integers"] == 10 * 5
    assert record["interval"] == record["interval_bound"] == 36 * 9 * 4 and record["interval_constant"]
    assert record["bound_by"] == ["bytemvu_1"]
    assert record["interval"] < record["latency"] < 3 * record["interval"]
    assert record["fifo_depths"] == {"bytemvu_1": 2 * 9, "fifo_2": 8, "fifo_5": 2, "xnormvu_6": 2 * 18}
    assert all(1 <= fill <= record["fifo_depths"][name] for name, fill in record["fifos"].items())
    found = [(row["stage"], row["images"], row["correct"]) for row in record["accuracy"]]
    assert found == [("bit simulator", IMAGES - 1, IMAGES - 2), ("RTL", 9, 8)]
    assert record["unpacked"] == []


@pytest.mark.quick("layer_06*")
@pytest.mark.parametrize("layer, operator", [
    ("layer_01_bytemvu_1", "bytemvu_1 (ByteMvu)"), ("layer_06_xnormvu_6", "xnormvu_6 (XnorMvu)"),
])  # fmt: skip
def test_an_altered_memory_file_is_found_and_its_operator_named(net, layer, operator):
    file = net / "rtl" / f"{layer}_WeightFile.mem"
    words = file.read_text().split()
    flipped = [f"{int(word, 16) ^ ((1 << 4 * len(word)) - 1):0{len(word)}x}" for word in words[:4]]
    file.write_text("\n".join(flipped + words[4:]) + "\n")
    with pytest.raises(MismatchError) as error:
        stage.simulate(net, net, images=10, stalled=5)
    text = str(error.value)
    assert text.startswith("xf_top: RTL differs in ")
    first = text.partition(f" {operator}: RTL differs in 1 of 1 images; first in image 0, ")[2]
    assert "got " in first and not (net / "sim.json").exists()


def spoil(net, old, new):
    top = net / "rtl" / "top.sv"
    text, count = re.subn(old, new, top.read_text())
    assert count == 1
    top.write_text(text)


def test_a_fault_between_operators_is_told_from_one_in_an_operator(net):
    spoil(net, r"\.m_data_o\((data_0?4\w*)\)", r".m_data_o({\1[1:0], \1[3:2]})")
    with pytest.raises(MismatchError, match=r"Every operator agrees .*rtl/top\.sv"):
        stage.simulate(net, net, images=10, stalled=5)


def test_a_network_that_hangs_says_how_far_it_came(net):
    spoil(net, r"= (valid_0?7\w*);", r"= \1 && beat_q < 2;")
    message = r"^xf_top: .*cycle \d+: 2 of 50 output beats .*, 640 of 640 input beats .*top\.sv"
    stops(message, stage.simulate, net, net, images=10, stalled=5, kind=MismatchError)


def test_a_folded_graph_that_is_not_the_lowered_one_is_named(net):
    lowered = dict(np.load(net / "lowered.npz"))
    lowered["integers"][3, 2] += 1
    np.savez(net / "lowered.npz", **lowered)
    said = r"^folded.onnx .*lowered.onnx .*: output: .* first in image 3, channel 2"
    stops(said, stage.simulate, net, net, images=4, stalled=2, kind=MismatchError)


def test_waveforms_are_written_on_request(net):
    write_json(net / "fold.json", {"clock_mhz": {"value": 50.0}})
    stage.simulate(net, net, images=2, stalled=1, waves=True)
    [file] = set(net.glob("waves.*")) - {net / "waves.gtkw"}
    assert file.stat().st_size > 10_000 and "-bytemvu_1 (ByteMvu)" in (net / "waves.gtkw").read_text()


def test_labels_are_judged_as_maps_of_a_one_each():
    truth = np.full((2, 8, 16), 3, np.uint8)
    truth[1, :, 8:] = 7
    labels = truth[:, ::4, ::4, None].astype(np.int64)
    # What the labels are of, and no more in them.
    lowered = {"scale": np.full(11, 0.5), "bias": np.arange(11) * 100.0}
    rows = stage.accuracy_rows({"labels": truth}, lowered, labels, labels[:1], "segment")
    assert [(row["stage"], row["images"]) for row in rows] == [
        ("bit simulator", 2), ("bit simulator", 1), ("RTL", 1),
    ]  # fmt: skip
    assert all(set(row["figures"].values()) == {1.0} for row in rows)
