"""BONN: J. Gu, J. Zhao, X. Jiang, B. Zhang, J. Liu, G. Guo, R. Ji, "Bayesian Optimized 1-Bit CNNs", ICCV
2019.

The latent weights X of each filter are pulled to two modes: by a reconstruction that makes w o X close to
sign(X), and by a prior of two Gaussians at -mu and +mu with deviation sigma. All three are learned
(`KernelLoss`). During fine-tuning, the input of the classifier is pulled to the mean of its class
(`feature_loss`). Hardware has none of this: the deployed network is the plain one.

    symbol   shape          meaning
    X        (filters, n)   latent weights; a kernel is one output filter, n = inputs * kernel * kernel
    w        (n,)           modulation, one vector per layer; its mean wbar scales the output of the layer
    mu       (filters,)     position of the two modes
    sigma    (filters,)     width of the modes

w, mu and sigma are stored as logarithms, so they are positive. The output of the last dense layer is not
scaled, because no batch norm follows to absorb the factor 1 / wbar. Neither are sums whose norm is added to
others, where the factor would cancel. In a layer with a scale of its own, whose sums are added as they are,
the factor is what 1 / wbar has grown by. docs/methods/bonn.md describes the differences from the paper.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from xnorforge.core.types import Record
from xnorforge.sw.methods import base
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, tracing
from xnorforge.sw.nn.binary import AnyModule, signs
from xnorforge.sw.nn.building_blocks import Scores, whole_sums
from xnorforge.sw.tasks.base import task_of

KERNEL, FEATURE = 1e-4, 1e-3  # lambda and theta, the weights of the two losses, as in the paper
PULL = 0.1  # chosen on held-out images (docs/results/bed.jsonl)
# w starts at so much over the mean latent: uniform latents then lie within 0.6 of the 1 that w o X may reach
REACH = 0.3
NU = 1e-4  # variance of the reconstruction error; the paper's for WRN
MODULATION_RATE = 0.1  # learning rate of w and sigma against that of all else (ImageNet recipe)
CENTRE_RATE = 0.5  # how far class means follow a batch; that of the center loss (Wen et al., ECCV 2016)
SIGMA_FLOOR = 1e-3  # of mu: the loss has no lower end as sigma goes to 0
VARIANCE_FLOOR = 1e-2  # of a class's features, for the same reason
# On CIFAR, with WRN-22: 200 epochs, the rate times 0.2 every 60; momentum, decay and batch "as in the WRN
# paper".
WRN_RECIPE = {
    "epochs": 200, "batch": 128, "optimiser": "sgd", "lr": 0.01, "weight_decay": 5e-4, "decay_latents": True,
    "schedule": "step", "drops": "0.3 0.6 0.9", "drop": 0.2, "shift": 4,
}  # fmt: skip
SHARE = "share kernel"  # begins the columns of the curve
FINE = 10  # one epoch in 10 is fine-tuning, with the feature loss, at a tenth of the learning rate


class Binarise(torch.autograd.Function):
    """X^ = sign(w o X), which is sign(X) because w > 0; the gradient passes where w o X is in [-1, 1].

        dL/dX = dL/dX^ o 1[-1 <= w o X <= 1] o w
        dL/dw = sum over filters of dL/dX^ o 1[-1 <= w o X <= 1] o X

    These are equations 11 to 18, the summands of L_S. The forward pass scales the layer by the mean of w, the
    backward pass by w ("asynchronous")."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, w)
        return signs(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        x, w = ctx.saved_tensors
        passed = torch.where((w * x).abs() <= 1, gradients[0], 0)
        return passed * w, (passed * x).sum(0) if ctx.needs_input_grad[1] else None


class KernelLoss(torch.autograd.Function):
    """The Bayesian kernel loss of a layer (equation 9, without lambda), with the printed gradients.

        1/2 sum over filters { ||X^ - w o X||^2 + nu ||(X - mu o X^) / sigma||^2 + nu n log sigma^2 }

    X^ = sign(X) is treated as a constant. The printed gradients of mu and sigma contain a factor 1/n that
    equation 9 does not have: both move by the mean over a filter, not by the sum."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, w: torch.Tensor, mu: torch.Tensor, sigma: torch.Tensor, nu: float
    ) -> torch.Tensor:
        ctx.save_for_backward(x, w, mu, sigma)
        ctx.nu = nu
        mu, sigma = mu[:, None], sigma[:, None]
        error, off = w * x - signs(x), (x.abs() - mu) / sigma
        return 0.5 * (error.square() + nu * off.square() + nu * sigma.square().log()).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        x, w, mu, sigma = ctx.saved_tensors
        mu, sigma = mu[:, None], sigma[:, None]
        bits, distance = signs(x), x.abs() - mu
        error, pull = w * x - bits, ctx.nu * distance / sigma**2
        dx = w * error + bits * pull
        dw = (error * x).sum(0)
        dmu = -pull.mean(1)
        dsigma = (ctx.nu / sigma - pull * distance / sigma).mean(1)
        return *(gradients[0] * one for one in (dx, dw, dmu, dsigma)), None


def feature_loss(features: torch.Tensor, centres: torch.Tensor, variances: torch.Tensor) -> torch.Tensor:
    """Return the Bayesian feature loss (equation 8, without theta), the mean over the images.

        1/2 { ||f - c||^2 + sum over k of [ (f_k - c_k)^2 / sigma_k^2 + log sigma_k^2 ] }

    Args:
        features: f, (N, K).
        centres, variances: c and sigma^2 of the class of each image, (N, K), constants.
    """
    away = (features - centres).square()
    return 0.5 * (away + away / variances + variances.log()).sum(1).mean()


class Modulated(binary.Weights):
    """The quantiser sign(X) / wbar of a binary layer, with w, mu and sigma. The factor 1 / wbar is rounded to
    a power of two, so that sums stay exact. In a layer with a scale of its own it is relative to its start:
    the scale is chosen for weights of that size.

    Args:
        layer: its latent weights are X.
    """

    log_w: torch.Tensor
    log_mu: torch.Tensor
    log_sigma: torch.Tensor
    start: torch.Tensor  # log2 of the wbar at which the factor is 1

    def __init__(self, layer: AnyModule):
        super().__init__()
        self.layer, self.scaled = [layer], True  # in a list, so that it is not a submodule here
        for name, value in self.starts().items():
            setattr(self, name, nn.Parameter(value))
        self.register_buffer("start", torch.zeros(()))

    @property
    def weight(self) -> torch.Tensor:
        """X."""
        return self.layer[0].weight

    def starts(self) -> dict[str, torch.Tensor]:
        """Return the logarithms of w, mu and sigma that fit the present latent weights: w brings the mean
        latent to REACH; mu and sigma are mean and deviation of |X| ("average and variance"). Brevitas clamps
        latents to their scale, so those of a filter may all have one size."""
        size = self.weight.detach().flatten(1).abs()
        mu = size.mean(1)
        sigma = size.std(1, correction=0).maximum(SIGMA_FLOOR * mu)
        found = {"log_w": REACH / size.mean(0), "log_mu": mu, "log_sigma": sigma}
        return {name: value.log() for name, value in found.items()}

    def values(self, x: torch.Tensor) -> torch.Tensor:
        return Binarise.apply(x, self.log_w.exp().expand(x[0].numel()).view(x.shape[1:]))

    def quantised(self, x: torch.Tensor) -> torch.Tensor:
        return self.values(x) * self.scale(x)

    def scale(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor() if self.scaling_impl is None else self.factor() * self.own_scale(x)

    def level(self) -> torch.Tensor:
        """Return log2 of wbar."""
        return self.log_w.detach().exp().mean().log2()

    def factor(self) -> torch.Tensor:
        """The power of two nearest to 1 / wbar, or to its growth since the start, as a constant."""
        return (self.start - self.level()).round().exp2() if self.scaled else self.log_w.new_ones(())

    def start_at_one(self) -> None:
        """Let the factor of a layer with a scale of its own be 1 at the present w."""
        if self.scaling_impl is not None:
            self.start.copy_(self.level())

    def kernel_loss(self, nu: float, latents: bool = True) -> torch.Tensor:
        """Return the kernel loss of this layer; its gradient reaches the latent weights only if requested."""
        weight = self.weight if latents else self.weight.detach()
        own = self.log_w.exp(), self.log_mu.exp(), self.log_sigma.exp()
        return KernelLoss.apply(weight.flatten(1), *own, nu)

    @torch.no_grad()
    def way_to_modes(self, nu: float) -> torch.Tensor:
        """Return the gradient of the kernel loss with respect to the latents, divided by the mean w^2 of the
        layer. It is then in units of latents, which are the same in all layers: X - X^ / w if w is constant
        and nu is 0."""
        x, w = self.weight.flatten(1), self.log_w.exp()
        bits, mu, sigma = signs(x), self.log_mu.exp()[:, None], self.log_sigma.exp()[:, None]
        gradient = w * (w * x - bits) + bits * (nu * (x.abs() - mu) / sigma**2)
        return (gradient / w.square().mean()).view_as(self.weight)

    @torch.no_grad()
    def stay_in_band(self) -> None:
        """Move latents to the nearest place where w lets the task's gradient pass, at most 1 from 0."""
        most = (1 / self.log_w.exp()).clamp(max=1).view(self.weight.shape[1:])
        self.weight.clamp_(-most, most)

    @torch.no_grad()
    def store_deployed(self) -> None:
        """Keep the factor alone: mu and sigma have done their work, and so has w but for its mean."""
        self.log_w = nn.Parameter((self.start - self.factor().log2()).view(1) * math.log(2))
        del self.log_mu, self.log_sigma

    def effective(self) -> torch.Tensor:
        """Return the weights that the layer's output contains: the two values of `quantised`."""
        return signs(self.weight.detach()) * self.factor()


def modulated(network: nn.Module) -> list[Modulated]:
    """Return the quantisers with w, mu and sigma, in the order of the network."""
    return [part for part in network.modules() if isinstance(part, Modulated)]


@dataclass
class Method(base.Method):
    """Training with the kernel loss in every epoch and the feature loss in the last ones."""

    RECIPES: ClassVar = {"paper": {"*": WRN_RECIPE}}
    CAPTURES: ClassVar[bool] = True

    #: lambda, weight of the kernel loss; with 0, w stays 1 and each step is that of plain training
    kernel: float = KERNEL
    feature: float = FEATURE  #: theta, weight of the feature loss; with 0 there is no fine-tuning phase
    #: Apply the feature loss before the last sign in networks whose classifier reads bits.
    anywhere: bool = False
    nu: float = NU  #: variance of the reconstruction error
    #: Move latents in a separate step after the optimiser's, as decay in AdamW: learning rate * pull times
    #: the distance to the minimum of the kernel loss; `kernel` then moves w, mu and sigma. 0: one joint loss.
    pull: float = PULL
    #: keep latents where |w X| <= 1; false: in [-1, 1], where the task's gradient may not pass
    band: bool = True

    def __post_init__(self) -> None:
        self.pull = self.pull if self.kernel else 0.0  # nothing moves w, mu and sigma
        self._forget()
        self.reads: bool = False  # whether a classifier reads what the feature loss is of

    def _forget(self) -> None:
        """Drop the stored activations and class statistics; they are tensors only during fine-tuning."""
        self.features: Any = None
        self.hook: Any = None
        self.centres: Any = None
        self.variances: Any = None

    def weights(self, layer: AnyModule) -> binary.Weights:
        return Modulated(layer)

    def build(self, net: str) -> nn.Module:
        network = super().build(net)
        found = tracing.uses(network, task_of(net).shape)
        last = [use for use in found if use.kind != "act"][-1]
        self.reads = (self.anywhere or not last.bits) and last.layer.weight.dim() == 2
        acts = [use.name for use in found if use.kind == "act"]
        self.last, self.place = last.name, acts[-1] if last.bits and acts else last.name
        return network

    def prepared(self, network: AnyModule) -> nn.Module:
        network = super().prepared(network)
        scores: list[AnyModule] = [part for part in network.modules() if isinstance(part, Scores)]
        for layer in [*(part.dot for part in scores), *whole_sums(network)]:
            binary.quantiser(layer).scaled = False
        for layer in modulated(network):
            layer.start_at_one()
            if not self.kernel:
                nn.init.zeros_(layer.log_w).requires_grad_(False)
                layer.scaled = False
        return network

    @torch.no_grad()
    def warm_started(self, network: AnyModule) -> None:
        """Start w, mu and sigma from the present latent weights."""
        for layer in modulated(network) if self.kernel else ():
            for name, value in layer.starts().items():
                getattr(layer, name).copy_(value)
            layer.start_at_one()

    def phases(self, recipe: Recipe) -> list[base.Phase]:
        fine = recipe.epochs // FINE if self.feature and self.reads else 0
        main = [base.Phase("kernel", recipe.epochs - fine, recipe.lr)]
        return main + ([base.Phase("fine", fine, recipe.lr / 10)] if fine else [])

    def begin(self, run) -> None:
        """In fine-tuning, record what the classifier reads, or the last sign if that is bits."""
        if self.hook:
            self.hook.remove()
        self._forget()
        if run.phase.name == "fine":
            layer: AnyModule = run.network.get_submodule(self.last)
            self.centres = torch.zeros(layer.weight.shape, device=run.device)
            self.variances = torch.ones_like(self.centres)
            self.hook = run.network.get_submodule(self.place).register_forward_pre_hook(self._keep)

    def _keep(self, layer, inputs):
        """Keep a map that is flattened as it is; keep the mean of a map whose mean the classifier reads."""
        maps = inputs[0].float()
        channels = self.centres.shape[1]
        kept = maps.flatten(1) if maps[0].numel() == channels else maps.flatten(2).mean(2)
        self.features = kept if layer.training else None

    def optimiser(self, run) -> torch.optim.Optimizer:
        """Return the optimiser of the recipe. The gradients of mu and sigma have the size lambda nu / n,
        which Adam's usual eps would suppress."""
        layers, every = modulated(run.network), dict(run.network.named_parameters())
        names = ("log_w", "log_mu", "log_sigma")
        w, mu, sigma = ([getattr(layer, name) for layer in layers] for name in names)
        own = {id(parameter) for parameter in (*w, *mu, *sigma)}
        groups: list[dict[str, Any]] = [
            {"params": [parameter for parameter in every.values() if id(parameter) not in own]},
            {"params": w, "rate": MODULATION_RATE}, {"params": mu, "eps": 1e-20},
            {"params": sigma, "eps": 1e-20, "rate": MODULATION_RATE},
        ]  # fmt: skip
        return base.optimiser_of(run, groups)

    def losses(self, run, scores: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        losses = super().losses(run, scores, labels)
        if self.kernel:
            losses["kernel"] = self.kernel * base.total(
                layer.kernel_loss(self.nu, latents=not self.pull) for layer in modulated(run.network)
            )
        if self.centres is not None:
            own = self.centres[labels], self.variances[labels]
            losses["feature"] = self.feature * feature_loss(self.features, *own)
        return losses

    @torch.no_grad()
    def update(self, run, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        before = [layer.weight.clone() for layer in modulated(run.network)] if self.pull else []
        with torch.enable_grad():
            loss = super().update(run, images, labels)
        self.pull_latents(run, before)
        for layer in modulated(run.network):
            if self.band:
                layer.stay_in_band()
            layer.log_sigma.clamp_(min=layer.log_mu + math.log(SIGMA_FLOOR))
        if self.centres is not None:
            self.follow(self.features.detach(), labels)
        return loss

    @torch.no_grad()
    def pull_latents(self, run, before: list[torch.Tensor]) -> None:
        """Make the separate step of the kernel loss. In the curve its share is its size relative to the
        optimiser's step.

        Args:
            before: latents of `modulated` before the optimiser's step; empty without `pull`.
        """
        names = {id(weight): name for name, weight in run.latents.items()}
        rate = self.pull * run.optimiser.param_groups[0]["lr"]
        for layer, old in zip(modulated(run.network) if before else (), before):
            way = rate * layer.way_to_modes(self.nu)
            if run.summands.first:
                moved = (layer.weight - old).norm().item()
                run.summands.figure(SHARE, names[id(layer.weight)], way.norm().item() / max(moved, 1e-30))
            layer.weight.sub_(way)

    def follow(self, features: torch.Tensor, labels: torch.Tensor) -> None:
        """Move class means and variances to a batch: c -= rate sum(c - f) / (1 + count), the center loss."""
        count = torch.zeros_like(self.centres).index_add_(0, labels, torch.ones_like(features))
        share = CENTRE_RATE / (1 + count)
        away = features - self.centres[labels]
        surplus = away.square() - self.variances[labels]
        self.centres += share * torch.zeros_like(self.centres).index_add_(0, labels, away)
        self.variances += share * torch.zeros_like(self.variances).index_add_(0, labels, surplus)
        self.variances.clamp_(min=VARIANCE_FLOOR)

    def state(self) -> Record:
        return {"centres": self.centres, "variances": self.variances}

    def load_state(self, state: Record) -> None:
        self.centres, self.variances = state["centres"], state["variances"]
