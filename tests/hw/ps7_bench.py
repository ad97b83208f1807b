"""The bitstream's top of a Zynq-7000; in place of its processor a stand-in whose ports GP0 and HP0 are the
bench's, with the names and widths of Yosys' cell library."""

import re
from importlib.resources import files
from pathlib import Path

import shell_bench

from xnorforge.hw.shells import dma, ps7
from xnorforge.sim import verilate

FORM = 1  # of shell_bench
HASH = shell_bench.HASH
LIBRARY = Path(str(files("pyosys"))) / "share" / "xilinx" / "cells_xtra.v"
# Groups of PS7's ports by the prefix that they have in the bench.
GROUPS = {"gp": "MAXIGP0", "hp": "SAXIHP0"}
# Bits that AXI4's models have where AXI3 has others: awlen, awsize, awlock and those of reads. ps7_cocotb.py
# looks that what goes in fits.
AXI4 = {"len": 8, "ize": 3, "ock": 1}


def library_ports() -> dict[str, tuple[str, int]]:
    """{port of PS7: (direction, bits)}, by Yosys' cell library."""
    text = LIBRARY.read_text()
    module = text[text.index("module PS7(") :]
    module = module[: module.index("endmodule")]
    found = re.findall(r"^\s+(input|output|inout) (?:\[(\d+):0\] )?(\w+);", module, re.MULTILINE)
    return {name: (way, int(high or 0) + 1) for way, high, name in found}


def used_ports() -> list[str]:
    """The ports of PS7 that the top connects."""
    cell = ps7.ps7_top("xf_board_top").split("PS7 u_ps7 (")[1]
    return re.findall(r"\.(\w+)\(", cell)


def _range(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""


def bench() -> str:
    """Verilog of `ps7_bench`: FCLK0 as aclk, gp_* and hp_*: the processor's two ports, irq, irqf2p."""
    library, ports, wires, stub = library_ports(), [], [], []
    for name in used_ports():
        way, bits = library[name]
        stub.append(f"  {way} logic {_range(bits)}{name}")
        group = next((own for own, prefix in GROUPS.items() if name.startswith(prefix)), None)
        if group is None or name.endswith("ACLK"):
            continue
        outside = f"{group}_{name.removeprefix(GROUPS[group]).lower()}"
        wide = AXI4.get(outside[-3:], bits)
        # The processor's outputs are driven from outside.
        ports.append(f"  {'input' if way == 'output' else 'output'} logic {_range(wide)}{outside}")
        if way == "output":
            wires.append(f"  assign {name} = {bits}'(ps7_bench.{outside});")
        else:
            wires.append(f"  assign ps7_bench.{outside} = {wide}'({name});")
    head, inner, driven = ",\n".join(ports), ",\n".join(stub), "\n".join(wires)
    return f"""
module PS7 (
{inner}
);
  assign FCLKCLK = {{3'b0, ps7_bench.aclk}};
  assign FCLKRESETN = {{3'b0, ps7_bench.aresetn}};
  assign ps7_bench.irqf2p = IRQF2P;
{driven}
endmodule
module BUFG (input logic I, output logic O);
  assign O = I;
endmodule
module ps7_bench (
  input logic aclk, input logic aresetn, output logic irq, output logic [19:0] irqf2p,
{head}
);
  xf_board_top u_top (.irq);
endmodule
"""


def sources(folder: Path) -> list[Path]:
    """All files of the bench, with a stand-in for the accelerator."""
    into, out = shell_bench.FORMS[FORM]
    system = dma.system(into, out, HASH)
    system = system.replace("xf_top ", f"stand_in_{FORM} ")
    (folder / "xf_system.sv").write_text(shell_bench.stand_in(FORM) + system)
    (folder / "xf_board_top.v").write_text(ps7.ps7_top("xf_board_top"))
    (folder / "ps7_bench.sv").write_text(bench())
    own = ["xf_system.sv", "xf_board_top.v", "ps7_bench.sv"]
    return [*ps7.ps7_sources(), *(folder / name for name in own)]


def build(folder: Path, form: verilate.Form) -> Path:
    """The bench as a simulator, assertions on."""
    seen = folder / "ports.vlt"
    seen.write_text('`verilator_config\npublic_flat_rw -module "ps7_bench" -var "*"\n')
    includes = sorted({path.parent for path in dma.shell_sources() if path.parent.name == "rtl"})
    given = [seen, *sources(folder)]
    return verilate.compile_model("ps7_bench", given, "", includes, verilate.CHECKED, level="-O0", form=form)
