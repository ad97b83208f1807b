"""AMD/Xilinx 7 series, Zynq-7000 among it."""

from xnorforge.hw.families import Family, _xilinx

FAMILY = Family(
    synth="synth_xilinx -family xc7 -noiopad -noclkbuf",
    cells={
        **_xilinx.CELLS,
        "CARRY4": {"carry": 1},
        "RAMB36E1": {"ramb36": 1},
        "RAMB18E1": {"ramb18": 1},
        "DSP48E1": {"dsp": 1},
    },
    units={**_xilinx.UNITS, "carry4": ("CARRY4", 1)},
    sites=_xilinx.sites("CARRY4", ("F7", "F8")),
    defines=("XF_XC7",),
    simulation="xilinx/cells_sim.v",
    vendor_tool=("vivado", "Vivado"),
)
