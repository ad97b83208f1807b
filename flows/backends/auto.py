"""Back end "auto": each matrix by a folded unit or by distributed arithmetic (da4ml), the smaller one."""

from xnorforge.flows.backends.base import Backend

BACKEND = Backend(
    about="RTL, each layer as the cheaper of a folded unit and adders", matrices="cheaper", needs="da4ml"
)
