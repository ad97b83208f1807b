"""Networks split into K branches with their own weights, whose outputs are added.

    module               reads                writes               each branch is
    `Group` of a chain   bits                 bits                 the layers between two pools, with real
                                                                   numbers at its end; the sum is pooled and
                                                                   its sign taken
    `Streams`            a 12-bit stream      a 12-bit stream      residual parts of `sw/nn/stream.py`
    `Sum` as a layer     bits                 whole numbers        one layer

`sw/nn/splitting.py` makes such a network from a plain one.

Where branches are added, the constants of their norms are on a binary grid (`building_blocks.Affine2d`), and
so are the few factors between branches (`Numbers`), so sums are exact in float32. A mean is a sum, because
the norms contain the factor 1 / K (`MeanAffine2d`).
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from xnorforge.sw.nn import binary, stream
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.building_blocks import Affine2d, binarised

EIGHTH, HALF_STEP = 1 / 8, stream.LIMIT / 2**stream.BITS


class Rectified2d(nn.BatchNorm2d):
    """norm(ReLU(x)) in front of a sign; all three are still one threshold of x."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(F.relu(input))


class Rectified1d(nn.BatchNorm1d):
    """The same for (N, C)."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(F.relu(input))


class Affine1d(Affine2d):
    """`Affine2d` for (N, C)."""

    def _check_input_dim(self, input):
        assert input.dim() == 2, "(N, C)"


class MeanAffine2d(Affine2d):
    """`Affine2d` divided by K, one summand of a mean of K; for (N, C, H, W) or (N, C)."""

    momentum: Any

    def __init__(self, channels: int, reach: int, fraction: int, bases: int):
        super().__init__(channels, reach, fraction)
        self.bases = bases
        self.step *= bases  # so that the K-th part lies on the grid

    def constants(self) -> tuple[torch.Tensor, ...]:
        gain, shift = super().constants()
        return gain / self.bases, shift / self.bases

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if self.on_grid:
            return super().forward(input)
        weight, bias = self.weight / self.bases, self.bias / self.bases
        statistics = self.running_mean, self.running_var
        return F.batch_norm(input, *statistics, weight, bias, self.training, self.momentum, self.eps)


class Numbers(nn.Module):
    """Learned factors of a stream. With `on_grid` they are multiples of `step`.

    Args:
        start: initial values, in (0, 1) if `gate`.
        gate: they are sigmoids of learned numbers, so they stay in (0, 1), or in [0, 1] on the grid;
            `store_deployed` stores the factors themselves.
    """

    on_grid = False

    def __init__(self, start: list[float], step: float, gate: bool):
        super().__init__()
        starts = torch.tensor(start).logit() if gate else torch.tensor(start)
        self.raw: nn.ParameterList = nn.ParameterList(map(nn.Parameter, starts))
        self.step, self.sigmoid = step, gate

    def forward(self) -> list[torch.Tensor]:
        """Return all factors as scalars."""
        found = [x.sigmoid() if self.sigmoid else x for x in self.raw]
        return [_rounded_to(x, self.step) for x in found] if self.on_grid else found

    @torch.no_grad()
    def store_deployed(self) -> None:
        """Store the factors on their grid."""
        for raw, factor in zip(self.raw, self.forward()):
            raw.copy_(factor)
        self.sigmoid = False


def _rounded_to(x: torch.Tensor, step: float) -> torch.Tensor:
    """Return the nearest multiple of `step`, with the gradient of the identity."""
    return x + (torch.round(x / step) * step - x).detach()


class Sum(nn.Module):
    """sum over i of c_i * dot_i(x), in place of one binary layer (layer-wise decomposition).

    c_i = lambda_i * alpha_i, where alpha_i is the mean |latent| of weights i and lambda_i is learned or 1.
    The largest c of a channel is set to 1, because the norm that follows takes the factor. With `on_grid`
    they are eighths."""

    on_grid, replaced = False, "dots"

    def __init__(self, dots: list[AnyModule], learned: bool):
        super().__init__()
        self.dots, channels = nn.ModuleList(dots), len(dots[0].weight)
        self.shape: Any = (channels,) + (1,) * (dots[0].weight.dim() - 2)
        self.lambdas = Numbers([1.0] * len(dots), 2**-30, False) if learned else None

    def factors(self) -> list[torch.Tensor]:
        """Return c_1 .. c_K, each (C, 1, 1), or (C,) for a dense layer."""
        if hasattr(self, "factor0"):
            return [getattr(self, f"factor{at}") for at in range(len(self.dots))]
        dots: list[AnyModule] = list(self.dots)
        alphas = (binary.quantiser(dot).alpha(dot.weight).flatten() for dot in dots)
        found = [alpha.expand(self.shape[0]).view(self.shape) for alpha in alphas]
        if self.lambdas:
            found = [alpha * own for alpha, own in zip(found, self.lambdas())]
        largest = torch.stack(found).detach().abs().amax(0)
        found = [factor / largest for factor in found]
        return [_rounded_to(factor, EIGHTH) for factor in found] if self.on_grid else found

    def forward(self, x: torch.Tensor):
        return sum(dot(x) * factor for dot, factor in zip(self.dots, self.factors()))

    @torch.no_grad()
    def store_deployed(self) -> None:
        """Store the factors."""
        for at, factor in enumerate(self.factors()):
            self.register_buffer(f"factor{at}", factor.clone())


class Summand(nn.Module):
    """norm(ReLU(dot(bits))): bits to real numbers that are added to others."""

    def __init__(self, pad: nn.Module, dot: nn.Module, relu: bool, norm: Affine2d):
        super().__init__()
        self.pad, self.dot, self.mix, self.norm = pad, dot, nn.ReLU() if relu else nn.Identity(), norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.mix(self.dot(self.pad(x))))


class Group(nn.Module):
    """K branches of a chain.

    x_i -> branch i -> y_i / K, and m = sum of lambda_i * y_i / K. All branches that follow read bits =
    sign(pool(m)). With gates there are K tensors of bits, the i-th is sign(pool(s_i * y_i + (1 - s_i) * m)).
    """

    replaced = "branches"
    places: list[str]  # of the branches' blocks in the plain network

    def __init__(
        self, branches: Iterable[nn.Module], shares: Numbers | None, gates: Numbers | None, pool: int,
        sign: nn.Module,
    ):  # fmt: skip
        super().__init__()
        self.branches, self.shares, self.gates = nn.ModuleList(branches), shares, gates
        self.pool, self.sign = pool, sign

    def forward(self, bits: torch.Tensor | list[torch.Tensor]) -> torch.Tensor | list[torch.Tensor]:
        inputs = bits if isinstance(bits, list) else [bits] * len(self.branches)
        outputs = [branch(x) for branch, x in zip(self.branches, inputs)]
        mean = added(outputs, self.shares)
        if self.gates is None:
            return binarised(self, mean)
        count = len(outputs)
        return [
            binarised(self, (y * count - mean) * gate + mean)
            for y, gate in zip(outputs, one_each(self.gates, count))
        ]


class Streams(nn.Module):
    """K branches of a stream, each a chain of the parts `places` of the plain network, with its own weights,
    norms and slopes.

    x_i -> branch i -> y_i, and m = sum of lambda_i * y_i / K, lambda_i 1 or learned, rounded to the stream; 1
    / K is a multiple of 2^-12 (2^-8 if they are learned), so that equal y_i give y_i and float32 is exact.
    With gates the K streams s_i * y_i + (1 - s_i) * m, rounded down, go to the next group."""

    replaced = "branches"

    def __init__(
        self, branches: Iterable[nn.Module], shares: Numbers | None, gates: Numbers | None,
        places: list[str],
    ):  # fmt: skip
        super().__init__()
        self.branches, self.shares, self.gates = nn.ModuleList(branches), shares, gates
        self.places, self.stream = places, stream.rounded()
        one = 2.0 ** (8 if shares else 12)
        self.part: float = round(one / len(self.branches)) / one
        self.streams = nn.ModuleList(stream.rounded() for _ in self.branches if gates)

    def forward(self, x: torch.Tensor | list[torch.Tensor]) -> torch.Tensor | list[torch.Tensor]:
        count = len(self.branches)
        inputs = x if isinstance(x, list) else [x] * count
        outputs = [branch(own) for branch, own in zip(self.branches, inputs)]
        mean = outputs[0] if count == 1 else self.stream(added(outputs, self.shares) * self.part + HALF_STEP)
        if self.gates is None:
            return mean
        gates = one_each(self.gates, count)
        return [own(y * s + mean * (1 - s)) for own, y, s in zip(self.streams, outputs, gates)]


def added(outputs: list[torch.Tensor], shares: Numbers | None) -> Any:
    """Return the sum of the outputs, each multiplied by its share if there are shares."""
    return (
        sum(outputs[1:], outputs[0]) if shares is None else sum(y * own for y, own in zip(outputs, shares()))
    )


def one_each(numbers: Numbers, count: int) -> list[torch.Tensor]:
    """Return one number per branch: the same for all, or one for each."""
    found = numbers()
    return found * count if len(found) == 1 else found
