"""Integers in place of a scale per kernel position: exact from the trained network down to RTL."""

import pytest
from pipeline import lowered_at_random
from torch import nn

from xnorforge.flows import fold
from xnorforge.flows.backends import rtl
from xnorforge.sim import stage
from xnorforge.sw.methods import rbcn


def lowered(net, count, folder):
    """The record of lowering a network of random weights, scales and thresholds; writes all files into
    `folder`.
    """

    def with_scales(network):
        for layer in rbcn.rectified(network):
            nn.init.uniform_(layer.c, 0.1, 0.6)

    return lowered_at_random(rbcn.Method(granularity="spatial"), net, count, folder, with_scales)


@pytest.mark.quick("!mnist-cnn-12-8192-2")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("net", "count", "interval", "layers"),
    [("mnist-cnn", 12, 8192, 2), pytest.param("cifar10-cnv_half", 4, 65536, 5, marks=pytest.mark.full)],
)
def test_a_network_with_them_is_exact_down_to_rtl(net, count, interval, layers, tmp_path):
    record = lowered(net, count, tmp_path)
    assert [check["mismatches"] for check in record["checks"]] == [0, 0, 0]
    acc = tmp_path / "acc"
    folded = fold.fold(tmp_path, "pynq-z2", acc, interval=interval)
    kinds = [one["op"] for one in folded["operators"]]
    assert kinds.count("SpatialMvu") == layers and {"IntMvu", "DaMvu"} & {*kinds}, "the first reads pixels"
    rtl.generate(acc / "folded.onnx", acc / "rtl")
    proven = stage.simulate(acc, tmp_path, images=count, stalled=2)
    assert len(proven["checks"]) >= 4 and not any(check["mismatches"] for check in proven["checks"])
    assert proven["interval"] == folded["interval_bound"]
