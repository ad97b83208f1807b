"""Synthesis counts: circuits whose cells are known beforehand, a complete table, the capacity's message and
what it advises; our commands map what Yosys' own command maps, block RAMs with all their contents."""

import json
import re
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
from documents import python

from xnorforge.core.errors import UserError
from xnorforge.flows import yosys_job
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold, folded_graph
from xnorforge.flows.fold.too_large import too_large
from xnorforge.flows.synth import cells, content, mapping
from xnorforge.flows.synth.stage import CELL, synthesise
from xnorforge.hw import boards, families
from xnorforge.hw.bind import OPS, bind
from xnorforge.hw.graph import in_a_row

from ..refusals import says

PORTS = """
  input logic clk_i, input logic rst_ni,
  input logic [5:0] s_data_i, input logic s_valid_i, output logic s_ready_o,
  output logic [0:0] m_data_o, output logic m_valid_o, input logic m_ready_i"""

# Parity of six bits is one LUT6 in front of one register; valid is a second register. Nothing else is left to
# map.
PARITY = f"""module layer_00_parity ({PORTS});
  always_ff @(posedge clk_i) m_data_o <= ^s_data_i;
  always_ff @(posedge clk_i) if (!rst_ni) m_valid_o <= 1'b0; else m_valid_o <= s_valid_i;
  assign s_ready_o = m_ready_i;
endmodule
"""

TOP = """module xf_top (
  input logic aclk, input logic aresetn,
  input logic [7:0] s_axis_tdata, input logic s_axis_tvalid, output logic s_axis_tready,
  output logic [7:0] m_axis_tdata, output logic m_axis_tvalid, input logic m_axis_tready,
  output logic m_axis_tlast);
  logic bit_q;
  layer_00_parity u_layer (
    .clk_i(aclk), .rst_ni(aresetn),
    .s_data_i(s_axis_tdata[5:0]), .s_valid_i(s_axis_tvalid), .s_ready_o(s_axis_tready),
    .m_data_o(m_axis_tdata[0]), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready));
  assign m_axis_tdata[7:1] = '0;
  always_ff @(posedge aclk) bit_q <= m_axis_tvalid & m_axis_tready;
  assign m_axis_tlast = bit_q;
endmodule
"""

LAYER = {"module": "layer_00_parity", "file": "layer_00_parity.sv", "node": "parity", "op": "Parity",
         "memories": [], "generated": []}  # fmt: skip
RTL = {"top": "top.sv", "modules": ["layer_00_parity"], "library": [], "headers": [], "layers": [LAYER]}


@pytest.fixture
def acc(tmp_path, monkeypatch):
    """An accelerator folder with one hand-written layer."""
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "parity" / "rtl-pynq-z2"
    (folder / "rtl").mkdir(parents=True)
    (folder / "rtl" / "layer_00_parity.sv").write_text(PARITY)
    (folder / "rtl" / "top.sv").write_text(TOP)
    (folder / "rtl" / "rtl.json").write_text(json.dumps(RTL))
    (folder / "fold.json").write_text(json.dumps({"board": "pynq-z2", "interval": 1}))
    return folder


def test_a_known_circuit_counts_one_lut_and_two_registers_and_the_top_its_own(acc):
    record = synthesise(acc, acc.parent)
    (layer,) = record["operators"]
    assert layer["cells"] == {"FDRE": 2, "INV": 1, "LUT6": 1}
    # The reset's inverter is a LUT.
    assert [layer[name] for name in ("lut", "ff", "carry", "bram36")] == [2, 2, 0, 0]
    assert record["top"]["cells"] == {"FDRE": 1, "LUT2": 1}
    assert (record["total"]["lut"], record["total"]["ff"]) == (3, 3)
    assert [check["mismatches"] for check in record["checks"]] == [0, 0]
    assert all(check["integers"] for check in record["checks"])
    assert record["used"]["lut"] == 3 and record["capacity"]["lut"] == 53200
    assert sorted(path.name for path in (acc / "netlist").iterdir()) == ["layer_00_parity.v", "xf_top.v"]


