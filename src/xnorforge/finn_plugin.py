"""Our operators in FINN: importing this module enters them in FINN's registry (docs/guide/finn.md). Where
FINN was not started by its own command, it is started without Vivado.
"""

from finn.util.exception import FINNUserError
from finn.util.settings import get_settings

from xnorforge.flows.finn_execution import start_finn_builder

try:
    get_settings()
except FINNUserError:
    start_finn_builder()

from xnorforge.flows.backends.finn.nodes import register

register()
