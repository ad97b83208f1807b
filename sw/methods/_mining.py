"""Mining of the channel graph of CI-BCNN: a policy network proposes edges, the loss of images decides.

A graph is one tensor per layer, K of shape (tiles, g, g). K[n, t, s] is the influence of channel t of group n
on channel s: odd, or 0 without an edge. Equations in brackets are those of Wang et al., CVPR 2019.
"""

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.sw.nn.binary import AnyModule

TILE, WIDTH = 16, 64
# standard deviation of a sampled influence weight; at 0.1 a fresh policy, whose means are near 0, gives K
# = +-3 only
SPREAD = 0.5
NEVER = -100.0  # logit of stopping
MEMORY = 0.9  # of the running mean reward that is subtracted from rewards
SEEN = 16  # images on which saturation is compared


def influence_of(weight: torch.Tensor, space: int) -> torch.Tensor:
    """K = sgn(w) (2 ceil(K0 |w|) + 1) of w in [-1, 1] [Eq. 4], odd, to 2 K0 + 1; 3 for w = 0."""
    size = 2 * (space * weight.abs()).ceil().clamp(min=1) + 1
    return torch.where(weight < 0, -size, size)


def loss_reward(before: float, after: float, band: float) -> int:
    """Return r_c: +1 if the cross entropy fell by more than `band`, -1 if it rose by more, else 0."""
    return int(before - after > band) - int(after - before > band)


def saturation_reward(sums: torch.Tensor, influence: torch.Tensor) -> float:
    """Return r_p, the mean over edges and pixels of sgn(|p~_t| - |p~_s|), in [-1, 1]; 0 without edges.

    Args:
        sums: p~, (N, C, H, W) or (N, C).
        influence: K, (tiles, g, g).
    """
    tile, teacher, student = (at.to(sums.device) for at in influence.nonzero(as_tuple=True))
    if not len(tile):
        return 0.0
    size, g = sums.float().abs(), influence.shape[1]
    return (size[:, tile * g + teacher] - size[:, tile * g + student]).sign().mean().item()


