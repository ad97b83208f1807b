"""Lattice ECP5. A block RAM holds 18 kbit and counts as half a BRAM36."""

from xnorforge.hw.fabric import BlockRam, Fabric, LutRam
from xnorforge.hw.families import Family, Site

FAMILY = Family(
    synth="synth_ecp5 -noflatten",
    cells={
        "GND": {},
        "VCC": {},
        "LUT4": {"lut_logic": 1},
        "CCU2C": {"lut_logic": 2, "carry": 1},
        "PFUMX": {"muxf": 1},
        "L6MUX21": {"muxf": 1},
        "TRELLIS_FF": {"ff": 1},
        # Two slices hold the bits, a third writes them (Lattice FPGA-TN-02204).
        "TRELLIS_DPR16X4": {"lut_ram": 6},
        "DP16KD": {"ramb18": 1},
        "PDPW16KD": {"ramb18": 1},
        "MULT18X18D": {"dsp": 1},
    },
    units={"lut": ("LUT", 1), "ff": ("FF", 1), "bram36": ("EBR", 2), "dsp": ("DSP", 1)},
    sites=(
        Site("LUT4", ("lut",), "lut"), Site("  LUT4 as Logic", ("lut_logic",), "lut"),
        Site("  LUT4 as Memory", ("lut_ram",)), Site("TRELLIS_FF", ("ff",), "ff"),
        Site("CCU2C", ("carry",)), Site("EBR (18 kbit)", ("ramb18",), "bram36", per=2),
        Site("MULT18X18D", ("dsp",), "dsp"),
    ),
    rom_rows=2048,
    fabric=Fabric(
        lut_inputs=4, carry_bits=2, carry_from=5, compared=(1, 1), shift_from=0,
        lut_rams=(LutRam(16, 4, 6, 4),), block_rams=(BlockRam(1 << 14, 0.5, 128, (1, 2, 4, 9, 18, 36)),),
        guarded=True,
    ),
)  # fmt: skip
