"""Batch norm followed by sign becomes a comparison whose constants a float holds exactly.

A dot product of bits or pixels takes few values. sign(BN(d)) is monotone in d, so on those values it is one
threshold t and one direction: sign(g * (d - t)), g = +1 or -1. `fold_thresholds` writes this back into the
batch norm,

    mean = t, half-way between two neighbouring values     gamma = g     beta = 0
    var = 1, eps = 1e-30 (1 + eps is 1)

and the function stays the same on every value that can occur, also where gamma was negative or zero. From
then on float32, ONNX, integers and hardware agree with `==`: there is nothing left to round, and no tie.

A batch norm in front of a sum (`building_blocks.Affine2d`) is followed by no sign, so it cannot become a
threshold: its gain and shift are rounded to a binary grid, which changes the function a little. The last
epochs of a training run with the rounded ones.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from xnorforge.sw.nn import binary
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.building_blocks import Affine2d, Block, Correlation, Head, added_in, reach_of, summed

EPS = 1e-30


@dataclass(frozen=True)
class Grid:
    """The values a dot product can take: `count` of them, from -`reach`, `step` apart."""

    reach: float
    step: float

    @property
    def half(self) -> float:
        """Half a step: thresholds are whole multiples of it."""
        return self.step / 2

    def values(self) -> np.ndarray:
        """All of them, ascending, exact in float32."""
        return np.arange(-self.reach, self.reach + self.half, self.step, dtype=np.float64).astype(np.float32)


def grid_of(reach: int, pixels: bool, moved: int = 0) -> Grid:
    """The grid of a dot product of integer weights, their magnitudes `reach` in all, with bits -1 / +1, or
    with pixels k/128 in [-1, 127/128].

    `moved` is a whole number: by how much at most `Block.mix`, behind the dot product, changes a sum of bits.
    """
    return Grid(reach + moved, 1 / 128 if pixels else 1 if moved else 2)


def thresholds_in(network: nn.Module) -> list[tuple[str, Block, Grid]]:
    """Every block of a network with its name and the grid its batch norm sees."""
    return [
        (name, part, grid_of(reach_of(part.dot), part.pixels, getattr(part.mix, "reach", 0)))
        for name, part in network.named_modules()
        if isinstance(part, Block)
    ]


def fold_thresholds(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose batch norms are thresholds; its scores are the same, but for what
    `Affine2d` rounds.
    """
    return transfer(network, copy.deepcopy(network))


@torch.no_grad()
def transfer(
    trained: nn.Module, deployed: nn.Module, scale: Callable[[AnyModule], float] = lambda _: 1.0
) -> nn.Module:
    """Write weights as signs, and batch norms as thresholds, from one network into another with the same
    module names.

    Args:
        trained: left as it is, but for its mode: evaluation.
        deployed: what it has beyond `trained` is left as it is.
        scale: of a trained binary layer, the factor its sums come out multiplied with; it goes into the batch
            norm. Layers that are added up have the same.

    Returns:
        `deployed`, in evaluation mode.
    """
    trained.eval()
    into: Callable[[str], AnyModule] = deployed.get_submodule
    of: Callable[[str], AnyModule] = trained.get_submodule
    part: AnyModule
    for name, latent in binary.latents(trained).items():
        into(name).weight.copy_(binary.signs(latent))
    for name, block, grid in thresholds_in(trained):
        norm, factor = copy.deepcopy(block.norm), scale(added_in(block.dot)[0])
        norm.register_forward_pre_hook(lambda _, sums, factor=factor: (sums[0] * factor,))
        write_constants(into(name).norm, *threshold(norm, grid), grid)
    for name, part in summed(trained).items():
        _fix(into(name).norm, *part.norm.constants(scale(added_in(part.dot)[0])))
    for name, part in trained.named_modules():
        if isinstance(part, Head):
            head, own = into(name).dot, of(name).dot
            head.weight.copy_((own.weight * 128).round().clamp(-127, 127) / 128)
            head.bias.copy_((own.bias * 128).round() / 128)
        if isinstance(part, Correlation):
            into(name).template.copy_(part.template)
        if hasattr(part, "write_to"):
            part.write_to(into(name))
    return deployed.eval()


def _fix(norm: Affine2d, gain: torch.Tensor, shift: torch.Tensor) -> None:
    """Make `norm` compute gain * x + shift, exactly where both are on the grid."""
    norm.weight.copy_(gain)
    norm.bias.copy_(shift)
    norm.running_mean.zero_()
    norm.running_var.fill_(1)
    norm.eps, norm.on_grid = EPS, False


@torch.no_grad()
def threshold(norm: AnyModule, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Threshold and direction of sign(norm(d)) for every channel, by trying every value of the grid.

    Args:
        norm: BatchNorm1d or BatchNorm2d in evaluation mode.

    Returns:
        halves: int64 (channels,), the threshold in half steps; below or above all values where the sign never
            changes.
        directions: int64 (channels,), +1 where large values give +1, else -1; +1 where the sign never
            changes.
    """
    values = torch.from_numpy(grid.values())
    square = (1, 1) if isinstance(norm, nn.BatchNorm2d) else ()
    tried = values.reshape(-1, 1, *square).expand(-1, norm.num_features, *square).contiguous()
    bits = (norm(tried) >= 0).reshape(len(values), -1).numpy()
    changes = np.diff(bits.astype(np.int8), axis=0)
    assert (np.abs(changes).sum(0) <= 1).all(), "batch norm is monotone, so its sign changes at most once"
    changing = changes.any(0)
    # The sign changes between values `at` and `at + 1`; without a change it is +1 (or -1) from before the
    # first on.
    at = np.where(changing, np.abs(changes).argmax(0), np.where(bits[0], -1, len(values) - 1))
    halves = 2 * at + 1 - round(grid.reach / grid.half)
    return halves.astype(np.int64), np.where(changing & bits[0], -1, 1)


@torch.no_grad()
def write_constants(norm: AnyModule, halves: np.ndarray, directions: np.ndarray, grid: Grid) -> None:
    """Make `norm` compute direction * (d - threshold), exactly."""
    norm.running_mean.copy_(torch.from_numpy(halves * grid.half))
    norm.weight.copy_(torch.from_numpy(directions))
    norm.bias.zero_()
    norm.running_var.fill_(1)
    norm.eps = EPS
