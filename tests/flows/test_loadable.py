"""LOADABLE=1: two trainings of one network are one hardware, which computes either with its weights; or an
operator reads its weights from outside with every frame (`rom` "outside")."""

import json

import numpy as np
import pytest
from pipeline import flowing

from xnorforge import build
from xnorforge.core import plugins
from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.export import export
from xnorforge.flows.fold import fold
from xnorforge.flows.lower import lower
from xnorforge.hw import graph
from xnorforge.hw.loads import LoadChain
from xnorforge.hw.memory import bytes_per_frame
from xnorforge.hw.shells.forms import check_inside
from xnorforge.sim import cosim
from xnorforge.sim.device import network
from xnorforge.sim.loading import first_new, load_feed, writes_of
from xnorforge.sim.stage import locate_rtl, simulate
from xnorforge.sw import zoo
from xnorforge.sw.nn.building_blocks import Bits, Block, Network, Scores
from xnorforge.sw.nn.stream import plain_stream

from ..refusals import stops


def built(chain, folder, board, interval, like=()):
    acc = chain.save(folder) / "acc"
    fold(acc.parent, board, acc, interval=interval, loadable=True, like=like)
    loads = generate(acc / "folded.onnx", acc / "rtl")["loads"]
    return graph.operators(acc / "folded.onnx"), loads, acc / "rtl"


@pytest.mark.quick("flat-pynq-z2-30")
@pytest.mark.parametrize(("kind", "board", "interval"), [
    ("small", "pynq-z2", 330), ("small", "pynq-z2", 9000), ("small", "ulx3s", 3000), ("flat", "pynq-z2", 30),
    ("flat", "pynq-z2", 2000),
])  # fmt: skip
def test_the_rtl_of_one_training_computes_another_one_behind_a_load(chains, tmp_path, kind, board, interval):
    """Old frames back to back, a load among them; outputs are the integers of both references."""
    pair = [chains[kind](seed) for seed in (interval, interval + 1)]
    both = [built(chain, tmp_path / str(k), board, interval) for k, chain in enumerate(pair)]
    (ops, loads, rtl), (others, again, _) = both
    assert loads["structure"] == again["structure"] and loads["id"] != again["id"]
    images = np.load(tmp_path / "0" / "golden.npz")["images"]
    frames = np.concatenate([images] * 4)
    answers = [next(iter(graph.execute(some, frames).values())) for some in (ops, others)]
    first = answers[0].reshape(len(frames), -1)[: len(images)]
    np.testing.assert_array_equal(first[:, : pair[0].x.shape[1]], pair[0].x)
    device = network(rtl, ops, level="-O0")
    for stall in (0.0, 0.4):
        run = cosim.run(device, load_feed(ops, frames, writes_of(LoadChain(others)), 5), stall, seed=2)
        assert not run.outputs[1].any() and 5 <= first_new(run.output, *answers) < len(frames)


def test_other_foldings_are_other_structures(chains, tmp_path):
    small = chains["small"](3)
    found = [built(small, tmp_path / str(each), "pynq-z2", each)[1] for each in (330, 9000)]
    assert found[0]["structure"] != found[1]["structure"]


