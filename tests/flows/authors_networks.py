"""Bi-Real Net-18 and ReActNet-A as their authors write them, in plain torch: torch.sign, float batch norms,
average-pool and 1x1 shortcuts, RPReLU. Stem, 1x1 shortcuts and classifier have 8 bits."""

import brevitas.nn as qnn
import torch
from torch import nn

EIGHT = {"weight_bit_width": 8, "bias": False}


class HardBinaryConv(nn.Module):
    """A convolution with the weights mean|w| sign(w) per output."""

    def __init__(self, inputs, outputs, kernel=3, stride=1):
        super().__init__()
        self.stride, self.pad = stride, kernel // 2
        self.weights = nn.Parameter((torch.rand(outputs, inputs, kernel, kernel) - 0.5) * 0.002)

    def forward(self, x):
        scale = self.weights.abs().mean((1, 2, 3), keepdim=True)
        return nn.functional.conv2d(x, scale * torch.sign(self.weights), stride=self.stride, padding=self.pad)


class LearnableBias(nn.Module):
    """One number per channel is added."""

    def __init__(self, channels):
        super().__init__()
        self.bias = nn.Parameter(0.2 * torch.randn(1, channels, 1, 1))

    def forward(self, x):
        return x + self.bias


class RPReLU(nn.Sequential):
    """A PReLU with shifts before and after it."""

    def __init__(self, channels):
        slope = nn.PReLU(channels)
        nn.init.uniform_(slope.weight, 0.05, 0.45)
        super().__init__(LearnableBias(channels), slope, LearnableBias(channels))


def eight_bits():
    """A quantiser of 8 bits whose scale is any float."""
    return qnn.QuantIdentity(bit_width=8, scaling_impl_type="const", scaling_init=float(5 + torch.rand(1)))


class BiRealBlock(nn.Module):
    """sign, binary 3x3 convolution, batch norm, plus the shortcut."""

    def __init__(self, inputs, outputs, stride, quantised):
        super().__init__()
        self.conv, self.norm = HardBinaryConv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Sequential(
                eight_bits(), nn.AvgPool2d(2), qnn.QuantConv2d(inputs, outputs, 1, **EIGHT),
                nn.BatchNorm2d(outputs),
            )  # fmt: skip
        elif quantised:
            self.shortcut = eight_bits()

    def forward(self, x):
        return self.norm(self.conv(torch.sign(x))) + self.shortcut(x)


def bi_real_18(quantised=False, classes=1000, width=64):
    """Four stages of four blocks; `quantised`: shortcuts of 8 bits."""
    blocks, inputs = [], width
    for stage in range(4):
        outputs = width << stage
        for at in range(4):
            blocks.append(BiRealBlock(inputs, outputs, 2 if stage and not at else 1, quantised))
            inputs = outputs
    return nn.Sequential(qnn.QuantConv2d(3, width, 7, stride=2, padding=3, **EIGHT), nn.BatchNorm2d(width),
                         nn.MaxPool2d(3, 2, 1), *blocks, eight_bits(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         qnn.QuantLinear(inputs, classes, weight_bit_width=8, bias=True))  # fmt: skip


class ReActBlock(nn.Module):
    """RSign, binary 3x3, norm, plus the shortcut, RPReLU; then 1x1, twice where channels double."""

    def __init__(self, inputs, outputs, stride, quantised):
        super().__init__()
        self.move, self.conv = LearnableBias(inputs), HardBinaryConv(inputs, inputs, 3, stride)
        self.norm, self.bent = nn.BatchNorm2d(inputs), RPReLU(inputs)
        self.pool = nn.AvgPool2d(2) if stride == 2 else nn.Identity()
        self.move_1x1 = LearnableBias(inputs)
        self.convs = nn.ModuleList(HardBinaryConv(inputs, inputs, 1) for _ in range(outputs // inputs))
        self.norms = nn.ModuleList(nn.BatchNorm2d(inputs) for _ in self.convs)
        self.bent_1x1 = RPReLU(outputs)
        self.after, self.after_1x1 = (eight_bits() if quantised else nn.Identity() for _ in range(2))

    def forward(self, x):
        x = self.after(self.bent(self.norm(self.conv(torch.sign(self.move(x)))) + self.pool(x)))
        bits = torch.sign(self.move_1x1(x))
        parts = [norm(conv(bits)) + x for conv, norm in zip(self.convs, self.norms)]
        return self.after_1x1(self.bent_1x1(torch.cat(parts, 1) if len(parts) > 1 else parts[0]))


WIDTHS = [(32, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), *[(512, 1)] * 5, (512, 2), (1024, 1)]
OUTPUTS = [64, 128, 128, 256, 256, 512, *[512] * 5, 1024, 1024]


def react_net_a(quantised=True, classes=1000, narrower=1):
    """13 blocks; `quantised`: 8 bits after every RPReLU."""
    pairs = zip(WIDTHS, OUTPUTS)
    blocks = [ReActBlock(a // narrower, b // narrower, stride, quantised) for (a, stride), b in pairs]
    return nn.Sequential(
        qnn.QuantConv2d(3, 32 // narrower, 3, stride=2, padding=1, **EIGHT), nn.BatchNorm2d(32 // narrower),
        eight_bits() if quantised else nn.Identity(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        qnn.QuantLinear(1024 // narrower, classes, weight_bit_width=8, bias=True),
    )  # fmt: skip


def drawn(build, shape, seed: int = 0) -> nn.Module:
    """A network in evaluation mode, of its input's shape: all numbers drawn, statistics of noise."""
    torch.manual_seed(seed)
    network = build().train()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, 0, 0.2)
            norm.momentum = None
    with torch.no_grad():
        network(torch.rand(4, *shape))
    return network.eval()
