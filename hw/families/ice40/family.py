"""Lattice iCE40 UltraPlus: no memory in LUTs. A block RAM of 4 kbit counts as an eighth of a BRAM36."""

from xnorforge.hw.fabric import BlockRam, Fabric
from xnorforge.hw.families import Family, Site

# Flip-flops: rising or falling (N) edge; E: with clock enable; S, R: set, reset, SS, SR: synchronous ones.
ACTS = ("", "S", "R", "SS", "SR")
FLIP_FLOPS = [f"SB_DFF{edge}{gate}{act}" for edge in ("", "N") for gate in ("", "E") for act in ACTS]

FAMILY = Family(
    synth="synth_ice40 -device u -noflatten",
    # Memories that ask for LUTs become block RAM or registers, as Yosys chooses.
    steps=(
        "hierarchy -check -top {top}", "proc", "setattr -unset ram_style a:ram_style=distributed",
        "{synth}",
    ),
    cells={
        "SB_LUT4": {"lut_logic": 1}, "SB_CARRY": {"carry": 1}, **{cell: {"ff": 1} for cell in FLIP_FLOPS},
        **{f"SB_RAM40_4K{edges}": {"ramb18": 0.25} for edges in ("", "NR", "NW", "NRNW")},
        "SB_MAC16": {"dsp": 1},
    },
    units={"lut": ("LUT", 1), "ff": ("FF", 1), "bram36": ("EBR", 8), "dsp": ("DSP", 1)},
    sites=(
        Site("SB_LUT4", ("lut",), "lut"), Site("SB_DFF", ("ff",), "ff"), Site("SB_CARRY", ("carry",)),
        Site("EBR (4 kbit)", ("ramb18",), "bram36", per=8), Site("SB_MAC16", ("dsp",), "dsp"),
    ),
    simulation="ice40/cells_sim.v",
    fabric=Fabric(
        lut_inputs=4, carry_bits=1, compared=(1, 1), shift_from=0, lut_rams=(),
        block_rams=(BlockRam(1 << 12, 0.125, 64, (2, 4, 8, 16), 2),),
    ),
    level_ns=5.0,
    alike="ecp5",  # LUTs of four inputs too
)  # fmt: skip
