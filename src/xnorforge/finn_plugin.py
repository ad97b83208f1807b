"""Our operators in FINN: importing this module enters them in FINN's registry (docs/guide/finn.md). FINN is
started if its own command has not started it.
"""

import os

from finn.util.exception import FINNUserError
from finn.util.settings import get_settings, initialize_dummy_settings

from xnorforge.flows.finn_execution import start_finn_builder

try:
    get_settings()
except FINNUserError:
    if "XILINX_VIVADO" in os.environ:  # FINN's steps use its simulator
        initialize_dummy_settings()
    else:
        start_finn_builder()

from xnorforge.flows.backends.finn.nodes import register

register()
