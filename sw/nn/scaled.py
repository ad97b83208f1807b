"""Weights alpha * sign(W), alpha the mean |W|; the gradient of alpha * sign(W) goes to W unchanged.

alpha > 0 cancels in the batch norm that follows, so sums are in units of alpha: the layer has sign(W), and
the gradient is divided by alpha.
"""

from typing import Any

import torch

from xnorforge.sw.nn.binary import Weights, signs


class WeightSign(torch.autograd.Function):
    """sign(W) in units of alpha: W gets the gradient of alpha * sign(W), 1 / alpha of sign(W)'s."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(alpha)
        return signs(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (alpha,) = ctx.saved_tensors
        return gradients[0] / alpha, None


class Scaled(Weights):
    """alpha * sign(W), or W in the real stage, in units of alpha: the layer's, or `per_channel`."""

    real = False

    def __init__(self, per_channel: bool = False):
        super().__init__()
        self.per_channel = per_channel

    def alpha(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the mean |W| of the layer or of each output channel; it has no gradient."""
        size = weight.detach().abs()
        found = size.flatten(1).mean(1) if self.per_channel else size.mean().view(1)
        return found.clamp(min=1e-6).view(-1, *[1] * (weight.dim() - 1))

    def values(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.alpha(x) if self.real else WeightSign.apply(x, self.alpha(x))
