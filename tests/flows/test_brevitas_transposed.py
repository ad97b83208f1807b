"""Transposed convolutions of Brevitas, exported as QONNX and as QCDQ, are built."""

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from brevitas.quant import Int8WeightPerChannelFloat
from brevitas_networks import Network
from pipeline import imported
from torch import nn

PER_CHANNEL = {"weight_quant": Int8WeightPerChannelFloat}


@pytest.mark.quick("*qonnx-2")
@pytest.mark.parametrize("exporter, groups", [("qonnx", 2), ("qonnx", 1), ("qcdq", 1)])
@pytest.mark.parametrize("shape", [(3, 6, 6), (3, 12)], ids=["2 dimensions", "1 dimension"])
def test_transposed_convolutions_of_brevitas_give_its_scores(tmp_path, shape, exporter, groups):
    torch.manual_seed(0)
    kind = "2d" if len(shape) == 3 else "1d"
    conv, larger = getattr(qnn, f"QuantConv{kind}"), getattr(qnn, f"QuantConvTranspose{kind}")
    norm, weights = getattr(nn, f"BatchNorm{kind}"), {"weight_bit_width": 4} if groups > 1 else PER_CHANNEL
    net = nn.Sequential(
        qnn.QuantIdentity(bit_width=8), conv(3, 6, 3, padding=1, weight_bit_width=4), norm(6),
        qnn.QuantReLU(bit_width=4), larger(6, 4, 4, stride=2, padding=1, **weights), norm(4),
        qnn.QuantReLU(bit_width=4),
        larger(4, 4, 3, stride=2, padding=1, output_padding=1, groups=groups, **weights),
        qnn.QuantReLU(bit_width=4), conv(4, 2, 1, weight_bit_width=4),
    )  # fmt: skip
    for _ in range(3):  # statistics of norms and scales
        net(torch.rand(4, *shape))
    Network(net.eval(), shape, exporter).export(tmp_path / "net.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.uint8)
    record = imported(tmp_path / "net.onnx", pixels, tmp_path, 1 / 255)
    assert record["nodes"]["DepthToSpace"] == 2 and len(record["checks"]) == 3
