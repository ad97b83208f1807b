"""Random binary networks through both back ends: FINN's design and ours give the integers of the lowered
graph, and Yosys counts both.
"""

import json

import numpy as np
import pytest
from pipeline import built
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from random_graphs import RandomGraph
from yosys_count import counted

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.finn import finn
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.synth import count
from xnorforge.hw import graph
from xnorforge.sim import cosim
from xnorforge.sim import finn as simulator

IMAGES, INTERVAL = 8, 600


class Binary(RandomGraph):
    """Chains, pools and residual blocks of -1 and +1 behind 8-bit pixels, with borders of -1 or +1."""

    def draw(self):
        parts = [self.layer, self.pool, self.shortcut]
        parts[self.rng.integers(len(parts))]()

    def chance(self, share):
        return share != 0.3 and super().chance(share)  # no groups, no Relu

    def weights(self, *shape, one_bit=True):
        return self.graph.weights(*shape)

    def padded(self, pads, given, zero):
        super().padded(pads, given, zero=False)

    def quantise(self, norm=True):
        if norm:
            self.norm()
        self.graph.sign()
        self.bits = 1


@pytest.mark.full
@pytest.mark.parametrize("seed", range(40))
def test_both_back_ends_give_the_integers_of_a_random_binary_network(seed, tmp_path):
    """Or FINN refuses a window of a single row that leaves out pixels. Prints a row of a table: seed, parts,
    then LUT and cycles per frame of FINN's design and of ours.
    """
    net = Binary(seed)
    net.model.save(str(tmp_path / "net.onnx"))
    images = np.random.default_rng(seed).integers(0, 256, (IMAGES, *net.pixels.shape[1:]), np.uint8)
    folder = tmp_path / "out"
    import_model(tmp_path / "net.onnx", images, np.full(IMAGES, -1), folder, 1.0)
    lower(folder / "model.onnx", folder / "golden.npz", folder)
    record = fold(folder, "pynq-z2", folder / "acc", interval=INTERVAL)
    parts = "+".join(sorted(net.drawn)) or "chain"
    try:
        theirs = finn(folder, folder / "acc", simulator)
    except UserError as error:
        assert "FINN's code generation of ConvolutionInputGenerator" in str(error)
        windows = ModelWrapper(str(folder / "lowered.onnx")).get_nodes_by_op_type("ConvolutionInputGenerator")
        sizes = [
            [getCustomOp(one).get_nodeattr(name) for name in ("ConvKernelDim", "Stride")] for one in windows
        ]
        assert any(
            kernel[0] == 1 < kernel[1] and np.greater(stride, kernel).any() for kernel, stride in sizes
        )
        print(json.dumps([seed, parts, "refused by FINN"]))
        return
    assert all(check["mismatches"] == 0 for check in theirs["checks"])

    ops = graph.operators(folder / "acc/folded.onnx")
    (tmp_path / "ours").mkdir()
    device, ops = built(ops, tmp_path / "ours")
    run = cosim.run(device, graph.enter(ops[0], images), seed=seed)
    with np.load(folder / "lowered.npz") as lowered:
        np.testing.assert_array_equal(run.output, graph.answers(ops, lowered))
    assert run.interval <= record["interval_bound"]

    ours = sum(row["lut"] for row in count(ops, "xc7"))
    finns = counted(folder / "acc/finn/rtl")["lut"]
    interval = artifacts.read_json(folder / "acc/finn.json")["cycles"]["interval"]
    print(json.dumps([seed, parts, finns, interval, ours, run.interval]))
    assert ours > 0 and finns > 0
