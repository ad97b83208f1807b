"""What `test_distributed.py` starts with torchrun: trainings of few images by two processes; results as JSON
in a folder.

torchrun … parallel_job.py FOLDER METHOD…      with ste among the methods, also what is done about kills and
wrong requests
"""

import json
import os
import sys
from pathlib import Path

import torch

from xnorforge.core.errors import UserError
from xnorforge.sw import networks
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.methods import base, ste
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.tasks import mnist
from xnorforge.sw.tasks.base import Images, task_of
from xnorforge.sw.training import distributed, train

NET, BATCH = "mnist-tfc", 64
out, methods = Path(sys.argv[1]), sys.argv[2:]
images, labels = mnist_images.shipped()
recipe = Recipe(epochs=3, batch=BATCH, lr=5e-3, warmup=4, arithmetic="float32")
SETS = Images(images[:256], labels[:256], "256"), Images(images[256:384], labels[256:384], "128")
mnist.Task.train_sets = lambda _self: SETS
mnist.Task.test_sets = lambda _self: [Images(images[800:], labels[800:], "200")]
networks.recipe = lambda _: recipe
seen = {}


class Skewed(base.Method):
    """Moves a weight by the images of its own slice."""

    def step(self, run, images, labels):
        loss = super().step(run, images, labels)
        with torch.no_grad():
            run.network[2].dot.weight[0, 0] = images.float().mean() / 255
        return loss


def killed(_self, run):
    """An `on_epoch` that ends the training behind the first epoch."""
    if run.epoch == 1:
        raise KeyboardInterrupt


def whole_and_shared_gradients() -> dict[str, list[float]]:
    """Gradients of one batch, batch norms fixed: by this process on all images; averaged over slices."""
    torch.manual_seed(0)
    method = ste.Method()
    run = train.Run(NET, task_of(NET), recipe, method, method.build(NET), torch.Generator())
    run.network.eval()
    optimiser = torch.optim.SGD(run.network.parameters(), lr=0.0)
    x, y = torch.from_numpy(images[:BATCH].copy()), torch.from_numpy(labels[:BATCH])
    found = {}
    with distributed.group(BATCH):
        for name, (pictures, classes) in {"shared": distributed.local_slice(x, y), "whole": (x, y)}.items():
            optimiser.zero_grad()
            run.task.loss(run.forward(pictures), classes).backward()
            if name == "shared":
                seen["slice"] = len(pictures)
                optimiser.step()
            found[name] = torch.cat([p.grad.flatten() for p in run.network.parameters()])
    return {name: gradient.tolist() for name, gradient in found.items()}


def continued() -> None:
    """A run with a kill behind its first epoch."""
    ste.Method.on_epoch = killed
    try:
        train.train(NET, "ste", out / "killed")
    except KeyboardInterrupt:
        del ste.Method.on_epoch
    train.train(NET, "ste", out / "killed")


def refused() -> dict[str, str]:
    """What is said to a method that steps by itself, and to a batch that cannot be shared."""
    said = {}
    ste.Method, usual = Skewed, ste.Method
    for name, change in (("skewed", {}), ("batch", {"batch": 33})):
        changed = Recipe(**{"epochs": 1, "batch": BATCH, "lr": 5e-3, "arithmetic": "float32"} | change)
        networks.recipe = lambda _, changed=changed: changed
        try:
            train.train(NET, "ste", out / name)
        except UserError as error:
            said[name] = str(error)
    ste.Method = usual
    return said


if __name__ == "__main__":
    for method in methods:
        train.train(NET, method, out / method)
    if "ste" in methods:
        seen["gradients"] = whole_and_shared_gradients()
        continued()
        seen |= refused()
    (out / f"seen{os.environ['RANK']}.json").write_text(json.dumps(seen))
