"""Which training run a build takes its weights from; read from the card, so that torch is not needed."""

import json
from pathlib import Path

from xnorforge.core.types import Record
from xnorforge.sw.datasets.base import MADE_UP

WEIGHTS = "weights.safetensors"


def made_up(card: Record) -> bool:
    """Return whether a network was trained on pictures that a program drew, according to its card."""
    data = card.get("data", {})
    return "pictures" not in data and MADE_UP in data.get("trained_on", "")  # those are the user's own


def own(folder: Path) -> Path | None:
    """Return the run folder from which the next build takes its weights by default, in place of the shipped
    ones.

    None if there are no weights, or if they come from made-up pictures: such a run is used only if its folder
    is named (WEIGHTS=).
    """
    try:
        card = json.loads((folder / "card.json").read_text())
    except (OSError, ValueError):
        card = {}
    return folder if (folder / WEIGHTS).is_file() and not made_up(card) else None
