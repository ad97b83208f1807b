"""Layers with alpha * sign(W), alpha the mean |W|; the gradient of alpha * sign(W) goes to W unchanged.

alpha > 0 cancels in the batch norm that follows, so sums are in units of alpha: the layer has sign(W), and
the gradient is divided by alpha.
"""

import torch

from xnorforge.sw.nn import binary
from xnorforge.sw.nn.binary import signs


class WeightSign(torch.autograd.Function):
    """sign(W) in units of alpha. The gradient of alpha * sign(W), which is 1 / alpha times that of sign(W),
    goes to W.
    """

    @staticmethod
    def forward(ctx, weight, alpha):
        ctx.save_for_backward(alpha)
        return signs(weight)

    @staticmethod
    def backward(ctx, gradient):
        (alpha,) = ctx.saved_tensors
        return gradient / alpha, None


class Scaled:
    """A layer with alpha * sign(W), or W in the real stage, in units of alpha."""

    real, per_channel = False, False
    weight: torch.Tensor

    def alpha(self) -> torch.Tensor:
        """Return the mean |W| of the layer or of each output channel; it has no gradient."""
        size = self.weight.detach().abs()
        found = size.flatten(1).mean(1) if self.per_channel else size.mean().view(1)
        return found.clamp(min=1e-6).view(-1, *[1] * (self.weight.dim() - 1))

    def values(self) -> torch.Tensor:
        """Return the weights the layer multiplies with."""
        return self.weight / self.alpha() if self.real else WeightSign.apply(self.weight, self.alpha())


class ScaledConv(Scaled, binary.BinaryConv):
    """Convolution."""


class ScaledLinear(Scaled, binary.BinaryLinear):
    """Dense layer."""
