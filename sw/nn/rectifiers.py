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
    """RPReLU as it is deployed; x and the result are (N, C, ...).

    Attributes:
        slope: (C,), slope below `before`; before: gamma; after: zeta.
    """

    slope: torch.Tensor
    before: torch.Tensor
    after: torch.Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.slope = nn.Parameter(torch.full((channels,), 0.25))
        self.before, self.after = (nn.Parameter(torch.zeros(channels)) for _ in range(2))

    def numbers(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return slope, gamma and zeta of the forward pass, (C,) each."""
        return self.slope, self.before, self.after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        slope, before, after = self.numbers()
        return F.prelu(x.float() - _columns(before, x), slope) + _columns(after, x)

    @torch.no_grad()
    def rounded(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the numbers on their grids."""
        before, after = (
            on_steps(x, SHIFT_STEP, -SHIFT_LIMIT, SHIFT_LIMIT) for x in (self.before, self.after)
        )
        return on_steps(self.slope, SLOPE_STEP, 0, 1), before, after

    @torch.no_grad()
    def write_to(self, deployed: "Rectifier") -> None:
        """Write the numbers on their grids into the deployed module."""
        for own, value in zip((deployed.slope, deployed.before, deployed.after), self.rounded()):
            own.copy_(value)


class TrainedRectifier(Rectifier):
    """RPReLU as it trains: slopes stay in [0, 1], and with `on_grid` all numbers are the deployed ones.

    Args:
        shifted: learn gamma and zeta; otherwise they stay 0, and this is a PReLU.
    """

    on_grid = False

    def __init__(self, channels: int, shifted: bool = True):
        super().__init__(channels)
        self.before.requires_grad_(shifted)
        self.after.requires_grad_(shifted)

    def numbers(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if self.on_grid:
            found = self.rounded()
            return tuple(map(InPlaceOf.apply, (self.slope, self.before, self.after), found))
        return InPlaceOf.apply(self.slope, self.slope.detach().clamp(0, 1)), self.before, self.after


def train_rectifiers(network: nn.Module) -> nn.Module:
    """Let the PReLUs of a fresh network train; return the network."""
    for name, part in list(network.named_modules()):
        if type(part) is Rectifier:
            network.set_submodule(name, TrainedRectifier(len(part.slope), shifted=False))
    return network


@torch.no_grad()
def finish_rectifiers(network: nn.Module) -> nn.Module:
    """Replace all that trains here by what is deployed, with its numbers; return the network."""
    for name, part in list(network.named_modules()):
        if isinstance(part, TrainedRectifier):
            part.write_to(new := Rectifier(len(part.slope)))
        elif isinstance(part, TrainedShifted):
            part.write_to(new := Shifted(len(part.alpha), part.sign))
        else:
            continue
        network.set_submodule(name, new)
    return network


class Shifted(nn.Module):
    """RSign as it is deployed: the sign of x - alpha, alpha (C,)."""

    alpha: torch.Tensor

    def __init__(self, channels: int, sign: nn.Module):
        super().__init__()
        self.alpha, self.sign = nn.Parameter(torch.zeros(channels)), sign

    def number(self) -> torch.Tensor:
        """Return alpha of the forward pass."""
        return self.alpha

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.sign(x.float() - _columns(self.number(), x))

    @torch.no_grad()
    def write_to(self, deployed: "Shifted") -> None:
        """Write alpha on its grid into the deployed module."""
        deployed.alpha.copy_(on_steps(self.alpha, SHIFT_STEP, -SHIFT_LIMIT, SHIFT_LIMIT))


class TrainedShifted(Shifted):
    """RSign as it trains; alpha is rounded with `on_grid`."""

    on_grid = False

    def number(self) -> torch.Tensor:
        if not self.on_grid:
            return self.alpha
        return InPlaceOf.apply(
            self.alpha, on_steps(self.alpha.detach(), SHIFT_STEP, -SHIFT_LIMIT, SHIFT_LIMIT)
        )
