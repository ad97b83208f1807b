"""The text of a generated module: a pipeline whose registers one enable moves."""

from hashlib import sha256

PORTS = """\
module NAME (
  input  logic clk_i, rst_ni,
  input  logic {taken} s_data_i,
  input  logic s_valid_i,
  output logic s_ready_o,
  output logic {given} m_data_o,
  output logic m_valid_o,
  input  logic m_ready_i
);
"""
BODY = """
  logic {given} result_q;
  logic go, unused_fold;

  /* verilator lint_off UNUSEDSIGNAL */  // a comparison may not need low bits, nor any row an input
  {lines}
  /* verilator lint_on UNUSEDSIGNAL */

  always_ff @(posedge clk_i) begin
    if (go) begin
      {moves}
    end
  end

  assign s_ready_o = go;

  xf_stages #(.Width({width}), .Stages({stages})) u_stages (
    .clk_i, .rst_ni, .s_valid_i, .go_o(go), .fold_o(unused_fold), .data_i(result_q),
    .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : NAME
"""


def generated_module(
    kind: str, head: str, bits: tuple[int, int], lines: list[str], moves: list[str], rows: int, stages: int
) -> tuple[str, str]:
    """Name, which begins with `kind`, and text of a module whose registers an enable moves; equal names mean
    equal texts.

    Args:
        head: the comment on top, see `verilog.head_of`.
        bits: of a beat, and of each of the `rows` results y0, y1, …
        lines: what computes these; moves: assignments of registers on the way.
    """
    wide_in, out_bits = bits
    results = [f"result_q[{row * out_bits} +: {out_bits}] <= y{row};" for row in range(rows)]
    text = f"{{head}}\n\n{PORTS}{BODY}".format(
        head=head, taken=dimension(wide_in), given=dimension(rows * out_bits), lines="\n  ".join(lines),
        moves="\n      ".join([*moves, *results]), width=rows * out_bits, stages=stages,
    )  # fmt: skip
    name = f"{kind}_{sha256(text.encode()).hexdigest()[:12]}"
    return name, text.replace("NAME", name)


def dimension(width: int) -> str:
    """The packed dimension of a vector, such as [7:0] of 8 bits."""
    return f"[{width - 1}:0]"
