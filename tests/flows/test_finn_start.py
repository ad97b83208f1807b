"""FINN starts without Vivado and leaves nothing behind."""

import os
import subprocess
import sys

CODE = """
import os, sys
from xnorforge.flows import finn_execution
finn_execution.start_finn()
import finn.custom_op.fpgadataflow
print(os.environ["FINN_BUILD_DIR"])
"""


def test_finn_starts_without_vivado_and_writes_nothing(tmp_path):
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("XILINX", "FINN", "VIVADO"))
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=here,
        env=kept | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not any(home.rglob("*")) and not any(here.rglob("*"))
    assert not os.path.exists(done.stdout.strip())  # its temporary folder is gone with it
