"""Group-Net: B. Zhuang, C. Shen, M. Tan, P. Chen, L. Liu, I. Reid, "Structured Binary Neural Networks for
Image Recognition", arXiv 1909.09934; first version CVPR 2019, arXiv 1811.10413.

A group of layers runs K times in parallel, each time with its own binary weights. Branches keep their own
activations and meet in a mean at the end of the group. The structure is in `sw/nn/branches.py` and is made by
`sw/nn/splitting.py`; this file defines the training:

    weights       alpha * sign(W), alpha the mean |W|; the gradient of alpha * sign(W) goes to W unchanged
    activations   sign(x); gradient 2 + 2x on [-1, 0), 2 - 2x on [0, 1), else 0
    order         convolution, ReLU, norm, then sum or sign
    stage "real"  the same network with real weights and tanh;   stage "binary" continues from there

alpha > 0 cancels in the norm that follows each layer, so sums are in units of alpha: the layer has sign(W),
or W / alpha in the real stage, and the gradient is divided by alpha. The full text of the papers was not
available: docs/methods/group_net.md says what is published, what is in the authors' code, and what differs.
"""

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from xnorforge.core.errors import UserError, unknown
from xnorforge.sw.methods import base
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, branches, splitting, tracing
from xnorforge.sw.nn.binary import AnyModule, TriangularSign
from xnorforge.sw.nn.scaled import Scaled

REAL, BINARY = "real", "binary"
CHOICES = {
    "decomposition": ("lbd", "v1", "v2", "v3"), "aggregate": ("mean", "learned"),
    "gate": ("none", "scalar", "per_branch"), "relu": ("residual", "always"),
    "weight_scale": ("tensor", "channel"),
}  # fmt: skip


class Sign(binary.Sign):
    """Activations to -1 and +1, or their tanh in the real stage."""

    real = False

    def __init__(self):
        super().__init__(TriangularSign)

    def values(self, x: torch.Tensor) -> torch.Tensor:
        return x.tanh() if self.real else super().values(x)


def make_real(network: nn.Module, real: bool) -> None:
    """Switch all layers to real weights and tanh, or to signs."""
    for part in network.modules():
        if isinstance(part, (Sign, Scaled)):
            part.real = real


