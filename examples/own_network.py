"""A network of your own: define it with Brevitas, train it, build it, and compare it with PyTorch.

    python examples/own_network.py

The network tells horizontal, vertical and diagonal stripes apart. Its weights are -1 and +1, its activations
have 1 and 2 bits.
"""

import brevitas.nn as qnn
import torch
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from torch import nn

import xnorforge as xf


class Stripes(nn.Module):
    """12x12 pixels of 0 to 1 -> scores of three classes."""

    def __init__(self):
        super().__init__()
        binary = SignedBinaryWeightPerTensorConst
        self.sign = qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst)
        self.conv = qnn.QuantConv2d(1, 16, 3, stride=2, bias=False, weight_quant=binary)
        self.norm = nn.BatchNorm2d(16)  # batch norm and quantiser become integer thresholds
        self.levels = qnn.QuantReLU(bit_width=2)
        self.scores = qnn.QuantLinear(16 * 5 * 5, 3, bias=True, weight_quant=binary)

    def forward(self, pixels):
        x = self.conv(self.sign(pixels - 0.5))
        return self.scores(self.levels(self.norm(x)).flatten(1))


def pictures(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy stripes, uint8 (count, 1, 12, 12), and their classes: 0 horizontal, 1 vertical, 2 diagonal."""
    noise = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (count,), generator=noise)
    row, column = torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij")
    stripes = torch.stack([row, column, row + column]) // 2 % 2
    images = 80 + 60 * stripes[labels] + torch.randint(-80, 81, (count, 12, 12), generator=noise)
    return images.to(torch.uint8).unsqueeze(1), labels


def train(network: nn.Module, steps: int = 400) -> None:
    """Brevitas measures the scales of activations in the first 300 steps."""
    images, labels = pictures(3000, seed=0)
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    for step in range(steps):
        batch = torch.arange(100 * step, 100 * step + 100) % len(images)
        loss = nn.functional.cross_entropy(network(images[batch] / 255), labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    network = Stripes()
    train(network)
    images, labels = pictures(500, seed=1)
    test = {"images": images.numpy(), "labels": labels.numpy()}
    # until="fold" takes seconds and ends with the bit simulator; until="report" adds RTL and synthesis.
    accelerator = xf.build(network, board="pynq-z2", input_shape=(1, 12, 12), until="fold", **test)
    print(accelerator)
    print(accelerator.figures)  # cycles per frame, and the cost model's LUT and BRAM
    with torch.no_grad():
        in_torch = network.eval()(images / 255).argmax(1).numpy()
    found = accelerator.predict(images.numpy())
    print(f"accuracy {(found == labels.numpy()).mean():.1%}, as PyTorch {(found == in_torch).mean():.1%}")
