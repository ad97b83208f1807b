"""Residual networks of 20 and 22 layers in several widths."""

from torch import nn

from xnorforge.sw.nn.building_blocks import BiReal, Copied, Network, Pooled, Projected, Scores, Stem
from xnorforge.sw.nn.eight_bit import EightConv, EightPooled, EightScores, EightShortcut

STAGE = 6  # convolutions


def residual(widths: tuple[int, int, int, int], scale: float, copied: bool) -> Network:
    """A stem, three stages of six 3x3 convolutions on maps of 32, 16 and 8 with a shortcut around each, a
    mean, and a dense layer.
    """
    stem, stages = Stem(3, widths[0]), _stages(widths, Copied if copied else Projected)
    return Network(stem, *stages, Pooled(8), Scores(widths[3], 10, scale))


def residual_with_8_bit_ends(
    widths: tuple[int, int, int, int], copied: bool, prelu: bool, size: int = 32
) -> Network:
    """The same with 8-bit stem, 1x1 shortcuts and classifier, for pictures of `size` x `size` pixels; with
    PReLU in front of each sum if requested.
    """
    stem = EightConv(3, widths[0], 3, pad=1)
    stages = _stages(widths, Copied if copied else EightShortcut, prelu)
    return Network(stem, *stages, EightPooled(size // 4), EightScores(widths[3], 10))


def _stages(widths: tuple[int, int, int, int], wider, prelu: bool = False) -> list[nn.Module]:
    """Three stages; the second and third halve height and width."""
    parts: list[nn.Module] = []
    inputs = widths[0]
    for stage, outputs in enumerate(widths[1:]):
        for at in range(STAGE):
            stride = 2 if stage and not at else 1
            parts.append(BiReal(inputs, outputs, stride, wider=wider, prelu=prelu))
            inputs = outputs
    return parts