class Policy(nn.Module):
    """Encoder, recurrence and decoder over the 16 x 16 tiles of all layers, first layer first.

    Takes states (tiles, 2, 16, 16): existence and influence sgn(K) (|K| - 1) / (2 K0) of every edge. Returns
    the logits of creating an edge and the means of its influence weight in [-1, 1], (tiles, 16, 16) each, and
    the logit of stopping."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(2, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(256, WIDTH), nn.ReLU(),
        )  # fmt: skip
        self.recurrence = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.decoder = nn.Sequential(
            nn.Linear(WIDTH, 256), nn.ReLU(), nn.Unflatten(1, (16, 4, 4)),
            nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(8, 2, 4, stride=2, padding=1),
        )  # fmt: skip
        self.stop = nn.Linear(WIDTH, 1)
        nn.init.constant_(self.stop.bias, -5.0)  # a fresh policy stops once in 150 steps

    def forward(self, states):
        hidden, _ = self.recurrence(self.encoder(states)[None])
        maps = self.decoder(hidden[0])
        return maps[:, 0], maps[:, 1].tanh(), self.stop(hidden[0, -1])[0]


class Miner:
    """Policy, its optimiser and the mean reward of each layer; `episode` changes a graph and learns from it.

    Args:
        shapes: (tiles, g, g) per layer, g at most 16.
        space: K0; density: rho_max, of edges in each tile; edges: most of a layer; discount: gamma; rate:
            learning rate of Adam.
        uniform: propose all edges and weights alike and learn nothing, as a baseline for the policy.
    """

    def __init__(
        self, shapes: list[tuple[int, int, int]], space: int, density: float, edges: int, discount: float,
        rate: float, uniform: bool = False,
    ):  # fmt: skip
        self.shapes, self.space, self.discount, self.uniform = shapes, space, discount, uniform
        self.most = [int(density * g * g) for _, g, _ in shapes]
        self.edges = edges
        self.policy = Policy()
        self.optimiser = torch.optim.Adam(self.policy.parameters(), lr=rate)
        self.mean = torch.zeros(len(shapes))

    def transitions(
        self, graph: list[torch.Tensor]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor], torch.Tensor]:
        """Return, per layer, W_et (it sums to 1 and is 0 for self-edges) and the means of w_it, both (tiles,
        g, g), and the stop logit."""
        logits, means, stop = self.policy(torch.cat([self._state(layer) for layer in graph]))
        if not logits.isfinite().all():
            raise UserError(
                f"ci_bcnn: at rate={self.optimiser.param_groups[0]['lr']} the policy network diverges, its "
                "outputs are not finite; use a smaller rate, such as 0.001."
            )
        if self.uniform:
            logits, means, stop = (torch.zeros_like(part) for part in (logits, means, stop))
            stop = stop + NEVER
        create, weights, at = [], [], 0
        for tiles, g, _ in self.shapes:
            cut = slice(at, at + tiles), slice(g), slice(g)
            own = torch.eye(g, dtype=torch.bool)
            create.append(logits[cut].masked_fill(own, -torch.inf).flatten().softmax(0).view(tiles, g, g))
            weights.append(means[cut])
            at += tiles
        return create, weights, stop

    def _state(self, layer):
        layer = layer.cpu()
        scaled = layer.sign() * (layer.abs() - 1) / (2 * self.space)
        state = torch.stack([(layer != 0).float(), torch.where(layer != 0, scaled, 0)], 1)
        return F.pad(state, (0, TILE - layer.shape[1]) * 2)

    def episode(self, graph: list[torch.Tensor], judge: Callable, steps: int, rng: torch.Generator) -> int:
        """Make up to `steps` steps on one batch, each with one action per layer; return how many were kept.

        Args:
            graph: K of the layers, changed by `judge`.
            judge: (layer, proposed K) -> (reward, whether it was kept).
        """
        kept = 0
        for step in range(steps):
            create, weights, stop = self.transitions(graph)
            stopped = torch.rand((), generator=rng) < stop.detach().sigmoid()
            surprises = [F.binary_cross_entropy_with_logits(stop, stopped.float())]  # -log p(action)
            rewards = torch.zeros(len(graph))
            for layer in () if stopped else range(len(graph)):
                own = graph[layer], create[layer], weights[layer], self.most[layer]
                proposed, surprise = self.act(*own, rng)
                rewards[layer], taken = judge(layer, proposed)
                surprises.append(surprise)
                kept += taken
            surplus = self.discount**step * (rewards - self.mean)
            factors = [surplus.mean(), *surplus][: len(surprises)]
            if not self.uniform:
                self.optimiser.zero_grad()
                products = [factor * surprise for factor, surprise in zip(factors, surprises, strict=True)]
                sum(products[1:], products[0]).backward()
                self.optimiser.step()
            if stopped:
                break
            self.mean = MEMORY * self.mean + (1 - MEMORY) * rewards
        return kept

    def act(
        self, layer: AnyModule, create, weights, most, rng: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one action: the proposed K of a layer, and -log of its probability.

        An edge drawn from W_et is created if it is absent, its tile holds fewer than `most` and the layer
        fewer than `edges`. One drawn from W'_et, the normalised -log w_et, is deleted if it exists."""
        flat = create.flatten()
        possible = flat.detach() > 0
        rare = torch.where(possible, -flat.where(possible, 1).log(), 0)
        if not rare.any():  # all of W_et on one edge
            rare = possible.float()
        rare = rare / rare.sum()
        new, old = (torch.multinomial(p.detach(), 1, generator=rng)[0] for p in (flat, rare))
        mean = weights.flatten()[new]
        drawn = mean.detach() + SPREAD * torch.randn((), generator=rng)
        surprise = (drawn - mean).square() / (2 * SPREAD**2) - flat[new].log() - rare[old].log()
        before = layer.cpu().flatten()
        proposed = before.clone()
        filled = (layer[new // layer[0].numel()] != 0).sum()
        room = filled < most and (layer != 0).sum() < self.edges
        if before[old]:
            proposed[old] = 0
        if not before[new] and room:
            proposed[new] = influence_of(drawn.clamp(-1, 1), self.space)
        return proposed.view(layer.shape), surprise

    def state_dict(self) -> Record:
        """Return what the next episode depends on."""
        states = {"policy": self.policy.state_dict(), "optimiser": self.optimiser.state_dict()}
        return states | {"mean": self.mean}

    def load_state_dict(self, state: Record) -> None:
        """Restore what `state_dict` returned."""
        self.policy.load_state_dict(state["policy"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.mean = state["mean"]


class Judge:
    """The cross entropy of one batch under changes of the graph, computed from the changed part onward.

    Weights are fixed. Batch norms use the statistics of the batch, each graph has its own statistics.

    Args:
        run: the training; its network is a sequence of parts, in training mode.
        mixes: the layers with a graph, `influence`, in the order of the network.
        images, labels: a batch of training images.
        band: dead band of r_c.
    """

    def __init__(self, run, mixes: list[AnyModule], images: torch.Tensor, labels: torch.Tensor, band: float):
        self.run, self.mixes, self.labels, self.band = run, mixes, labels.to(run.device), band
        self.parts = list(run.network) if isinstance(run.network, nn.Sequential) else [run.network]
        within = [{id(module) for module in part.modules()} for part in self.parts]
        self.part_of = [next(at for at, its in enumerate(within) if id(mix) in its) for mix in mixes]
        self.inputs: list[Any] = [None] * len(self.parts)  # tensors, from the first forward pass on
        self.sums: list[Any] = [None] * len(mixes)
        self.rewards = [0.0] * len(mixes)
        hooks = [part.register_forward_pre_hook(self._keep(at)) for at, part in enumerate(self.parts)]
        with self._watched(), torch.no_grad():
            self.losses = self._halves(run.forward(images))
        for hook in hooks:
            hook.remove()

    def _keep(self, at):
        def hook(_, inputs):
            self.inputs[at] = inputs[0]

        return hook

    @contextmanager
    def _watched(self):
        """Record p~ of every layer that computes in `sums`, for a few images."""

        def keep(layer):
            def hook(_module, _inputs, output):
                self.sums[layer] = output[:SEEN]

            return hook

        hooks = [mix.register_forward_hook(keep(layer)) for layer, mix in enumerate(self.mixes)]
        yield
        for hook in hooks:
            hook.remove()

    def _halves(self, scores) -> list[float]:
        """Return the loss of each half of the batch."""
        middle = len(self.labels) // 2
        cuts = slice(middle), slice(middle, None)
        return [self.run.loss(scores[cut].float(), self.labels[cut]).item() for cut in cuts]

    @property
    def loss(self) -> float:
        """The cross entropy of the batch under the present graph."""
        return sum(self.losses) / 2

    @torch.no_grad()
    def __call__(self, layer: int, proposed: torch.Tensor) -> tuple[float, bool]:
        """Return the reward r_c + r_p of a layer's proposed K. K is kept if the reward is positive, the loss
        fell, and it rose on neither half."""
        influence, first = self.mixes[layer].influence, self.part_of[layer]
        before = influence.clone()
        if torch.equal(before, proposed.to(before)):
            return self.rewards[layer], False
        influence.copy_(proposed)
        with self._watched():
            losses, inputs = self._from(first)
        r_p = saturation_reward(self.sums[layer], influence)
        loss = sum(losses) / 2
        reward = loss_reward(self.loss, loss, self.band) + r_p
        risen = any(new > old for new, old in zip(losses, self.losses, strict=True))
        if reward <= 0 or risen or loss == self.loss:
            influence.copy_(before)
            return reward, False
        self.losses, self.inputs[first + 1 :], self.rewards[layer] = losses, inputs, r_p
        return reward, True

    def _from(self, first: int) -> tuple[list[float], list[torch.Tensor]]:
        """Return the losses from the stored input of a part onward, and the inputs of the later parts."""
        x, inputs = self.inputs[first], []
        with self.run.autocast():
            for part in self.parts[first:]:
                x = part(x)
                inputs.append(x)
        return self._halves(x), inputs[:-1]


@torch.no_grad()
def estimate_again(run, batches: list[torch.Tensor]) -> None:
    """Set running statistics of batch norms to means over batches, the network in training mode."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    norms = [module for module in run.network.modules() if isinstance(module, kinds)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for images in batches:
        run.forward(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
