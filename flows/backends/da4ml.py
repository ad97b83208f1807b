"""Back end "da4ml": distributed arithmetic for every matrix that supports it, folded units for the rest."""

from xnorforge.flows.backends.base import Backend

BACKEND = Backend(about="RTL, distributed arithmetic by da4ml", matrices="adders", needs="alkaid")
