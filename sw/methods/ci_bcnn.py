"""CI-BCNN: channel-wise interactions (Wang, Lu, Tao, Zhou, Tian, "Learning Channel-Wise Interactions for
Binary Convolutional Neural Networks", CVPR 2019).

p_t in {-N0 .. N0} is the sum of bits of channel t. A policy network (`_mining.py`) finds a graph K of odd
numbers, by which channels correct each other's sums:

    p~_s = p_s + sum over edges t -> s of delta_ts(p_t)                                  [Eq. 2]
    delta_ts = sgn(K_ts) u (k - (|K_ts| - 1) / 2)                                        [Eq. 3]

In Eq. 3, p_t is in the k-th of |K_ts| equal parts (q_k, q_k+1] of -N0 .. N0, the left end is in the first
part, and u = ceil(U0 N0).

Training is plain training, except that edges are mined with fixed weights after a third and two thirds of the
epochs. In the last epoch weights are -1 and +1, the graph is fixed, and only batch norms move. No scale is
needed: docs/methods/ci_bcnn.md explains why the paper's mean |W| cancels in a batch norm, and describes the
other differences.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import torch
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.core.progress import progress, say
from xnorforge.sw.methods import base
from xnorforge.sw.methods._mining import TILE, Judge, Miner, estimate_again
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.eight_bit import Features

# The operator of the exported graph: hw/ops/interact/lower.py states its meaning.
NODE = "xnorforge.flows.lower.nodes::Interact"
WEIGHTS, NORMS = "weights", "norms"
PIXELS = 2**19  # of a batch to mine on, at most: 512 images of 32 x 32, 25 of 160 x 128


def unit_of(ratio: float, n0: int) -> int:
    """Return u = ceil(U0 N0), at least 1; U0 is read as a decimal number."""
    return max(1, math.ceil(Fraction(str(ratio)) * n0))


def level(p: torch.Tensor, n0: int, k: int) -> torch.Tensor:
    """Return k - (|K| - 1) / 2 of [Eq. 3] in float32: the part of -N0 .. N0 that a sum is in, counted from
    the middle one.

    The part is floor((X - 1/2) / 2 N0) with the whole number X = |K| (p + N0). The argument is at least 1 / 4
    N0 away from a jump of floor, far more than the error of float32. The result is therefore that of the
    comparison p |K| > N0 (2 j - |K|), and ten times as fast on a CPU.
    """
    part = p.to(torch.float32, copy=True).mul_(k / (2 * n0)).add_(0.5 - 0.25 / n0)
    return part.floor_().clamp_(min=-(k - 1) // 2)


class _Interaction(torch.autograd.Function):
    """[Eq. 2]; the gradient passes to p_s and not to p_t. Exported as one node."""

    @staticmethod
    def forward(_ctx, p, _influence, n0, unit, plan):
        mixed = p
        for k, matrix in plan:
            steps = level(p, n0, k).to(p.dtype).movedim(1, -1) @ matrix.to(p.dtype)
            mixed = mixed.add(steps.movedim(-1, 1), alpha=unit)
        return mixed

    @staticmethod
    def backward(_ctx, gradient):
        return gradient, None, None, None, None

    @staticmethod
    def symbolic(g, p, influence, n0, unit, _plan):
        return g.op(NODE, p, influence, n0_i=n0, unit_i=unit, matches_i=0, axis_i=1).setType(p.type())


class Interact(nn.Module):
    """p (N, C, H, W) or (N, C) to p~: whole numbers to whole numbers. Without edges, p~ is p.

    Edges join channels of one group of `size` neighbours, where `size` is the largest divisor of C up to 16.

    Attributes:
        influence: K, (groups, size, size), [group, t, s]; odd numbers, 0 for no edge.
        unit: u; n0: N0.
    """

    influence: torch.Tensor

    def __init__(self, channels: int, n0: int, ratio: float):
        super().__init__()
        self.size = max(size for size in range(1, TILE + 1) if channels % size == 0)
        self.n0, self.unit = n0, unit_of(ratio, n0)
        self.register_buffer("influence", torch.zeros(channels // self.size, self.size, self.size))
        self._plan: tuple[torch.Tensor | None, int | None, list] = (None, None, [])

    @property
    def reach(self) -> int:
        """The largest difference between p~ and p."""
        levels = (self.influence.abs() - 1).clamp(min=0).sum(1) // 2
        return self.unit * int(levels.max())

    def plan(self) -> list[tuple[int, torch.Tensor]]:
        """Return, for each |K| that occurs, the signs of its edges as one matrix (C, C). Recomputed when the
        graph has changed.
        """
        made_of, version, plan = self._plan
        if made_of is not self.influence or version != self.influence._version:
            sizes = self.influence.abs()
            plan = [
                (int(k), torch.block_diag(*torch.where(sizes == k, self.influence.sign(), 0)))
                for k in sizes.unique().tolist()
                if k
            ]
            self._plan = self.influence, self.influence._version, plan
        return plan

    def forward(self, p):
        plan = self.plan()
        return _Interaction.apply(p, self.influence, self.n0, self.unit, plan) if plan else p


def interactions(network: nn.Module) -> list[Interact]:
    """Return the `Interact` modules, in the order of the network."""
    return [module for module in network.modules() if isinstance(module, Interact)]


def with_interactions(network: nn.Module, ratio: float) -> nn.Module:
    """Insert an `Interact` between sums and batch norm of every convolution or dense layer that reads bits.

    Sums of pixels, scores and projected shortcuts are left unchanged.
    """
    for part in network.modules():
        if isinstance(part, (building_blocks.BiReal, Features)) or (
            isinstance(part, building_blocks.Block) and not part.pixels
        ):
            norm: AnyModule = part.norm
            part.mix = Interact(norm.num_features, building_blocks.length_of(part.dot), ratio)
    return network


@dataclass
class Method(base.Method):
    """Training of weights and graph in turns, then only of batch norms."""

    RECIPES: ClassVar = {
        "paper": {
            "cifar10-*": {
                "epochs": 100, "batch": 128, "lr": 1e-3, "schedule": "step", "drops": "0.5 0.9", "shift": 4,
            }
        }
    }  # fmt: skip

    unit: float = 0.01  # U0: height of a step of the staircase, relative to N0
    density: float = 0.1  # rho_max: largest share of edges in a group of 16 x 16; 0: no edges
    space: int = 2  # K0: |K| is 3 .. 2 K0 + 1
    rounds: int = 2  # how often edges are mined
    mining: float = 0.0  # mine after each of the last epochs, given as a share of all; 0: use `rounds`
    batches: int = 8  # batches of training images per round, without repetition
    steps: int = 24  # T: maximum number of policy steps per batch, each with one action per layer
    images: int = 512  # images per mining batch, fewer if they are large
    band: float = 0.003  # h: smaller changes of the cross entropy are ignored
    discount: float = 0.99  # gamma: discount of rewards
    rate: float = 1e-3  # alpha: learning rate of the policy
    uniform: bool = False  # propose edges at random instead of by the policy, for comparison

    def __post_init__(self):
        if not 0 <= self.mining <= 1:
            raise UserError(
                f"ci_bcnn: mining={self.mining} must be a share of the epochs; give a number from 0 to 1."
            )

    def build(self, net):
        network = with_interactions(super().build(net), self.unit)
        shapes: list[Any] = [tuple(mix.influence.shape) for mix in interactions(network)]
        self.miner = Miner(shapes, self.space, self.density, self.discount, self.rate, self.uniform)
        return network

    def phases(self, recipe):
        if recipe.epochs < 2:
            raise UserError(
                f"ci_bcnn: epochs={recipe.epochs} is too few, because weights and batch norms need one epoch "
                "each; use 2 or more."
            )
        return [base.Phase(WEIGHTS, recipe.epochs - 1, recipe.lr), base.Phase(NORMS, 1, recipe.lr / 10)]

    def begin(self, run):
        if run.phase.name == NORMS:
            for latent in binary.latents(run.network).values():
                latent.data.copy_(binary.signs(latent.detach()))

    def optimiser(self, run):
        """Return the optimiser of all parameters; in the last epoch, of batch norms only."""
        resting = (
            {id(latent) for latent in binary.latents(run.network).values()} if run.phase.name == NORMS else ()
        )
        moving = [parameter for parameter in run.network.parameters() if id(parameter) not in resting]
        return base.optimiser_of(run, moving)

    def on_epoch(self, run):
        done, epochs = run.epoch + 1, run.phase.epochs
        turns = {turn * epochs // (self.rounds + 1) for turn in range(1, self.rounds + 1)}
        if self.mining:  # the last epoch is left to get used to the last edges
            turns = set(range(epochs - max(1, round(self.mining * epochs)), epochs))
        if run.phase.name == WEIGHTS and done in turns and self.density and self.batches and self.steps:
            self.mine(run)

    def mine(self, run) -> None:
        """Let the policy change the graph on images of the training set, with fixed weights."""
        run.network.train()
        mixes: list[AnyModule] = [*interactions(run.network)]
        kept, seen = 0, []
        size = min(self.images, PIXELS // math.prod(run.task.shape[1:]))
        chosen = torch.randperm(len(run.sets[0].images), generator=run.rng)[: self.batches * size]
        with progress(f"{run.net} mining", -(-len(chosen) // size), "batches") as advance:
            for at in chosen.split(size):
                images, labels = _taken(run, at)
                judge = Judge(run, mixes, images, labels, self.band)
                kept += self.miner.episode([mix.influence for mix in mixes], judge, self.steps, run.rng)
                seen.append(images)
                advance()
        estimate_again(run, seen)
        edges = [int((mix.influence != 0).sum()) for mix in mixes]
        say(f"{run.net} mining: {kept} changes kept, edges per layer {edges}")

    def state(self):
        return self.miner.state_dict()

    def load_state(self, state):
        self.miner.load_state_dict(state)

    def skeleton(self, net):
        return with_interactions(super().skeleton(net), self.unit)

    @torch.no_grad()
    def deploy(self, net, network):
        """Find thresholds on every value that p~ can take, and copy K."""
        deployed = super().deploy(net, network)
        for trained, found in zip(interactions(network), interactions(deployed), strict=True):
            found.influence.copy_(trained.influence)
        return deployed


def _taken(run, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the training images at some places with their classes; where labels are not classes, varied as
    in training.
    """
    training, _ = run.sets
    if run.task.classifies:
        rows = at.numpy()
        return torch.from_numpy(training.images[rows]), torch.from_numpy(training.labels[rows])
    return run.task.sampler(training, run.device)(at, run.rng)
