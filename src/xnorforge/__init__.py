"""xnorforge: compiles binary neural networks to SystemVerilog that is proven equal in simulation."""

import os

__version__ = "0.1.0"
PUBLIC = ("build", "train_network", "networks", "boards", "Accelerator")  # of xnorforge/api.py


def __getattr__(name: str):
    """`xnorforge.build` and its like; loaded when they are asked for, as they load numpy and more."""
    if name in PUBLIC:
        from xnorforge import api

        return getattr(api, name)
    raise AttributeError(f"module 'xnorforge' has no attribute '{name}'")


if "XNORFORGE_READS" in os.environ:  # this process is part of a stage, which notes what it reads
    from xnorforge.pipeline import reads

    reads.start_recording(os.environ[reads.VARIABLE])
