"""Batch norm followed by sign becomes a comparison whose constants a float holds exactly.

A dot product of bits or pixels has few possible values. sign(BN(d)) is monotone in d, so on those values it
is one threshold t and one direction: sign(g * (d - t)), g = +1 or -1. `fold_thresholds` writes this back into
the batch norm,

    mean = t, half-way between two neighbouring values     gamma = g     beta = 0
    var = 1, eps = 1e-30 (1 + eps is 1)

and the function stays the same on every possible value, also for negative or zero gamma. From then on
float32, ONNX, integers and hardware agree with `==`: nothing is rounded, and there are no ties.

A batch norm in front of a sum (`building_blocks.Affine2d`) has no sign, so it cannot become a threshold. Its
gain and shift are rounded to a binary grid, which changes the function slightly; the last epochs of a
training use the rounded values.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from xnorforge.sw.nn import binary
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.building_blocks import Affine2d, Block, Correlation, Head, added_in, largest_sum, summed

EPS = 1e-30


@dataclass(frozen=True)
class Grid:
    """The possible values of a dot product: `count` of them, from -`reach` on, `step` apart."""

    reach: float
    step: float

    @property
    def half(self) -> float:
        """Half a step; thresholds are whole multiples of it."""
        return self.step / 2

    def values(self) -> np.ndarray:
        """Return all values, ascending, exact in float32."""
        return np.arange(-self.reach, self.reach + self.half, self.step, dtype=np.float64).astype(np.float32)


def grid_of(reach: int, pixels: bool, moved: int = 0) -> Grid:
    """Return the grid of a dot product of integer weights, whose magnitudes add up to `reach`, with bits -1 /
    +1, or with pixels k/128 in [-1, 127/128].

    `moved` is the largest whole number by which `Block.mix`, after the dot product, changes a sum of bits.
    """
    return Grid(reach + moved, 1 / 128 if pixels else 1 if moved else 2)


def thresholds_in(network: nn.Module) -> list[tuple[str, Block, Grid]]:
    """Return every block of a network with its name and the grid of its batch norm's input."""
    return [
        (name, part, grid_of(largest_sum(part.dot), part.pixels, getattr(part.mix, "reach", 0)))
        for name, part in network.named_modules()
        if isinstance(part, Block)
    ]


def fold_thresholds(network: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode whose batch norms are thresholds; its scores are the same, except for
    the rounding of `Affine2d`.
    """
    return transfer(network, copy.deepcopy(network))


@torch.no_grad()
def transfer(
    trained: nn.Module, deployed: nn.Module, scale: Callable[[AnyModule], float] = lambda _: 1.0
) -> nn.Module:
    """Write weights as signs, and batch norms as thresholds, from one network into another with the same
    module names.

    Args:
        trained: unchanged, except that it is set to evaluation mode.
        deployed: modules that `trained` does not have are left unchanged.
        scale: returns the factor of the sums of a trained binary layer, which goes into the batch norm.
            Layers that are added up have the same factor.

    Returns:
        `deployed`, in evaluation mode.
    """
    trained.eval()
    into, of = binary.submodules(deployed), binary.submodules(trained)
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
            of(name).write_to(into(name.removesuffix(".weight_quant.tensor_quant")))
    return deployed.eval()


def _fix(norm: Affine2d, gain: torch.Tensor, shift: torch.Tensor) -> None:
    """Make `norm` compute gain * x + shift, exactly if both are on the grid."""
    norm.weight.copy_(gain)
    norm.bias.copy_(shift)
    norm.running_mean.zero_()
    norm.running_var.fill_(1)
    norm.eps, norm.on_grid = EPS, False


@torch.no_grad()
def threshold(norm: AnyModule, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return threshold and direction of sign(norm(d)) for every channel, found by trying every value of the
    grid.

    Args:
        norm: BatchNorm1d or BatchNorm2d in evaluation mode.

    Returns:
        halves: int64 (channels,), the threshold in half steps; below or above all values if the sign never
            changes.
        directions: int64 (channels,), +1 if large values give +1, else -1; +1 if the sign never changes.
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
