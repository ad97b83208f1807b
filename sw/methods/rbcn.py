"""RBCN: rectified kernels and a real-valued guide (Liu, Ding, Xia, Hu, Zhang, Liu, Zhuang, Guo, "Rectified
Binary Convolutional Networks for Enhancing the Performance of 1-bit DCNNs", IJCAI 2019).

Equations in brackets are those of the authors' textbook (section 3.6); the text of the article itself was not
available. With latent weights W, bits W^ = sign(W) and a learned scale C per kernel position,

    layer        Conv(x, W^ o C)                                                     [3.65-3.66]
    sign'        2 + 2x on [-1, 0), 2 - 2x on [0, 1), else 0                         [3.68]
    L_Kernel     lambda1 / 2 * sum over layers and filters of |W - C o W^|^2         [3.64]
    L_Adv        log D(R) + log(1 - D(T)), maximised by D                            [3.63]
                 (1 - D(T))^2, minimised by the network: gradient -2 (1 - D) dD       [3.67-3.76]

R are feature maps of the guide, which is the same network with its binary quantisers off, trained first and
then frozen; the network starts from its numbers. T are those of the network. A step moves D, then W, then C;
after an epoch W and C are fixed and only batch norms move. Guide, D and W are dropped at the end. Integers of
a few bits replace C and are deployed: a layer is one count of equal bits per kernel position, each multiplied
by an integer. One C per layer (`granularity="layer"`) is a power of two, or absorbed by thresholds.

docs/methods/rbcn.md says what the sources leave open, and where a scale per layer cancels in batch norm.
"""

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from xnorforge.core.errors import UserError, unknown
from xnorforge.core.types import Record
from xnorforge.sw import networks
from xnorforge.sw.methods import base, bonn
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, building_blocks, tracing
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.rectifiers import InPlaceOf
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training import warm_start
from xnorforge.sw.training.guides import guide_of

GUIDE, RECTIFY = "guide", "rectify"
GRANULARITIES = ("layer", "spatial")
WIDTH, SLOPE = 32, 0.2
MOST_BITS = 4  # of an integer in place of C: thresholds are found by trying every sum


sign = binary.TriangularSign.apply


class Rectified(binary.Weights):
    """The quantiser W^ o C of a binary layer, where C is `scale`. C starts where L_Kernel is smallest: at the
    mean |W| of the weights that share it. In a layer with a scale of its own, the forward pass has C relative
    to `start`, its mean at the start: the scale is chosen for weights of that size.

    If `most` is above 0, integers 1 .. most of one unit replace the C of kernel positions.

    Args:
        granularity: "layer": one C; "spatial": one per kernel position.
        scale_bits: bits of the integers that replace a C per kernel position.
    """

    scaled = True
    start: torch.Tensor

    def __init__(self, layer: AnyModule, granularity: str, scale_bits: int = 3):
        super().__init__()
        self.layer: list[AnyModule] = [layer]  # in a list, so that it is not a submodule here
        self.most = 2**scale_bits - 1 if granularity == "spatial" and layer.weight.dim() > 2 else 0
        self.granularity = granularity
        self.c: nn.Parameter = nn.Parameter(best_scale(layer.weight.detach(), granularity))
        self.register_buffer("start", torch.ones(()))

    @property
    def weight(self) -> torch.Tensor:
        """W."""
        return self.layer[0].weight

    def values(self, x: torch.Tensor) -> torch.Tensor:
        return sign(x)

    def rectified(self, x: torch.Tensor) -> torch.Tensor:
        """Return W^ o C as the forward pass has it."""
        bits = self.values(x)
        if not self.scaled:
            return bits
        scale = self.relative()
        if not self.stepped:
            return InPlaceOf.apply(bits * scale, bits * self.unit())
        integers, unit = self.multiples()
        return bits * InPlaceOf.apply(scale / unit, integers) * unit

    def quantised(self, x: torch.Tensor) -> torch.Tensor:
        found = self.rectified(x)
        return found if self.scaling_impl is None else found * self.own_scale(x)

    def scale(self, x: torch.Tensor) -> torch.Tensor:
        own = self.unit() if self.scaled else torch.ones(())
        return own if self.scaling_impl is None else own * self.own_scale(x)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found, scale, zero, bits = super().forward(x)
        return found, scale, zero, bits + self.most.bit_length() if self.stepped else bits

    def relative(self) -> torch.Tensor:
        """Return C as the forward pass has it, before it is rounded."""
        return self.c / self.start

    @torch.no_grad()
    def start_here(self) -> None:
        """Start C where L_Kernel is smallest for the present latent weights."""
        self.c.copy_(best_scale(self.weight, self.granularity))
        if self.scaling_impl is not None:
            self.start.copy_(self.c.mean())

    @property
    def felt(self) -> bool:
        """Whether the output of the network depends on C: one C cancels in the batch norm after a sum."""
        return self.c.numel() > 1 or self.scaling_impl is not None

    @property
    def stepped(self) -> bool:
        """Whether integers replace C."""
        return self.scaled and self.most > 0 and self.c.numel() > 1

    @torch.no_grad()
    def unit(self) -> torch.Tensor:
        """Return the smallest power of two with which the largest C is at most `most`, or the power nearest
        to the only C, with its sign. Sums of either are exact."""
        scale = self.relative()
        if scale.numel() == 1:
            size = scale.abs().clamp(min=1e-6).log2().round().exp2()
            return torch.where(scale < 0, -size, size).reshape(())
        return (scale.max().clamp(min=1e-6) / self.most).log2().ceil().exp2()

    @torch.no_grad()
    def multiples(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return C as whole multiples of a unit, and the unit."""
        unit = self.unit()
        return (self.relative() / unit).round().clamp(1, self.most), unit


class Discriminator(nn.Sequential):
    """D's logits for the places of maps (B, C, ...) or (B, C) of guide or network: (B H W, 1)."""

    def __init__(self, channels: int):
        super().__init__(
            nn.Linear(channels, WIDTH), nn.LeakyReLU(SLOPE),
            nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(SLOPE),
            nn.Linear(WIDTH, 1),
        )  # fmt: skip

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input.float().movedim(1, -1).flatten(0, -2))


