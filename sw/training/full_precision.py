"""The full-precision model of a network: the same layers, sizes and recipe with real weights, ReLU and zero
padding.

It shows how much accuracy binary weights cost. It is not a method and cannot be built.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from brevitas.nn import QuantIdentity
from brevitas.nn.quant_layer import QuantWeightBiasInputOutputLayer
from torch import nn

from xnorforge.core import artifacts
from xnorforge.core.types import Record
from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.nn import binary
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.building_blocks import Correlation, Network
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training import curves, recipes, train, warm_start

NAME = warm_start.REAL
RATE = 2e-3  # largest learning rate: Adam with that of signs, 5e-3, is too fast for real weights


def real(network: nn.Module) -> AnyModule:
    """Give a fresh network real weights, ReLU and zero padding; return it."""
    part: AnyModule
    for name, part in list(network.named_modules()):
        if isinstance(part, QuantIdentity):
            signed = isinstance(binary.quantiser(part), binary.SIGN)
            network.set_submodule(name, nn.ReLU() if signed else nn.Identity())
        elif binary.is_binary(part):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        if isinstance(part, QuantWeightBiasInputOutputLayer):
            binary.set_quantiser(part, binary.Real())
            part.bias_grid = None
        if isinstance(part, nn.ConstantPad2d):
            part.value = 0.0
    binary.keep_quantisers(network)
    return network


@dataclass
class FullPrecision(base.Method):
    """Plain training of real layers."""

    CAPTURES: ClassVar[bool] = True

    # S. Zagoruyko, N. Komodakis, "Wide Residual Networks", BMVC 2016, on CIFAR.
    RECIPES: ClassVar[Mapping[str, Mapping[str, Mapping[str, object]]]] = {
        "paper": {
            "*": {
                "epochs": 200, "batch": 128, "optimiser": "sgd", "lr": 0.1, "weight_decay": 5e-4,
                "schedule": "step", "drops": "0.3 0.6 0.8", "drop": 0.2, "shift": 4,
            }
        }
    }  # fmt: skip

    def build(self, net: str) -> nn.Module:
        network = real(networks.build(net))
        if isinstance(network, Network) and isinstance(network[-1], Correlation):
            network[-2].sign = nn.Identity()  # what is correlated has both signs, as bits have
        return network


def train_full_precision(
    net: str, out_dir: Path | str, epochs: int | None = None, lr: float | None = None, seed: int = 0,
    threads: int = 1, recipe: str = recipes.OURS,
) -> Record:  # fmt: skip
    """Train the full-precision model of a network, or resume, and write card.json and the curve into
    `out_dir`; return the card.

    Args:
        epochs: default: the recipe's, so the number of steps is that of a method.
        lr: default: the recipe's, for ours `RATE`.
        seed, threads, recipe: as for `train.train`.

    Raises:
        UserError: as for `train.train`.
    """
    task, method, out_dir = task_of(net), FullPrecision(), Path(out_dir)
    usual = recipes.recipe_of(net, method, recipe)
    if usual.lr == networks.recipe(net).lr:
        usual = replace(usual, lr=RATE)
    taken = replace(usual, epochs=epochs or usual.epochs, lr=lr or usual.lr)
    settings = {"net": net, "method": NAME, "seed": seed, "threads": threads, "recipe": taken.stated()}
    if recipe != recipes.OURS:
        settings["recipe_name"] = recipe
    task.move_by(taken.shift)
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    run = train.Run(net, task, taken, method, method.build(net), torch.Generator().manual_seed(seed), out_dir)
    curve = train.fit(run, settings)
    network = task.prepared(run.network.cpu().eval())
    card = settings | {
        **train.describe_run(run, network),
        "accuracy": [train.stated(network, images, task) for images in task.test_sets()],
    }
    artifacts.write_json(out_dir / "card.json", card)
    curves.draw_run(curve, card, out_dir)
    return card
