"""xnorforge: compiles binary neural networks to SystemVerilog that is proven equal in simulation."""

import os

__version__ = "0.1.0"

if "XNORFORGE_READS" in os.environ:  # this process is part of a stage, which notes what it reads
    from xnorforge.pipeline import reads

    reads.start_recording(os.environ[reads.VARIABLE])
