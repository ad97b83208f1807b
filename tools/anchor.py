"""The training of brevitas_examples.bnn_pynq on the images of TASK=cifar10: what RECIPE=brevitas follows.

    python tools/anchor.py --network CNV_1W1A --epochs 5 --random_seed 0 --num_workers 0 --dry_run

It learns from the training images; its "test" images are the held-out ones: docs/results/anchor.csv has both
by epoch. In an environment of its own, with torchvision: `pip install --no-deps torchvision==0.28.*`.
"""

import numpy as np
import torch
from PIL import Image

LIBRARY = torch.library.Library("torchvision", "DEF")  # its operators for GPUs, which torch for CPUs lacks
LIBRARY.define("nms(Tensor boxes, Tensor scores, float threshold) -> Tensor")
LIBRARY.define("qnms(Tensor boxes, Tensor scores, float threshold) -> Tensor")

from brevitas_examples.bnn_pynq import bnn_pynq_train, trainer  # noqa: E402

from xnorforge.sw.tasks.cifar10 import Task  # noqa: E402


class Pictures(torch.utils.data.Dataset):
    """In place of torchvision.datasets.CIFAR10."""

    def __init__(self, train: bool, transform, **_: object):
        self.images, self.transform = Task().train_sets()[not train], transform

    def __len__(self) -> int:
        return len(self.images.images)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(np.moveaxis(self.images.images[at], 0, 2))
        return self.transform(picture), int(self.images.labels[at])


trainer.CIFAR10 = Pictures
bnn_pynq_train.main()
