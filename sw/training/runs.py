"""Which training run a build takes its weights from; read from the card, so that torch is not needed."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.core.networks import generated
from xnorforge.core.types import Record
from xnorforge.sw.datasets.base import MADE_UP

WEIGHTS = "weights.safetensors"


def made_up(card: Record) -> bool:
    """Return whether a network was trained on pictures that a program drew, according to its card."""
    data = card.get("data", {})
    return "pictures" not in data and MADE_UP in data.get("trained_on", "")  # those are the user's own


def own(folder: Path) -> Path | None:
    """Return the run folder from which the next build takes its weights by default, for the shipped ones.

    None if there are no weights, or if they come from made-up pictures: such a run is used only if its folder
    is named (WEIGHTS=)."""
    try:
        card = json.loads((folder / "card.json").read_text())
    except (OSError, ValueError):
        card = {}
    return folder if (folder / WEIGHTS).is_file() and not made_up(card) else None


def shipped() -> list[str]:
    """Return the folders of shipped weights, `<network>-<method>`, sorted."""
    folders = (files("xnorforge.sw") / "shipped").iterdir()
    return sorted(one.name for one in folders if (one / WEIGHTS).is_file())


def weights_of(net: str, method: str, folder: Any = None) -> Any:
    """Return the run folder, or the folder of the shipped weights if it is None; None if there are none and
    the network generates some.

    Raises:
        UserError: there are no weights.
    """
    name = f"{net}-{method}"
    for file in ("card.json", WEIGHTS) if folder else ():
        if not (folder / file).exists():
            raise UserError(f"WEIGHTS: '{folder}' has no file {file}; give the folder of a training run.")
    if folder is None and name not in shipped():
        if generated(net):
            return None
        raise UserError(
            f"sw/shipped: there are no weights of {name}, only of {', '.join(shipped())}; train them with "
            f"`make train NET={net} METHOD={method}`."
        )
    return folder or files("xnorforge.sw") / "shipped" / name
