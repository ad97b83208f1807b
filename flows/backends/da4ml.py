"""Every matrix that can be built so becomes adders, by da4ml (distributed arithmetic); the rest is folded."""

from xnorforge.flows.backends.base import Backend

BACKEND = Backend(about="RTL, distributed arithmetic by da4ml", matrices="adders")
