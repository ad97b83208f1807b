"""Our commands for a family map what Yosys' own command maps, block RAMs with all their contents."""

import json
import re

import numpy as np
import pytest
from documents import python

from xnorforge.flows import yosys_job
from xnorforge.hw import families

# Half a block, one, rows of several, two that share their contents, and LUTs.
SHAPES = [(1024, 18), (512, 72), (16384, 1), (3000, 20), (65536, 1), (64, 6)]
JOB = {
    "family": "xc7", "top": "top", "modules": ["top"], "sources": ["top.sv"], "stubs": [], "defines": [],
}  # fmt: skip
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


@pytest.mark.quick("!xc7-cells0")
@pytest.mark.parametrize("family, cells", [
    ("xc7", ("RAMB36E1 #(", "RAMB18E1 #(", "RAM64M #(", 'RAM_EXTENSION_A("LOWER")', "INITP_00")),
    pytest.param("xcup", ("RAMB36E2 #(", "RAMB18E2 #(", "RAM64M8 #(", "INITP_00"), marks=pytest.mark.full),
])  # fmt: skip
def test_memories_are_mapped_as_by_yosys_own_command(tmp_path, family, cells):
    write_sources(tmp_path)
    ours, text = mapped_twice(tmp_path, family)
    assert numbered(ours) == numbered(text)
    for cell in cells:
        assert cell in text


@pytest.mark.quick("2")
@pytest.mark.parametrize("seed", range(4))
def test_modules_within_modules_are_mapped_as_by_yosys_own_command(seed, tmp_path):
    (tmp_path / "top.sv").write_text(random_hierarchy(np.random.default_rng(seed)))
    ours, text = mapped_twice(tmp_path)
    assert ours == text
    assert text.count("LUT") > 40 and "FDRE" in text


def test_a_module_without_gates_keeps_the_cells_that_it_instantiates(tmp_path):
    """By itself Yosys takes CO[0] from O[1] here, which is equal to it as S[1] is 0."""
    (tmp_path / "top.sv").write_text(
        "module leaf (input a, b, output y);\n"
        "  wire [3:0] carry;\n"
        "  CARRY4 cell4 (.CI(1'b0), .CYINIT(1'b0), .DI({3'b0, a}), .S({3'b0, b}), .CO(carry), .O());\n"
        "  assign y = carry[0];\n"
        "endmodule\n"
        "module top (input a, b, c, output y);\n"
        "  wire both;\n"
        "  leaf inner (a, b, both);\n"
        "  assign y = both ^ c;\n"
        "endmodule\n"
    )
    text = mapped(tmp_path)
    assert re.search(r"CARRY4 [^;]*\.CO\(\{[^{}]*both \}\)", text), text
    assert len(re.findall(r"^  (?:CARRY4|LUT2)\b", text, re.MULTILINE)) == 2


def random_hierarchy(rng) -> str:
    """Twelve modules of two outputs, each with instances of up to three of those before it, in two sizes."""
    text = ""
    for place in range(12):
        signals, body = ["a", "b", "q"], ""
        for inner in rng.integers(place, size=min(place, 3)):
            x, y = rng.choice(signals, 2)
            size, name = rng.integers(1, 3), f"w{len(signals)}"
            body += f"  wire [15:0] {name}, {name}q;\n"
            body += f"  m{inner} #({size}) i{name} (clk, {x}, {y}, {name}, {name}q);\n"
            signals += [name, f"{name}q"]
        x, y, z, v = rng.choice(signals, 4)
        sign, own = rng.choice(["+", "-", "^", "&", "|"], 2), "q" if place % 2 else y
        text += (
            f"module {'top' if place == 11 else f'm{place}'} #(parameter S = 1)\n"
            "    (input clk, input [15:0] a, b, output [15:0] y, output reg [15:0] q);\n"
            f"{body}  always @(posedge clk) q <= {x}[{rng.integers(16)}] ? {y} + ({z} {sign[0]} S) : {v};\n"
            f"  assign y = ({z} {sign[1]} {v}) ^ {{16{{&{x}[9:2]}}}} ^ {{{own}[7:0], b[15:8]}};\n"
            "endmodule\n"
        )
    return text


def mapped_twice(folder, name: str = "xc7") -> tuple[str, str]:
    """The netlists of `top.sv` by our commands for a family and by Yosys' own command."""
    ours = mapped(folder, name)
    (folder / "own").mkdir()
    commands, family = yosys_job.script({**JOB, "family": name, "folder": "own"}), families.load(name)
    own = f"{family.synth} -top top"
    start = commands.index(family.steps[0].replace("{synth}", own))
    commands[start : start + len(family.steps)] = [own]
    code = f"from {yosys_job.__name__} import run_commands; run_commands({commands!r})"
    python("-c", code, cwd=folder, check=True)
    return ours, (folder / "own" / "top.v").read_text()


def mapped(folder, family: str = "xc7") -> str:
    """The netlist of `top.sv` by our commands for a family."""
    (folder / "ours").mkdir()
    (folder / "job.json").write_text(json.dumps({**JOB, "family": family, "folder": "ours"}))
    python("-m", yosys_job.__name__, "job.json", cwd=folder, check=True)
    return (folder / "ours" / "top.v").read_text()


def numbered(text: str) -> str:
    """A netlist without its declarations, nets and cells numbered in the order in which they occur: modules
    without gates, as memories, number theirs otherwise than Yosys does.
    """
    names: dict[str, str] = {}
    cells = re.sub(r"^  wire .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\b_\d+_", lambda found: names.setdefault(found[0], f"_{len(names)}"), cells)
