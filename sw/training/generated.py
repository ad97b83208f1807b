"""Weights of a network that nobody has trained, for its hardware: costs and speed do not depend on them."""

import numpy as np
import torch
from torch import nn

from xnorforge.sw.methods import base

SEED = 0
SOURCE = f"generated, not trained: random signs and weights (seed {SEED}), norms that halve each channel"
GRID = 256  # values of a stream per 1; a norm's mean lies between two of them, so that no rounding counts


@torch.no_grad()
def generated_network(net: str, method: str, images: np.ndarray) -> nn.Module:
    """Return a deployed network with random weights, whose norms have the mean and variance that its channels
    have on `images`, uint8 (N, C, H, W), the variance a power of two: nothing saturates."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        module = base.create(method, {}).skeleton(net).eval()
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    module(torch.from_numpy(images.astype(np.float32)))
    for norm in norms:
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None and variance is not None
        mean.copy_(((mean * GRID).floor() + 0.5) / GRID)
        variance.copy_(2.0 ** variance.log2().round())
    return module.eval()
