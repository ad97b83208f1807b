"""What belongs to every network: how it is trained."""

import math
from dataclasses import asdict, dataclass, fields

OPTIMISERS = ("adam", "adamw", "sgd")
SCHEDULES = ("cosine", "linear", "step")


@dataclass(frozen=True)
class Recipe:
    """How long, how fast and by which optimiser a network trains; each phase of a method goes through the
    whole schedule, after a linear start.

    Attributes:
        epochs: passes over the training images.
        batch: images per step.
        lr: largest learning rate.
        warmup: steps of the linear start.
        bf16: multiply in bfloat16 where the processor has instructions for it (training only; every figure
            is evaluated in float32).
        passes: how often an epoch goes through the training images; more than once where they are few.
        optimiser: adam, adamw (decay apart from the gradient) or sgd.
        momentum: of sgd.
        weight_decay: of weights that are no latents: of sgd and adam a summand of the gradient.
        decay_latents: decay latents as well.
        schedule: cosine (half a cosine to 0), linear (to 0), or step.
        drops: of step, the places at which the rate falls, as parts of a phase: "0.5 0.9".
        drop: what a fall multiplies the rate with.
        shift: pixels by which a training image is moved each way, at most; -1 is what the task does.
        images: how many of the training images, the first; 0 is all.
    """

    epochs: int
    batch: int
    lr: float
    warmup: int = 200
    bf16: bool = True
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

    def rate_at(self, part: float) -> float:
        """What the largest learning rate is multiplied with after `part` of a phase, 0 to 1."""
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * part))
        if self.schedule == "linear":
            return 1 - part
        return self.drop ** sum(part >= float(place) for place in self.drops.split())

    def stated(self) -> dict:
        """What cards and checkpoints say of it: the first six attributes, and of the others those that are
        not their defaults.
        """
        usual = {field.name: field.default for field in fields(self)[6:]}
        return {key: value for key, value in asdict(self).items() if key not in usual or value != usual[key]}
