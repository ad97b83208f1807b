"""Gowin GW1N and GW1NR: the cells of a GW2A."""

from dataclasses import replace

from xnorforge.hw.families.gw2a.family import FAMILY as GW2A

FAMILY = replace(GW2A, synth="synth_gowin -family gw1n -noflatten -noiopads")