@dataclass
class Method(base.Method):
    """Training of a structured network in two stages."""

    # Of the binary stage in the authors' code for ImageNet; there the real stage uses SGD.
    RECIPES: ClassVar = {
        "paper": {"*": {"epochs": 80, "batch": 256, "lr": 5e-4, "schedule": "step", "drops": "0.5 0.75"}}
    }

    CAPTURES: ClassVar[bool] = True

    bases: int = 3  #: K: branches of a group, or weights of a sum
    #: groups of one block (v1), two (v2) or all (v3); lbd: each layer is a sum, as where groups are unknown
    decomposition: str = "v1"
    aggregate: str = "mean"  #: how branches are combined: mean, or learned weights
    gate: str = "none"  #: a branch reads the aggregate (none), or a learned mixture (scalar, per_branch)
    relu: str = "residual"  #: ReLU before norms: residual (behind shortcuts only), or always, in a chain too
    dilations: str = "none"  #: dilation of each branch, such as 1,2,3
    #: layers of several rates keep their rates (BPAC); false: rate 1, the paper's comparison
    atrous: bool = True
    weight_scale: str = "tensor"  #: alpha per tensor, or per channel
    warmup: float = 0.2  #: share of the epochs with real weights

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise unknown(f"group_net, {name}", getattr(self, name), choices)
        if self.bases < 1 or not 0 <= self.warmup < 1:
            raise UserError(
                f"group_net: bases={self.bases}, warmup={self.warmup}: one is out of range; give bases 1 or "
                "more, and warmup from 0 to less than 1."
            )
        if self.decomposition == "lbd" and self.gate != "none":
            raise UserError(
                f"group_net: gate={self.gate} has no meaning with decomposition=lbd, where branches meet "
                "after each layer; use gate=none."
            )

    def shape(self) -> splitting.Shape:
        """Return how the network is split."""
        try:
            rates = () if self.dilations == "none" else tuple(int(rate) for rate in self.dilations.split(","))
        except ValueError:
            rates = (0,)
        if any(rate < 1 for rate in rates):
            raise UserError(
                f"group_net: dilations={self.dilations} must be whole numbers from 1 on, separated by "
                "commas, such as 1,2,3; or give none."
            )
        learned = self.aggregate == "learned"
        weighted = self.bases, self.decomposition, learned
        return splitting.Shape(*weighted, self.gate, self.relu == "always", rates, self.atrous)

    def structured(self, network: AnyModule) -> nn.Module:
        return splitting.structured(network, self.shape())

    def adapted(self, network: AnyModule, shape: tuple[int, ...]) -> nn.Module:
        """Split the residual parts of a stream into groups. Otherwise, or with `lbd`, replace each binary
        layer that reads bits by a sum of K: groups of an unknown network are unknown.

        Raises:
            UserError: a setting of groups is given where there are none, or nothing can be split.
        """
        if self.relu != "residual":
            raise UserError(
                f"group_net: relu={self.relu} is for `building_blocks.Network` alone, such as cifar10-cnv; "
                "leave it out: other networks keep their own functions."
            )
        stream = isinstance(network, nn.Sequential) and self.decomposition != "lbd"
        if stream and splitting.grouped(network, self.shape()):
            return network
        of_groups = {"decomposition": ("v1", "lbd"), "gate": ("none",), "dilations": ("none",)}
        for name in (name for name, known in of_groups.items() if getattr(self, name) not in known):
            raise UserError(
                f"group_net: {name}={getattr(self, name)} is for groups of blocks, which are known in "
                "`building_blocks.Network` and residual streams alone, such as cifar10-cnv or "
                "cifar10-resnet20; leave it out: each layer is a sum."
            )
        self.decomposition = "lbd"
        found = [use for use in tracing.uses(network, shape) if use.kind == "binary" and use.bits]
        if not found:
            raise UserError(
                "group_net: no binary layer of this network reads bits, so there is nothing to split into "
                "branches; put a binary activation in front of its layers, or use another method."
            )
        for name in dict.fromkeys(use.name for use in found):
            layer: AnyModule = network.get_submodule(name)
            copies = [layer, *(copy.deepcopy(layer) for _ in range(self.bases - 1))]
            for one in copies[1:]:
                one.reset_parameters()
            network.set_submodule(name, branches.Sum(copies, self.aggregate == "learned"))
        return network

    def weights(self, _layer: AnyModule) -> binary.Weights:
        return Scaled(self.weight_scale == "channel")

    def sign(self, _act: AnyModule) -> binary.Sign:
        return Sign()

    @torch.no_grad()
    def warm_started(self, network: AnyModule) -> None:
        """Move latents of branches that started from the same layer apart: of a sum by -1 to +1 of their
        deviation (X. Lin, C. Zhao, W. Pan, "Towards Accurate Binary Convolutional Neural Network", NIPS 2017,
        equation 4); of groups, which are networks of their own, by noise of a quarter of it."""
        for part in network.modules():
            sums = isinstance(part, branches.Sum)
            alike = list(getattr(part, "dots" if sums else "branches", ()))
            for first, *others in zip(*(binary.latents(one).values() for one in alike)):
                if others and all(one.equal(first) for one in others):
                    steps, size = torch.linspace(-1, 1, self.bases).tolist(), first.std()
                    for latent, step in zip((first, *others), steps):
                        apart = step * size if sums else torch.randn_like(latent) * size / 4
                        latent.add_(apart).clamp_(-1, 1)

    def phases(self, recipe: Recipe) -> list[base.Phase]:
        real = int(recipe.epochs * self.warmup)
        stages = [base.Phase(REAL, real, recipe.lr), base.Phase(BINARY, recipe.epochs - real, recipe.lr)]
        return [stage for stage in stages if stage.epochs]

    def begin(self, run) -> None:
        make_real(run.network, run.phase.name == REAL)

    def deploy(self, net: str, network: AnyModule) -> nn.Module:
        make_real(network, False)
        return super().deploy(net, network)
