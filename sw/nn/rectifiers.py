"""Increasing piecewise linear functions of one channel: PReLU with shifts, and the sign of a shifted
number.

RPReLU and RSign are those of ReActNet (Z. Liu, Z. Shen, M. Savvides, K.-T. Cheng, "ReActNet: Towards Precise
Binary Neural Network with Generalized Activation Functions", ECCV 2020, equations 3 and 4):

    RPReLU(x) = x - gamma + zeta  for x > gamma,  slope (x - gamma) + zeta  elsewhere
    RSign(x)  = +1  for x >= alpha,  -1  elsewhere

At the end of training, and deployed, slopes are eighths in [0, 1] (a decreasing function has no threshold)
and shifts are multiples of 2^-11. A sum with 11 fraction bits at the input then has exactly 14 at the output.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

SLOPE_STEP, SHIFT_STEP = 2.0**-3, 2.0**-11
SHIFT_LIMIT = 32.0  # largest |shift|
FRACTION = 11  # of the norm in front of a rectifier


def _columns(numbers: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """One number per channel of x, (N, C, ...)."""
    return numbers.view(-1, *(1,) * (x.dim() - 2))


class InPlaceOf(torch.autograd.Function):
    """`other` in place of x, with the gradient of the identity."""

    @staticmethod
    def forward(_ctx: Any, _x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return other.view_as(other)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:  # noqa: ARG004
        return *gradients, None


def on_steps(x: torch.Tensor, step: float, low: float, high: float) -> torch.Tensor:
    """Return the nearest multiple of `step` in [low, high]."""
    return (x / step).round().mul(step).clamp(low, high)


class Rectifier(nn.Module):
    """RPReLU; x and the result are (N, C, ...). Slopes stay in [0, 1]; `on_grid`, all are the deployed ones.

    Attributes:
        slope: (C,), slope below `before`; before: gamma; after: zeta.
    """

    on_grid = False

    def __init__(self, channels: int):
        super().__init__()
        self.slope = nn.Parameter(torch.full((channels,), 0.25))
        self.before, self.after = (nn.Parameter(torch.zeros(channels)) for _ in range(2))

    def numbers(self) -> tuple[torch.Tensor, ...]:
        """Return slope, gamma and zeta of the forward pass, (C,) each."""
        if self.on_grid:
            return tuple(map(InPlaceOf.apply, (self.slope, self.before, self.after), self.rounded()))
        return InPlaceOf.apply(self.slope, self.slope.detach().clamp(0, 1)), self.before, self.after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        slope, before, after = self.numbers()
        return F.prelu(x.float() - _columns(before, x), slope) + _columns(after, x)

    @torch.no_grad()
    def rounded(self) -> tuple[torch.Tensor, ...]:
        """Return the numbers on their grids."""
        before, after = (
            on_steps(x, SHIFT_STEP, -SHIFT_LIMIT, SHIFT_LIMIT) for x in (self.before, self.after)
        )
        return on_steps(self.slope, SLOPE_STEP, 0, 1), before, after

    @torch.no_grad()
    def store_deployed(self) -> None:
        """Store the numbers as they are deployed."""
        for own, value in zip((self.slope, self.before, self.after), self.rounded()):
            own.copy_(value)


class Shifted(nn.Module):
    """RSign: the sign of x - alpha, alpha (C,), which is rounded with `on_grid`."""

    on_grid = False

    def __init__(self, channels: int, sign: nn.Module):
        super().__init__()
        self.alpha, self.sign = nn.Parameter(torch.zeros(channels)), sign

    def rounded(self) -> torch.Tensor:
        """Return alpha on its grid."""
        return on_steps(self.alpha.detach(), SHIFT_STEP, -SHIFT_LIMIT, SHIFT_LIMIT)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        alpha = InPlaceOf.apply(self.alpha, self.rounded()) if self.on_grid else self.alpha
        return self.sign(x.float() - _columns(alpha, x))

    @torch.no_grad()
    def store_deployed(self) -> None:
        """Store alpha as it is deployed."""
        self.alpha.copy_(self.rounded())
