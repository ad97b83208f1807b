"""What a training method may change; the defaults are plain straight-through training.

A method is one file `sw/methods/<name>.py` that defines a class named `Method`. The training loop
(`sw/training/train.py`) calls its methods in this order. Most receive the `Run`, which holds the network,
optimiser, task, phase, epoch and random generator.

    build         returns the network to train, with the quantisers of the method (`weights`, `sign`)
    warm_started  called after latent weights were loaded from another run (INIT)
    phases        returns the stages, each with its epochs and learning rate
    begin         called once per phase: freeze layers, make teachers, register forward hooks
    optimiser     called once per phase
    step          called once per batch; calls `losses`
    on_epoch      called after each epoch, before the checkpoint
    deploy        returns the trained network as it is exported

The class is a dataclass. Its fields are the hyper-parameters: `--set name=value` sets, the card states them.

Everything that a method carries from step to step, apart from network and optimiser, must be in `state` and
`load_state`. Then an interrupted run resumes as if it had not been interrupted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import torch
from torch import nn

from xnorforge.core import plugins
from xnorforge.core.errors import UserError, unknown
from xnorforge.core.types import Record
from xnorforge.sw import networks
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.tasks.base import task_of


@dataclass(frozen=True)
class Phase:
    """One stage of a training: its name, number of epochs and largest learning rate, and the share of the
    training images that one of its epochs passes over."""

    name: str
    epochs: int
    lr: float
    share: float = 1.0


def total(summands: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return the sum of one or more tensors, added in their order."""
    first, *rest = summands
    for one in rest:
        first = first + one
    return first


