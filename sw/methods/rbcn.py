"""RBCN: rectified kernels and a real-valued guide (Liu, Ding, Xia, Hu, Zhang, Liu, Zhuang, Guo, "Rectified
Binary Convolutional Networks for Enhancing the Performance of 1-bit DCNNs", IJCAI 2019).

Equations in brackets are those of the authors' textbook (section 3.6); the text of the article itself was not
available. With latent weights W, bits W^ = sign(W) and one learned scale C per layer,

    layer        Conv(x, W^ o C)                                                     [3.65-3.66]
    sign'        2 + 2x on [-1, 0), 2 - 2x on [0, 1), else 0                         [3.68]
    L_Kernel     lambda1 / 2 * sum over layers and filters of |W - C o W^|^2         [3.64]
    L_Adv        log D(R) + log(1 - D(T)), maximised by D                            [3.63]
                 (1 - D(T))^2, minimised by the network: gradient -2 (1 - D) dD       [3.67-3.76]

R are feature maps of the guide, which is the same network in real numbers, trained first and then frozen. T
are those of the network. A step moves D, then W, then C; after an epoch W and C are fixed and only batch
norms move. Guide, D and W are dropped at the end, and C is absorbed by the thresholds: the deployed network
costs what the baseline costs. With a C per kernel position (`granularity="spatial"`), integers of a few bits
replace C and are deployed: a layer is then one count of equal bits per kernel position, each multiplied by an
integer.

docs/methods/rbcn.md says what the sources leave open, and why a scale per layer cancels in batch norm.
"""

from collections import deque
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from brevitas.nn import QuantConv2d, QuantIdentity
from torch import nn

from xnorforge.core.errors import UserError, unknown
from xnorforge.sw import networks
from xnorforge.sw.methods import base, bonn
from xnorforge.sw.nn import binary, building_blocks, rectifiers, tracing
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.building_blocks import BiReal, Block
from xnorforge.sw.nn.rectifiers import InPlaceOf
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training.guides import guide_of

GUIDE, RECTIFY = "guide", "rectify"
GRANULARITIES = ("layer", "spatial", "filter")
WIDTH, SLOPE = 128, 0.2
MOST_BITS = 4  # of an integer in place of C: thresholds are found by trying every sum


sign = binary.TriangularSign.apply


