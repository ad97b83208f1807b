"""Data-parallel training on one machine: `torchrun --nproc-per-node 2 -m xnorforge train …` splits every
batch.

All processes (ranks) draw the same order of images and vary each whole batch alike; then each takes its
slice. Gradients are averaged over the ranks before an optimiser steps, running statistics and the state of
the method after an epoch, and everything else is then checked to be equal. Only rank 0 writes files and
messages.

DistributedDataParallel is not used: it averages in one backward pass that reaches all parameters, but methods
here step several optimisers, each after a backward pass to its own ones (`loss.backward(inputs=…)`).
"""

import atexit
import hashlib
import os
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils import _pytree

from xnorforge.core.errors import UserError


def ranks() -> int:
    """Return the number of processes that train together; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if dist.is_torchelastic_launched() else 1


def is_first() -> bool:
    """Return whether this process is the one that writes files and messages."""
    return not dist.is_torchelastic_launched() or os.environ["RANK"] == "0"


@contextmanager
def group(batch: int, together: int = 1):
    """Within the block, the processes that torchrun started are one training; without torchrun nothing
    changes.

    Args:
        batch: images of a step, all ranks together.
        together: number of consecutive images that must go to the same rank.

    Raises:
        UserError: the ranks cannot share a batch evenly; a mean of unequal parts is not the mean of the
            whole.
    """
    if batch // together % ranks():
        fit = [number for number in range(1, batch + 1) if batch // together % number == 0]
        rows = f" in groups of {together}" if together > 1 else ""
        raise UserError(
            f"torchrun: {ranks()} processes cannot share a batch of {batch} images{rows} evenly; use one of "
            f"{fit}."
        )
    if ranks() == 1:
        yield
        return
    if not dist.is_initialized():  # once per process: torchrun's store still holds the addresses of a group
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group()  # gloo between CPUs, NCCL between GPUs
        atexit.register(dist.destroy_process_group)
    hook = register_optimizer_step_pre_hook(_average_gradients)
    try:
        yield
    finally:
        hook.remove()


def local_slice(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return this rank's slice of the first dimension of each tensor."""
    if ranks() == 1:
        return tensors
    return tuple(tensor.chunk(ranks())[dist.get_rank()] for tensor in tensors)


def mean(value: float) -> float:
    """Return the mean over the ranks; if all ranks have the same value, the value itself, because a mean of
    thirds would round."""
    if ranks() == 1:
        return value
    values = _gathered(value)
    return value if len(set(values)) == 1 else sum(values) / len(values)


def agree(run) -> None:
    """Average running statistics and the method's state over the ranks.

    Raises:
        UserError: parameters or random generators differ between ranks, because the method changed them by
            its own images.
    """
    if ranks() == 1:
        return
    for buffer in run.network.buffers():
        buffer.copy_(_average(buffer))
    run.method.load_state(_pytree.tree_map(_average, run.method.state()))
    found = dict(run.network.state_dict())
    found |= {"order of images": run.rng.get_state(), "torch's generator": torch.get_rng_state()}
    every = _gathered(
        {
            name: hashlib.sha256(tensor.detach().cpu().contiguous().numpy().tobytes()).digest()
            for name, tensor in found.items()
        }
    )
    if differ := [name for name in found if len({marks[name] for marks in every}) > 1]:
        kind = type(run.method).__module__.rpartition(".")[2]
        raise UserError(
            f"torchrun: {differ[0]} differs between the processes after an epoch, because {kind} changes it "
            "outside an optimiser; train with one process."
        )


def _average_gradients(optimiser, *_) -> None:
    gradients = [p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
    if not gradients:
        return
    means = _average(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    for gradient, part in zip(gradients, means.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))


def _average(value: Any) -> Any:
    """The mean over the ranks of a real number or tensor; everything else is this rank's."""
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        total = value.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total / ranks()
    return mean(value) if isinstance(value, float) else value


def _gathered(value: Any) -> list[Any]:
    every: list[Any] = [None] * ranks()
    dist.all_gather_object(every, value)
    return every
