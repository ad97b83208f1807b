"""FINN starts without Vivado and leaves nothing behind."""

import os
import subprocess
import sys

import pytest

CODE = """
import os, sys
from xnorforge.flows import finn_execution
finn_execution.start_finn()
import finn.custom_op.fpgadataflow
print(os.environ["FINN_BUILD_DIR"])
"""


def clean() -> dict[str, str]:
    """The environment without a start of FINN or Vivado."""
    return {
        key: value for key, value in os.environ.items() if not key.startswith(("XILINX", "FINN", "VIVADO"))
    }


def test_finn_starts_without_vivado_and_writes_nothing(tmp_path):
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=here,
        env=clean() | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not any(home.rglob("*")) and not any(here.rglob("*"))
    assert not os.path.exists(done.stdout.strip())  # its temporary folder is gone with it


@pytest.mark.quick("!settings1")
@pytest.mark.parametrize("settings", [{}, {"FINN_BUILD_DIR": "of/another/start"}])
def test_the_plugin_makes_finns_build_importable_without_vivado(settings, tmp_path):
    code = "import xnorforge.finn_plugin, finn.builder.build_dataflow"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=clean() | settings, check=True)
