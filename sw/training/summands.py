"""The summands of a method's loss, epoch by epoch, and what share of each layer's gradient they are.

A curve (`curve.csv`) has, where the loss has more than one summand,

    loss <name>             the mean of the summand over the epoch, with its weight
    share <name> <layer>    at the epoch's first step, the size of its gradient in the latents of the layer
                            over that of the first summand, which is the task's; also where the loss is one
                            that stands in the task's place
"""

from collections.abc import Callable, Mapping

import torch


class Summands:
    """What is kept of the losses of an epoch."""

    def __init__(self) -> None:
        self.totals: dict[str, torch.Tensor] = {}
        self.shares: dict[str, float] = {}
        self.steps = 0

    def add(self, losses: Mapping[str, torch.Tensor], latents: Mapping[str, torch.Tensor]) -> None:
        """Take the summands of a step, before its backward pass; one alone is the loss itself, and is no
        summand.
        """
        if len(losses) < 2:
            return
        if not self.steps:
            self.shares |= shares_of(losses, latents)
        for name, loss in losses.items():
            value = torch.as_tensor(loss).detach().double()
            self.totals[name] = self.totals[name] + value if name in self.totals else value
        self.steps += 1

    def in_place(
        self,
        name: str,
        loss: torch.Tensor,
        task: Callable[[], torch.Tensor],
        latents: Mapping[str, torch.Tensor],
    ) -> None:
        """Take, at an epoch's first step, the share of a loss that stands in the task's place; `task` gives
        the loss that is not there.
        """
        if not self.shares:
            self.shares |= shares_of({"task": task(), name: loss}, latents)

    def note(self, name: str, layer: str, share: float) -> None:
        """Keep a share that is no gradient of a loss, of the epoch's first step."""
        self.shares.setdefault(f"share {name} {layer}", share)

    def row(self) -> dict[str, float]:
        """The columns of the curve."""
        found = {f"loss {name}": round(total.item() / self.steps, 7) for name, total in self.totals.items()}
        return found | {key: float(f"{share:.4g}") for key, share in self.shares.items()}


def shares_of(losses: Mapping[str, torch.Tensor], latents: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """By "share <name> <layer>" the norm of a summand's gradient over that of the first summand's; 0 where
    the first has none.
    """
    first, *others = losses.items()
    sizes = {name: _sizes(loss, list(latents.values())) for name, loss in (first, *others)}
    return {
        f"share {name} {layer}": size / task if task else 0.0
        for name, _ in others
        for layer, size, task in zip(latents, sizes[name], sizes[first[0]], strict=True)
    }


def _sizes(loss, latents: list[torch.Tensor]) -> list[float]:
    """The norm of the gradient in each tensor; 0 where the loss does not depend on it."""
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        return [0.0] * len(latents)
    moving = [latent for latent in latents if latent.requires_grad]
    found = torch.autograd.grad(loss, moving, retain_graph=True, allow_unused=True)
    sizes = {id(latent): g.double().norm().item() for latent, g in zip(moving, found) if g is not None}
    return [sizes.get(id(latent), 0.0) for latent in latents]