def test_a_second_synthesis_takes_the_cache_and_gives_the_same_bytes(acc, monkeypatch):
    synthesise(acc, acc.parent)
    first = {path.name: path.read_bytes() for path in (acc / "netlist").iterdir()}
    monkeypatch.setattr(mapping, "run_yosys", lambda _, job, called: pytest.fail(f"{called} was not cached"))
    synthesise(acc, acc.parent)
    assert {path.name: path.read_bytes() for path in (acc / "netlist").iterdir()} == first


def test_a_changed_source_is_mapped_again(acc):
    synthesise(acc, acc.parent)
    source = acc / "rtl" / "layer_00_parity.sv"
    source.write_text(source.read_text().replace("^s_data_i;", "&s_data_i[1:0];"))
    assert synthesise(acc, acc.parent)["operators"][0]["cells"] == {"FDRE": 2, "INV": 1, "LUT2": 1}


def test_what_yosys_cannot_read_is_one_sentence(acc):
    unread = "module layer_00_parity (input logic clk_i); wat endmodule\n"
    (acc / "rtl" / "layer_00_parity.sv").write_text(unread)
    said = r"^synth: Yosys cannot map layer_00_parity, xf_top for the family xc7: .*ERROR: .*"
    with pytest.raises(UserError, match=said):
        synthesise(acc, acc.parent)


def test_resources_know_halves_sites_and_pairs():
    counted = cells.resources(
        {
            "LUT6_2": 3, "LUT2": 1, "INV": 2, "RAM32M": 2, "SRLC32E": 1, "RAMB36E1": 1, "RAMB18E1": 3,
            "FDRE": 7,
        },
        "xc7",
    )  # fmt: skip
    assert counted["lut_logic"] == 6 and counted["lut_ram"] == 8 and counted["srl"] == 1
    assert counted["lut"] == 15
    assert counted["bram36"] == 2.5
    assert counted["ff"] == 7


NETLIST = """module layer(a, y);
  LUT6 #(
    .INIT(64'h1)
  ) \\u_op.gen_dot[0].genblk1.u_sum.x_LUT6_O  (
    .I0(a),
  );
  LUT6 #(
    .INIT(64'h1)
  ) \\u_op.gen_dot[12].genblk1[3].u_sum.x_LUT6_O  (
    .I0(a),
  );
  FDRE \\u_op.gen_dot[0].y_FDRE_Q  (
    .C(a),
  );
  INV \\u_op.gen_dot[0].u_in.y  (
  );
  FDRE #(
    .INIT(1'h0)
  ) \\u_op.valid_q_FDRE_Q  (
  );
endmodule
"""


def test_every_cell_of_a_netlist_file_is_counted_once():
    assert CELL.findall(NETLIST) == ["LUT6", "LUT6", "FDRE", "INV", "FDRE"]


def test_a_resource_of_exactly_the_parts_capacity_is_not_over():
    capacity = {"lut": 53200, "ff": 106400, "bram36": 140, "carry4": 13300}
    at_most = {"lut": 53200, "ff": 106400, "bram36": 140, "carry": 13300}
    assert cells.exceeded(at_most, capacity) == []
    assert cells.exceeded(at_most | {"lut": 53201, "carry": 13301}, capacity) == ["lut", "carry4"]


def test_synthesis_works_in_a_folder_whose_name_has_a_space_and_a_dollar(acc, tmp_path, monkeypatch):
    """Yosys splits a command at spaces, and its call of ABC goes through a shell."""
    monkeypatch.setenv("HOME", "/nowhere")
    strange = tmp_path / "of $HOME and `others`"
    acc.parent.rename(strange)
    monkeypatch.setenv("XNORFORGE_CACHE", str(strange / "cache"))
    record = synthesise(strange / acc.name, strange)
    assert record["total"]["ff"] == 3
    assert (strange / acc.name / "netlist" / "layer_00_parity.v").is_file()


