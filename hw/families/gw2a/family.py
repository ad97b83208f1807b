"""Gowin GW2A, GW2AR and GW2ANR. A block RAM holds 18 kbit and counts as half a BRAM36."""

from xnorforge.hw.fabric import Fabric
from xnorforge.hw.families import Family, Site

# Flip-flops: rising or falling (N) edge; S, R, P, C: set, reset, preset, clear; E: with clock enable.
FLIP_FLOPS = [f"DFF{edge}{act}{gate}" for edge in ("", "N") for act in ("", *"SRPC") for gate in ("", "E")]

FAMILY = Family(
    synth="synth_gowin -family gw2a -noflatten -noiopads",
    cells={
        "GND": {},
        "VCC": {},
        **{f"LUT{inputs}": {"lut_logic": 1} for inputs in range(1, 5)},
        **{f"MUX2_LUT{inputs}": {"muxf": 1} for inputs in range(5, 9)},
        "ALU": {"lut_logic": 1, "carry": 1},
        **{cell: {"ff": 1} for cell in FLIP_FLOPS},
        # Four LUTs hold 16 x 4 bits, two more are their write port.
        **{f"RAM16SDP{bits}": {"lut_ram": 6} for bits in (1, 2, 4)},
        **{
            cell: {"ramb18": 1}
            for cell in (
                "SP", "SPX9", "SDP", "SDPX9", "DP", "DPX9", "SDPB", "SDPX9B", "DPB", "DPX9B", "pROM",
                "pROMX9",
            )
        },
        "MULT9X9": {"dsp": 0.5},
        "MULT18X18": {"dsp": 1},
        "MULT36X36": {"dsp": 4},
    },
    fabric=Fabric(lut_inputs=4),
    units={"lut": ("LUT", 1), "ff": ("FF", 1), "bram36": ("BSRAM", 2), "dsp": ("MULT18X18", 1)},
    sites=(
        Site("LUT4", ("lut",), "lut"), Site("  LUT4 as Logic", ("lut_logic",), "lut"),
        Site("  LUT4 as SSRAM", ("lut_ram",)), Site("Register", ("ff",), "ff"), Site("ALU", ("carry",)),
        Site("BSRAM (18 kbit)", ("ramb18",), "bram36", per=2), Site("MULT18X18", ("dsp",), "dsp"),
    ),
    rom_rows=2048,
    alike="ecp5",  # LUTs of four inputs too
)  # fmt: skip
