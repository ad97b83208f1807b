"""What every network states: how it is trained."""

import math
from dataclasses import asdict, dataclass, fields

from xnorforge.core.types import Record

OPTIMISERS = ("adam", "adamw", "sgd")
SCHEDULES = ("cosine", "linear", "step", "halving")
LOSSES = ("task", "squared_hinge")
BY_DEVICE, FLOAT32, BFLOAT16 = ARITHMETIC = ("device", "float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """How long, how fast and by which optimiser a network trains. Each phase of a method goes through the
    whole schedule, after a linear warm-up.

    Attributes:
        epochs: passes over the training images.
        batch: images per step.
        lr: largest learning rate.
        warmup: steps of the linear warm-up.
        passes: passes over the training images per epoch; more than one if there are few images.
        optimiser: adam, adamw (decoupled weight decay) or sgd.
        momentum: momentum of sgd.
        weight_decay: decay of weights that are not latent; with sgd and adam a summand of the gradient.
        decay_latents: apply the decay to latent weights as well.
        schedule: cosine (half a cosine to 0), linear (to 0), step, or halving (every 40 epochs).
        drops: of schedule step: where the rate drops, as parts of a phase, such as "0.5 0.9".
        drop: factor of the learning rate at a drop.
        shift: largest shift of a training image in pixels; -1 is the task's default.
        images: train on the first images only, this many; 0: all.
        fold: hold out this of five equal parts of the training images, 1 .. 5, and look at no test images;
            0: hold out what the task does.
        arithmetic: number format that training multiplies in: float32, bfloat16, or that of the device,
            bfloat16 on a GPU and float32 on a CPU. All figures are evaluated in float32.
        loss: of the task, or for classes squared_hinge: the mean of max(0, 1 - t * score)² over images and
            classes, t = 1 for the right class and else -1.
        start: latent weights start uniform from -start to start; 0: as the network has them.
    """

    epochs: int
    batch: int
    lr: float
    warmup: int = 200
    passes: int = 1
    optimiser: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    decay_latents: bool = False
    schedule: str = "cosine"
    drops: str = ""
    drop: float = 0.1
    shift: int = -1
    images: int = 0
    fold: int = 0
    arithmetic: str = BY_DEVICE
    loss: str = "task"
    start: float = 0.0

    def rate_at(self, part: float) -> float:
        """Return the factor of the largest learning rate after `part` of a phase, 0 to 1."""
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * part))
        if self.schedule == "linear":
            return 1 - part
        if self.schedule == "halving":
            return 0.5 ** (round(part * self.epochs, 6) // 40)
        return self.drop ** sum(part >= float(place) for place in self.drops.split())

    def stated(self) -> Record:
        """What cards and checkpoints contain: five attributes, and others that are not defaults."""
        usual = {field.name: field.default for field in fields(self)[5:]}
        return {key: value for key, value in asdict(self).items() if key not in usual or value != usual[key]}
