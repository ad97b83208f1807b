"""Lattice Nexus (CrossLink-NX): LUTs, carries and memories as of an ECP5."""

from dataclasses import replace

from xnorforge.hw.families import Site
from xnorforge.hw.families.ecp5.family import FAMILY as ECP5

FAMILY = replace(
    ECP5,
    synth="synth_nexus -noflatten -noiopad",
    cells={
        "VLO": {},
        "VHI": {},
        "INV": {"lut_logic": 1},
        "LUT4": {"lut_logic": 1},
        "WIDEFN9": {"lut_logic": 2, "muxf": 1},
        "CCU2": {"lut_logic": 2, "carry": 1},
        **{f"FD1P3{act}X": {"ff": 1} for act in "BDIJ"},
        # Two slices hold the bits, a third writes them.
        "DPR16X4": {"lut_ram": 6},
        **{cell: {"ramb18": 1} for cell in ("DP16K", "PDP16K", "PDPSC16K")},
        "MULT9X9": {"dsp": 0.5},
        **{cell: {"dsp": 1} for cell in ("MULT18X18", "MULTPREADD18X18", "MULTADDSUB18X18")},
        "MULT18X36": {"dsp": 2},
        "MULTADDSUB9X9WIDE": {"dsp": 2},
        "MULT36X36": {"dsp": 4},
    },
    units={"lut": ("LUT", 1), "ff": ("FF", 1), "bram36": ("EBR", 2), "dsp": ("MULT18X18", 1)},
    sites=(
        Site("LUT4", ("lut",), "lut"), Site("  LUT4 as Logic", ("lut_logic",), "lut"),
        Site("  LUT4 as Memory", ("lut_ram",)), Site("Register", ("ff",), "ff"), Site("CCU2", ("carry",)),
        Site("EBR (18 kbit)", ("ramb18",), "bram36", per=2), Site("MULT18X18", ("dsp",), "dsp"),
    ),
    fabric=replace(ECP5.fabric, guarded=False),
    alike="ecp5",  # LUTs of four inputs too
)  # fmt: skip
