"""AMD/Xilinx UltraScale+."""

from xnorforge.hw.fabric import Fabric, UltraRam
from xnorforge.hw.families import Family, Site, _xilinx

FAMILY = Family(
    synth="synth_xilinx -family xcup -noiopad -noclkbuf",
    cells={
        **_xilinx.CELLS,
        "CARRY8": {"carry": 1},
        # What Yosys maps to; a CARRY8 is two of them in its mode DUAL_CY4 (Xilinx UG574).
        "CARRY4": {"carry": 0.5},
        "RAMB36E2": {"ramb36": 1},
        "RAMB18E2": {"ramb18": 1},
        "DSP48E2": {"dsp": 1},
        "URAM288": {"uram": 1},
    },
    units={**_xilinx.UNITS, "carry8": ("CARRY8", 1), "uram": ("UltraRAM", 1)},
    sites=(*_xilinx.sites("CARRY8", ("F7", "F8", "F9")), Site("URAM", ("uram",), "uram")),
    steps=(
        "{synth} -run begin:map_memory",
        # Only memories that ask for it: with -uram Yosys would also put large buffers there.
        "memory_libmap -lib +/xilinx/urams.txt a:ram_style=ultra",
        "techmap -map +/xilinx/urams_map.v",
        "memory_libmap -logic-cost-rom 0.015625 -lib +/xilinx/lutrams_xcu.txt -lib +/xilinx/brams_xc4v.txt "
        "-D HAS_SIZE_36 -D HAS_MIXWIDTH_SDP -D HAS_ADDRCE",
        "techmap -map +/xilinx/lutrams_xc5v_map.v",
        "techmap -map {block_rams}",
        "{synth} -run map_ffram:",
    ),
    block_rams="xilinx/brams_xcu_map.v",
    fabric=Fabric(ultra_ram=UltraRam(4096, 72, 8)),  # Xilinx UG573, chapter 2
    **_xilinx.SIMULATED,
    vendor_tool=("vivado", "Vivado"),
    level_ns=0.8,
)
