"""`rom` "outside": an operator reads its weights from outside with every frame."""

import json

import numpy as np
import pytest
from pipeline import flowing

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.export import export
from xnorforge.flows.fold import fold
from xnorforge.flows.lower import lower
from xnorforge.hw import graph
from xnorforge.hw.memory import bytes_per_frame
from xnorforge.hw.shells.forms import check_inside
from xnorforge.sim.stage import simulate
from xnorforge.sw import zoo

from ..refusals import stops


@pytest.mark.quick("names2")
@pytest.mark.parametrize("names", [["conv0"], ["conv1", "fc0"], ["conv0", "conv1", "fc0", "fc1"]])
def test_a_network_is_the_same_with_weights_from_outside(chains, tmp_path, names):
    """Convolution with padding, dense layers, bits and sums; outputs are the integers of the reference."""
    chain = chains["small"](5)
    net = chain.save(tmp_path / "net")
    given = tmp_path / "folding.json"
    given.write_text(json.dumps({name: {"rom": "outside"} for name in names}))
    fold(net, "pynq-z2", net / "acc", interval=700, folding=given)
    assert [op.name for op in graph.operators(net / "acc" / "folded.onnx") if op.outside] == names
    flowing(net, chain.answers(), level="-O0")


def test_fold_knows_the_interval_with_a_memory_that_binds(chains, tmp_path):
    net, given = chains["small"](5).save(tmp_path / "net"), tmp_path / "folding.json"
    given.write_text(json.dumps({name: {"rom": "outside"} for name in ("conv1", "fc0", "fc1")}))
    reads = fold(net, "pynq-z2", net / "acc", interval=700, folding=given, gb_per_s=0.02)["memory"]
    generate(net / "acc/folded.onnx", net / "acc/rtl")
    found = simulate(net / "acc", net, 4, 4)
    assert found["memory"] == reads | {"interval": reads["interval_modelled"], "binds": "memory"}
    names = "RTL with a memory = lowered", "cycles of the RTL with a memory = cycle model"
    assert {*names} <= {one["name"] for one in found["checks"] if not one["mismatches"]}


def test_shells_refuse_weights_from_outside():
    record = {"outside": [{"operator": "conv5", "bits": 64, "words": 9}]}
    stops(r"^net: .*conv5.*rom", check_inside, record, "net")
    check_inside({}, "net")


@pytest.mark.full
def test_weights_that_do_not_fit_come_from_a_memory_that_is_quick_enough(chains, tmp_path):
    """512 x 512 weights are 7.1 block RAMs or 4,096 LUTs, and 32,768 bytes; 40,000 cycles at 100 MHz are
    400 us, in which 2 GB/s give 800,000 bytes, but 0.01 GB/s 4,000. The first layer's 1 kbyte fits.
    """
    chain = chains["Chain"]((16,)).sign("sign").dense("fc0", 512).dense("fc1", 512).dense("fc2", 10, raw=True)
    net = chain.save(tmp_path / "net")
    aim = {"interval": 40_000, "limits": {"bram": "4", "lut": "3000"}}
    stops("MEMORY=2", fold, net, "pynq-z2", net / "acc", **aim)
    with pytest.raises(UserError, match=r"^pynq-z2") as error:
        fold(net, "pynq-z2", net / "acc", gb_per_s=0.01, **aim)
    assert "MEMORY" not in str(error.value)
    record = fold(net, "pynq-z2", net / "acc", gb_per_s=2.0, **aim)
    assert record["memory"]["operators"] == ["fc1"]
    assert record["estimate"]["bram36"] <= 4 and record["interval_bound"] <= 40_000
    assert record["memory"]["needed_gb_per_s"] == round(32_768 / record["interval_bound"] / 10, 3)
    assert record["checks"][0]["mismatches"] == 0


@pytest.mark.full
def test_resnet18_for_imagenet_fits_a_small_part_at_60_frames_per_second(tmp_path):
    """Exact in all stages up to the folding, with more than its block RAM's bits of weights from memory."""
    net, (module, about) = tmp_path / "imagenet-resnet18", zoo.load("imagenet-resnet18")
    images, labels, which = zoo.golden("imagenet-resnet18", 1)
    assert not export(module, images, labels, net, {**about, "images": which})["accuracy"]
    lower(net / "model.onnx", net / "golden.npz", net)
    record = fold(net, "pynq-z2", net / "acc", gb_per_s=2.0)
    assert record["interval_bound"] <= 1_666_666 and record["estimate"]["bram36"] <= 140
    assert {"dense20", "conv17", "conv18", "conv19"} <= {*record["memory"]["operators"]}
    assert record["memory"]["needed_gb_per_s"] < 2 and record["checks"][0]["mismatches"] == 0


@pytest.mark.parametrize(("mw", "mh", "vectors", "interval"), [
    (576, 64, 100, 32_400), (288, 48, 36, 5_000), (1152, 256, 4, 40_000), (512, 10, 1, 700), (72, 6, 36, 600),
])  # fmt: skip
def test_words_of_weights_fill_their_slots_in_memory(mw, mh, vectors, interval):
    """At least 7 of 8 bits, if simd dividing mw and pe dividing mh allow it within the cycles."""
    rng = np.random.default_rng(0)
    make = plugins.load("hw.ops", "xnor_mvu").Op.make
    arrays = {"weights": rng.integers(0, 2, (mw, mh)), "thresholds": rng.integers(0, mw, mh)}
    shape = {"in_shape": [vectors, mw], "out_shape": [vectors, mh]}
    op = make("fc", arrays, mw=mw, mh=mh, simd=1, pe=1, vectors=vectors, **shape)
    [(_, stream)] = graph.outside(ops := op.from_outside(interval))
    assert max(one.cycles() for one in ops) <= interval
    words = [
        simd * pe
        for simd in range(1, mw + 1)
        for pe in range(1, mh + 1)
        if mw % simd == 0 == mh % pe and vectors * mw * mh <= interval * simd * pe and simd * pe <= 2048
    ]
    small = 7, 8, 14, 15, 16, 28, 29, 30, 31, 32
    fills = [bits for bits in words if bits in small or -bits % 64 <= bits / 7]
    assert stream.width in (fills or words)
    assert bytes_per_frame(ops) * 8 <= mw * mh * (8 / 7 if fills else 8) + 63
