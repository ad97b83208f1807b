"""The text of a generated module: a pipeline whose registers one enable moves."""

from hashlib import sha256


def generated_module(
    kind: str, head: str, bits: tuple[int, int], lines: list[str], moves: list[str], rows: int, stages: int
) -> tuple[str, str]:
    """Name, which begins with `kind`, and text of a module whose registers an enable moves; equal names mean
    equal texts.

    Args:
        bits: of a beat, and of each of the `rows` results y0, y1, …
        lines: what computes these; moves: assignments of registers on the way.
    """
    wide_in, out_bits = bits
    ports, body = _ports(wide_in, rows * out_bits), _body(lines, moves, rows, out_bits, stages)
    name = f"{kind}_{sha256((head + ports + body).encode()).hexdigest()[:12]}"
    return name, f"{head}\nmodule {name} (\n{ports}\n{body}\nendmodule : {name}\n"


def _ports(wide_in: int, wide_out: int) -> str:
    return f"""  input  logic clk_i,
  input  logic rst_ni,
  input  logic {dimension(wide_in)} s_data_i,
  input  logic s_valid_i,
  output logic s_ready_o,
  output logic {dimension(wide_out)} m_data_o,
  output logic m_valid_o,
  input  logic m_ready_i
);
"""


def _body(lines: list[str], moves: list[str], rows: int, out_bits: int, stages: int) -> str:
    """The text between ports and end."""
    return "\n".join(
        [
            f"  logic {dimension(rows * out_bits)} result_q;",
            "  logic go, unused_fold;",
            "",
            "  /* verilator lint_off UNUSEDSIGNAL */"
            "  // a comparison may not need low bits, nor any row an input",
            *(f"  {line}" for line in lines),
            "  /* verilator lint_on UNUSEDSIGNAL */",
            "",
            "  always_ff @(posedge clk_i) begin",
            "    if (go) begin",
            *(f"      {move}" for move in moves),
            *(f"      result_q[{row * out_bits} +: {out_bits}] <= y{row};" for row in range(rows)),
            "    end",
            "  end",
            "",
            "  assign s_ready_o = go;",
            "",
            f"  xf_stages #(.Width({rows * out_bits}), .Stages({stages})) u_stages (",
            "    .clk_i, .rst_ni, .s_valid_i, .go_o(go), .fold_o(unused_fold), .data_i(result_q),",
            "    .m_data_o, .m_valid_o, .m_ready_i",
            "  );",
            "",
        ]
    )


def dimension(width: int) -> str:
    """The packed dimension of a vector, such as [7:0] of 8 bits."""
    return f"[{width - 1}:0]"