def test_yosys_installed_in_a_folder_that_a_shell_would_read_otherwise(acc, tmp_path, monkeypatch):
    """ABC lies in it, which Yosys calls by a shell."""
    installed = Path(str(files("pyosys")))
    strange = tmp_path / "of $HOME"
    strange.mkdir()
    shutil.copytree(installed, strange / "pyosys")
    monkeypatch.setenv("PYTHONPATH", str(strange))
    assert synthesise(acc, acc.parent)["total"]["ff"] == 3


def test_a_layer_at_another_place_under_another_name_is_not_mapped_again(acc, monkeypatch):
    """One more layer in front moves it: only the top and what is new are mapped, and names are restored."""
    synthesise(acc, acc.parent)
    first = (acc / "netlist" / "layer_00_parity.v").read_text()
    rtl = json.loads((acc / "rtl" / "rtl.json").read_text())
    moved = PARITY.replace("layer_00_parity", "layer_01_later").replace("module ", "// moved\nmodule ", 1)
    (acc / "rtl" / "layer_01_later.sv").write_text(moved)
    top = TOP.replace("layer_00_parity u_layer", "layer_01_later u_later")
    (acc / "rtl" / "top.sv").write_text(top)
    layer = {**rtl["layers"][0], "module": "layer_01_later", "file": "layer_01_later.sv"}
    record = {**rtl, "layers": [layer], "modules": ["layer_01_later"]}
    (acc / "rtl" / "rtl.json").write_text(json.dumps(record))
    mapped, run = [], mapping.run_yosys
    monkeypatch.setattr(mapping, "run_yosys", lambda *given: mapped.append(given[2]) or run(*given))
    synthesise(acc, acc.parent)
    assert mapped == ["xf_top"]
    renamed = first.replace("layer_00_parity", "layer_01_later")
    assert (acc / "netlist" / "layer_01_later.v").read_text() == renamed


def _places(ops, folder):
    """Where the results of the layers of these operators are kept, by the operator's name, and the top's."""
    onnx.save(folded_graph(ops, "network"), folder / "folded.onnx")
    rtl = generate(folder / "folded.onnx", folder / "rtl")
    found = mapping.modules(folder / "rtl", rtl, "xc7", rtl["layers"])
    names = {layer["module"]: layer["node"] for layer in rtl["layers"]}
    return {names.get(one.name, one.name): one.place for one in found}


def test_networks_share_the_results_of_equal_layers(chains, tmp_path):
    """Of one network with a FIFO in front of its second operator, and of one with other names and one other
    weight, the layers that are the same are kept under the same key."""

    def folded(flip=False, prefix=""):
        bounds = bind(chains["flat"]().model())
        if flip:
            bounds[-1].arrays["weights"] = 1 - bounds[-1].arrays["weights"]
        named = [replace(one, name=prefix + one.name) for one in bounds]
        return in_a_row([one.make_alone() for one in named])

    plain = folded()
    fifo = OPS["Fifo"].make("between", shape=[24], lanes=plain[1].in_stream().lanes, bits=1, depth=20)
    folders = [tmp_path / name for name in ("plain", "longer", "other")]
    for folder in folders:
        folder.mkdir()
    alone = _places(plain, folders[0])
    longer = _places(in_a_row([plain[0], fifo, *plain[1:]]), folders[1])
    assert len(set(alone.values())) == len(alone) == 4
    assert {name for name, place in longer.items() if place not in alone.values()} == {"between", "xf_top"}
    other = _places(folded(flip=True, prefix="my_"), folders[2])
    assert {name for name, place in other.items() if place not in alone.values()} == {"my_fc1", "xf_top"}


