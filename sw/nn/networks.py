"""The networks: raw pixels 0..255 in, scores out, every layer binary. A name is `<task>-<network>`.

A network is a row of `sw/nn/building_blocks.py`. One that gives maps ends in 8-bit weights (`Head`) or in a
correlation. One that classifies ends in a dense layer whose sums are the scores, times one power of two.
Nothing else happens to a score (no bias, no batch norm per class), so the class is the index of the largest
sum, exactly, also in hardware. That power is such that the largest score is about 8: with 32 the softmax of a
fresh network is already hard.

Pixels enter as float 0..255 and become x / 128 - 1 in [-1, 127/128]: exact in float32, in bfloat16 and as
integers.
"""

from collections.abc import Callable

from torch import nn

from xnorforge.core.errors import unknown
from xnorforge.sw.nn.binary import Brevitas, Plain
from xnorforge.sw.nn.building_blocks import (
    BiReal,
    Bits,
    Block,
    Correlation,
    Head,
    Network,
    Pooled,
    Scores,
    Stem,
)

RARE = -2.5  # the score of a centre at the start: most cells have none


def mnist_tfc(layers: Plain) -> Network:
    """784-64-64-64-10, dense; the picture becomes bits at 128. 59,008 weights; FINN's TFC-W1A1."""
    return Network(
        Bits(layers), Block(layers, 784, 64), Block(layers, 64, 64), Block(layers, 64, 64),
        Scores(layers, 64, 10, 2**-3),
    )  # fmt: skip


def mnist_cnn(layers: Plain) -> Network:
    """Three convolutions (32, 64, 64) and two dense layers (128, 10) on 28x28 grey pixels; 187,936 weights."""
    return Network(
        Block(layers, 1, 32, kernel=3, pool=2, pixels=True),
        Block(layers, 32, 64, kernel=3, pad=1, pool=2),
        Block(layers, 64, 64, kernel=3),
        nn.Flatten(),
        Block(layers, 1024, 128), Scores(layers, 128, 10, 2**-4),
    )  # fmt: skip


def _cnv(layers: Plain, width: int, scale: float) -> Network:
    return Network(
        Block(layers, 3, width, kernel=3, pixels=True), Block(layers, width, width, kernel=3, pool=2),
        Block(layers, width, 2 * width, kernel=3), Block(layers, 2 * width, 2 * width, kernel=3, pool=2),
        Block(layers, 2 * width, 4 * width, kernel=3), Block(layers, 4 * width, 4 * width, kernel=3),
        nn.Flatten(),
        Block(layers, 4 * width, 8 * width), Block(layers, 8 * width, 8 * width),
        Scores(layers, 8 * width, 10, scale),
    )  # fmt: skip


def cifar10_cnv(layers: Plain) -> Network:
    """FINN's CNV-W1A1: convolutions 64-64-pool-128-128-pool-256-256 without padding, dense 512-512-10;
    1,542,848 weights.
    """
    return _cnv(layers, 64, 2**-6)


def cifar10_cnv_half(layers: Plain) -> Network:
    """CNV with half the channels in every layer; 387,424 weights."""
    return _cnv(layers, 32, 2**-5)


def cifar10_vgg_small(layers: Plain) -> Network:
    """VGG-small (LQ-Nets, ECCV 2018; CI-BCNN): 128-128-pool-256-256-pool-512-512-pool padded with -1, dense
    10; 4,656,512 weights.
    """
    return Network(
        Block(layers, 3, 128, kernel=3, pad=1, pixels=True), Block(layers, 128, 128, kernel=3, pad=1, pool=2),
        Block(layers, 128, 256, kernel=3, pad=1), Block(layers, 256, 256, kernel=3, pad=1, pool=2),
        Block(layers, 256, 512, kernel=3, pad=1), Block(layers, 512, 512, kernel=3, pad=1, pool=2),
        nn.Flatten(),
        Scores(layers, 8192, 10, 2**-10),
    )  # fmt: skip


def _residual(layers: Plain, widths: tuple[int, int, int, int], scale: float, copied: bool) -> Network:
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


def cifar10_resnet20(layers: Plain) -> Network:
    """ResNet-20, stages 16-32-64, Bi-Real style; shortcuts have no weights; 268,336 weights."""
    return _residual(layers, (16, 16, 32, 64), 2**-2, copied=True)


def cifar10_wrn22(layers: Plain) -> Network:
    """BONN's WRN-22, stages 16-16-32-64, Bi-Real style, shortcuts projected where the shape changes; 270,896
    weights.
    """
    return _residual(layers, (16, 16, 32, 64), 2**-2, copied=False)


def cifar10_wrn22_wide(layers: Plain) -> Network:
    """BONN's WRN-22, stages 64-64-128-256; 4,321,472 weights."""
    return _residual(layers, (64, 64, 128, 256), 2**-4, copied=False)


def _small_detector(layers: Plain, classes: int) -> Network:
    """160x128 pixels to maps of 20x16: a centre score per class and four distances."""
    return Network(
        Block(layers, 3, 32, kernel=3, pad=1, stride=2, pixels=True),
        Block(layers, 32, 32, kernel=3, pad=1, pool=2),
        Block(layers, 32, 64, kernel=3, pad=1), Block(layers, 64, 64, kernel=3, pad=1, pool=2),
        Block(layers, 64, 128, kernel=3, pad=1), Block(layers, 128, 128, kernel=3, pad=1, rates=(2,)),
        Block(layers, 128, 128, kernel=3, pad=1, rates=(2,)), Head(layers, 128, [RARE] * classes + [0.0] * 4),
    )  # fmt: skip


def tinyped(layers: Plain) -> Network:
    """Seven 3x3 convolutions (32, 32, 64, 64, 128, 128, 128), the last two dilated; 434,016 binary weights
    and 640 of 8 bits.
    """
    return _small_detector(layers, 1)


def tinydet(layers: Plain) -> Network:
    """The same with 80 centre scores."""
    return _small_detector(layers, 80)


def tinyseg(layers: Plain) -> Network:
    """160x120 pixels to 40x30x11: three layers of parallel rates 1, 2, 4 and 1, 4, 8 (BPAC); 360,288 binary
    weights.
    """
    return Network(
        Block(layers, 3, 32, kernel=3, pad=1, stride=2, pixels=True),
        Block(layers, 32, 32, kernel=3, pad=1, pool=2),
        Block(layers, 32, 64, kernel=3, pad=1), Block(layers, 64, 64, kernel=3, pad=1, rates=(1, 2, 4)),
        Block(layers, 64, 64, kernel=3, pad=1, rates=(1, 2, 4)),
        Block(layers, 64, 64, kernel=3, pad=1, rates=(1, 4, 8)),
        Head(layers, 64, [0.0] * 11),
    )  # fmt: skip


def tinytrk(layers: Plain) -> Network:
    """SiamFC's form: 128x128 pixels to 24x24x128 bits without padding, correlated with a template of 8x8;
    139,104 weights.
    """
    return Network(
        Block(layers, 3, 32, kernel=3, stride=2, pixels=True), Block(layers, 32, 32, kernel=3, pool=2),
        Block(layers, 32, 64, kernel=3), Block(layers, 64, 64, kernel=3), Block(layers, 64, 128, kernel=3),
        Correlation(128, 8),
    )  # fmt: skip


NETWORKS: dict[str, Callable[[Plain], Network]] = {
    "mnist-tfc": mnist_tfc,
    "mnist-cnn": mnist_cnn,
    "cifar10-cnv": cifar10_cnv,
    "cifar10-cnv_half": cifar10_cnv_half,
    "cifar10-vgg_small": cifar10_vgg_small,
    "cifar10-resnet20": cifar10_resnet20,
    "cifar10-wrn22": cifar10_wrn22,
    "cifar10-wrn22_wide": cifar10_wrn22_wide,
    "pedestrian-tinyped": tinyped,
    "segment-tinyseg": tinyseg,
    "track-tinytrk": tinytrk,
    "detect-tinydet": tinydet,
}


def names() -> list[str]:
    """The networks there are: the values of NET."""
    return sorted(NETWORKS)


def build(net: str, layers: Plain | None = None) -> Network:
    """A fresh network; layers are Brevitas' unless others are given.

    Raises:
        UserError: no such network; the text names those that exist and the nearest.
    """
    if net not in NETWORKS:
        raise unknown("NET", net, names())
    return NETWORKS[net](layers or Brevitas())
