"""Random binary networks through FINN's back end: its RTL gives the integers of the lowered graph."""

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from random_graphs import RandomGraph

from xnorforge.core.errors import UserError
from xnorforge.flows.backends.finn import finn
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
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
def test_finn_s_design_gives_the_integers_of_a_random_binary_network(seed, tmp_path):
    """Or FINN refuses a window of a single row that leaves out pixels."""
    net = Binary(seed)
    net.model.save(str(tmp_path / "net.onnx"))
    images = np.random.default_rng(seed).integers(0, 256, (IMAGES, *net.pixels.shape[1:]), np.uint8)
    import_model(tmp_path / "net.onnx", images, np.full(IMAGES, -1), tmp_path, 1.0)
    lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=INTERVAL)
    try:
        checks = finn(tmp_path, tmp_path / "acc", simulator)["checks"]
    except UserError as error:
        assert "FINN's code generation of ConvolutionInputGenerator" in str(error)
        lowered = ModelWrapper(str(tmp_path / "lowered.onnx"))
        windows = lowered.get_nodes_by_op_type("ConvolutionInputGenerator")
        sizes = [
            [getCustomOp(one).get_nodeattr(name) for name in ("ConvKernelDim", "Stride")] for one in windows
        ]
        assert any(
            kernel[0] == 1 < kernel[1] and np.greater(stride, kernel).any() for kernel, stride in sizes
        )
        return
    assert len(checks) > 1 and not any(check["mismatches"] for check in checks)
