"""Batch norm followed by sign becomes a comparison whose constants a float holds exactly.

A dot product of bits or pixels takes few values. sign(BN(d)) is monotone in d, so on those values it is one threshold t
and one direction: sign(g * (d - t)), g = +1 or -1. Snapping writes this back into the batch norm,

    mean = t, half-way between two neighbouring values     gamma = g     beta = 0, var = 1, eps = 1e-30 (1 + eps is 1)

and the function stays the same on every value that can occur, also where gamma was negative or zero. From then on
float32, ONNX, integers and hardware agree with `==`: there is nothing left to round, and no tie.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from xnorforge.sw.networks import Bits, Block, Network

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
        return np.arange(-self.reach, self.reach + self.half, self.step, np.float64).astype(np.float32)


def grid_of(length: int, pixels: bool) -> Grid:
    """The grid of a dot product of `length` weights -1 / +1 with bits -1 / +1, or with pixels k/128 in [-1, 127/128]."""
    return Grid(length, 1 / 128 if pixels else 2)


def thresholds_in(network: Network) -> list[tuple[str, Block, Grid]]:
    """Every block of a network with its name and grid; pixels are what comes before the first sign."""
    found, pixels = [], True
    for name, part in network.named_children():
        if isinstance(part, Block):
            found.append((name, part, grid_of(part.dot.weight[0].numel(), pixels)))
        pixels = pixels and not isinstance(part, (Block, Bits))
    return found


@torch.no_grad()
def snap(network: Network) -> Network:
    """A copy in evaluation mode whose batch norms are snapped; same scores for all pictures."""
    network = copy.deepcopy(network).eval()
    for _, block, grid in thresholds_in(network):
        halves, directions = threshold(block.norm, grid)
        write(block.norm, halves, directions, grid)
    return network


@torch.no_grad()
def threshold(norm: nn.Module, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Threshold and direction of sign(norm(d)) for every channel, by trying every value of the grid.

    Args:
        norm: BatchNorm1d or BatchNorm2d in evaluation mode.

    Returns:
        halves: int64 (channels,), the threshold in half steps; below or above all values where the sign never changes.
        directions: int64 (channels,), +1 where large values give +1, else -1; +1 where the sign never changes.
    """
    values = torch.from_numpy(grid.values())
    square = (1, 1) if isinstance(norm, nn.BatchNorm2d) else ()
    tried = values.reshape(-1, 1, *square).expand(-1, norm.num_features, *square).contiguous()
    bits = (norm(tried) >= 0).reshape(len(values), -1).numpy()
    changes = np.diff(bits.astype(np.int8), axis=0)
    assert (np.abs(changes).sum(0) <= 1).all(), "batch norm is monotone, so its sign changes at most once"
    changing = changes.any(0)
    # The sign changes between values `at` and `at + 1`; without a change it is +1 (or -1) from before the first on.
    at = np.where(changing, np.abs(changes).argmax(0), np.where(bits[0], -1, len(values) - 1))
    halves = 2 * at + 1 - round(grid.reach / grid.half)
    return halves.astype(np.int64), np.where(changing & bits[0], -1, 1)


@torch.no_grad()
def write(norm: nn.Module, halves: np.ndarray, directions: np.ndarray, grid: Grid) -> None:
    """Make `norm` compute direction * (d - threshold), exactly."""
    norm.running_mean.copy_(torch.from_numpy(halves * grid.half))
    norm.weight.copy_(torch.from_numpy(directions))
    norm.bias.zero_()
    norm.running_var.fill_(1)
    norm.eps = EPS


def read(norm: nn.Module, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Threshold in half steps and direction of a snapped batch norm: what `write` wrote."""
    halves = norm.running_mean.double().numpy() / grid.half
    assert (halves == np.round(halves)).all() and norm.eps == EPS, "the batch norm is snapped"
    return halves.astype(np.int64), norm.weight.detach().numpy().astype(np.int64)
