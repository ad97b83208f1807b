"""Our operators in FINN's registry, once imported (docs/guide/finn.md); starts FINN if needed."""

import os

from finn.util.exception import FINNUserError
from finn.util.settings import get_settings, initialize_dummy_settings

from xnorforge.flows.finn_execution import replace_vivado_simulator, start_finn

try:
    get_settings()
except FINNUserError:
    initialize_dummy_settings() if "XILINX_VIVADO" in os.environ else start_finn()
if "XILINX_VIVADO" not in os.environ:
    replace_vivado_simulator()

from xnorforge.flows.backends.finn.nodes import register

register()
