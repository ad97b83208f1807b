"""ReActNet: Z. Liu, Z. Shen, M. Savvides, K.-T. Cheng, "ReActNet: Towards Precise Binary Neural Network with
Generalized Activation Functions", ECCV 2020 (arXiv 2003.03488).

    weights       alpha_c sign(W), alpha_c the mean |W| of filter c; the gradient goes to W unchanged
    RSign         sign(x - alpha), alpha per channel, learned; gradient 2 + 2x on [-1, 0), 2 - 2x on [0, 1)
    RPReLU        x - gamma + zeta above gamma, slope (x - gamma) + zeta below; all three per channel, learned
    loss          cross entropy with the scores of a real-valued network (`guide`) instead of labels

RSign is applied where a stream of real numbers is binarised; in a chain its shift is that of the batch norm.
RPReLU is between a batch norm and the sum. After the sum, as in the authors' code, each slope would add
fraction bits to the stream. docs/methods/react.md describes the other differences.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from brevitas.nn.quant_layer import QuantNonLinearActLayer
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.sw.methods import base
from xnorforge.sw.nn import binary, tracing
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.rectifiers import Rectifier, Shifted
from xnorforge.sw.nn.scaled import Scaled
from xnorforge.sw.training.guides import guide_of


class Bent(nn.Sequential):
    """A layer, or the batch norm behind it, followed by an RPReLU."""

    replaced = "0"


def distribution_loss(scores: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the Kullback-Leibler divergence between the class distributions of guide and network, the mean
    over images [eq. 6].

    Args:
        scores, wanted: scores of the network and of the guide, (N, classes).
    """
    own, other = scores.log_softmax(1), wanted.log_softmax(1)
    return F.kl_div(own, other, log_target=True, reduction="batchmean")


@dataclass
class Method(base.Method):
    """Training with RSign, RPReLU and, if given, a guide in place of labels."""

    # For ImageNet: 256 epochs in each of two steps, the first with real weights; this is the second step.
    RECIPES: ClassVar = {"paper": {"*": {"epochs": 256, "batch": 256, "lr": 5e-4, "schedule": "linear"}}}

    CAPTURES: ClassVar[bool] = True

    guide: str = "none"  #: folder of a train-float run of this network; its scores replace the labels

    def __post_init__(self) -> None:
        self.teacher: nn.Module | None = None

    def build(self, net: str) -> nn.Module:
        if self.guide != "none":
            self.teacher = guide_of(net, self.guide)
        return super().build(net)

    def adapted(self, network: AnyModule, shape: tuple[int, ...]) -> nn.Module:
        found = tracing.uses(network, shape)
        widths: dict[str, set[int]] = {}  # channels by activation, which may be called several times
        before = shape
        for use in found:
            flat = len(use.reads) == 1 < len(before) and use.reads[0] != before[0]  # a map as a vector
            widths.setdefault(use.name, set()).update([use.reads[0], 0] if flat else [use.reads[0]])
            before = before if use.kind == "act" else use.gives
        for use in found:
            place = use.norm or use.name
            part: AnyModule = network.get_submodule(place)
            # One shift per channel has no meaning for a map as a vector, nor where streams of several widths
            # share an activation.
            shifts = use.kind == "act" and len(widths[use.name]) == 1
            if shifts and isinstance(part, QuantNonLinearActLayer):
                network.set_submodule(use.name, Shifted(use.reads[0], part))
            elif use.kind == "binary" and not isinstance(part, Bent):
                network.set_submodule(place, Bent(part, Rectifier(use.gives[0])))
        return network

    def weights(self, _layer: AnyModule) -> binary.Weights:
        return Scaled(per_channel=True)

    def sign(self, _act: AnyModule) -> binary.Sign:
        return binary.Sign(binary.TriangularSign)

    def begin(self, run) -> None:
        if self.teacher is not None:
            if not run.task.classifies:
                raise UserError(
                    f"react: guide={self.guide} cannot be used, because {run.net} produces maps and not a "
                    "distribution over classes; leave guide out."
                )
            self.teacher.to(run.device)

    def update(self, run, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.images = images
        return super().update(run, images, labels)

    def losses(self, run, scores: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        if self.teacher is None:
            return super().losses(run, scores, labels)
        pictures = self.images.to(run.device, torch.float32)
        with torch.no_grad(), run.autocast():
            wanted = self.teacher(pictures).float()
        loss = distribution_loss(scores, wanted)
        latents = run.latents
        run.summands.in_place("distribution", loss, lambda: run.loss(scores, labels), latents)
        return {"distribution": loss}
