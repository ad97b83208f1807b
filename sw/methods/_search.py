"""Two phases of methods that learn what a neuron reads: `search`, then `train` with settled inputs."""

from xnorforge.core.errors import UserError
from xnorforge.sw.methods.base import Phase
from xnorforge.sw.networks.base import Recipe


def check_share(method: str, share: float) -> None:
    """Refuse a share of the search that leaves no epoch after it.

    Raises:
        UserError: it is not 0 or more, below 1.
    """
    if not 0 <= share < 1:
        raise UserError(
            f"{method}: search_share={share} leaves no epoch with settled inputs; give 0 or more, below 1."
        )


def search_and_train(recipe: Recipe, share: float) -> list[Phase]:
    """Return the phases of a recipe; the search has this share of the epochs, 0 to below 1."""
    search = min(round(recipe.epochs * share), recipe.epochs - 1)
    settled = Phase("train", recipe.epochs - search, recipe.lr)
    return [Phase("search", search, recipe.lr), settled] if search else [settled]
