"""Our commands for a family map what Yosys' own command maps, block RAMs with all their contents."""

import json
import subprocess
import sys

import numpy as np

from xnorforge.flows import yosys_job
from xnorforge.hw import families

# Half a block, one, rows of several, two that share their contents, and LUTs.
SHAPES = [(1024, 18), (512, 72), (16384, 1), (3000, 20), (65536, 1), (64, 6)]
SOURCE = """
module memory #(parameter Words = 1, Width = 1, Place = 0) (
    input clk, input write, input [15:0] at, where, input [71:0] word, output reg [71:0] first, second
);
  reg [Width-1:0] rom[0:Words-1], ram[0:Words-1];
  initial $readmemh($sformatf("rom_%0d.mem", Place), rom);
  initial $readmemh($sformatf("ram_%0d.mem", Place), ram);
  always @(posedge clk) begin
    if (write) ram[where[$clog2(Words)-1:0]] <= word;
    first  <= rom[at[$clog2(Words)-1:0]];
    second <= ram[at[$clog2(Words)-1:0]];
  end
endmodule

module top (
    input clk, input write, input [15:0] at, where, input [71:0] word, output [COUNT*72-1:0] first, second
);
"""


def write_sources(folder):
    """Memories of random contents, every seventh word left undefined; a top that has them all."""
    rng, text = np.random.default_rng(5), SOURCE.replace("COUNT", str(len(SHAPES)))
    for place, (words, width) in enumerate(SHAPES):
        for kind in ("rom", "ram"):
            stated = [f"@{word:x} {rng.integers(2 ** min(width, 62)):x}" for word in range(words) if word % 7]
            (folder / f"{kind}_{place}.mem").write_text("\n".join(stated))
        ports = ", ".join(f"{name}[{72 * place} +: 72]" for name in ("first", "second"))
        text += f"  memory #({words}, {width}, {place}) m{place} (clk, write, at, where, word, {ports});\n"
    (folder / "top.sv").write_text(text + "endmodule\n")


def test_the_netlist_is_that_of_yosys_own_command(tmp_path):
    write_sources(tmp_path)
    for name in ("ours", "own"):
        (tmp_path / name).mkdir()
    job = {"family": "xc7", "top": "top", "modules": ["top"], "sources": ["top.sv"], "stubs": []}
    job |= {"defines": [], "folder": "ours"}
    (tmp_path / "job.json").write_text(json.dumps(job))
    run(tmp_path, "-m", yosys_job.__name__, "job.json")
    commands, family = yosys_job.script({**job, "folder": "own"}), families.load("xc7")
    start = commands.index(family.steps[0])
    commands[start : start + len(family.steps)] = [f"{family.synth} -top top"]
    run(tmp_path, "-c", f"from {yosys_job.__name__} import run_commands; run_commands({commands!r})")
    text = (tmp_path / "own" / "top.v").read_text()
    for cell in ("RAMB36E1 #(", "RAMB18E1 #(", "RAM64M #(", 'RAM_EXTENSION_A("LOWER")', "INITP_00"):
        assert cell in text
    assert (tmp_path / "ours" / "top.v").read_text() == text


def run(folder, *arguments):
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
