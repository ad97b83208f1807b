"""CI-BCNN: channel-wise interactions (Wang, Lu, Tao, Zhou, Tian, "Learning Channel-Wise Interactions for
Binary Convolutional Neural Networks", CVPR 2019).

p_t in {-N0 .. N0} is the sum of bits of channel t. A policy network (`_mining.py`) finds a graph K of odd
numbers, by which channels correct each other's sums:

    p~_s = p_s + sum over edges t -> s of delta_ts(p_t)                                  [Eq. 2]
    delta_ts = sgn(K_ts) u (k - (|K_ts| - 1) / 2)                                        [Eq. 3]

In Eq. 3, p_t is in the k-th of |K_ts| equal parts (q_k, q_k+1] of -N0 .. N0, the left end is in the first
part, and u = ceil(U0 N0). The sums of wide layers seldom leave the middle part. The authors' code has other
edges, which are the default here: K = +-3, and the parts are those of -3 T .. 3 T, so that an edge acts where
|p_t| > T. T and u are measured in deviations of the layer's sums.

Training is plain training, except that edges are mined with fixed weights after each of the last epochs. In
the very last one weights and graph are fixed, and only batch norms move. No scale is needed:
docs/methods/ci_bcnn.md explains why the paper's mean |W| cancels in a batch norm, and describes the other
differences.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import torch
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.core.progress import progress, say
from xnorforge.core.types import Record
from xnorforge.sw.methods import base
from xnorforge.sw.methods._mining import TILE, Judge, Miner, estimate_again
from xnorforge.sw.nn import binary, building_blocks, tracing
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.training.summands import MOVE, MOVED

# The operator of the exported graph: hw/ops/interact/lower.py states its meaning.
NODE = "xnorforge.hw.lowering.nodes::Interact"
PIXELS = 2**19  # of a batch to mine on, at most: 512 images of 32 x 32, 25 of 160 x 128


def unit_of(ratio: float, n0: int) -> int:
    """Return u = ceil(U0 N0), at least 1; U0 is read as a decimal number."""
    return max(1, math.ceil(Fraction(str(ratio)) * n0))


def level(p: torch.Tensor, extent: int, k: int) -> torch.Tensor:
    """Return k - (|K| - 1) / 2 of [Eq. 3] in float32: the part of -extent .. extent that a sum is in, counted
    from the middle one. Sums beyond are in the first and in the last part.

    The part is floor((X - 1/2) / 2 extent) with the whole number X = |K| (p + extent). The argument is at
    least 1 / (4 extent) away from a jump of floor, far more than the error of float32. The result is
    therefore that of the comparison p |K| > extent (2 j - |K|), and ten times as fast on a CPU."""
    part = p.to(torch.float32, copy=True).mul_(k / (2 * extent)).add_(0.5 - 0.25 / extent)
    return part.floor_().clamp_(-(k - 1) // 2, (k - 1) // 2)


class _Interaction(torch.autograd.Function):
    """[Eq. 2]; the gradient passes to p_s and not to p_t. Exported as one node."""

    @staticmethod
    def forward(_ctx: Any, p, _influence, _n0, plan) -> torch.Tensor:
        mixed = p
        for k, matrix in plan.signs:
            steps = level(p, plan.extent, k).to(p.dtype).movedim(1, -1) @ matrix.to(p.dtype)
            mixed = mixed.add(steps.movedim(-1, 1), alpha=plan.unit)
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ARG004
        return *gradients, None, None, None

    @staticmethod
    def symbolic(g, p, influence, n0, plan):
        more = {} if plan.extent == n0 else {"extent_i": plan.extent}
        out = g.op(NODE, p, influence, n0_i=n0, unit_i=plan.unit, matches_i=0, axis_i=1, **more)
        return out.setType(p.type())


@dataclass
class Plan:
    """The edges of a layer: extent and unit of the stair, and by |K| the signs as (C, C)."""

    extent: int
    unit: int
    signs: list[tuple[int, torch.Tensor]]


class Interact(nn.Module):
    """p (N, C, H, W) or (N, C) to p~: whole numbers to whole numbers. Without edges, p~ is p.

    Edges join channels of one group of `size` neighbours, where `size` is the largest divisor of C up to 16.

    Args:
        ratio: U0; with 0 the stair is not that of [Eq. 3]: `fit` sets it, and it is stored with the weights.

    Attributes:
        influence: K, (groups, size, size), [group, t, s]; odd numbers, 0 for no edge.
        stair: [extent, unit], where the stair reaches from -extent to extent, and a step is `unit` high; N0
            and u in [Eq. 3].
        n0: N0.
    """

    influence: torch.Tensor
    stair: torch.Tensor

    def __init__(self, channels: int, n0: int, ratio: float = 0.0):
        super().__init__()
        self.size: int = max(size for size in range(1, TILE + 1) if channels % size == 0)
        self.n0, stair = n0, torch.tensor([float(n0), unit_of(ratio, n0)])
        self.register_buffer("influence", torch.zeros(channels // self.size, self.size, self.size))
        self.register_buffer("stair", stair, persistent=not ratio)
        self._plan: tuple[tuple, Any, Any] = (), None, None

    @property
    def unit(self) -> int:
        """u, the height of a step."""
        return self.plan().unit

    @torch.no_grad()
    def fit(self, dispersion: float, dead: float, height: float) -> None:
        """Set the dead zone T of K = +-3 and the height u of a step, given in deviations of the sums: whole
        numbers from 1, T at most N0 / 3."""
        zone, unit = (max(1, round(share * dispersion)) for share in (dead, height))
        self.stair.copy_(torch.tensor([min(3 * zone, self.n0), unit]))

    def plan(self) -> Plan:
        """Return the plan of the edges; recomputed when graph or stair have changed."""
        parts = self.influence, self.stair
        mark = [(id(part), part._version) for part in parts]
        if mark != self._plan[1]:
            sizes = self.influence.abs()
            signs = [
                (int(k), torch.block_diag(*torch.where(sizes == k, self.influence.sign(), 0)))
                for k in sizes.unique().tolist()
                if k
            ]
            # The tensors are kept because another one may get the `id` of one that is gone.
            extent, unit = self.stair.int().tolist()
            self._plan = parts, mark, Plan(extent, unit, signs)
        return self._plan[2]

    def forward(self, p) -> torch.Tensor:
        plan = self.plan()
        return _Interaction.apply(p, self.influence, self.n0, plan) if plan.signs else p


def interactions(network: nn.Module) -> list[Interact]:
    """Return the `Interact` modules, in the order of the network."""
    return [module for module in network.modules() if isinstance(module, Interact)]


@dataclass
class Acting:
    """What the edges of a layer do to its sums p: standard deviation of p around the mean of its channel,
    share of sums that are moved, and the mean size of those moves in deviations."""

    deviation: float
    moved: float
    move: float


@torch.no_grad()
def acting(network: nn.Module, images: torch.Tensor) -> dict[str, Acting]:
    """What the edges do on uint8 images, by the layers' names in order; the mode is restored."""
    found: dict[str, Acting] = {}

    def watch(layer):
        def hook(_mix, inputs, mixed):
            p = inputs[0].float()
            rest = [axis for axis in range(p.dim()) if axis != 1]
            deviation = p.var(rest, unbiased=False).mean().sqrt().item()
            moves = (mixed.float() - p).abs()
            moved = (moves > 0).float().mean().item()
            move = moves.mean().item() / (moved * deviation) if moved and deviation else 0.0
            found[layer] = Acting(deviation, moved, move)

        return hook

    parts = [(name, part) for name, part in network.named_modules() if isinstance(part, Interact)]
    names = {name.rpartition(".")[0]: part for name, part in parts}
    hooks = [mix.register_forward_hook(watch(layer)) for layer, mix in names.items()]
    mode = network.training
    network.eval()(images.float())
    network.train(mode)
    for hook in hooks:
        hook.remove()
    return {layer: found[layer] for layer in names}


