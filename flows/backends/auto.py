"""Each matrix as the cheaper of two: a folded unit, or adders by da4ml (distributed arithmetic)."""

from xnorforge.flows.backends.base import Backend

BACKEND = Backend(about="RTL, each layer as the cheaper of a folded unit and adders", matrices="cheaper")