def test_a_file_of_the_library_counts_where_it_is_used(tmp_path):
    """By a module's name, by an include, and through another file; not where only a comment names it."""
    for name, text in {
        "xf_a.sv": '`include "xf_h.svh"\nmodule xf_a; xf_b u_b (); endmodule\n',
        "xf_b.sv": "module xf_b; endmodule // as xf_c\n",
        "xf_c.sv": "module xf_c; endmodule\n",
        "xf_h.svh": "`define H xf_d\n",
        "two.sv": "module xf_d; endmodule\nmodule xf_e; endmodule\n",
    }.items():
        (tmp_path / name).write_text(text)
    rtl = {"library": ["two.sv", "xf_a.sv", "xf_b.sv", "xf_c.sv"], "headers": ["xf_h.svh"]}
    assert list(content.library_used(tmp_path, rtl, ["module top; xf_a u_a (); endmodule"])) == [
        "xf_h.svh", "two.sv", "xf_a.sv", "xf_b.sv",
    ]  # fmt: skip
    assert list(content.library_used(tmp_path, rtl, ["module top; xf_c u_c (); endmodule"])) == ["xf_c.sv"]


BOARD = boards.load("pynq-z2")  # 53,200 LUT, 140 BRAM36


@pytest.fixture
def record(net):
    return fold(net, BOARD.name, net / "acc", interval=330)


def test_a_count_above_the_estimate_lowers_the_limit_by_that_ratio(net, record):
    """With one and a half times the capacity counted, two thirds of the estimate are allowed."""
    guess = record["estimate"]
    refused = too_large(net, BOARD, record, guess | {"lut": 79800})
    says(refused, f"pynq-z2: … 79,800 LUT … 53,200 … LUT={refused.retry['limits']['lut']}")
    again = fold(net, BOARD.name, net / "again", **refused.retry)
    assert again["estimate"]["lut"] <= 2 / 3 * guess["lut"]
    assert again["interval_bound"] <= refused.retry["interval"]


def test_a_folding_at_the_same_interval_is_advised_before_a_slower_one(net):
    """At 30,000 cycles the cheapest folding takes block RAM, of which the count is said to be too much."""
    record = fold(net, BOARD.name, net / "acc", interval=30000, spare="lut")
    counted = record["estimate"] | {"lut": 1.0, "bram36": 140.5}
    refused = too_large(net, BOARD, record, counted)
    says(refused, "pynq-z2: … 140.5 BRAM36 … 140 … BRAM=")
    assert refused.retry["interval"] == 30000


def test_what_no_limit_lowers_asks_for_a_board_on_which_it_folds(net, record):
    """Flip-flops have no limit, and no 7-series part here has 200,000."""
    refused = too_large(net, BOARD, record, record["estimate"] | {"ff": 200_000})
    assert not refused.retry
    name = re.search(r"BOARD=([\w-]+)", str(refused))
    assert name is not None
    other = boards.load(name[1])
    assert other.capacity["lut"] > BOARD.capacity["lut"] and other.family != BOARD.family
    fold(net, other.name, net / "other", interval=330)


def test_the_counts_choose_among_boards_of_the_same_family(net, record):
    """60,000 LUT and 110,000 flip-flops fit an XC7A100T, which is the smallest larger part of the family."""
    refused = too_large(net, BOARD, record, record["estimate"] | {"lut": 60_000, "ff": 110_000})
    says(refused, "pynq-z2: … 60,000 LUT and 110,000 FF … 53,200 and 106,400 … BOARD=arty-a7-100")


# Half a block, one, rows of several, two that share their contents, and LUTs.
SHAPES = [(1024, 18), (512, 72), (16384, 1), (3000, 20), (65536, 1), (64, 6)]
JOB = {"family": "xc7", "top": "top", "modules": ["top"], "sources": ["top.sv"], "stubs": [],
       "defines": []}  # fmt: skip
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
        "  assign y = carry[0];\nendmodule\n"
        "module top (input a, b, c, output y);\n  wire both;\n"
        "  leaf inner (a, b, both);\n  assign y = both ^ c;\nendmodule\n"
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
    without gates, as memories, number theirs otherwise than Yosys does."""
    names: dict[str, str] = {}
    cells = re.sub(r"^  wire .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\b_\d+_", lambda found: names.setdefault(found[0], f"_{len(names)}"), cells)
