"""Group-Net: B. Zhuang, C. Shen, M. Tan, P. Chen, L. Liu, I. Reid, "Structured Binary Neural Networks for
Image Recognition", arXiv 1909.09934; first form CVPR 2019, arXiv 1811.10413.

A group of layers runs K times side by side, each time with binary weights of its own; branches keep their own
activations and meet in a mean at the end of the group. The structure is `sw/nn/branches.py`, made by
`sw/nn/splitting.py`; here are what trains and how:

    weights       alpha * sign(W), alpha the mean |W|; the gradient of alpha * sign(W) goes to W as it is
    activations   sign(x); gradient 2 + 2x on [-1, 0), 2 - 2x on [0, 1), else 0
    order         convolution, ReLU, norm, then sum or sign
    stage "real"  the same network with real weights and tanh;   stage "binary" goes on from there

alpha > 0 cancels in the norm behind each layer, so sums are counted in units of alpha: the layer has sign(W),
or W / alpha while real, and the gradient is divided by alpha. Bodies of both papers were not at hand:
docs/methods/group_net.md tells what is published, what is read in the authors' code, and what is our reading.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from xnorforge.core.errors import UserError, unknown
from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.nn import binary, branches, splitting, threshold_folding
from xnorforge.sw.nn.binary import TriangularSign
from xnorforge.sw.nn.scaled import Scaled, ScaledConv, ScaledLinear

REAL, BINARY = "real", "binary"
CHOICES = {
    "decomposition": ("lbd", "v1", "v2", "v3"),
    "aggregate": ("mean", "learned"),
    "gate": ("none", "scalar", "per_branch"),
    "relu": ("residual", "always", "never"),
    "weight_scale": ("tensor", "channel"),
}


class Sign(nn.Module):
    """Activations to -1 and +1, or their tanh in the real stage."""

    real = False

    def forward(self, x):
        return x.tanh() if self.real else TriangularSign.apply(x)


class Layers(binary.Plain):
    """The layers a network trains with."""

    conv_type, linear_type = ScaledConv, ScaledLinear

    def __init__(self, per_channel: bool = False):
        self.per_channel = per_channel

    def conv(self, *sizes, **options):
        return self._told(super().conv(*sizes, **options))

    def linear(self, *sizes):
        return self._told(super().linear(*sizes))

    def sign(self, _channels=None):
        return Sign()

    def _told(self, layer):
        layer.per_channel = self.per_channel
        return layer


def make_real(network: nn.Module, real: bool) -> None:
    """Real weights and tanh in all layers, or signs."""
    for part in network.modules():
        if isinstance(part, (Sign, Scaled)):
            part.real = real


@dataclass
class Method(base.Method):
    """A structured network, trained in two stages."""

    # Of the binary stage, in the authors' code for ImageNet; there the real stage is SGD's.
    RECIPES: ClassVar = {
        "paper": {"*": {"epochs": 80, "batch": 256, "lr": 5e-4, "schedule": "step", "drops": "0.5 0.75"}}
    }

    bases: int = 3  # K, branches of a group or weights of a sum
    decomposition: str = "v1"  # groups of one block (v1), two (v2), all (v3), or each layer a sum (lbd)
    aggregate: str = "mean"  # where branches meet: their mean, or learned shares
    gate: str = (
        "none"  # what a branch reads: the aggregate (none), or a learned mixture, scalar or per_branch
    )
    relu: str = "residual"  # ReLU before norms in groups: residual (nets with shortcuts), always or never
    dilations: str = "none"  # of each branch, such as 1,2,3
    atrous: bool = (
        True  # layers of several rates keep them (BPAC); false: rate 1 in all, the paper's comparison
    )
    weight_scale: str = "tensor"  # alpha per tensor or per channel
    warmup: float = 0.2  # share of the epochs in the real stage

    def __post_init__(self):
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise unknown(f"group_net, {name}", getattr(self, name), choices)
        if self.bases < 1 or not 0 <= self.warmup < 1:
            raise UserError(
                f"group_net: bases={self.bases}, warmup={self.warmup}; bases counts from 1, warmup is in "
                "[0, 1)."
            )
        if self.decomposition == "lbd" and self.gate != "none":
            raise UserError(
                f"group_net: gate={self.gate} with decomposition=lbd, where all meet after each layer; use "
                "gate=none."
            )

    def shape(self) -> splitting.Shape:
        """How the network is split."""
        try:
            rates = () if self.dilations == "none" else tuple(int(rate) for rate in self.dilations.split(","))
        except ValueError:
            rates = (0,)
        if any(rate < 1 for rate in rates):
            raise UserError(
                f"group_net: dilations={self.dilations} is no list of whole numbers; write them as 1,2,3, "
                "or none."
            )
        learned = self.aggregate == "learned"
        return splitting.Shape(
            self.bases, self.decomposition, learned, self.gate, self.relu, rates, self.atrous
        )

    def layers(self):
        return Layers(self.weight_scale == "channel")

    def build(self, net):
        layers = self.layers()
        return splitting.structured(networks.build(net, layers), layers, self.shape(), trained=True)

    def phases(self, recipe):
        real = int(recipe.epochs * self.warmup)
        stages = [base.Phase(REAL, real, recipe.lr), base.Phase(BINARY, recipe.epochs - real, recipe.lr)]
        return [stage for stage in stages if stage.epochs]

    def begin(self, run):
        make_real(run.network, run.phase.name == REAL)

    def skeleton(self, net):
        layers = binary.Brevitas()
        return splitting.structured(networks.build(net, layers), layers, self.shape(), trained=False).eval()

    def deploy(self, net, network):
        make_real(network, False)
        return branches.finish(network, threshold_folding.transfer(network, self.skeleton(net), self.scale))
