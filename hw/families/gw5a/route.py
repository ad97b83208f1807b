"""Gowin GW5A: the tools of a GW2A, and the oscillator's clock, as its PLL is another one."""

from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.families import _nextpnr
from xnorforge.hw.families.gw2a.route import Gw2a
from xnorforge.hw.routing import TopPorts


class Gw5a(Gw2a):
    """The same, without a PLL; the lines of its bitstreams are not known."""

    lines_known = False
    synth = f"synth_gowin -family gw5a -nolutram -top {routing.TOP}"

    def top(self, board: Board, ports: TopPorts) -> str:
        return _nextpnr.unmultiplied_top(board, ports)


ROUTER = Gw5a()
