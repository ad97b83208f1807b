"""What belongs to every network: how it is trained."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How long and how fast a network trains; the learning rate follows half a cosine, after a linear start.

    Attributes:
        epochs: passes over the training images.
        batch: images per step.
        lr: largest learning rate.
        warmup: steps of the linear start.
        bf16: multiply in bfloat16 (training only; every figure is evaluated in float32).
        passes: how often an epoch goes through the training images; more than once where they are few.
    """

    epochs: int
    batch: int
    lr: float
    warmup: int = 200
    bf16: bool = True
    passes: int = 1
