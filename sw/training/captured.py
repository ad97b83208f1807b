"""Training steps as one CUDA graph: a processor starts a thousand short operations too slowly."""

from typing import Any

import torch

from xnorforge.core.progress import say
from xnorforge.core.types import Record
from xnorforge.sw.training.summands import Summands

EAGER = 3  # steps before the capture, in which the optimiser makes its state and cuDNN chooses


class Steps:
    """The steps of a run (`Method.step`), replayed from a graph where that computes the same: on one GPU,
    with Adam, by a method that declares it; not the first step of an epoch, of which the curve has shares."""

    def __init__(self, run):
        self.run, self.key = run, None
        self.graph: Any = None
        self.refused = False  # a step of this run could not be captured
        self.eager, self.batch, self.loss = 0, (), torch.zeros(())
        self.own = Summands()

    @property
    def possible(self) -> bool:
        """Whether steps of this run can be captured."""
        run = self.run
        tried = run.device.type == "cuda" and not self.refused
        return tried and run.method.CAPTURES and run.recipe.optimiser != "sgd"

    def __call__(self, images: torch.Tensor, labels: torch.Tensor, key: object = None) -> float:
        """Make one update and return the loss. Steps with equal `key` and shape are the same operations."""
        run, first = self.run, self.key != (key, images.shape)
        if not self.possible:
            return run.method.step(run, images, labels)
        if first:
            self.key, self.graph, self.eager = (key, images.shape), None, 0
            for group in run.optimiser.param_groups:  # read by the graph, not copied into it
                group["capturable"], group["lr"] = True, torch.as_tensor(group["lr"], device=run.device)
        self.eager += 1
        if self.eager <= EAGER or not run.summands.begun:
            return run.method.step(run, images, labels)
        if self.graph is None:
            try:
                self.graph = self._capture(images, labels)
            except RuntimeError as error:  # CUDA's, of an operation that waits; nothing was computed
                why = str(error).partition("\n")[0]
                say(f"{run.net}: its steps cannot be one CUDA graph, so they are slower ({why})")
                self.refused = True
                return run.method.step(run, images, labels)
        for kept, given in zip(self.batch, (images, labels)):
            kept.copy_(given)
        self.graph.replay()
        run.summands.count(self.own.totals)
        return self.loss.item()

    def _capture(self, images: torch.Tensor, labels: torch.Tensor) -> Any:
        """Return the graph of a step; nothing is computed."""
        run, self.batch = self.run, (images.clone(), labels.clone())
        summands, run.summands, graph = run.summands, Summands(begun=True), torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
                self.loss = run.method.update(run, *self.batch)
            self.own = run.summands
        finally:
            run.summands = summands
        return graph


def set_rate(group: Record, rate: float) -> None:
    """Set the learning rate of a group of an optimiser."""
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate
