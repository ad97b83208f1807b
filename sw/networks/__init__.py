"""The networks: raw pixels 0..255 in, scores out, every layer binary. A name is `<task>-<network>`.

A network is one file `<task>_<network>.py` with
    build(layers)   the module, from layers of one kind (sw/nn/binary.py)
    RECIPE          how it is trained
    INTERVAL        cycles per frame that a folding aims at, where the board's own does not suit

It is a row of `sw/nn/building_blocks.py`. One that gives maps ends in 8-bit weights (`Head`) or in a
correlation. One that classifies ends in a dense layer whose sums are the scores, times one power of two.
Nothing else happens to a score (no bias, no batch norm per class), so the class is the index of the largest
sum, exactly, also in hardware. That power is such that the largest score is about 8: with 32 the softmax of a
fresh network is already hard.

Pixels enter as float 0..255 and become x / 128 - 1 in [-1, 127/128]: exact in float32, in bfloat16 and as
integers.
"""

from types import ModuleType
from typing import TYPE_CHECKING

from xnorforge.core import networks, plugins
from xnorforge.sw.networks.base import Recipe

if TYPE_CHECKING:  # names are asked for where torch is not wanted
    from xnorforge.sw.nn.binary import Plain
    from xnorforge.sw.nn.building_blocks import Network


def names() -> list[str]:
    """The networks there are: the values of NET."""
    return networks.names()


def load(net: str) -> ModuleType:
    """The module of a network's file.

    Raises:
        UserError: no such network; the text names those that exist and the nearest.
    """
    return plugins.load(networks.KIND, networks.plugin(net))


def recipe(net: str) -> Recipe:
    """How a network is trained."""
    return load(net).RECIPE


def build(net: str, layers: "Plain | None" = None) -> "Network":
    """A fresh network; layers are Brevitas' unless others are given.

    Raises:
        UserError: no such network; the text names those that exist and the nearest.
    """
    from xnorforge.sw.nn.binary import Brevitas

    return load(net).build(layers or Brevitas())
