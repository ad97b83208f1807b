"""LOADABLE=1: two trainings of one network are one hardware, which computes either with its weights."""

import numpy as np
import pytest

from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.hw import graph
from xnorforge.hw.ops._loads import LoadChain
from xnorforge.sim import cosim
from xnorforge.sim.device import network
from xnorforge.sim.loading import first_new, load_feed, writes_of


def built(chain, folder, board, interval):
    acc = chain.save(folder) / "acc"
    fold(acc.parent, board, acc, interval=interval, loadable=True)
    return (
        graph.operators(acc / "folded.onnx"),
        generate(acc / "folded.onnx", acc / "rtl")["loads"],
        acc / "rtl",
    )


@pytest.mark.parametrize(("kind", "board", "interval"), [
    ("small", "pynq-z2", 330), ("small", "pynq-z2", 9000), ("small", "ulx3s", 3000), ("flat", "pynq-z2", 30),
    ("flat", "pynq-z2", 2000),
])  # fmt: skip
def test_the_rtl_of_one_training_computes_another_one_behind_a_load(chains, tmp_path, kind, board, interval):
    """Old frames back to back, a load among them; outputs are the integers of both references."""
    pair = [chains[kind](seed) for seed in (interval, interval + 1)]
    (ops, loads, rtl), (others, again, _) = (
        built(chain, tmp_path / str(k), board, interval) for k, chain in enumerate(pair)
    )
    assert loads["structure"] == again["structure"] and loads["id"] != again["id"]
    images = np.load(tmp_path / "0" / "golden.npz")["images"]
    frames = np.concatenate([images] * 4)
    answers = [next(iter(graph.execute(some, frames).values())) for some in (ops, others)]
    np.testing.assert_array_equal(
        answers[0].reshape(len(frames), -1)[: len(images), : pair[0].x.shape[1]], pair[0].x
    )
    device = network(rtl, ops, level="-O0")
    for stall in (0.0, 0.4):
        run = cosim.run(device, load_feed(ops, frames, writes_of(LoadChain(others)), 5), stall, seed=2)
        assert not run.outputs[1].any() and 5 <= first_new(run.output, *answers) < len(frames)


def test_other_foldings_are_other_structures(chains, tmp_path):
    found = [
        built(chains["small"](3), tmp_path / str(interval), "pynq-z2", interval)[1]
        for interval in (330, 9000)
    ]
    assert found[0]["structure"] != found[1]["structure"]


def test_back_ends_without_our_rtl_are_refused(chains, tmp_path):
    net = chains["small"](3).save(tmp_path / "small")
    with pytest.raises(UserError, match=r"^fold: LOADABLE=1 .*BACKEND=hls4ml.*BACKEND=rtl"):
        fold(net, "pynq-z2", net / "acc", backend="hls4ml", loadable=True)
