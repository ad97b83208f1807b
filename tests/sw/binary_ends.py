"""Ends of residual networks that are all bits: a stem that starts a real stream, and a pool that ends it."""

from torch import nn

from xnorforge.sw.nn import binary
from xnorforge.sw.nn.building_blocks import Affine2d

# Of gain and shift: sums of pixels are multiples of 2^-7, so the stream has 12 fraction bits.
FRACTION = 5


class Stem(nn.Module):
    """Pixels to a real stream: 3x3 convolution, batch norm on a grid."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.pad = nn.ConstantPad2d(1, -1.0)
        self.dot = binary.conv(inputs, outputs, 3)
        self.norm = Affine2d(outputs, 9 * inputs, FRACTION)

    def forward(self, x):
        return self.norm(self.dot(self.pad(x)))


class Pooled(nn.Module):
    """A real stream to numbers: sign, the mean over `size` x `size` pixels, size * size a power of two."""

    def __init__(self, size: int):
        super().__init__()
        self.sign = binary.sign_layer()
        self.mean = nn.AvgPool2d(size)

    def forward(self, x):
        return self.mean(self.sign(x)).flatten(1)
