"""LOADABLE=1: two trainings of one network are one hardware, which computes either with its weights."""

import numpy as np
import pytest

from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.export import export
from xnorforge.flows.fold import fold
from xnorforge.flows.lower import lower
from xnorforge.hw import graph
from xnorforge.hw.loads import LoadChain
from xnorforge.sim import cosim
from xnorforge.sim.device import network
from xnorforge.sim.loading import first_new, load_feed, writes_of
from xnorforge.sw import zoo


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
    chain.put("ElementwiseMul", "scale1", value, bits, [("scale1_factors", factors, "INT16")])
    steps = chain.rng.integers(value.min() // 2, value.max() // 2, (6, 1))
    chain.put(
        "Thresholding", "sign1", (value >= steps[:, 0]).astype(int), "BINARY",
        [("sign1_steps", steps, "INT32")], NumChannels=6, PE=1, numSteps=1, inputDataType=bits,
        weightDataType="INT32", outputDataType="BINARY", ActVal=0, numInputVectors=[1, *value.shape[1:-1]],
    )  # fmt: skip
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
    net, folders = "cifar10-resnet20_half_8bit", []
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
    with pytest.raises(UserError, match="LOADABLE=1"):
        fold(net, "pynq-z2", net / "acc", like=[str(net)])


def test_back_ends_without_our_rtl_are_refused(chains, tmp_path):
    net = chains["small"](3).save(tmp_path / "small")
    with pytest.raises(UserError, match=r"^fold: weights that a host loads .*BACKEND=hls4ml.*BACKEND=rtl"):
        fold(net, "pynq-z2", net / "acc", backend="hls4ml", loadable=True)
