"""The summands of a method's loss per epoch, and their share of each layer's gradient.

If the loss has more than one summand, a curve (`curve.csv`) has

    loss <name>             the mean of the summand over the epoch, including its weight
    share <name> <layer>    at the first step of the epoch, the size of its gradient in the latents of the
                            layer, relative to that of the first summand, which is the task's; also for a loss
                            that replaces the task's

A method that acts on the sums of a layer without a loss of its own (ci_bcnn) has, at the end of the epoch,

    moved <layer>           the share of the layer's sums that it changes
    move <layer>            the mean size of those changes, in standard deviations of the sums
"""

from collections.abc import Callable, Iterable, Mapping

import torch

MOVED, MOVE = "moved", "move"  # begin the names of columns
LEAST = 1e-3  # share of a method's own term in the task's gradient, in at least one layer


class Summands:
    """The losses recorded in an epoch."""

    def __init__(self, begun: bool = False) -> None:
        self.begun, self.first = begun, False  # whether a step is recorded; whether it was the latest one
        self.totals: dict[str, torch.Tensor] = {}
        self.shares: dict[str, float] = {}
        self.steps: int = 0

    def add(self, losses: Mapping[str, torch.Tensor], latents: Mapping[str, torch.Tensor]) -> None:
        """Record a step's summands before its backward pass, unless there is only one."""
        self.first, self.begun = not self.begun, True
        if len(losses) < 2:
            return
        if self.first:
            self.shares |= shares_of(losses, latents)
        self.count({name: torch.as_tensor(loss).detach().double() for name, loss in losses.items()})

    def count(self, losses: Mapping[str, torch.Tensor]) -> None:
        """Add the values of a step."""
        for name, value in losses.items():
            self.totals[name] = self.totals[name] + value if name in self.totals else value
        self.steps += bool(losses)

    def in_place(
        self, name: str, loss: torch.Tensor, task: Callable[[], torch.Tensor],
        latents: Mapping[str, torch.Tensor],
    ) -> None:  # fmt: skip
        """Record, at an epoch's first step, the share of a loss that replaces that of `task`."""
        if not (self.begun or self.shares):
            self.shares |= shares_of({"task": task(), name: loss}, latents)

    def figure(self, column: str, layer: str, value: float) -> None:
        """Record another figure of a layer."""
        self.shares[f"{column} {layer}"] = value

    def row(self) -> dict[str, float]:
        """Return the columns of the curve."""
        found = {f"loss {name}": round(total.item() / self.steps, 7) for name, total in self.totals.items()}
        return found | {key: float(f"{share:.4g}") for key, share in self.shares.items()}


def largest_terms(curve: Iterable[Mapping]) -> dict[str, tuple[float, str]]:
    """Return, for each term of the method's own loss in a curve, its largest share of the task's gradient and
    the layer that has it; likewise `moved` and `move` of a method that changes sums."""
    largest: dict[str, tuple[float, str]] = {}
    for row in curve:
        for key, value in row.items():
            kind, _, place = key.partition(" ")
            term, _, layer = place.partition(" ") if kind == "share" else (kind, "", place)
            if kind in ("share", MOVED, MOVE) and value == value:
                largest[term] = max(largest.get(term, (-1.0, "")), (value, layer))
    return largest


def shares_of(losses: Mapping[str, torch.Tensor], latents: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """By "share <name> <layer>", a summand's gradient norm over the first one's; 0 if that is 0."""
    first, *others = losses.items()
    sizes = {name: _sizes(loss, list(latents.values())) for name, loss in (first, *others)}
    return {
        f"share {name} {layer}": size / task if task else 0.0
        for name, _ in others
        for layer, size, task in zip(latents, sizes[name], sizes[first[0]], strict=True)
    }


def _sizes(loss, latents: list[torch.Tensor]) -> list[float]:
    """Return the norm of the gradient in each tensor; 0 if the loss does not depend on it."""
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        return [0.0] * len(latents)
    moving = [latent for latent in latents if latent.requires_grad]
    found = torch.autograd.grad(loss, moving, retain_graph=True, allow_unused=True)
    sizes = {id(latent): g.double().norm().item() for latent, g in zip(moving, found) if g is not None}
    return [sizes.get(id(latent), 0.0) for latent in latents]
