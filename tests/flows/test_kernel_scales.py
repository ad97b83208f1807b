"""Integers in place of a scale per kernel position: exact from the trained network down to RTL."""

import numpy as np
import pytest
import torch
from torch import nn

from xnorforge.flows import export, fold
from xnorforge.flows.backends import rtl
from xnorforge.flows.lower import lower
from xnorforge.sim import stage
from xnorforge.sw.methods import rbcn
from xnorforge.sw.tasks.base import task_of


def lowered(net, count, folder):
    """The record of lowering a network of random weights, scales and thresholds; writes all files into
    `folder`.
    """
    torch.manual_seed(0)
    method = rbcn.Method(granularity="spatial")
    network = method.build(net).eval()
    with torch.no_grad():
        for layer in rbcn.rectified(network):
            nn.init.uniform_(layer.scale, 0.1, 0.6)
        for part in network:
            if hasattr(part, "norm"):
                part.norm.weight.normal_(0.4, 1)
                part.norm.running_mean.normal_(0, 8)
    images = np.random.default_rng(0).integers(0, 256, (count, *task_of(net).shape), np.uint8)
    meta = {"net": net, "method": "rbcn", "source": "here", "images": "random"}
    export.export(method.deploy(net, network), images, np.full(count, -1), folder, meta)
    return lower(folder / "model.onnx", folder / "golden.npz", folder)


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
    assert kinds.count("SpatialMvu") == layers and "IntMvu" in kinds, "the first layer reads pixels"
    rtl.generate(acc / "folded.onnx", acc / "rtl")
    proven = stage.simulate(acc, tmp_path, images=count, stalled=2)
    assert len(proven["checks"]) >= 4 and not any(check["mismatches"] for check in proven["checks"])
    assert proven["interval"] == folded["interval_bound"]
