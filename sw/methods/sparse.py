"""Sparse fan-in: every neuron reads few of its inputs. Other weights are 0, for which hardware has no wire.

    weights    sign(W) where a neuron reads, 0 elsewhere; the gradient goes to W unchanged
    learned    a neuron reads where its |W| are largest, anew at each step of the first phase (`search`), for
               good from then on: M. Wortsman, A. Farhadi, M. Rastegari, "Discovering Neural Wirings", NeurIPS
               2019
    drawn      or where chance has it: Y. Umuroglu, Y. Akhauri, N. J. Fraser, M. Blott, "LogicNets", FPL 2020

A neuron of six bits is one LUT of most FPGAs. docs/methods/sparse.md describes the differences from the
papers.
"""

from dataclasses import dataclass

import torch
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.methods._search import check_share, search_and_train
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.rectifiers import InPlaceOf


class Sparse(binary.Weights):
    """sign(W) of `fan_in` weights per neuron, 0 elsewhere.

    Attributes:
        mask: 1 where a neuron reads, shaped as the weights; 0 everywhere until that is settled.
    """

    mask: torch.Tensor

    def __init__(self, layer: binary.AnyModule, fan_in: int):
        super().__init__()
        self.layer, self.fan_in = [layer], fan_in  # in a list, so that it is not a submodule here
        self.register_buffer("mask", torch.zeros_like(layer.weight))

    @torch.no_grad()
    def largest(self, sizes: torch.Tensor) -> torch.Tensor:
        """Return 1 for the `fan_in` largest numbers of each neuron and 0 for the others."""
        rows = sizes.flatten(1)
        best = rows.topk(min(self.fan_in, rows.shape[1])).indices
        return torch.zeros_like(rows).scatter_(1, best, 1.0).view_as(sizes)

    def values(self, x: torch.Tensor, /) -> torch.Tensor:
        if self.mask.any():
            return binary.SignThrough.apply(x) * self.mask
        return InPlaceOf.apply(x, binary.signs(x.detach()) * self.largest(x.abs()))

    def reach(self) -> int:
        """Return the largest sum of bits."""
        return min(self.fan_in, self.mask[0].numel())

    @torch.no_grad()
    def write_to(self, deployed: binary.AnyModule) -> None:
        """Write -1, 0 and +1 into the deployed layer."""
        deployed.weight.copy_(self.values(self.layer[0].weight))


@dataclass
class Method(base.Method):
    """Straight-through training of neurons that read few inputs."""

    fan_in: int = 6  # inputs that a neuron reads
    scores_fan_in: int = 96  # inputs that a class reads
    drawn: bool = False  # choose inputs by chance instead of by training
    search_share: float = 0.5  # share of the epochs before the inputs are settled

    def __post_init__(self) -> None:
        least = {"fan_in": (self.fan_in, 1), "scores_fan_in": (self.scores_fan_in, 1)}
        for name, (given, low) in least.items():
            if given < low:
                raise UserError(f"sparse: {name}={given} leaves a neuron without inputs; give {low} or more.")
        check_share("sparse", self.search_share)

    def build(self, net: str) -> nn.Module:
        if networks.is_ordinary(net):
            raise UserError(
                f"sparse: {net} is not made of the parts of sw/nn/building_blocks.py, whose weights may be "
                "0; use one that is, such as NET=mnist-tfc."
            )
        network = super().build(net)
        for part in network.modules():
            if isinstance(part, building_blocks.Scores):
                quantiser: binary.AnyModule = binary.quantiser(part.dot)
                quantiser.fan_in = self.scores_fan_in
        for quantiser in _sparse(network) if self.drawn else ():
            quantiser.mask.copy_(quantiser.largest(torch.rand_like(quantiser.mask)))
        return network

    def weights(self, layer: AnyModule) -> binary.Weights:
        return Sparse(layer, self.fan_in)

    def phases(self, recipe: Recipe) -> list[base.Phase]:
        return search_and_train(recipe, 0 if self.drawn else self.search_share)

    def begin(self, run) -> None:
        """Settle the inputs when the second phase begins."""
        for quantiser in _sparse(run.network) if run.phase.name == "train" else ():
            if not quantiser.mask.any():
                quantiser.mask.copy_(quantiser.largest(quantiser.layer[0].weight.abs()))

    def skeleton(self, net: str) -> nn.Module:
        """Give binary layers weights that may be 0."""
        network = super().skeleton(net)
        for name, layer in binary.binary_layers(network).items():
            network.set_submodule(name, binary.in_place_of(layer, bits=1, weight_scaling_init=1.0))
        return network.eval()


def _sparse(network) -> list[Sparse]:
    return [part for part in network.modules() if isinstance(part, Sparse)]
