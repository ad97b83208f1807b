"""The 7-series counters against plain arithmetic, proved for all inputs with the SAT solver of Yosys."""

import subprocess
import sys
from importlib.resources import files

import pytest

from xnorforge.hw.ops import _dots

RTL = files("xnorforge.hw") / "rtl"
# Registers become wires: what is proved is the function of the pipeline.
WIRES = """
(* techmap_celltype = "$dff $dffe" *)
module register (CLK, EN, D, Q);
  parameter WIDTH = 1;
  parameter CLK_POLARITY = 1;
  parameter EN_POLARITY = 1;
  input CLK, EN;
  input [WIDTH-1:0] D;
  output [WIDTH-1:0] Q;
  assign Q = D;
endmodule
"""
# One process proves all: it reads the modules once in each form, and answers a line of commands with a line.
ANSWERS = """
import sys
from pyosys import libyosys as ys
design = ys.Design()
for line in sys.stdin:
    for command in line.split(";"):
        design.run_pass(command)
    print("\\nanswered", flush=True)
"""
FORMS = {"primitives": "-D XF_XC7", "portable": ""}


@pytest.fixture(scope="module")
def proved(tmp_path_factory):
    """Whether `gold` (statements) and `gate` (an instance that drives `gate`) agree for all inputs."""
    folder = tmp_path_factory.mktemp("proofs")
    (folder / "wires.v").write_text(WIRES)
    known = sorted(str(path) for path in RTL.iterdir() if path.name.endswith(".sv"))
    sources = " ".join(sorted(known, key=lambda path: not path.endswith("_pkg.sv")))  # packages first
    process = subprocess.Popen(
        [sys.executable, "-c", ANSWERS], cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    def answered(*commands: str) -> None:
        print(*commands, sep=";", file=process.stdin, flush=True)
        assert "answered\n" in iter(process.stdout.readline, "")

    for form, defines in FORMS.items():
        answered("design -reset", f"read_verilog -defer -sv {defines} -I {RTL} {sources}",
                 "read_verilog -defer +/xilinx/cells_sim.v", f"design -save {form}")  # fmt: skip

    def prove(inputs: str, width: int, gold: str, gate: str, form="primitives", files=None) -> bool:
        ports, wires = f"({inputs}, output logic differs)", f"logic [{width - 1}:0] gold, gate;"
        text = f"module miter {ports};\n{wires}\n{gold}\n{gate}\nassign differs = gold != gate;\nendmodule\n"
        for content in (files or {}).values():
            text = f"{content}{text}"
        (folder / "miter.sv").write_text(text)
        answered(f"design -load {form}", f"read_verilog -sv {FORMS[form]} {RTL}/xf_pkg.sv miter.sv",
                 "hierarchy -check -top miter", "proc", "flatten", "opt_clean", "techmap -map wires.v",
                 "opt -full", "tee -q -o said.txt sat -prove differs 0 miter")  # fmt: skip
        said = (folder / "said.txt").read_text()
        assert ("no model found: SUCCESS" in said) != ("model found: FAIL" in said), said
        return "SUCCESS" in said

    with process:
        yield prove
        process.stdin.close()


def ones(vector: str, bits: int, weight="1") -> str:
    """Statements that sum the bits of a vector, bit k times `weight` (an expression of k)."""
    body = f"gold = gold + ({vector} >> k & 1) * {weight}"
    return f"always_comb begin gold = 0; for (int k = 0; k < {bits}; k++) {body}; end"


LEAVES = {
    **{
        f"a chain of {width} with carry {first}": (
            f"input [{width - 1}:0] a, b", 2 * width,
            f"""logic [{width}:0] c; assign gold = {{c[{width}:1], a ^ b ^ c[{width - 1}:0]}};
  always_comb begin
    c[0] = {first}; for (int k = 0; k < {width}; k++) c[k+1] = (a[k] & b[k]) | (c[k] & (a[k] | b[k]));
  end""",
            f"xf_carry #(.Width({width})) u (.carry_i(1'b{first}), .select_i(a ^ b), .data_i(a), "
            f".sum_o(gate[{width - 1}:0]), .carry_o(gate[{2 * width - 1}:{width}]));",
        )
        for width, first in ((1, 0), (1, 1), (4, 1), (5, 0), (9, 1))
    },
    "three pairs": (
        "input [2:0] x, w", 2, ones("(x ~^ w)", 3), "xf_xnor3 u (.x_i(x), .w_i(w), .count_o(gate));"
    ),
    "three bits": ("input [2:0] a", 2, ones("a", 3), "xf_count3 u (.bits_i(a), .count_o(gate));"),
    **{
        f"{groups} groups of six": (
            f"input [{6 * groups - 1}:0] a", 2 * groups + 1, ones("a", 6 * groups, "(1 << 2 * (k / 6))"),
            f"xf_count6 #(.Groups({groups})) u (.bits_i(a), .sum_o(gate));",
        )
        for groups in (1, 2, 3, 4)
    },
    **{
        f"{groups} groups of six and a seventh bit": (
            f"input [{6 * groups}:0] a", 2 * groups + 1,
            ones("a", 6 * groups + 1, f"(k == {6 * groups} ? 1 : 1 << 2 * (k / 6))"),
            f"xf_count6 #(.Groups({groups}), .Seventh(1)) u (.bits_i(a), .sum_o(gate));",
        )
        for groups in (1, 2, 3)
    },
    **{
        f"three numbers of {width} bits, {more} more": (
            f"input [{width - 1}:0] a, b, c", width + more, "assign gold = a + b + c;",
            f"xf_add3 #(.Width({width}), .SumW({width + more})) u (.a_i(a), .b_i(b), .c_i(c), .sum_o(gate));",
        )
        for width, more in ((1, 1), (2, 2), (3, 0), (4, 1), (6, 2), (10, 2))
    },
    **{
        f"two numbers of {width} bits with signs": (
            f"input [{width - 1}:0] a, b, input wa, wb", width + 1,
            f"logic [{width - 1}:0] x, y; assign x = wa ? a : ~a; assign y = wb ? b : ~b; assign gold = x + "
            "y;",
            f"xf_add2 #(.Width({width})) u (.a_i(a), .wa_i(wa), .b_i(b), .wb_i(wb), .sum_o(gate));",
        )
        for width in (2, 4, 8, 9)
    },
    **{
        f"three pairs behind gate {gate}": (
            "input [2:0] x, w", 2, ones("(x & w)" if gate == 1 else "(~(x & w))", 3),
            f"xf_xnor3 #(.Gate({gate})) u (.x_i(x), .w_i(w), .count_o(gate));",
        )
        for gate in (1, 2)
    },
    **{
        f"two numbers behind gate {gate}": (
            "input [4:0] a, b, input wa, wb", 6,
            f"logic [4:0] x, y; assign x = {x}(wa ? a : 5'd0); assign y = {y}(wb ? b : 5'd0); assign gold = "
            "x + y;",
            f"xf_add2 #(.Width(5), .Gate({gate})) u (.a_i(a), .wa_i(wa), .b_i(b), .wb_i(wb), .sum_o(gate));",
        )
        for gate, x, y in ((1, "", ""), (2, "", "~"), (3, "~", "~"))
    },
    **{
        f"{bits} bits behind a ternary weight": (
            f"input [{bits - 1}:0] x, input [1:0] w", bits,
            f"assign gold = !w[0] ? {bits}'d0 : w[1] ? ~x : x;",
            f"xf_ternary_gate #(.Bits({bits})) u (.x_i(x), .w_i(w), .data_o(gate));",
        )
        for bits in (1, 2, 3, 8)
    },
}  # fmt: skip


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize("form", FORMS)
def test_leaves_count_right_for_all_inputs(proved, leaf, form):
    assert proved(*LEAVES[leaf], form)


def made(dot, sum="gate"):
    """The instance of a dot product that drives `sum`, and the texts of its modules."""
    ports = ", ".join(f".{port}({port[0]})" for port in dot.ports)
    return f"{dot.module} u (.clk_i(1'b0), .en_i(1'b1), {ports}, .sum_o({sum}));", "primitives", dot.files


def popcount(simd):
    inputs, gold = f"input [{simd - 1}:0] x, w", ones("(x ~^ w)", simd)
    return inputs, simd.bit_length(), gold, *made(_dots.signed_sum(simd, 1))


@pytest.mark.parametrize("simd", [*range(1, 19), 24, 27, 32])
def test_popcount_is_the_number_of_equal_bits(proved, simd):
    assert proved(*popcount(simd))


@pytest.mark.parametrize("count", [*range(1, 14), 24, 36])
def test_ones_are_counted(proved, count):
    assert proved(f"input [{count - 1}:0] w", count.bit_length(), ones("w", count), *made(_dots.ones(count)))


@pytest.mark.parametrize("simd, bits", [(1, 8), (2, 8), (3, 8), (4, 4), (5, 4), (7, 2), (10, 2)])
def test_signed_sum_adds_elements_or_their_inverses(proved, simd, bits):
    top = 2**bits - 1
    body = f"gold = gold + (w[k] ? (x >> k * {bits} & {top}) : {top} - (x >> k * {bits} & {top}));"
    gold = f"always_comb begin gold = 0; for (int k = 0; k < {simd}; k++) {body} end"
    inputs = f"input [{simd * bits - 1}:0] x, input [{simd - 1}:0] w"
    assert proved(inputs, (simd * top).bit_length(), gold, *made(_dots.signed_sum(simd, bits)))


def test_the_proof_notices_one_wrong_count(proved):
    inputs, width, gold, *gate = popcount(12)
    wrong = gold.replace("gold = 0;", "gold = x == 5 && w == 9;")
    assert not proved(inputs, width, wrong, *gate)


@pytest.mark.parametrize("simd, bits, weight", [(1, 3, 2), (2, 3, 3), (3, 2, 3), (5, 1, 3), (4, 1, 2)])
def test_plane_sum_multiplies_by_integers(proved, simd, bits, weight):
    """gold = constant + sum of x * w, w two's complement."""
    offset, dot = _dots.plane_offset(simd, bits, weight), _dots.planes(simd, bits, weight)
    x, w = f"(x >> k * {bits} & {2**bits - 1})", f"(w >> k * {weight} & {2**weight - 1})"
    body = f"gold = gold + {x} * ({w} - (({w} >> {weight - 1}) << {weight}));"
    gold = f"always_comb begin gold = {offset}; for (int k = 0; k < {simd}; k++) {body} end"
    inputs = f"input [{simd * bits - 1}:0] x, input [{simd * weight - 1}:0] w"
    assert proved(inputs, dot.bits, gold, *made(dot))


@pytest.mark.parametrize("simd, bits", [(1, 2), (2, 3), (3, 2), (7, 2), (5, 1)])
def test_ternary_sum_is_the_product_and_a_constant_of_the_weights(proved, simd, bits):
    """gold = sum of x * w + (2**bits - 1) times the weights of -1; a weight is 0, 1 or 3 in its two bits."""
    top = 2**bits - 1
    width = (simd * top).bit_length()
    x, w = f"(x >> k * {bits} & {top})", "(v >> k * 2 & 3)"
    body = f"gold = gold + ({w} == 3 ? {top} - {x} : {w} == 1 ? {x} : 0);"
    known = " & ".join(f"(v[{2 * k}] | ~v[{2 * k + 1}])" for k in range(simd))  # none is -2
    gold = f"always_comb begin gold = 0; for (int k = 0; k < {simd}; k++) {body} end"
    gates = ""
    for k in range(simd):
        pins = f".x_i(x[{k * bits} +: {bits}]), .w_i(v[{2 * k} +: 2]), .data_o(data{k})"
        gates += f"logic [{bits - 1}:0] data{k}; xf_ternary_gate #(.Bits({bits})) u{k} ({pins});"
    data = ", ".join(f"data{k}" for k in reversed(range(simd)))
    dot, *texts = made(_dots.number_sum("ternary_sum", simd, bits), "sum")
    gate = f"logic [{width - 1}:0] sum; assign gate = {known} ? sum : gold; {gates}"
    gate += f" wire [{simd * bits - 1}:0] w = {{{data}}}; {dot}"
    inputs = f"input [{simd * bits - 1}:0] x, input [{2 * simd - 1}:0] v"
    assert proved(inputs, width, gold, gate, *texts)
