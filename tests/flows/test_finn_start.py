"""FINN starts without Vivado and leaves nothing behind."""

import os
import sys

import pytest
from documents import ran, without

CODE = """
import os, sys
from xnorforge.flows import finn_execution
finn_execution.start_finn()
import finn.custom_op.fpgadataflow
print(os.environ["FINN_BUILD_DIR"])
"""
STARTS = ("XILINX", "FINN", "VIVADO")  # what a start of FINN or Vivado leaves


def test_finn_starts_without_vivado_and_writes_nothing(tmp_path):
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    done = ran([sys.executable, "-c", CODE], here, without(*STARTS) | {"HOME": str(home)}, check=True)
    assert not any(home.rglob("*")) and not any(here.rglob("*"))
    assert not os.path.exists(done.stdout.strip())  # its temporary folder is gone with it


@pytest.mark.quick("!settings1")
@pytest.mark.parametrize("settings", [{}, {"FINN_BUILD_DIR": "of/another/start"}])
def test_the_plugin_makes_finns_build_importable_without_vivado(settings, tmp_path):
    code = "import xnorforge.finn_plugin, finn.builder.build_dataflow"
    ran([sys.executable, "-c", code], tmp_path, without(*STARTS) | settings, check=True)
