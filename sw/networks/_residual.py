"""Residual networks of 20 and 22 layers in several widths."""

from torch import nn

from xnorforge.sw.nn.binary import Plain
from xnorforge.sw.nn.building_blocks import BiReal, Network, Pooled, Scores, Stem


def residual(layers: Plain, widths: tuple[int, int, int, int], scale: float, copied: bool) -> Network:
    """A stem and three stages of six 3x3 convolutions on maps of 32, 16 and 8, a shortcut around each; the
    mean; dense.
    """
    parts: list[nn.Module] = [Stem(layers, 3, widths[0])]
    inputs = widths[0]
    for stage, outputs in enumerate(widths[1:]):
        for at in range(6):
            parts.append(BiReal(layers, inputs, outputs, 2 if stage and not at else 1, copied))
            inputs = outputs
    return Network(*parts, Pooled(layers, 8), Scores(layers, inputs, 10, scale))
