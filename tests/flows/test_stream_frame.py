"""Random PReLU(x + 2^-k conv(sign(BN(x)))): module, QONNX, integers, RTL; no multiplier in the stream."""

import numpy as np
import pytest
import torch
from pipeline import exported, simulated
from torch import nn

from xnorforge.core.artifacts import read_json
from xnorforge.sw.nn import stream


def drawn(seed: int) -> nn.Module:
    """One to three stages, random widths and k, either shortcut or none; slopes beyond the grid."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    stages, blocks = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    widths = [int(width) for width in rng.integers(2, 9, stages + 1)]
    if seed % 3 == 2:
        net = stream.plain_stream(tuple(widths[:2]), size=8, classes=5)
    elif seed % 3:
        widths = [widths[0] * 2 ** min(at, 2) for at in range(stages + 1)]
        net = stream.residual_stream(tuple(widths), blocks, size=8, classes=5, wider=stream.Repeated)
    else:
        net = stream.residual_stream(tuple(widths), blocks, size=8, classes=5)
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.uniform_(-1.5, 1.5)
                part.bias.uniform_(-1, 1)
                part.running_mean.uniform_(-1, 1)
                part.running_var.uniform_(0.2, 3)
            if isinstance(part, stream.Slopes):
                part.weight.uniform_(-0.2, 1.3)
        for part in net:
            if isinstance(part, stream.Residual) and rng.random() < 0.5:
                part.added.conv.weight_quant.tensor_quant.scaling_impl.value.fill_(-rng.uniform(0, 8))
    return net.eval()


def lowered(seed: int, folder):
    """The network's checks; writes the files up to the integers into `folder`."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (64, 3, 8, 8), np.uint8)
    images[:4] = np.array([0, 127, 128, 255], np.uint8).reshape(4, 1, 1, 1)
    net = drawn(seed)
    return net, exported(net, images, folder)


def is_exact(seed: int, folder) -> None:
    net, checks = lowered(seed, folder)
    assert len(checks) >= 4 and not any(check["mismatches"] for check in checks)
    rectified = read_json(folder / "lower.json")["nodes"]["Rectify"]
    assert rectified == sum(isinstance(part, (stream.Stem, stream.Residual)) for part in net.modules())


def is_built(folder) -> None:
    proven = simulated(folder, 8000, 6, 2)
    assert not read_json(folder / "acc/fold.json")["estimate"]["dsp"]
    assert not any(check["mismatches"] for check in proven["checks"])


@pytest.mark.full
@pytest.mark.parametrize("seed", range(32))
def test_a_random_network_is_exact_the_first_twelve_down_to_rtl_without_a_multiplier(tmp_path, seed):
    is_exact(seed, tmp_path)
    if seed < 12:
        is_built(tmp_path)
