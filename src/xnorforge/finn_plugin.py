"""Our operators in FINN: importing this module enters them in FINN's registry (docs/guide/finn.md)."""

from xnorforge.flows.backends.finn.nodes import register

register()
