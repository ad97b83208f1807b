"""Epochs on pictures of half the size, which cost about a quarter: the first ones of a plan
(`Recipe.half`).
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from xnorforge.core.errors import UserError


def halved(sample: Callable[..., Any]) -> Callable[..., Any]:
    """Return a sampler (`Task.sampler`) whose pictures are the means of 2x2 pixels, rounded."""

    def smaller(at, rng):
        images, labels = sample(at, rng)
        return F.avg_pool2d(images.float(), 2).round().to(torch.uint8), labels

    return smaller


def check_half_size(run) -> None:
    """Check that the network returns the same scores for pictures of half the size; nothing changes.

    Raises:
        UserError: it does not take them, or returns maps.
    """
    if not run.recipe.half:
        return
    channels, height, width = run.task.shape
    (network, _), found = copy.deepcopy((run.network, run.method)), []  # hooks of the method with it
    with torch.random.fork_rng(devices=[run.device] if run.device.type == "cuda" else []):
        for size in ((height, width), (height // 2, width // 2)):
            try:
                found.append(network(torch.zeros(2, channels, *size, device=run.device)).shape)
            except (RuntimeError, ValueError):  # torch's, of a layer that needs another size
                break
    if len(found) < 2 or found[0] != found[1] or len(found[0]) != 2:
        raise UserError(
            f"RECIPE: half={run.recipe.half}, but {run.net} does not compute its scores from pictures of "
            f"{width // 2}x{height // 2} pixels; only a network that ends in a mean over the whole map "
            "does, so leave half out."
        )
