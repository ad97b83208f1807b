"""Cells of a package with a plain port (INTERFACE=plain), and on an ECP5 of 85,000 LUTs its routed clock.

    python tools/plain_port.py PACKAGE [MHZ]

Yosys maps the top flat, so that what waits for a reader that is always ready disappears. For the router bits
are shifted into a register as wide as a frame, and a signature register folds the results: every port begins
and ends at a register, and few pins are needed. This wrapper is not counted.
"""

import sys
from collections import Counter
from pathlib import Path

from pyosys import libyosys

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.flows.synth import cells
from xnorforge.hw import boards, families
from xnorforge.hw.families import _nextpnr
from xnorforge.hw.families.ecp5.route import PLACE
from xnorforge.hw.routing import call

WRAPPER = """
module around (input wire clk, input wire rst_n, input wire bit_in, input wire go, output reg bit_out);
  reg [{width}-1:0] frame_q, sent_q;
  reg [{out}-1:0] signature_q, result_q;
  reg valid_q, came_q, ready_q;
  wire [{out}-1:0] result;
  wire came;
  (* keep_hierarchy *)
  {module} u_accelerator (
    .aclk(clk), .aresetn(ready_q), .in_data(sent_q), .in_valid(valid_q), .out_data(result), .out_valid(came)
  );
  always @(posedge clk) begin
    frame_q <= {{frame_q, bit_in}};
    sent_q <= frame_q;
    valid_q <= go;
    ready_q <= rst_n;
    result_q <= result;
    came_q <= came;
    if (came_q) signature_q <= {{signature_q, signature_q[{out}-1]}} ^ result_q;
    bit_out <= signature_q[{out}-1];
  end
endmodule
"""


FOUND = "plain_port/found.json"


def mapped(package: Path, record: dict, folder: Path) -> dict[str, float]:
    """Map wrapper and accelerator, write the flat netlist of both; resources of the accelerator alone."""
    widths = {"width": record["border"]["input"]["width"], "out": record["border"]["output"]["width"]}
    (folder / "around.v").write_text(WRAPPER.format(module=record["module"], **widths))
    names = [line for line in (package / "rtl.f").read_text().split() if not line.startswith("+")]
    given = f'-I{package}/rtl -DSYNTHESIS -D{record["prefix"].upper()}_MEMORIES="{package}/rtl/"'
    family = boards.load(record["board"]).family
    synth = families.load(family).synth.replace(" -noflatten", "")
    design = libyosys.Design()
    for line in (
        *(f"read_verilog -defer {'-sv' * name.endswith('.sv')} {given} {package / name}" for name in names),
        f"read_verilog -defer {folder}/around.v",
        "hierarchy -top around",
        f"setattr -mod -set keep_hierarchy 1 {record['module']}",
        "proc",
        "flatten -noscopeinfo",
        f"{synth} -top around",
        f"tee -q -o {folder}/cells.json stat -json",
        f"setattr -mod -unset keep_hierarchy {record['module']}",
        "flatten -noscopeinfo",
        f"write_json {folder}/netlist.json",
    ):
        libyosys.run_pass(line, design)
    counted = read_json(folder / "cells.json")["modules"][f"\\{record['module']}"]["num_cells_by_type"]
    return cells.resources(Counter(counted), family)


def main(package: Path, mhz: float = 100.0) -> None:
    """Print cells, and of an ECP5 routed clock and latency; also as `FOUND` beside the package."""
    record, folder = read_json(package / "package.json"), package.parent / "plain_port"
    folder.mkdir(exist_ok=True)
    found = mapped(package, record, folder)
    print({name: amount for name, amount in found.items() if amount}, record["timing"], flush=True)
    target = boards.load(record["board"])
    result = {
        "part": target.part,
        "latency": record["timing"]["latency"],
        "lut": found["lut"],
        "ff": found["ff"],
    }
    write_json(package.parent / FOUND, result)
    if target.family != "ecp5":
        return
    arguments = ["--85k", "--package", "CABGA381", "--speed", "6", "--json", "/run/netlist.json"]
    arguments += ["--freq", f"{mhz:g}", "--timing-allow-fail", "--lpf-allow-unconstrained"]
    call(PLACE, [*arguments, "--report", "/run/report.json"], folder, "nextpnr.log", **_nextpnr.mount(folder))
    clock = min(row["achieved"] for row in read_json(folder / "report.json")["fmax"].values())
    write_json(package.parent / FOUND, result | {"mhz": clock})
    print(f"{clock:.1f} MHz, {1e3 * record['timing']['latency'] / clock:.1f} ns")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *map(float, sys.argv[2:3]))
