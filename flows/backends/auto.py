"""Back end "auto": each matrix as a folded unit or as distributed arithmetic (da4ml), the smaller one."""

from xnorforge.flows.backends.base import Backend

BACKEND = Backend(
    about="RTL, each layer as a folded unit or as adders, whichever is smaller",
    matrices="cheaper",
    needs="alkaid",
)
