"""Detection of a diverged training: which step, which layer, and what to try, before any weight is
changed.
"""

from contextlib import contextmanager
from dataclasses import asdict

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from xnorforge.core.errors import UserError


class NotFinite(Exception):
    """A loss, or a gradient that an optimiser was about to use, is not finite; `where` is the name of the
    gradient's parameter.
    """

    def __init__(self, where: str = ""):
        super().__init__(where)
        self.where = where


@contextmanager
def watched(run):
    """Within the block, no optimiser steps by a gradient that is not finite: NotFinite is raised, and the
    weights are still good.

    The check reads each gradient once, which costs little compared with the step. Steps that a method makes
    between epochs are caught here, because they are not part of the loop.
    """

    def look(optimiser, *_):
        moving = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        if moving and moving[0].is_cuda and torch.cuda.is_current_stream_capturing():
            return  # the loss of the next step shows it
        if (
            moving
            and not torch.stack(torch._foreach_norm([p.grad for p in moving], float("inf"))).isfinite().all()
        ):
            names = {id(parameter): name for name, parameter in run.network.named_parameters()}
            bad = next(p for p in moving if not p.grad.isfinite().all())
            raise NotFinite(names.get(id(bad), "a parameter of the method itself"))

    hook = register_optimizer_step_pre_hook(look)
    try:
        yield
    except NotFinite as error:
        raise diverged(run, "after its steps", None, error) from None
    finally:
        hook.remove()


def diverged(run, when: str, images: torch.Tensor | None, error: NotFinite) -> UserError:
    """Return the error for the user.

    Args:
        when: position within the epoch.
        images: uint8, the images of the step, if it was one.
        error: what stopped the training.
    """
    kind = type(run.method).__module__.rpartition(".")[2]
    where = first_fault(run, images) or (
        f"the gradient of {error.where}" if error.where else "the loss itself"
    )
    weights = [
        f"{name}={value}" for name, value in asdict(run.method).items() if isinstance(value, float) and value
    ]
    others = f", or change {', '.join(weights)} (--set)" if weights else ""
    return UserError(
        f"{run.net}, {kind}: training diverged in epoch {run.epoch + 1} of phase {run.phase.name}, {when}: "
        f"the first value that is not finite is in {where}; try a learning rate below {run.recipe.lr:g} "
        f"(--lr){others}."
    )


@torch.no_grad()
def first_fault(run, images: torch.Tensor | None) -> str:
    """Return the first layer, in the order of execution, with weights or an output that are not finite; "" if
    there is none.
    """
    for name, tensor in run.network.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            return name
    if images is None:
        return ""
    found = []

    def look(name):
        return lambda _, __, output: None if output.isfinite().all() else found.append(name)

    layers = [(name, part) for name, part in run.network.named_modules() if not list(part.children())]
    hooks = [part.register_forward_hook(look(name)) for name, part in layers]
    run.forward(images)
    for hook in hooks:
        hook.remove()
    return f"the output of {found[0]}" if found else ""
