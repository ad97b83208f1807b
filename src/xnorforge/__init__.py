"""xnorforge: compiles binary neural networks to SystemVerilog that is checked bit for bit in simulation."""

import logging
import os
from typing import Any

from xnorforge.core import VERSION as __version__  # noqa: F401

logging.getLogger("torch.utils.cpp_extension").setLevel("ERROR")  # it warns of CUDA's compiler without a GPU
PUBLIC = ("build", "train", "networks", "boards", "Accelerator")  # of xnorforge/api.py


def __getattr__(name: str) -> Any:
    """`xnorforge.build` and its like; imported on first use, because they import numpy and more."""
    if name in PUBLIC:
        from xnorforge import api

        return getattr(api, name)
    raise AttributeError(f"module 'xnorforge' has no attribute '{name}'")


if "XNORFORGE_READS" in os.environ:  # this process is part of a stage, which notes what it reads
    from xnorforge.pipeline import reads

    reads.start_recording(os.environ[reads.VARIABLE])
