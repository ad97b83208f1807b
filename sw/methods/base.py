"""What a training method may change; the defaults are plain straight-through training.

A method is one file `sw/methods/<name>.py` whose class is bound to the module name `Method`. The loop
(`sw/training/train.py`) calls, in this order and with the `Run` that holds network, optimiser, task, phase,
epoch and random generator:

    build     the network that trains, from the method's own layers
    warm_started  where latents come from another run (INIT)
    phases    stages with their own epochs and learning rate, one after the other
    begin     once per phase: freeze layers, make teachers, register forward hooks to see activations
    optimiser once per phase
    step      once per batch; calls `losses`
    on_epoch  after each epoch, before the checkpoint
    deploy    the trained network in Brevitas layers, thresholds folded: for evaluation and export

The fields of the class, a dataclass, are its hyper-parameters: `--set name=value` changes them, the card
states them.

Everything a method carries from step to step beyond network and optimiser goes through `state` and
`load_state`, so that a run that was killed continues as if it had not been.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
from torch import nn

from xnorforge.core import plugins
from xnorforge.core.errors import UserError, unknown
from xnorforge.sw import networks
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, threshold_folding


@dataclass(frozen=True)
class Phase:
    """One stage of a training: its name, epochs and largest learning rate."""

    name: str
    epochs: int
    lr: float


def total(summands: Iterable[torch.Tensor]) -> torch.Tensor:
    """The sum of at least one tensor, added in their order."""
    first, *rest = summands
    for one in rest:
        first = first + one
    return first


def optimiser_of(run, parameters: Iterable) -> torch.optim.Optimizer:
    """The optimiser of the recipe, for the phase that begins.

    Args:
        parameters: to move, or groups of them (`params`, and what differs in a group) as torch takes them.
    """
    recipe, lr = run.recipe, run.phase.lr
    groups = list(parameters)
    if recipe.weight_decay:
        groups = [part for group in groups for part in _decaying(run, group)]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=recipe.momentum, fused=True)
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=lr, weight_decay=0, fused=True)


def _decaying(run, group) -> list[dict[str, Any]]:
    """A group in two, the second of weights that decay: matrices and kernels, latents only where asked."""
    given = group if isinstance(group, dict) else {"params": [group]}
    latent = {id(weight) for weight in binary.latents(run.network).values()}
    parts: tuple[list, list] = ([], [])
    for one in given["params"]:
        parts[one.dim() > 1 and (run.recipe.decay_latents or id(one) not in latent)].append(one)
    still, moved = ({**given, "params": part} for part in parts)
    return [one for one in (still, moved | {"weight_decay": run.recipe.weight_decay}) if one["params"]]


@dataclass
class Method:
    """Plain straight-through training.

    Attributes:
        RECIPES: recipes by name, beside the networks' own: per pattern of network names the attributes of
            `Recipe` that differ (`sw/training/recipes.py`).
    """

    RECIPES: ClassVar[Mapping[str, Mapping[str, Mapping[str, object]]]] = {}

    def layers(self) -> binary.Plain:
        """The layers the network trains with."""
        return binary.Plain()

    def build(self, net: str) -> nn.Module:
        """The network that trains; raw pixels in, scores out."""
        return networks.build(net, self.layers())

    def warm_started(self, network: nn.Module) -> None:
        """Set what depends on latents anew, as they have come from another run (INIT); called before
        `phases`.
        """

    def phases(self, recipe: Recipe) -> list[Phase]:
        """The stages; their epochs together are the recipe's."""
        return [Phase("train", recipe.epochs, recipe.lr)]

    def begin(self, run) -> None:
        """Prepare a phase; also called when a killed run continues in it, before `load_state`."""

    def optimiser(self, run) -> torch.optim.Optimizer:
        """The optimiser of a phase; the loop sets the learning rate of its groups at each step, times a
        group's "rate".
        """
        return optimiser_of(run, run.network.parameters())

    def losses(self, run, scores: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """The summands of the loss by name, the task's first; weights are in `run.network`, activations come
        from hooks.
        """
        return {"task": run.task.loss(scores, labels)}

    def step(self, run, images: torch.Tensor, labels: torch.Tensor) -> float:
        """One update from one batch (uint8 images, int64 labels); returns the loss."""
        losses = self.losses(run, run.forward(images), labels)
        run.summands.add(losses, binary.latents(run.network))
        loss = total(losses.values())
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        run.optimiser.step()
        with torch.no_grad():
            for latent in binary.latents(run.network).values():
                latent.clamp_(-1, 1)
        return loss.item()

    def on_epoch(self, run) -> None:
        """After each epoch."""

    def state(self) -> dict:
        """What the method itself must remember at a checkpoint."""
        return {}

    def load_state(self, state: dict) -> None:
        """Take back what `state` gave."""

    def scale(self, _dot: nn.Module) -> float:
        """What the sums of a trained binary layer come out multiplied with; deployment folds it into the
        batch norm.
        """
        return 1.0

    def skeleton(self, net: str) -> nn.Module:
        """The structure of a deployed network, in Brevitas layers and evaluation mode; its numbers mean
        nothing yet.
        """
        return networks.build(net).eval()

    def deploy(self, net: str, network: nn.Module) -> nn.Module:
        """The trained network in Brevitas layers, thresholds folded (`sw/nn/threshold_folding.py`): -1, +1,
        and numbers on a binary grid.
        """
        return threshold_folding.transfer(network, self.skeleton(net), self.scale)


def create(name: str, hyper: Mapping[str, object] | None = None) -> Method:
    """A method with hyper-parameters, given as text ("0.5", "none") or as values.

    Raises:
        UserError: no such method or hyper-parameter (the text names those that exist and the nearest), or a
            text that is no value of its type.
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


def value_of(where: str, given, kind: type):
    """`given` as a value of the type.

    Raises:
        UserError: it is none; `where` begins the sentence, its last word is what is to be given.
    """
    words = {"true": True, "1": True, "false": False, "0": False}
    try:
        return words[given.lower()] if kind is bool and isinstance(given, str) else kind(given)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, kind.__name__)
        raise UserError(
            f"{where}: '{given}' is not {wanted}; give {where.split()[-1]}=VALUE with one."
        ) from error
