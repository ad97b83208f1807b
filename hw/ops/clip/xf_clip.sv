// SPDX-License-Identifier: Apache-2.0
//
// The maximum of Mul * x and the bound of its channel, or the minimum where the table says so.
// Pe channels per beat.
//
// The table word of a channel is, from the lowest bit: the bound as an output, whether the minimum
// is taken, and the largest x whose Mul * x does not exceed the bound. x is compared as unsigned
// (a sign bit is inverted first) with a leading one, so that a bound below all inputs can be
// written too. Most bits of that x equal those of the bound, and synthesis merges them.
//
// Rate       one beat per cycle
// Latency    1 cycle
// Reset      synchronous, control state only; data registers keep their values
// Bit model  op.py, Clip.execute_node

module xf_clip #(
  parameter  int unsigned Folds     = 4,  // beats per pixel
  parameter  int unsigned Pe        = 1,  // channels per beat
  parameter  int unsigned InBits    = 8,
  parameter  int unsigned Signed    = 0,  // 1: the input is two's complement
  parameter  int unsigned Mul       = 1,  // 1 or 2
  parameter  int unsigned OutBits   = 8,  // the result is taken modulo 2**OutBits
  parameter               BoundFile = "",
  localparam int unsigned FoldW     = (Folds > 1) ? $clog2(Folds) : 1,
  localparam int unsigned LaneW     = (Pe > 1) ? $clog2(Pe) : 1,
  localparam int unsigned WordW     = InBits + 1 + 1 + OutBits
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic [Pe*InBits-1:0]  s_data_i,
  input  logic                  s_valid_i,
  output logic                  s_ready_o,
  output logic [Pe*OutBits-1:0] m_data_o,
  output logic                  m_valid_o,
  input  logic                  m_ready_i
);

  if (Folds < 1 || Pe < 1 || InBits < 1 || OutBits < 1) begin : gen_bad_size
    $error("xf_clip: Folds, Pe, InBits, OutBits must be at least 1; got %0d, %0d, %0d, %0d",
           Folds, Pe, InBits, OutBits);
  end else if (Mul < 1 || Mul > 2) begin : gen_bad_mul
    $error("xf_clip: Mul must be 1 or 2; got Mul=%0d", Mul);
  end

  // Address: lane, fold. Every lane has its part constant, which logic profits from.
  (* rom_style = "logic" *) logic [WordW-1:0] words [1 << (LaneW + FoldW)];
  initial if (BoundFile != "") $readmemh(BoundFile, words);

  localparam logic [InBits-1:0] SignBit = InBits'(Signed) << (InBits - 1);

  logic [FoldW-1:0]      part, fold;
  logic [Pe*OutBits-1:0] data_q;
  logic                  go;

  assign fold = (Folds > 1) ? part : '0;  // a constant for synthesis

  for (genvar p = 0; p < Pe; p++) begin : gen_lane

    logic [InBits-1:0]  x;
    logic [OutBits-1:0] wide, bound;
    logic [InBits:0]    most;
    logic               minimum, above;

    assign x                      = s_data_i[p*InBits +: InBits];
    assign {most, minimum, bound} = words[{LaneW'(p), fold}];
    assign above                  = {1'b1, x ^ SignBit} > most;

    if (Signed != 0) begin : gen_signed
      assign wide = OutBits'($signed(x));
    end else begin : gen_unsigned
      assign wide = OutBits'(x);
    end

    // Where Mul * x is the bound, either may be taken.
    always_ff @(posedge clk_i) begin
      if (go) data_q[p*OutBits +: OutBits] <= (above != minimum) ? wide << (Mul - 1) : bound;
    end

  end

  assign s_ready_o = go;

  xf_stages #(.Width(Pe * OutBits), .Stages(1), .Folds(Folds)) u_stages (
    .clk_i, .rst_ni, .s_valid_i, .go_o(go), .fold_o(part), .data_i(data_q),
    .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : xf_clip