def best_scale(latent: torch.Tensor, granularity: str) -> torch.Tensor:
    """The C that makes L_Kernel smallest for given W: the mean of the |W| that share it."""
    shared = range(latent.dim()) if granularity == "layer" else (0, 1)
    return latent.abs().mean(tuple(shared), keepdim=True)


def kernel_loss(latent: torch.Tensor, bits: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return |W - C o W^|^2 / 2 of one layer, [3.64] without lambda1."""
    return (latent - scale * bits).square().sum() / 2


def discriminator_value(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """log D(R) + log(1 - D(T)) of logits, the mean over images [3.63]; -log 4 if D cannot tell."""
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


def generator_loss(fake: torch.Tensor) -> torch.Tensor:
    """(1 - D(T))^2 of logits, the mean over images; its gradient is -2 (1 - D) dD [3.67-3.76]."""
    return (1 - fake.sigmoid()).square().mean()


def rectified(network: nn.Module) -> list[Rectified]:
    """Return the quantisers with a scale C."""
    return [part for part in network.modules() if isinstance(part, Rectified)]


class HardTanh(binary.Quantiser):
    """The hard tanh in place of the sign."""

    def values(self, x: torch.Tensor) -> torch.Tensor:
        return F.hardtanh(x if self.scaling_impl is None else x / self.own_scale(x))


class RealWeights(binary.Quantiser):
    """The guide's weights: latents over their mean size at the start, times the layer's scale."""

    size: torch.Tensor

    def __init__(self, layer: AnyModule):
        super().__init__()
        self.register_buffer("size", layer.weight.detach().abs().mean())

    def values(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.size


def real(network: nn.Module) -> nn.Module:
    """Return a fresh network as a guide: real weights, and the hard tanh in place of the sign."""
    return binary.prepare(network, RealWeights, lambda _: HardTanh())


@dataclass
class Method(base.Method):
    """Training of a guide for a fifth of the epochs, unless one is given, then of the network."""

    # The text has no recipe; this is BONN's, from the same laboratory and year.
    RECIPES: ClassVar = {"paper": {"*": bonn.WRN_RECIPE}}
    WANTS_GUIDE: ClassVar[bool] = True

    granularity: str = "spatial"  #: one C per kernel position; layer: one per layer
    lambda1: float = 1e-4  #: weight of the kernel loss
    adversarial: float = 1.0  #: weight of the adversarial loss
    scale_rate: float = 0.1  #: eta2 / eta1: learning rate of C relative to that of W
    guess_rate: float = 2e-5  #: largest learning rate of the discriminators; it falls with that of W
    kept: int = 100  #: batches that the update strategy uses again after an epoch
    #: folder of a train-float run of this network; none: that of INIT, else a fifth of the epochs trains one
    guide: str = "none"
    scale_bits: int = 3  #: bits of the integers that replace C per kernel position

    def __post_init__(self) -> None:
        if self.granularity not in GRANULARITIES:
            raise unknown("rbcn, granularity", self.granularity, GRANULARITIES)
        if not 1 <= self.scale_bits <= MOST_BITS:
            raise UserError(
                f"rbcn: scale_bits={self.scale_bits} is out of range; give 1 to {MOST_BITS} (1 makes all "
                "scales equal)."
            )
        self.initialised: bool = False  # whether the run starts from another (INIT), not from the guide

    def weights(self, layer: AnyModule) -> binary.Weights:
        return Rectified(layer, self.granularity, self.scale_bits)

    def sign(self, _act: AnyModule) -> binary.Sign:
        return binary.Sign(binary.TriangularSign)

    def prepared(self, network: AnyModule) -> nn.Module:
        network = super().prepared(network)
        for part in network.modules():
            if isinstance(part, building_blocks.Scores):
                # no batch norm follows to take up a C: it stays the baseline's
                binary.set_quantiser(part.dot, binary.Weights())
        for quantiser in rectified(network):
            quantiser.start_here()
            quantiser.scaled = bool(self.lambda1) or quantiser.felt  # else nothing moves it
        for quantiser in map(binary.quantiser, building_blocks.whole_sums(network)):
            quantiser.scaled = False
        return network

    def build(self, net: str) -> nn.Module:
        """The network; guide, discriminators and two optimisers are in the checkpoint only."""
        network: AnyModule = super().build(net)
        given = self.guide != "none"
        teacher: AnyModule = guide_of(net, self.guide) if given else real(networks.build(net))
        self.teacher_network = teacher
        self.ends: list[tuple[str, int]] = tracing.stage_ends(network, task_of(net).shape)
        self.discriminators = nn.ModuleList(Discriminator(channels) for _, channels in self.ends)
        self.scales = torch.optim.Adam([part.c for part in rectified(network)])
        parameters = self.discriminators.parameters()
        self.guess = torch.optim.Adam(parameters, lr=self.guess_rate, betas=(0.5, 0.999))
        self.real, self.fake = _maps(teacher, self.ends), _maps(network, self.ends, training=True)
        self.batches: deque = deque(maxlen=self.kept)
        return network

    def warm_started(self, network: AnyModule) -> None:
        """Start C where L_Kernel is smallest for the present latent weights."""
        self.initialised = True
        for part in rectified(network):
            part.start_here()

    def phases(self, recipe: Recipe) -> list[base.Phase]:
        if recipe.epochs < 2 and self.guide == "none":
            raise UserError(
                f"rbcn: epochs={recipe.epochs} is too few, because the guide and the network need one epoch "
                "each; use 2 or more, or give a guide."
            )
        if self.guide != "none":
            return [base.Phase(RECTIFY, recipe.epochs, recipe.lr)]
        guide = max(1, recipe.epochs // 5)
        return [base.Phase(GUIDE, guide, recipe.lr), base.Phase(RECTIFY, recipe.epochs - guide, recipe.lr)]

    def begin(self, run) -> None:
        """Let the guide train, or rest and pass its numbers to the network."""
        self.teacher = replace(run, network=self.teacher_network)
        self.discriminators.to(run.device)
        trains = run.phase.name == GUIDE
        self.teacher_network.train(trains).requires_grad_(trains)
        if not trains and not self.initialised:
            warm_start.copy_numbers(run.network, self.teacher_network.state_dict(), sized=False)
            for part in rectified(run.network):
                part.start_here()

    def optimiser(self, run) -> torch.optim.Optimizer:
        """Return the optimiser of the guide, and later of W and everything else except C."""
        moving = self.teacher_network if run.phase.name == GUIDE else run.network
        named = moving.named_parameters()
        return base.optimiser_of(run, [p for name, p in named if not name.endswith(".tensor_quant.c")])

    def losses(self, run, scores: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        kernels = (kernel_loss(part.weight, sign(part.weight), part.c) for part in rectified(run.network))
        fooled = (generator_loss(tell(maps)) for tell, maps in zip(self.discriminators, self.fake))
        return super().losses(run, scores, labels) | {
            "kernel": self.lambda1 * base.total(kernels),
            "adversarial": self.adversarial * base.total(fooled),
        }

    def step(self, run, images: torch.Tensor, labels: torch.Tensor) -> float:
        if run.phase.name == GUIDE:
            loss = run.loss(self.teacher.forward(images), labels)
            _move(run.optimiser, loss)
            return loss.item()
        self.batches.append((images, labels))
        with torch.no_grad():
            self.teacher.forward(images)
        scores = run.forward(images)
        for group in self.guess.param_groups:
            group["lr"] = self.guess_rate * run.optimiser.param_groups[0]["lr"] / run.phase.lr
        self.step_discriminators()
        loss = self.step_weights(run, scores, labels)
        self.step_scales(run, images, labels)
        return loss

    def step_discriminators(self) -> None:
        """Move the D of every stage up log D(R) + log(1 - D(T)); no gradient reaches the network."""
        scored = zip(self.discriminators, self.real, self.fake)
        values = [discriminator_value(tell(real), tell(fake.detach())) for tell, real, fake in scored]
        _move(self.guess, -sum(values))

    def step_weights(self, run, scores: torch.Tensor, labels: torch.Tensor) -> float:
        """Move W and the batch norms with rate eta1; return the loss."""
        losses = self.losses(run, scores, labels)
        run.summands.add(losses, run.latents)
        loss = base.total(losses.values())
        _move(run.optimiser, loss)
        with torch.no_grad():
            for latent in run.latents.values():
                latent.clamp_(-1, 1)
        return loss.item()

    def step_scales(self, run, images: torch.Tensor, labels: torch.Tensor) -> None:
        """Move C with rate eta2, with the new W fixed.

        If every C cancels in the batch norm that follows, only L_Kernel has a gradient. Otherwise the scores
        for the new W are needed, from a second pass that does not change running statistics."""
        for group in self.scales.param_groups:
            group["lr"] = self.scale_rate * run.optimiser.param_groups[0]["lr"]
        if not any(part.felt for part in rectified(run.network)):
            fixed = [(part.weight.detach(), part.c) for part in rectified(run.network)]
            loss = self.lambda1 * sum(kernel_loss(latent, sign(latent), scale) for latent, scale in fixed)
        else:
            with _running_statistics_fixed(run.network):
                loss = sum(self.losses(run, run.forward(images), labels).values())
        _move(self.scales, loss)

    def on_epoch(self, run) -> None:
        """The update strategy: W and C are fixed, batch norms see the last batches once more."""
        moving = [parameter for norm in _norms(run.network) for parameter in norm.parameters()]
        for images, labels in self.batches:
            _move(run.optimiser, run.loss(run.forward(images), labels), moving)
        self.batches.clear()

    def state(self) -> Record:
        guide = binary.state_of(self.teacher_network)
        return {"guide": guide, **{name: part.state_dict() for name, part in self._parts().items()}}

    def load_state(self, state: Record) -> None:
        binary.load_state(self.teacher_network, state["guide"])
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self):
        return {"discriminators": self.discriminators, "scales": self.scales, "guess": self.guess}


def _move(optimiser, loss, parameters=None):
    """Step down `loss` by the optimiser's parameters, or some of them; gradients reach no others."""
    optimiser.zero_grad(set_to_none=True)
    moving = parameters or [p for group in optimiser.param_groups for p in group["params"]]
    loss.backward(inputs=[parameter for parameter in moving if parameter.requires_grad])
    optimiser.step()


def _maps(network: nn.Module, ends: list[tuple[str, int]], training: bool = False) -> list[Any]:
    """What `tracing.stage_ends` read at the last forward pass; if asked, in training mode only."""
    maps: list[Any] = [None] * len(ends)

    def keep(stage: int, channels: int):
        def hook(act, inputs):
            x = torch.as_tensor(getattr(inputs[0], "value", inputs[0]))
            if (act.training or not training) and x.shape[1] == channels:
                maps[stage] = x  # an activation may have many uses

        return hook

    for stage, (name, channels) in enumerate(ends):
        network.get_submodule(name).register_forward_pre_hook(keep(stage, channels))
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