class Rectified(binary.Weights):
    """The quantiser W^ o C of a binary layer, where C is `scale`. C starts where L_Kernel is smallest: at the
    mean |W| of the weights that share it.

    If `most` is above 0, integers 1 .. most of one unit replace the C of kernel positions. If `whole` is
    true, the sums are those of the integers, because they are added to other whole numbers.

    Args:
        granularity: "layer": one C; "spatial": one per kernel position; "filter": the shape of a filter
            [3.65].
        scale_bits: bits of the integers that replace a C per kernel position.
    """

    scaled, whole = True, False

    def __init__(self, layer: AnyModule, granularity: str, scale_bits: int = 3):
        super().__init__()
        self.layer = [layer]  # in a list, so that it is not a submodule here
        self.most = 2**scale_bits - 1 if granularity == "spatial" and layer.weight.dim() > 2 else 0
        self.c = nn.Parameter(best_scale(layer.weight.detach(), granularity))

    @property
    def weight(self) -> torch.Tensor:
        """W."""
        return self.layer[0].weight

    def values(self, x):
        return sign(x)

    def rectified(self, x: torch.Tensor) -> torch.Tensor:
        """Return W^ o C as the forward pass has it."""
        bits = self.values(x)
        if not self.scaled:
            return bits
        if self.c.numel() == 1:
            return InPlaceOf.apply(bits * self.c, bits * self.unit())
        if not self.stepped:
            return bits * self.c
        integers, unit = self.integers()
        sums = bits * InPlaceOf.apply(self.c / unit, integers)
        return sums if self.whole else sums * unit

    def quantised(self, x):
        found = self.rectified(x)
        return found if self.scaling is None else found * self.scaling(x)

    def scale(self, x):
        own = self.unit() if self.scaled and not self.whole else torch.ones(())
        return own if self.scaling is None else own * self.scaling(x)

    @property
    def stepped(self) -> bool:
        """Whether integers replace C."""
        return self.scaled and self.most > 0 and self.c.numel() > 1

    @torch.no_grad()
    def unit(self) -> torch.Tensor:
        """Return the smallest power of two with which the largest C is at most `most`, or the power nearest
        to the only C, with its sign. Sums of either are exact.
        """
        if self.c.numel() == 1:
            size = self.c.abs().clamp(min=1e-6).log2().round().exp2()
            return torch.where(self.c < 0, -size, size).reshape(())
        return (self.c.max().clamp(min=1e-6) / self.most).log2().ceil().exp2()

    @torch.no_grad()
    def integers(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the integers that replace C, and their unit. A common divisor is removed, except for `whole`
        sums.
        """
        unit = self.unit()
        found = (self.c / unit).round().clamp(1, self.most)
        divisor = 1 if self.whole else int(np.gcd.reduce(found.int().flatten().tolist()))
        return found / divisor, unit * divisor

    def reach(self) -> int:
        """Return the largest sum of bits."""
        length = self.weight[0].numel()
        return length // self.c.numel() * int(self.integers()[0].sum()) if self.stepped else length

    @torch.no_grad()
    def write_to(self, deployed: nn.Conv2d) -> None:
        """Write the integers into the deployed layer."""
        if self.stepped:
            deployed.weight.copy_(binary.signs(self.weight) * self.integers()[0])


class Discriminator(nn.Sequential):
    """Distinguishes maps of the guide from maps of the network: (B, C, ...) or (B, C) to the logit of D, (B,
    1). With `pixels`, one logit for each place of a map, (B H W, 1).
    """

    def __init__(self, channels: int, pixels: bool = False):
        super().__init__(
            nn.Linear(channels, WIDTH), nn.LeakyReLU(SLOPE),
            nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(SLOPE),
            nn.Linear(WIDTH, 1),
        )  # fmt: skip
        self.pixels = pixels

    def forward(self, maps):
        maps = maps.float()
        if maps.dim() > 2:
            maps = maps.movedim(1, -1).flatten(0, -2) if self.pixels else maps.flatten(2).mean(2)
        return super().forward(maps)


def best_scale(latent: torch.Tensor, granularity: str) -> torch.Tensor:
    """Return the C that makes L_Kernel smallest for given W: the mean |W| over all weights that share it,
    with the rank of W.
    """
    shared = {"layer": range(latent.dim()), "spatial": (0, 1), "filter": (0,)}[granularity]
    return latent.abs().mean(tuple(shared), keepdim=True)


def kernel_loss(latent: torch.Tensor, bits: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return |W - C o W^|^2 / 2 of one layer, [3.64] without lambda1."""
    return (latent - scale * bits).square().sum() / 2


def discriminator_value(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Return log D(R) + log(1 - D(T)) from logits, the mean over images [3.63]; -log 4 if D cannot
    distinguish them.
    """
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


def generator_loss(fake: torch.Tensor) -> torch.Tensor:
    """Return (1 - D(T))^2 from logits, the mean over images; its gradient is -2 (1 - D) dD, as in
    [3.67-3.76].
    """
    return (1 - fake.sigmoid()).square().mean()


def rectified(network: nn.Module) -> list[Rectified]:
    """Return the quantisers with a scale C."""
    return [part for part in network.modules() if isinstance(part, Rectified)]


class HardTanh(binary.Quantiser):
    """The hard tanh in place of the sign."""

    def values(self, x):
        return F.hardtanh(x)


def real(network: nn.Module) -> nn.Module:
    """Return a fresh network as a guide: real weights, and the hard tanh in place of the sign."""
    for act in binary.activations(binary.prepare(network)):
        binary.set_quantiser(act, HardTanh())
    for layer in network.modules():
        act = isinstance(layer, QuantIdentity)
        if binary.is_binary(layer) or (act and not isinstance(binary.quantiser(layer), HardTanh)):
            binary.set_quantiser(layer, binary.Real())
    return rectifiers.train_rectifiers(network)


def stage_ends(network: Iterable[nn.Module]) -> list[AnyModule]:
    """Return the modules whose outputs, not yet signs, are compared: before a pool, a flatten, another width,
    or the last part.

    For a block this is its batch norm; for a part with a shortcut, the part.
    """
    ends: list[AnyModule] = []
    for part, after in pairwise(network):
        if isinstance(part, Block) and (part.pool > 1 or not isinstance(after, Block)):
            ends.append(part.norm)
        elif isinstance(part, BiReal) and (not isinstance(after, BiReal) or after.shortcut):
            ends.append(part)
    return ends


@dataclass
class Method(base.Method):
    """Training of a guide for a fifth of the epochs, then of the network; of the network alone if a guide is
    given.
    """

    # The text has no recipe; this is BONN's, from the same laboratory and year.
    RECIPES: ClassVar = {"paper": {"*": bonn.WRN_RECIPE}}

    granularity: str = "layer"  # one C per layer; spatial: per kernel position; filter: not deployable
    lambda1: float = 1e-4  # weight of the kernel loss
    adversarial: float = 0.1  # weight of the adversarial loss
    scale_rate: float = 0.1  # eta2 / eta1: learning rate of C relative to that of W
    guess_rate: float = 2e-5  # rate of the discriminators; at 2e-4 they win, and no gradient is left
    kept: int = 100  # batches that the update strategy uses again after an epoch
    guide: str = "none"  # folder of a train-float run of this network; none: a fifth of the epochs trains one
    pixels: bool = False  # discriminators see each place of a map instead of its mean
    guess_schedule: bool = False  # the learning rate of the discriminators follows the network's
    scale_bits: int = 3  # bits of the integers that replace C per kernel position

    def __post_init__(self):
        if self.granularity not in GRANULARITIES:
            raise unknown("rbcn, granularity", self.granularity, GRANULARITIES)
        if not 1 <= self.scale_bits <= MOST_BITS:
            raise UserError(
                f"rbcn: scale_bits={self.scale_bits} is out of range; give 1 to {MOST_BITS} (1 makes all "
                "scales equal)."
            )

    def weights(self, layer):
        return Rectified(layer, self.granularity, self.scale_bits)

    def sign(self, _act):
        return binary.Sign(binary.TriangularSign)

    def prepared(self, network):
        network = super().prepared(network)
        for part in network.modules():
            if isinstance(part, building_blocks.Scores):
                # no batch norm follows to take up a C: it stays the baseline's
                binary.set_quantiser(part.dot, binary.Weights())
        if self.granularity != "filter":
            # One C cancels in the batch norm after a sum; without the kernel loss nothing moves it either.
            for quantiser in rectified(network):
                quantiser.scaled = bool(self.lambda1) or quantiser.c.numel() > 1
            for quantiser in map(binary.quantiser, building_blocks.whole_sums(network)):
                quantiser.scaled = False
            for holder in building_blocks.summed(network).values():
                found = binary.quantiser(holder.dot) if binary.is_binary(holder.dot) else None
                if isinstance(found, Rectified) and found.c.numel() > 1:
                    found.scaled = found.whole = True
                    holder.norm.limit /= found.most  # of the gain, as sums are so much larger at the most
        return network

    def build(self, net):
        """Return the network. The guide, the discriminators and two optimisers are stored in the checkpoint
        only.
        """
        network: AnyModule = super().build(net)
        given = self.guide != "none"
        teacher: AnyModule = guide_of(net, self.guide) if given else real(networks.build(net))
        self.teacher_network = teacher
        if networks.is_ordinary(net):
            ends = tracing.stage_outputs(network, task_of(net).shape)
            channels = [count for _, count in ends]
            mine, theirs = ([one.get_submodule(name) for name, _ in ends] for one in (network, teacher))
        else:
            mine, theirs = stage_ends(network), stage_ends(teacher)
            norms: list[AnyModule] = [getattr(part, "norm", part) for part in mine]
            channels = [norm.num_features for norm in norms]
        self.discriminators = nn.ModuleList(Discriminator(count, self.pixels) for count in channels)
        self.scales = torch.optim.Adam([part.c for part in rectified(network)])
        self.guess = torch.optim.Adam(
            self.discriminators.parameters(), lr=self.guess_rate, betas=(0.5, 0.999)
        )
        self.real, self.fake = _maps(theirs), _maps(mine, training=True)
        self.batches: deque = deque(maxlen=self.kept)
        return network

    @torch.no_grad()
    def warm_started(self, network):
        """Start C where L_Kernel is smallest for the present latent weights."""
        for part in rectified(network):
            part.c.copy_(best_scale(part.weight, self.granularity))

    def phases(self, recipe):
        if recipe.epochs < 2 and self.guide == "none":
            raise UserError(
                f"rbcn: epochs={recipe.epochs} is too few, because the guide and the network need one epoch "
                "each; use 2 or more, or give a guide."
            )
        if self.guide != "none":
            return [base.Phase(RECTIFY, recipe.epochs, recipe.lr)]
        guide = max(1, recipe.epochs // 5)
        return [base.Phase(GUIDE, guide, recipe.lr), base.Phase(RECTIFY, recipe.epochs - guide, recipe.lr)]

    def begin(self, run):
        self.teacher = replace(run, network=self.teacher_network)
        self.discriminators.to(run.device)
        trains = run.phase.name == GUIDE
        self.teacher_network.train(trains).requires_grad_(trains)

    def optimiser(self, run):
        """Return the optimiser of the guide, and later of W and everything else except C."""
        moving = self.teacher_network if run.phase.name == GUIDE else run.network
        named = moving.named_parameters()
        return base.optimiser_of(run, [p for name, p in named if not name.endswith(".tensor_quant.c")])

    def losses(self, run, scores, labels):
        kernels = (kernel_loss(part.weight, sign(part.weight), part.c) for part in rectified(run.network))
        fooled = (generator_loss(tell(maps)) for tell, maps in zip(self.discriminators, self.fake.values()))
        return super().losses(run, scores, labels) | {
            "kernel": self.lambda1 * sum(kernels),
            "adversarial": self.adversarial * sum(fooled),
        }

    def step(self, run, images, labels):
        if run.phase.name == GUIDE:
            loss = run.task.loss(self.teacher.forward(images), labels)
            _move(run.optimiser, loss)
            return loss.item()
        self.batches.append((images, labels))
        with torch.no_grad():
            self.teacher.forward(images)
        scores = run.forward(images)
        if self.guess_schedule:
            for group in self.guess.param_groups:
                group["lr"] = self.guess_rate * run.optimiser.param_groups[0]["lr"] / run.phase.lr
        self.step_discriminators()
        loss = self.step_weights(run, scores, labels)
        self.step_scales(run, images, labels)
        return loss

    def step_discriminators(self) -> None:
        """Move the D of every stage up log D(R) + log(1 - D(T)); no gradient reaches the network."""
        scored = zip(self.discriminators, self.real.values(), self.fake.values())
        values = [discriminator_value(tell(real), tell(fake.detach())) for tell, real, fake in scored]
        _move(self.guess, -sum(values))

    def step_weights(self, run, scores: torch.Tensor, labels: torch.Tensor) -> float:
        """Move W and the batch norms with rate eta1; return the loss."""
        losses = self.losses(run, scores, labels)
        run.summands.add(losses, run.latents)
        loss = sum(losses.values())
        _move(run.optimiser, loss)
        with torch.no_grad():
            for latent in run.latents.values():
                latent.clamp_(-1, 1)
        return loss.item()

    def step_scales(self, run, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Move C with rate eta2, with the new W fixed.

        One C per layer cancels in the batch norm that follows, so only L_Kernel has a gradient. Other
        granularities need the scores for the new W, from a second pass that does not change running
        statistics.
        """
        for group in self.scales.param_groups:
            group["lr"] = self.scale_rate * run.optimiser.param_groups[0]["lr"]
        if all(part.c.numel() == 1 for part in rectified(run.network)):
            fixed = [(part.weight.detach(), part.c) for part in rectified(run.network)]
            loss = self.lambda1 * sum(kernel_loss(latent, sign(latent), scale) for latent, scale in fixed)
        else:
            with _running_statistics_fixed(run.network):
                loss = sum(self.losses(run, run.forward(images), labels).values())
        _move(self.scales, loss)

    def on_epoch(self, run):
        """The update strategy: W and C are fixed, and batch norms see the last batches of the epoch once
        more.
        """
        moving = [parameter for norm in _norms(run.network) for parameter in norm.parameters()]
        for images, labels in self.batches:
            _move(run.optimiser, run.task.loss(run.forward(images), labels), moving)
        self.batches.clear()

    def state(self):
        guide = binary.state_of(self.teacher_network)
        return {"guide": guide, **{name: part.state_dict() for name, part in self._parts().items()}}

    def load_state(self, state):
        binary.load_state(self.teacher_network, state["guide"])
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self):
        return {
            "discriminators": self.discriminators,
            "scales": self.scales,
            "guess": self.guess,
        }

    def scale(self, dot):
        found = binary.quantiser(dot)
        if not getattr(found, "scaled", False) or found.whole:
            return 1.0
        return (found.integers()[1] if found.stepped else found.unit()).item()

    def skeleton(self, net):
        """With a C per kernel position, give convolutions of several positions weights of a few bits."""
        network = super().skeleton(net)
        if self.granularity != "spatial" or networks.is_ordinary(net):
            return network
        several = [part for part in network.modules() if isinstance(part, building_blocks.MultiRate)]
        rates = [layer for part in several for layer in building_blocks.added_in(part)]
        for name, layer in list(network.named_modules()):
            if not isinstance(layer, QuantConv2d) or not binary.is_binary(layer) or layer in rates:
                continue
            if layer.kernel_size != (1, 1):
                network.set_submodule(name, _few_bits(layer, self.scale_bits))
        return network.eval()

    def deploy(self, net, network):
        if self.granularity == "filter":
            raise UserError(
                "rbcn: granularity=filter cannot be deployed, because it has a real number per weight; train "
                "with granularity=layer or granularity=spatial."
            )
        return super().deploy(net, network)


def _few_bits(layer: AnyModule, bits: int) -> nn.Conv2d:
    """Return the same convolution with weights of `bits` bits and a sign."""
    return QuantConv2d(
        layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, dilation=layer.dilation,
        bias=False, weight_quant=binary.EightWeights, weight_bit_width=bits + 1,
        weight_scaling_init=2.0**bits - 1,
    )  # fmt: skip


def _move(optimiser, loss, parameters=None):
    """Step down `loss` by the optimiser's parameters, or some of them; gradients reach no others."""
    optimiser.zero_grad(set_to_none=True)
    moving = parameters or [p for group in optimiser.param_groups for p in group["params"]]
    loss.backward(inputs=[parameter for parameter in moving if parameter.requires_grad])
    optimiser.step()


def _maps(ends, training=False) -> dict[int, torch.Tensor]:
    """Return the outputs of stage ends at the last forward pass, by stage; if requested, of passes in
    training mode only.
    """
    maps: dict[int, torch.Tensor] = {}

    def keep(stage):
        def hook(part, _, output):
            if part.training or not training:
                maps[stage] = output

        return hook

    for stage, part in enumerate(ends):
        part.register_forward_hook(keep(stage))
    return maps


def _norms(network) -> list[AnyModule]:
    return [module for module in network.modules() if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))]


@contextmanager
def _running_statistics_fixed(network):
    """Within the block, batch norms use the statistics of the batch and do not change the running ones."""
    for norm in _norms(network):
        norm.track_running_stats = False
    yield
    for norm in _norms(network):
        norm.track_running_stats = True
