"""Gowin GW5A: the cells of a GW2A, without memory in LUTs, for which Project Apicula has no places yet."""

from dataclasses import replace

from xnorforge.hw.fabric import Fabric
from xnorforge.hw.families.gw2a.family import FAMILY as GW2A

FAMILY = replace(
    GW2A,
    synth="synth_gowin -family gw5a -noflatten -noiopads -nolutram",
    # Memories that ask for LUTs become block RAM or registers, as Yosys chooses.
    steps=(
        "hierarchy -check -top {top}",
        "proc",
        "setattr -unset ram_style a:ram_style=distributed",
        "{synth}",
    ),
    fabric=Fabric(lut_inputs=4, lut_rams=()),
)
