"""The available trained networks, and the images that accompany them."""

from typing import Any

import numpy as np
from torch import nn

from xnorforge.core import accuracy as rows
from xnorforge.core import plugins
from xnorforge.core.errors import UserError, unknown
from xnorforge.core.networks import is_given
from xnorforge.core.types import Record
from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training import curves, generated, runs, weights

STATED = (("seed", int), ("command", str))  # of a card, by the kind of value


def shipped() -> list[tuple[str, str]]:
    """Return the shipped networks with their methods."""
    every = ((net, method) for net in networks.names() for method in plugins.names("sw.methods"))
    return [pair for pair in every if "-".join(pair) in runs.shipped()]


def load(net: str, method: str = "ste", folder: Any = None) -> tuple[nn.Module, Record]:
    """Return a trained network as it is exported, and a record about it.

    Args:
        net, method: names.
        folder: a run folder of `train.train`; the shipped weights if not given.

    Returns:
        The module: float32 (N, C, H, W) of raw pixels 0..255 to scores (N, classes).
        The record: `net`, `method`, `source` (where the weights come from), `trained_on` (which pictures),
            `accuracy` as on the card, `task` (its name if labels are not classes), `class_names`, `training`
            (`history`). Of generated weights `generated`, and no accuracy.

    Raises:
        UserError: an unknown name, no weights, weights of another network, or weights that cannot be read.
    """
    _named(net, method)
    name = f"{net}-{method}"
    source = "own training" if folder else f"sw/shipped/{name}"
    folder, task = runs.weights_of(net, method, folder), task_of(net)
    about = {"net": net, "method": method, "task": None if task.classifies else net.partition("-")[0]}
    if folder is None:
        about |= {"source": generated.SOURCE, "generated": True}
        return generated.generated_network(net, method, golden(net, 1)[0]), about
    card, tensors = weights.read_weights(folder)
    if (card["net"], card["method"]) != (net, method):
        raise UserError(
            f"{folder}: contains {card['net']}-{card['method']}, but {name} is requested; choose another "
            "folder or train again."
        )
    if any(card.get("data", {}).get(key) != value for key, value in task.stamp().items()):
        raise UserError(
            f"{folder}: was trained on other pictures or classes than DATA contains now; remove that folder "
            "and train again, or give the pictures it was trained on."
        )
    try:
        trained_by = base.create(method, card["hyper"])
    except UserError as error:
        raise UserError(f"{folder}/card.json: {error}") from error
    module = weights.unpack(trained_by.skeleton(net), tensors, f"{folder}/{weights.FILE}")
    try:
        accuracy = [{"stage": "trained", **row, "images": int(row["images"])} for row in card["accuracy"]]
        for row in accuracy:
            _ = rows.row_text(row), rows.main(row), str(row["set"])
        trained = history(card)
        trained_on = str(card.get("data", {}).get("trained_on", "unknown"))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, StopIteration) as error:
        raise UserError(
            f"{folder}/card.json: accuracy, data or curve cannot be read ({error}), so training did not "
            "write this file; train the network again."
        ) from error
    source += f", weights SHA-256 {card['weights']['sha256'][:16]}"
    known = {"training": trained, "source": source, "trained_on": trained_on, "accuracy": accuracy}
    return module, about | known | {"class_names": list(task.names(trained_on))}


def history(card: Record) -> Record:
    """Return how a network was trained: `seed`, `epochs` and `command` of its card (None if not stated), and
    its `curve`: per epoch `epoch`, `phase`, `loss` and `held_out_accuracy`; empty if the card has none.

    Raises:
        KeyError, TypeError, ValueError: the curve is no such table.
    """
    recipe, curve = card.get("recipe"), card.get("curve", dict.fromkeys(curves.POINTS, ()))
    epochs = recipe.get("epochs") if isinstance(recipe, dict) else None
    rows = zip(*(curve[name] for name in curves.POINTS), strict=True)
    return {
        **{name: card[name] if type(card.get(name)) is kind else None for name, kind in STATED},
        "epochs": epochs if type(epochs) is int else None,
        "curve": [
            {"epoch": epoch, "phase": str(phase), "loss": float(loss), "held_out_accuracy": float(right)}
            for epoch, (phase, loss, right) in enumerate(rows, 1)
            if loss is not None and right is not None
        ],
    }


def golden(net: str, images: int | None = None) -> tuple[np.ndarray, np.ndarray, str]:
    """Images to compare an export on: uint8 (N, C, H, W), labels (-1 for unknown), description."""
    found = task_of(net).golden(images)
    return found.images, found.labels, found.what


def _named(net: str, method: str) -> None:
    for kind, given, there in (
        ("NET", net, networks.names() if not is_given(net) else [net]),
        ("METHOD", method, plugins.names("sw.methods")),
    ):
        if given not in there:
            raise unknown(kind, given, there)
