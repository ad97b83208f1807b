"""The networks: raw pixels 0..255 in, scores out. A name is `<task>-<network>`.

A network is one file `<task>_<network>.py` with
    build()         returns the module, an ordinary network of Brevitas layers (sw/nn/binary.py)
    RECIPE          how it is trained
    INTERVAL        the default interval in cycles per frame, if the board's own does not suit

It is a sequence of parts of `sw/nn/stream.py` (the networks of the papers for CIFAR-10) or of
`sw/nn/building_blocks.py`. A network that produces maps ends in 8-bit weights (`Head`) or in a correlation.
A network that classifies ends in a dense layer whose sums, multiplied by one power of two, are the scores.
There is no bias and no batch norm per class, so the class is the index of the largest sum, also in hardware.
The power of two makes the largest score about 8; with 32, the softmax of a fresh network would already be
hard.

Pixels enter as float 0..255 and become x / 128 - 1 in [-1, 127/128], which float32, bfloat16 and integers
hold exactly.
"""

from typing import TYPE_CHECKING, Any

from xnorforge.core import networks, plugins
from xnorforge.sw.networks.base import Recipe

if TYPE_CHECKING:  # names are asked for where torch is not wanted
    from xnorforge.sw.nn.binary import AnyModule


def names() -> list[str]:
    """Return the names of the networks: the values of NET."""
    return networks.names()


def load(net: str) -> Any:
    """The module of a network's file; UserError, with all names, if there is none."""
    if networks.is_given(net):
        from xnorforge.sw import modules

        return modules.load(net)
    return plugins.load(networks.KIND, networks.plugin(net))


def recipe(net: str) -> Recipe:
    """Return how a network is trained."""
    return load(net).RECIPE


def build(net: str) -> "AnyModule":
    """A fresh network of Brevitas layers; UserError, with all names, if there is none."""
    return load(net).build()
