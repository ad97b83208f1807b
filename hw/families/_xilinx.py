"""What the families of AMD/Xilinx have in common: cells of logic and memory, and Vivado's names."""

from pathlib import Path

from xnorforge.hw.families import Site

# How netlists are simulated: the models that families share, and Yosys' of the other cells.
SIMULATED: dict = {"simulation": "xilinx/cells_sim.v", "models": (Path(__file__).parent / "_xilinx.v",)}

CELLS: dict[str, dict[str, float]] = {
    "GND": {},
    "VCC": {},
    **{f"LUT{inputs}": {"lut_logic": 1} for inputs in range(1, 7)},
    "LUT6_2": {"lut_logic": 1},
    "INV": {"lut_logic": 1},
    **{cell: {"ff": 1} for cell in ("FDRE", "FDSE", "FDCE", "FDPE")},
    **{cell: {"muxf": 1} for cell in ("MUXF7", "MUXF8", "MUXF9")},
    **{cell: {"srl": 1} for cell in ("SRL16E", "SRLC32E")},
    # LUT sites (Xilinx UG474, table 2-4; UG574, table 2-2): S single port, D dual port, M four or eight
    # ports.
    **{f"RAM{words}X1S": {"lut_ram": -(-words // 64)} for words in (32, 64, 128, 256, 512)},
    **{f"RAM{words}X1D": {"lut_ram": max(2, words // 32)} for words in (32, 64, 128, 256)},
    **{f"RAM{kind}": {"lut_ram": 4} for kind in ("32M", "64M")},
    **{f"RAM{kind}": {"lut_ram": 8} for kind in ("32M16", "64M8")},
}

UNITS = {
    "lut": ("LUT", 1), "lut_memory": ("LUT as Memory", 1), "ff": ("FF", 1), "bram36": ("BRAM36", 1),
    "dsp": ("DSP", 1),
}  # fmt: skip


def sites(carry: str, muxes: tuple[str, ...]) -> tuple[Site, ...]:
    """The utilisation table in Vivado's words.

    Args:
        carry: the family's carry cell, of which every slice has one.
        muxes: its wide multiplexers, "F7" and so on; a slice has one of the last and of each other twice as
            many as of the next.
    """
    wide = [
        Site(f"{name} Muxes", (), carry.lower(), 2 ** (len(muxes) - 1 - place), (f"MUX{name}",))
        for place, name in enumerate(muxes)
    ]
    return (
        Site("Slice LUTs", ("lut",), "lut"), Site("  LUT as Logic", ("lut_logic",), "lut"),
        Site("  LUT as Memory", ("lut_ram", "srl"), "lut_memory"),
        Site("    LUT as Distributed RAM", ("lut_ram",)), Site("    LUT as Shift Register", ("srl",)),
        Site("Slice Registers", ("ff",), "ff"), *wide, Site(carry, ("carry",), carry.lower()),
        Site("Block RAM Tile", ("bram36",), "bram36"), Site("  RAMB36", ("ramb36",), "bram36"),
        Site("  RAMB18", ("ramb18",), "bram36", per=2), Site("DSPs", ("dsp",), "dsp"),
    )  # fmt: skip
