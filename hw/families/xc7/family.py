"""AMD/Xilinx 7 series, including Zynq-7000."""

from xnorforge.hw.families import Family, _xilinx

FAMILY = Family(
    synth="synth_xilinx -family xc7 -noiopad -noclkbuf",
    # Without the models of the cells of other families, which every pass would walk through.
    steps=(
        "read_verilog -lib -specify +/xilinx/cells_sim.v",
        "hierarchy -check -top {top}",
        "{synth} -run prepare:map_memory",
        "memory_libmap -logic-cost-rom 0.015625 -lib +/xilinx/lutrams_xc5v.txt -lib +/xilinx/brams_xc4v.txt "
        "-D HAS_SIZE_36 -D HAS_CASCADE -D HAS_MIXWIDTH_SDP",
        "techmap -map +/xilinx/lutrams_xc5v_map.v",
        "techmap -map {block_rams}",
        "{synth} -run map_ffram:map_luts",
        "opt_expr -mux_undef -noclkinv",
        "read_verilog -icells -lib -specify +/xilinx/abc9_model.v",
        "select -set gates t:$_* %m",  # the modules with gates; in the others all cells are mapped already
        "select @gates",
        "abc9 -W 300",
        "select @gates %n",
        "setundef -zero",  # as `abc9` does it
        "select -clear",
        "clean",
        "xilinx_srl -fixed -minlen 3",
        "techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6",
        "xilinx_dffopt",
        "opt_lut_ins -tech xilinx",
        "{synth} -run finalize:",
    ),
    block_rams="xilinx/brams_xc6v_map.v",
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
    **_xilinx.SIMULATED,
    vendor_tool=("vivado", "Vivado"),
    level_ns=1.25,
)