def squared_hinge(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean of max(0, 1 - t * score)² of scores (N, classes), t = 1 for the label and else -1."""
    right = nn.functional.one_hot(labels, scores.shape[1])
    return (1 - (2 * right - 1) * scores).relu().square().mean()


def optimiser_of(run, parameters: Iterable[Any]) -> torch.optim.Optimizer:
    """Return the optimiser of the recipe for the phase that begins.

    Args:
        parameters: parameters to train, or parameter groups as torch takes them (`params` and the settings of
            the group).
    """
    recipe, lr = run.recipe, run.phase.lr
    groups = list(parameters)
    if recipe.weight_decay:
        groups = [part for group in groups for part in _decaying(run, group)]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=recipe.momentum, fused=True)
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=lr, weight_decay=0, fused=True)


def _decaying(run, group) -> list[Record]:
    """A group in two, the second of weights that decay: matrices and kernels, latents only where asked."""
    given = group if isinstance(group, dict) else {"params": [group]}
    latent = {id(weight) for weight in run.latents.values()}
    parts: tuple[list, list] = ([], [])
    for one in given["params"]:
        parts[one.dim() > 1 and (run.recipe.decay_latents or id(one) not in latent)].append(one)
    still, moved = ({**given, "params": part} for part in parts)
    return [one for one in (still, moved | {"weight_decay": run.recipe.weight_decay}) if one["params"]]


@dataclass
class Method:
    """Plain straight-through training.

    Attributes:
        RECIPES: recipes by name, in addition to those of the networks. Each maps patterns of network names to
            the attributes of `Recipe` that differ (`sw/training/recipes.py`).
        CAPTURES: whether the steps of a phase are the same operations on other numbers, all in `update`, so
            that a GPU may replay them (`sw/training/captured.py`).
        WANTS_GUIDE: whether the method trains a guide if its hyper-parameter `guide` names none; then a run
            of `train-float` that it starts from (INIT) is the guide.
    """

    RECIPES: ClassVar[Mapping[str, Mapping[str, Mapping[str, object]]]] = {}
    CAPTURES: ClassVar[bool] = False
    WANTS_GUIDE: ClassVar[bool] = False

    def build(self, net: str) -> nn.Module:
        """The network to train, of raw pixels; UserError if this method cannot train it."""
        network = networks.build(net)
        if not binary.binary_layers(network):
            raise UserError(
                f"{net}: has no layer with binary weights, so no method can train it; give "
                "layers weight_quant=SignedBinaryWeightPerTensorConst or another binary quantiser."
            )
        if isinstance(network, building_blocks.Network):
            return self.prepared(self.structured(network))
        return self.prepared(self.adapted(network, task_of(net).shape))

    def structured(self, network: AnyModule) -> nn.Module:
        """Replace parts of a fresh network (`sw/nn/building_blocks.py`) as the paper does; return it."""
        return network

    def adapted(self, network: nn.Module, _shape: tuple[int, ...]) -> nn.Module:
        """Replace layers of a fresh network of other parts, for images of `shape`; returns it."""
        return network

    def prepared(self, network: nn.Module) -> nn.Module:
        """Give a fresh network of Brevitas layers the quantisers with which it trains; return it."""
        return binary.prepare(network, self.weights, self.sign)

    def weights(self, _layer: AnyModule) -> binary.Weights:
        """Return the quantiser of a binary layer."""
        return binary.Weights()

    def sign(self, act: AnyModule, /) -> binary.Sign:
        """Return the quantiser of a binary activation."""
        return binary.Sign(binary.function_of(act))

    def warm_started(self, network: nn.Module) -> None:
        """Recompute what follows from the latents of another run (INIT). Called before `phases`."""

    def phases(self, recipe: Recipe) -> list[Phase]:
        """Return the stages; their epochs, times their shares, add up to those of the recipe."""
        return [Phase("train", recipe.epochs, recipe.lr)]

    def begin(self, run) -> None:
        """Prepare a phase. Also called when an interrupted run resumes in it, before `load_state`."""

    def optimiser(self, run) -> torch.optim.Optimizer:
        """The optimiser of a phase; steps set its groups' learning rate, times their "rate"."""
        return optimiser_of(run, run.network.parameters())

    def losses(self, run, scores: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """The summands of the loss by name, the task's first; forward hooks read activations."""
        return {"task": run.loss(scores, labels)}

    def step(self, run, images: torch.Tensor, labels: torch.Tensor) -> float:
        """Make one update from one batch (uint8 images, int64 labels) and return the loss."""
        return self.update(run, images, labels).item()

    def update(self, run, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Make the update of `step`; return the loss on its device."""
        losses = self.losses(run, run.forward(images), labels)
        run.summands.add(losses, run.latents)
        loss = total(losses.values())
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        run.optimiser.step()
        with torch.no_grad():
            for latent in run.latents.values():
                latent.clamp_(-1, 1)
        return loss.detach()

    def on_epoch(self, run) -> None:
        """Called after each epoch."""

    def state(self) -> Record:
        """Return what the method itself must store in a checkpoint."""
        return {}

    def load_state(self, state: Record) -> None:
        """Restore what `state` returned."""

    def skeleton(self, net: str) -> nn.Module:
        """The structure of a deployed network, with any numbers; a guide is not read."""
        fresh = replace(self, guide="none") if hasattr(self, "guide") else replace(self)
        return fresh.deploy(net, fresh.build(net))

    def deploy(self, _net: str, network: nn.Module) -> nn.Module:
        """Return the trained network as it is exported, in evaluation mode."""
        return building_blocks.as_trained(network)


def create(name: str, hyper: Mapping[str, object] | None = None) -> Method:
    """Create a method with hyper-parameters, given as text ("0.5", "none") or as values.

    Raises:
        UserError: there is no such method or hyper-parameter (the message lists the existing ones and the
            nearest), or a text is not a value of the type.
    """
    if name not in plugins.names("sw.methods"):
        raise unknown("METHOD", name, plugins.names("sw.methods"))
    kind, hyper = plugins.load("sw.methods", name).Method, hyper or {}
    types = {field.name: type(field.default) for field in fields(kind)}
    values = {}
    for key, given in hyper.items():
        if key not in types:
            raise unknown(f"{name}, hyper-parameter", key, types)
        values[key] = value_of(f"{name}, hyper-parameter {key}", given, types[key])
    return kind(**values)


def value_of(where: str, given: Any, kind: type) -> Any:
    """Convert `given` to a type.

    Raises:
        UserError: `given` is not a value of the type. The message begins with `where`, whose last word is the
            name of the setting.
    """
    words = {"true": True, "1": True, "false": False, "0": False}
    try:
        return words[given.lower()] if kind is bool and isinstance(given, str) else kind(given)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, kind.__name__)
        raise UserError(
            f"{where}: '{given}' is not {wanted}; give {where.split()[-1]}=VALUE, where VALUE is {wanted}."
        ) from error
