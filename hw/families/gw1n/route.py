"""Gowin GW1N and GW1NR: the tools of a GW2A."""

from xnorforge.hw import routing
from xnorforge.hw.families.gw2a.route import Gw2a


class Gw1n(Gw2a):
    """The same, for another family of Yosys; the lines of its bitstreams are not known."""

    lines_known = False
    synth = f"synth_gowin -family gw1n -top {routing.TOP}"


ROUTER = Gw1n()
