"""Layer-wise priority: L. Zhuang, Y. Xu, B. Ni, H. Xu, "Flexible Network Binarization with Layer-wise
Priority", ICIP 2018.

A network is trained in real numbers and then binarised layer by layer, the deepest first, with fine-tuning at
each step. Training may stop after any step. Only the paper's abstracts were available: the equations are our
reading of them, numbered as in docs/methods/layer_priority.md.

S is the set of layers binarised so far. Filters c have n weights W_c, B_c in {-1, +1}^n and alpha_c > 0. At
each step:

    minimise   loss + rho / 2 * sum over S of ||W_c - alpha_c B_c||^2                                    (1)
    B-block    B_c = sign(W_c)                                                                           (2)
    alpha      alpha_c = mean |W_c|                                                                      (3)
    W-block    Adam on (1), straight through the sign                                                    (4)

Batch norm absorbs alpha_c: the network computes with B_c, and the running statistics of a layer that joins S
are divided by alpha_c (`absorb`). Layers outside S have 8-bit weights, and activations have 8 bits from the
first step on (`sw/nn/mixed_precision.py`), so each prefix of the order is a network for hardware.
"""

import copy
import csv
import io
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import torch
from torch import nn

from xnorforge.core.artifacts import whole
from xnorforge.core.errors import UserError, unknown
from xnorforge.core.types import Record
from xnorforge.sw.methods import base
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, mixed_precision
from xnorforge.sw.nn.binary import AnyModule, submodules
from xnorforge.sw.nn.mixed_precision import Form, Unit
from xnorforge.sw.tasks.base import main_figure, task_of
from xnorforge.sw.training import train, weights

MODES = ("w1a1", "w1a8")
ORDERS = ("inverse_depth", "forward_depth", "sensitivity", "size")
BATCHES = 20  # of training images that running statistics are taken over again at the end of a phase


def sign(x: torch.Tensor) -> torch.Tensor:
    """The B-block, equation 2: -1 and +1, where 0 gives +1."""
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


def alpha(latents: torch.Tensor) -> torch.Tensor:
    """The alpha-block, equation 3: the mean |W| of each filter, shaped to multiply the weights."""
    return latents.abs().mean(tuple(range(1, latents.dim())), keepdim=True)


def discrepancy(latents: torch.Tensor) -> torch.Tensor:
    """The sum of ||W_c - alpha_c B_c||^2 over filters, both blocks at their minimum, constant."""
    return (latents - (alpha(latents) * sign(latents)).detach()).square().sum()


def ratio(layers: list[tuple[int, int, bool]], bits: int) -> float:
    """Return how many times smaller the weights are than in 32 bits: 32 P / (sum of b p outside S + sum of (p
    + 32 c) in S).

    Args:
        layers: per layer, the number of weights p, the number of filters c (one 32-bit alpha each), and
            whether it is in S.
        bits: b of a layer outside S: 32 (`ratio_fp32`), or 8 as deployed (`ratio_deployed`).
    """
    every = sum(p for p, _, _ in layers)
    return 32 * every / sum(p + 32 * c if binary else bits * p for p, c, binary in layers)


def moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and variance per channel of (N, C) or (N, C, H, W), as batch norm stores them."""
    dims = (0, *range(2, x.dim()))
    return x.mean(dims), x.var(dims)


@torch.no_grad()
def absorb(norm: AnyModule, factor: torch.Tensor) -> None:
    """Make the batch norm of factor_c * d that of d, so that alpha can leave the network."""
    norm.running_mean.div_(factor)
    norm.running_var.div_(factor.square())


def shared_out(
    epochs: int, float_share: float, polish_share: float, steps: int
) -> tuple[int, list[float], int]:
    """Return the epochs of the float phase, of each step and of the final phase: whole ones, but of a step a
    part of one if there are fewer epochs than steps."""
    begin = min(max(1, round(epochs * float_share)), epochs - 1) if float_share else 0
    polish = min(round(epochs * polish_share), epochs - begin - (1 if steps else 0))
    left = epochs - begin - polish
    if not steps:
        return begin, [], epochs - begin
    if left < steps:
        return begin, [left / steps] * steps, polish
    return begin, [left // steps + (at >= steps - left % steps) for at in range(steps)], polish


@dataclass
class Method(base.Method):
    """Training in float, then while one layer after another is binarised, then of the binary network."""

    CAPTURES: ClassVar[bool] = True

    mode: str = "w1a1"  #: binary layers read bits (w1a1) or 8-bit activations (w1a8)
    #: order of layers: inverse_depth (the paper's), forward_depth, sensitivity, size
    order: str = "inverse_depth"
    binarise: int = -1  #: number of layers to binarise; -1: all
    ranking: str = ""  #: explicit order of the layers, as in tradeoff.csv; replaces `order`
    exclude_heads: bool = False  #: keep the layer of the scores at 8 bits
    max_loss: float = 1.0  #: largest loss of held-out accuracy against the float network, 0 to 1; 1: no limit
    #: stop when all weights together are this many times smaller than float32; 0: never
    target_ratio: float = 0.0
    rho: float = 0.0  #: weight of the discrepancy; with Adam its steady pull freezes signs
    float_share: float = 0.1  #: share of the epochs before the first layer is binarised
    polish_share: float = 0.8  #: share of the epochs after the last layer is binarised
    step_rate: float = 0.4  #: learning rate of the steps, as a multiple of the recipe's

    def __post_init__(self) -> None:
        for name, given, there in (("mode", self.mode, MODES), ("order", self.order, ORDERS)):
            if given not in there:
                raise unknown(f"layer_priority, {name}", given, there)
        self.units: list[Unit] = []
        self.ranked: list[str] = []  # the candidates in the order of their turn
        self.done: int = 0  # how many of them are binary
        self.stopped: bool = False  # a budget is met
        self.rows: list[dict] = []  # of tradeoff.csv
        self.kept: Any = None  # the last network within max_loss
        self.rest: Form = Form.EIGHT  # the form of the weights outside S

    def weights(self, layer: AnyModule) -> binary.Weights:
        return mixed_precision.Formed(layer)

    def sign(self, _act: AnyModule) -> binary.Sign:
        return mixed_precision.Activation()

    def build(self, net: str) -> nn.Module:
        network = super().build(net)
        self.units = mixed_precision.units(network, task_of(net).shape)
        self.ranked = self._ranked(self.units)
        budget = self.max_loss < 1 or self.target_ratio > 0
        whole = self.steps == len(self.units) and self.mode == "w1a1" and not budget
        mixed_precision.refuse_sums(network, whole)
        self.network, self.done = network, self.steps
        self._set_forms()
        return network

    @property
    def steps(self) -> int:
        """The number of layers to binarise."""
        return len(self.ranked) if self.binarise < 0 else self.binarise

    def _ranked(self, units: list[Unit]) -> list[str]:
        """Return the candidates in the order of binarisation; `sensitivity` is measured in training and uses
        depth until then."""
        candidates = units[: len(units) - self.exclude_heads]
        if not -1 <= self.binarise <= len(candidates):
            raise UserError(
                f"layer_priority: binarise={self.binarise} is out of range, because the network has "
                f"{len(candidates)} layers to binarise; give 0 to {len(candidates)}, or -1 for all."
            )
        if self.ranking:
            names, there = self.ranking.split(), [unit.name for unit in candidates]
            if sorted(names) != sorted(there):
                raise UserError(
                    f"layer_priority: ranking '{self.ranking}' does not name every layer once; give an order "
                    f"of {' '.join(there)}."
                )
            return names
        ordered = candidates if self.order == "forward_depth" else candidates[::-1]
        if self.order == "size":
            ordered = sorted(ordered, key=lambda unit: -unit.weights)
        return [unit.name for unit in ordered]

    @property
    def chosen(self) -> set[str]:
        """S: names of the binary layers."""
        return set(self.ranked[: self.done])

    def _set_forms(self) -> None:
        mixed_precision.set_forms(self.network, self.units, self.chosen, self.mode == "w1a8", self.rest)

    def phases(self, recipe: Recipe) -> list[base.Phase]:
        begin, each, polish = shared_out(recipe.epochs, self.float_share, self.polish_share, self.steps)
        rate, steps = recipe.lr * self.step_rate, [(max(1, int(own)), min(1.0, own)) for own in each]
        planned = [base.Phase("float", begin, recipe.lr)]
        planned += [base.Phase(f"step {at}", whole, rate, part) for at, (whole, part) in enumerate(steps, 1)]
        return [phase for phase in [*planned, base.Phase("polish", polish, recipe.lr)] if phase.epochs]

    def begin(self, run) -> None:
        """Start from real numbers, or let the next layer join S."""
        self.rest = Form.REAL if run.phase.name == "float" else Form.EIGHT
        if run.phase.name in ("float", "step 1"):
            self.done = 0
        if run.phase.name == "step 1" and self.order == "sensitivity" and not self.ranking:
            self.ranked = self._sensitive(run)
        if run.phase.name.startswith("step") and not self.stopped:
            self._join()
        self._set_forms()

    def _join(self) -> None:
        """Make the next layer binary; its alphas go into batch norm if it has statistics."""
        names = self.ranked[self.done : self.done + 1]
        for latents, norm in self._sums(names):
            if norm and norm.num_batches_tracked:
                absorb(norm, alpha(latents.detach()).flatten())
        self.done += len(names)

    def _sums(self, names) -> list[tuple[torch.Tensor, AnyModule]]:
        """Return, for the named units, the latents of each sum and the batch norm that follows it."""
        part = submodules(self.network)
        sums = [pair for unit in self.units if unit.name in names for pair in unit.sums]
        return [
            (mixed_precision.concatenated([part(one).weight for one in those]), part(norm) if norm else None)
            for those, norm in sums
        ]

    def _sensitive(self, run) -> list[str]:
        """Candidates by (held-out accuracy lost if only it is binary) / (bits saved), ascending."""
        held_out, start = run.sets[1], copy.deepcopy(run.network.state_dict())
        self._set_forms()
        ranked, cost, before = self.ranked, {}, train.evaluate_network(run.network, held_out, run.task)
        for unit in self.units:
            if unit.name in ranked:
                self.ranked, self.done = [unit.name], 0
                self._join()
                self._set_forms()
                self._restate(run)
                fall = before - train.evaluate_network(run.network, held_out, run.task)
                cost[unit.name] = fall / (31 * unit.weights - 32 * unit.filters)
                run.network.load_state_dict(start)
        self.done = 0
        return sorted(ranked, key=lambda name: cost[name])

    def losses(self, run, scores: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        losses = super().losses(run, scores, labels)
        if self.rho and self.done and run.phase.name != "float":
            apart = [discrepancy(latents) for latents, _ in self._sums(self.chosen)]
            losses["discrepancy"] = self.rho / 2 * base.total(apart)
        return losses

    def on_epoch(self, run) -> None:
        """At the end of a phase: statistics and `tradeoff.csv`, the prefix, and the budgets."""
        if run.epoch + 1 < run.phase.epochs:
            return
        self._restate(run)
        held_out = run.sets[1]
        row = self._row(run, train.evaluate_network(run.network, held_out, run.task))
        if run.phase.name != "polish" and (
            self.done == len(self.units) or not mixed_precision.has_sums(run.network)
        ):
            row["deployed_accuracy"] = self._ship(run, held_out)
        self.rows.append(row)
        text = io.StringIO()
        writer = csv.DictWriter(text, self.rows[0])
        writer.writeheader()
        writer.writerows(self.rows)
        with whole(run.out_dir / "tradeoff.csv") as aside:
            aside.write_text(text.getvalue())
        if run.phase.name != "polish":
            self._judge(run, row)

    def _row(self, run, accuracy: float) -> dict:
        sizes = [(unit.weights, unit.filters, unit.name in self.chosen) for unit in self.units]
        fp32, deployed = ratio(sizes, 32), ratio(sizes, 8)
        return {
            "phase": run.phase.name, "layers": self.done, "names": " ".join(self.ranked[: self.done]),
            "ratio_fp32": round(fp32, 4), "ratio_deployed": round(deployed, 4),
            "bits": round(32 * sum(unit.weights for unit in self.units) / deployed),
            "held_out_accuracy": round(accuracy, 5), "deployed_accuracy": None,
        }  # fmt: skip

    def _judge(self, run, row: dict) -> None:
        """Stop at the target; return to the last network within `max_loss` if this one is not."""
        if self.stopped:
            return
        if self.rows[0]["held_out_accuracy"] - row["held_out_accuracy"] > self.max_loss:
            run.network.load_state_dict(self.kept["network"])
            self.done, self.stopped = self.kept["done"], True
            self._set_forms()
            return
        self.stopped = 0 < self.target_ratio <= row["ratio_deployed"]
        if self.max_loss < 1:
            self.kept = {"network": copy.deepcopy(run.network.state_dict()), "done": self.done}

    def _ship(self, run, held_out) -> float:
        """Write the present network to `prefix_<layers>`; return its accuracy on held-out images."""
        method = replace(self, binarise=self.done, ranking=" ".join(self.ranked))
        network = copy.deepcopy(run.network).cpu()
        # Of 8 bits after the float phase as well.
        mixed_precision.set_forms(network, self.units, self.chosen, self.mode == "w1a8")
        network = base.Method.deploy(method, run.net, mixed_precision.finish(network))
        stated = train.stated(network, held_out, run.task)
        card = {"net": run.net, "method": "layer_priority", "hyper": asdict(method), "accuracy": [stated]}
        card["data"] = {"trained_on": run.sets[0].what}
        weights.save_weights(run.out_dir / f"prefix_{self.done:02}", run.task.prepared(network), card)
        return round(main_figure(stated), 5)

    @torch.no_grad()
    def _restate(self, run) -> None:
        """Recompute running statistics in float32 as the mean of some batches, with fixed weights."""
        training, batch = run.sets[0], run.recipe.batch
        if (pictures := run.task.calibration_images(training)) is None:
            sample, count = run.task.sampler(training, run.device), len(training.images)
        else:
            sample, count = (
                lambda at, _: (torch.from_numpy(pictures[at.numpy()]).to(run.device),), len(pictures),
            )  # fmt: skip
        norms = [norm for norm in run.network.modules() if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d))]
        found: dict[AnyModule, list] = {norm: [] for norm in norms if not getattr(norm, "on_grid", False)}
        hooks = [
            norm.register_forward_pre_hook(lambda norm, inputs: found[norm].append(moments(inputs[0])))
            for norm in found
        ]
        order = torch.randperm(count, generator=run.rng)[: BATCHES * batch]
        for at in order[: len(order) // batch * batch].split(batch):
            run.network(sample(at, run.rng)[0].to(torch.float32))
        for hook in hooks:
            hook.remove()
        for norm, pairs in found.items():
            for running, taken in zip((norm.running_mean, norm.running_var), zip(*pairs)):
                running.copy_(torch.stack(taken).mean(0))

    def state(self) -> Record:
        names = ("ranked", "done", "stopped", "rows", "kept")
        return {"rest": self.rest.value} | {name: getattr(self, name) for name in names}

    def load_state(self, state: Record) -> None:
        for name, value in state.items():
            setattr(self, name, Form(value) if name == "rest" else value)
        self._set_forms()

    def deploy(self, net: str, network: AnyModule) -> nn.Module:
        """Return the deployed network. If training stopped early or measured the order, the hyper-parameters
        are updated to say so."""
        if self.done < len(self.ranked):
            self.binarise = self.done
            self.ranking = self.ranking or (" ".join(self.ranked) if self.order == "sensitivity" else "")
        return super().deploy(net, mixed_precision.finish(network))