def with_interactions(network: nn.Module, ratio: float) -> nn.Module:
    """Insert an `Interact` between sums and batch norm of every convolution or dense layer that reads bits.

    Sums of pixels and scores are left unchanged."""
    for part in network.modules():
        if isinstance(part, building_blocks.Block) and not getattr(part, "pixels", False):
            norm: AnyModule = part.norm
            part.mix = Interact(norm.num_features, building_blocks.length_of(part.dot), ratio)
    return network


class Interacting(nn.Module):
    """A binary layer of the user's own with edges on its sums, which are whole numbers in between.

    Args:
        bits: size of the values that the layer reads.
    """

    replaced = "layer"

    def __init__(self, layer: AnyModule, bits: float, ratio: float):
        super().__init__()
        self.layer, self.bits = layer, bits
        self.mix: Interact = Interact(len(layer.weight), layer.weight[0].numel(), ratio)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        p = self.mix(self.layer(torch.as_tensor(getattr(x, "value", x)) / self.bits))
        scaling = binary.quantiser(self.layer).scaling_impl
        if scaling is None:
            return p * self.bits
        return p * (scaling(self.layer.weight) * self.bits).view(-1, *(1,) * (p.dim() - 2))


@dataclass
class Method(base.Method):
    """Training of weights and graph in turns."""

    RECIPES: ClassVar = {
        "paper": {
            "cifar10-*": {
                "epochs": 100, "batch": 128, "lr": 1e-3, "schedule": "step", "drops": "0.5 0.9", "shift": 4,
            }
        }
    }  # fmt: skip

    dead: float = 1.5  #: T: an edge of |K| = 3 acts on sums beyond it, in deviations of the layer's sums
    height: float = 1.0  #: u: height of a step of the staircase, in the same deviations
    unit: float = 0.0  #: U0: the staircase of the paper, steps of U0 N0 and |K| parts of all sums; 0: `dead`
    density: float = 0.1  #: rho_max: largest share of edges in a group of 16 x 16; 0: no edges
    edges: int = 100  #: most edges of a layer
    space: int = 1  #: K0: |K| is 3 .. 2 K0 + 1
    mining: float = 0.5  #: mine after each of the last epochs, given as a share of all; 0: use `rounds`
    rounds: int = 2  #: how often edges are mined, evenly over the epochs
    batches: int = 1  #: batches of training images per round, without repetition
    steps: int = 24  #: maximum number of policy steps per batch, each with one action per layer
    images: int = 512  #: images per mining batch, fewer if they are large
    band: float = 0.003  #: h: smaller changes of the cross entropy are ignored
    discount: float = 0.99  #: gamma: discount of rewards
    rate: float = 1e-3  #: alpha: learning rate of the policy
    uniform: bool = False  #: propose edges at random instead of by the policy, for comparison

    def __post_init__(self) -> None:
        if not 0 <= self.mining <= 1:
            raise UserError(
                f"ci_bcnn: mining={self.mining} must be a share of the epochs; give a number from 0 to 1."
            )
        for name, value in (("dead", self.dead), ("height", self.height)):
            if not 0 < value < math.inf:
                raise UserError(
                    f"ci_bcnn: {name}={value} must be a positive number of deviations, such as 1; density=0 "
                    "trains without edges."
                )

    def structured(self, network: AnyModule) -> nn.Module:
        return with_interactions(network, self.unit)

    def adapted(self, network: AnyModule, shape: tuple[int, ...]) -> nn.Module:
        for use in tracing.uses(network, shape):
            fresh = network.get_submodule(use.name) is use.layer  # not replaced at an earlier call
            # The operator reads plain sums of bits, and those of a group's channels are not.
            plain = getattr(use.layer, "bias", None) is None and getattr(use.layer, "groups", 1) == 1
            if fresh and plain and use.kind == "binary" and use.bits:
                network.set_submodule(use.name, Interacting(use.layer, use.size, self.unit))
        return network

    def prepared(self, network: nn.Module) -> nn.Module:
        network = super().prepared(network)
        for part in network.modules():
            if isinstance(part, Interacting):
                binary.quantiser(part.layer).applied = False
        return network

    def build(self, net: str) -> nn.Module:
        network: AnyModule = super().build(net)
        if not interactions(network):
            raise UserError(
                f"{net.partition('-')[2]}: ci_bcnn adds edges to binary layers that read bits and have "
                "no bias and no groups, but there is none; give one bias=False, or use another method."
            )
        shapes: list[Any] = [tuple(mix.influence.shape) for mix in interactions(network)]
        self.miner: Miner = Miner(
            shapes, self.space, self.density, self.edges, self.discount, self.rate, self.uniform
        )
        return network

    def on_epoch(self, run) -> None:
        if not (self.density and self.batches and self.steps):
            return
        done, epochs = run.epoch + 1, run.phase.epochs
        turns = {turn * epochs // (self.rounds + 1) for turn in range(1, self.rounds + 1)}
        if self.mining:  # the last epoch is left to get used to the last edges
            turns = set(range(epochs - max(1, round(self.mining * epochs)), epochs))
        if done in turns:
            self.mine(run)
        first = torch.arange(min(self._size(run), len(run.sets[0].images)))
        images, _ = _taken(run, first, torch.Generator().manual_seed(0))
        for layer, found in acting(run.network, images.to(run.device)).items():
            run.summands.figure(MOVED, layer, found.moved)
            run.summands.figure(MOVE, layer, found.move)

    def _size(self, run) -> int:
        """Return the number of images of a batch to mine on."""
        return min(self.images, PIXELS // math.prod(run.task.shape[1:]))

    def mine(self, run) -> None:
        """Let the policy change the graph on images of the training set, with fixed weights."""
        mixes: list[AnyModule] = [*interactions(run.network)]
        kept, size = 0, self._size(run)
        seen: list[torch.Tensor] = []
        chosen = torch.randperm(len(run.sets[0].images), generator=run.rng)[: self.batches * size]
        with progress(f"{run.net} mining", -(-len(chosen) // size), "batches") as advance:
            for at in chosen.split(size):
                images, labels = _taken(run, at, run.rng)
                if not (seen or self.unit):
                    sums = acting(run.network, images.to(run.device)).values()
                    for mix, found in zip(mixes, sums, strict=True):
                        mix.fit(found.deviation, self.dead, self.height)
                run.network.train()
                judge = Judge(run, mixes, images, labels, self.band)
                kept += self.miner.episode([mix.influence for mix in mixes], judge, self.steps, run.rng)
                seen.append(images)
                advance()
        estimate_again(run, seen)
        edges = [int((mix.influence != 0).sum()) for mix in mixes]
        say(f"{run.net} mining: {kept} changes kept, edges per layer {edges}")

    def state(self) -> Record:
        return self.miner.state_dict()

    def load_state(self, state: Record) -> None:
        self.miner.load_state_dict(state)


def _taken(run, at: torch.Tensor, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Training images at some places with their classes, or varied as in training."""
    training, _ = run.sets
    if run.task.classifies:
        rows = at.numpy()
        return torch.from_numpy(training.images[rows]), torch.from_numpy(training.labels[rows])
    return run.task.sampler(training, run.device)(at, rng)