def scaled(chains, seed, largest):
    """Sums times constants up to `largest`, thresholds, a dense layer."""
    chain = chains["Chain"]((6, 6, 3), seed).conv("conv0", 4).conv("conv1", 6, raw=True)
    factors = chain.rng.integers(-largest, largest + 1, 6)
    factors[0] = largest
    value, bits = chain.x * factors, f"INT{(36 * largest).bit_length() + 1}"
    chain.put("Join", "scale1", value, bits, multipliers=factors[None])
    chain.levels("sign1", chain.rng.integers(value.min() // 2, value.max() // 2, (6, 1)))
    return chain.dense("fc0", 5, raw=True)


def test_trainings_whose_numbers_need_other_widths_are_one_hardware_with_like(chains, tmp_path):
    """Multipliers up to 5 and up to 900; the RTL of each computes with the weights of the other."""
    pair = [scaled(chains, 1, 5), scaled(chains, 2, 900)]
    alone = [built(one, tmp_path / str(k), "pynq-z2", 500)[1] for k, one in enumerate(pair)]
    assert alone[0]["structure"] != alone[1]["structure"]
    folders = [tmp_path / str(k) for k in (0, 1)]
    likes = zip(pair, folders, map(str, folders[::-1]))
    found = [built(one, folder, "pynq-z2", 500, [like]) for one, folder, like in likes]
    assert found[0][1]["structure"] == found[1][1]["structure"]
    frames = np.concatenate([np.load(tmp_path / "0" / "golden.npz")["images"]] * 3)
    answers = [next(iter(graph.execute(some, frames).values())) for some, _, _ in found]
    for k, (ops, _, rtl) in enumerate(found):
        feed = load_feed(ops, frames, writes_of(LoadChain(found[1 - k][0])), 5)
        run = cosim.run(network(rtl, ops, level="-O0"), feed, 0.3, seed=k)
        answer = first_new(run.output, answers[k], answers[1 - k])
        assert not run.outputs[1].any() and 5 <= answer < len(frames)


@pytest.mark.full
def test_three_methods_of_resnet20_are_one_hardware(tmp_path):
    """Their constants and widths differ, their operators do not."""
    net, folders = "cifar10-resnet20_half", []
    for method in ("ste", "bonn", "layer_priority"):
        folders.append(tmp_path / method)
        folders[-1].mkdir()
        module, meta = zoo.load(net, method)
        images, labels, which = zoo.golden(net, 20)
        export(module, images, labels, folders[-1], {**meta, "images": which})
        lower(folders[-1] / "model.onnx", folders[-1] / "golden.npz", folders[-1])
    structures = set()
    for folder in folders:
        acc, like = folder / "acc", [str(one) for one in folders if one != folder]
        fold(folder, "pynq-z2", acc, loadable=True, like=like)
        structures.add(generate(acc / "folded.onnx", acc / "rtl")["loads"]["structure"])
    assert len(structures) == 1


def test_like_takes_trainings_of_the_same_network_only(chains, tmp_path):
    net = scaled(chains, 1, 5).save(tmp_path / "net")
    other = chains["small"](3).save(tmp_path / "other")
    for like, wanted in ((other, "conv"), (tmp_path / "none", r"lowered\.onnx")):
        with pytest.raises(UserError, match=rf"^fold: LIKE={like} .*{wanted}"):
            fold(net, "pynq-z2", net / "acc", loadable=True, like=[str(like)])
    stops("LOADABLE=1", fold, net, "pynq-z2", net / "acc", like=[str(net)])


def test_back_ends_without_our_rtl_are_refused(chains, tmp_path):
    net = chains["small"](3).save(tmp_path / "small")
    with pytest.raises(UserError, match=r"^fold: weights that a host loads .*BACKEND=hls4ml.*BACKEND=rtl"):
        fold(net, "pynq-z2", net / "acc", backend="hls4ml", loadable=True)


@pytest.mark.quick("names2")
@pytest.mark.parametrize("names", [["conv0"], ["conv1", "fc0"], ["conv0", "conv1", "fc0", "fc1"]])
def test_a_network_is_the_same_with_weights_from_outside(chains, tmp_path, names):
    """Convolution with padding, dense layers, bits and sums; outputs are the integers of the reference."""
    chain = chains["small"](5)
    net = chain.save(tmp_path / "net")
    given = tmp_path / "folding.json"
    given.write_text(json.dumps({name: {"rom": "outside"} for name in names}))
    fold(net, "pynq-z2", net / "acc", interval=700, folding=given)
    ops = graph.operators(net / "acc" / "folded.onnx")
    assert [op.name for op in ops if op.outside] == names
    assert ops[-1].out_stream().shape == chain.answers().shape[1:]  # by which scores are found
    flowing(net, chain.answers(), level="-O0")


def test_fold_knows_the_interval_with_a_memory_that_binds(chains, tmp_path):
    net, given = chains["small"](5).save(tmp_path / "net"), tmp_path / "folding.json"
    given.write_text(json.dumps({name: {"rom": "outside"} for name in ("conv1", "fc0", "fc1")}))
    reads = fold(net, "pynq-z2", net / "acc", interval=700, folding=given, gb_per_s=0.02)["memory"]
    generate(net / "acc/folded.onnx", net / "acc/rtl")
    found = simulate(net / "acc", net, 4, 1)  # of which two run with the memory
    assert found["memory"] == reads | {"interval": reads["interval_modelled"], "binds": "memory"}
    names = "RTL with a memory = lowered", "cycles of the RTL with a memory = cycle model"
    assert {*names} <= {one["name"] for one in found["checks"] if not one["mismatches"]}
    pictures = np.load(net / "golden.npz")["images"][:1]
    layers = locate_rtl(net / "acc", graph.operators(net / "acc/folded.onnx"), pictures)
    assert layers.startswith("Every operator agrees on its own")  # those with a memory too


def test_shells_refuse_weights_from_outside():
    record = {"outside": [{"operator": "conv5", "bits": 64, "words": 9}]}
    stops(r"^net: .*conv5.*rom", check_inside, record, "net")
    check_inside({}, "net")


@pytest.mark.full
def test_weights_that_do_not_fit_come_from_a_memory_that_is_quick_enough(chains, tmp_path):
    """512 x 512 weights are 7.1 block RAMs or 4,096 LUTs, and 32,768 bytes; 40,000 cycles at 100 MHz are
    400 us, in which 2 GB/s give 800,000 bytes, but 0.01 GB/s 4,000. The first layer's 1 kbyte fits."""
    chain = chains["Chain"]((16,)).sign("sign").dense("fc0", 512).dense("fc1", 512).dense("fc2", 10, raw=True)
    wide = chains["Chain"]((16,)).sign("sign").dense("fc0", 3072).dense("fc1", 3072).dense("fc2", 9, raw=True)
    net, wide = chain.save(tmp_path / "net"), wide.save(tmp_path / "wide")
    said = r"0.5 GB/s gives .* bytes per frame, .*fc0.* 9.4 Mbit"  # where they fit in no form
    stops(said, fold, wide, "pynq-z2", wide / "acc", interval=100_000, gb_per_s=0.5)
    aim = {"interval": 40_000, "limits": {"bram": "4", "lut": "3000"}}
    stops("MEMORY=2", fold, net, "pynq-z2", net / "acc", **aim)
    with pytest.raises(UserError, match=r"^pynq-z2(?!.*MEMORY)"):
        fold(net, "pynq-z2", net / "acc", gb_per_s=0.01, **aim)
    record = fold(net, "pynq-z2", net / "acc", gb_per_s=2.0, **aim)
    assert record["memory"]["operators"] == ["fc1"] and record["checks"][0]["mismatches"] == 0
    assert record["estimate"]["bram36"] <= 4 and record["interval_bound"] <= 40_000
    assert record["memory"]["needed_gb_per_s"] == round(32_768 / record["interval_bound"] / 10, 3)


@pytest.mark.full
@pytest.mark.parametrize(("module", "shape", "fps", "outside"), [
    (lambda: plain_stream((512, 1024, 2048)), (3, 32, 32), 5, 5),  # cifar10_vgg_small, four times as wide
    (lambda: Network(Bits(), Block(784, 4096), Block(4096, 4096), Scores(4096, 10, 1/8)), (1, 28, 28), 99, 1),
])  # fmt: skip
def test_weights_beyond_what_the_part_stores_come_from_a_memory(tmp_path, module, shape, fps, outside):
    images = {"images": np.zeros((2, *shape), np.uint8), "input_shape": shape, "scale": 1}
    asked = {**images, "fps": fps, "folder": tmp_path / "net", "until": "fold"}
    stops(r"store at most|MEMORY=2", build, module(), **asked)
    record = read_json(build(module(), memory=2, **asked).folder / "fold.json")
    assert len(record["memory"]["operators"]) == outside and record["checks"][0]["mismatches"] == 0


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
    make = plugins.load("hw.ops", "sign_mvu").Op.make
    arrays = {"weights": rng.integers(0, 2, (mw, mh)), "thresholds": rng.integers(0, mw, mh)}
    shape = {"in_shape": [vectors, mw], "out_shape": [vectors, mh]}
    op = make("fc", arrays, mw=mw, mh=mh, simd=1, pe=1, vectors=vectors, **shape)
    [(_, stream)] = graph.outside(ops := op.from_outside(interval))
    assert max(one.cycles() for one in ops) <= interval
    words = [
        simd * pe for simd in range(1, mw + 1) for pe in range(1, mh + 1)
        if mw % simd == 0 == mh % pe and vectors * mw * mh <= interval * simd * pe and simd * pe <= 2048
    ]  # fmt: skip
    small = 7, 8, 14, 15, 16, 28, 29, 30, 31, 32
    fills = [bits for bits in words if bits in small or -bits % 64 <= bits / 7]
    assert stream.width in (fills or words)
    assert bytes_per_frame(ops) * 8 <= mw * mh * (8 / 7 if fills else 8) + 63
