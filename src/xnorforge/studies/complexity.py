"""What a trained network computes and stores, on its card (flows/lower/complexity.py counts it)."""

from pathlib import Path

from torch import nn

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import UserError
from xnorforge.core.progress import now_at, say
from xnorforge.core.types import Record
from xnorforge.flows.export import PIXELS, as_qonnx, templates
from xnorforge.flows.lower import complexity_of
from xnorforge.sw import zoo
from xnorforge.sw.tasks.base import task_of


def complexity_of_module(module: nn.Module, shape: tuple[int, ...]) -> Record:
    """A Brevitas module's figures on pixels (N, *shape); UserError: no exact integer form."""
    network = as_qonnx(module, shape)
    return complexity_of(network, PIXELS, templates(network))


def complete_card(folder: Path, net: str, method: str) -> Record:
    """Write `complexity` into a finished run's card, if its network can be lowered; returns it."""
    now_at("counting operations and stored bits")
    card = read_json(folder / "card.json")
    try:
        card["complexity"] = complexity_of_module(zoo.load(net, method, folder)[0], task_of(net).shape)
    except UserError as error:
        say(f"card      no operations and stored bits: {error}")
        return card
    write_json(folder / "card.json", card)
    return card
