"""A converged full-precision model as a teacher: trained once by `train-float`, used by many trainings."""

import torch
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.sw.training.full_precision import FullPrecision
from xnorforge.sw.training.warm_start import REAL, saved_run


def guide_of(net: str, folder: str) -> nn.Module:
    """Return the full-precision model of a network from a run, in evaluation mode and without gradients.

    Args:
        net: the network that learns from it.
        folder: a run of `train-float` of the same network, with its checkpoint.

    Raises:
        UserError: there is no such run, or it is of another network or method.
    """
    saved = saved_run(folder)
    found = saved["settings"]["net"], saved["settings"]["method"]
    if found != (net, REAL):
        raise UserError(
            f"GUIDE: {folder} is a run of {found[0]} with method {found[1]}; give a train-float run of {net}."
        )
    state = torch.get_rng_state()  # a guide changes nothing about how the network starts
    guide = FullPrecision().build(net)
    torch.set_rng_state(state)
    guide.load_state_dict(saved["network"])
    return guide.eval().requires_grad_(False)
