// SPDX-License-Identifier: Apache-2.0
//
// Product of two streams, element by element: y = a * b, modulo 2**OutBits, or with Xnor the bit
// that says whether two bits are equal. Pe channels per beat. A factor of one bit masks the other.
//
// A beat is accepted from both streams in the same cycle: ready of one stream depends on valid of
// the other.
//
// Rate       one beat per cycle
// Latency    1 cycle
// Reset      synchronous, control state only; data registers keep their values
// Bit model  op.py, Product.execute_node

`include "xf_assert.svh"

module xf_product #(
  parameter  int unsigned Pe      = 1,               // channels per beat
  parameter  logic [15:0] InBits  = {8'd8, 8'd8},    // per element of each stream
  parameter  logic [1:0]  Signed  = '0,
  parameter  int unsigned OutBits = 16,
  parameter  bit          Xnor    = 1'b0,
  localparam int unsigned BitsA   = 32'(InBits[7:0]),
  localparam int unsigned BitsB   = 32'(InBits[15:8])
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic [Pe*(BitsA+BitsB)-1:0] s_data_i,
  input  logic [1:0]                  s_valid_i,
  output logic [1:0]                  s_ready_o,
  output logic [Pe*OutBits-1:0]       m_data_o,
  output logic                        m_valid_o,
  input  logic                        m_ready_i
);

  if (Pe < 1 || OutBits < 1 || BitsA < 1 || BitsB < 1) begin : gen_bad_size
    $error("xf_product: Pe, OutBits, InBits must be at least 1; got %0d, %0d, {%0d, %0d}",
           Pe, OutBits, BitsA, BitsB);
  end else if (Xnor && (OutBits != 1 || BitsA != 1 || BitsB != 1)) begin : gen_bad_xnor
    $error("xf_product: with Xnor, InBits and OutBits must be 1; got {%0d, %0d}, %0d",
           BitsA, BitsB, OutBits);
  end

  logic go, valid_q;

  assign go        = m_ready_i | ~valid_q;
  assign s_ready_o = {go & s_valid_i[0], go & s_valid_i[1]};
  assign m_valid_o = valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (go) valid_q <= &s_valid_i;
  end

  for (genvar p = 0; p < Pe; p++) begin : gen_lane
    localparam int unsigned AtA   = p * BitsA;
    localparam int unsigned AtB   = Pe * BitsA + p * BitsB;
    localparam int unsigned TakeA = (BitsA < OutBits) ? BitsA + 1 : OutBits;
    localparam int unsigned TakeB = (BitsB < OutBits) ? BitsB + 1 : OutBits;
    logic signed [TakeA-1:0]   a;
    logic signed [TakeB-1:0]   b;
    logic signed [OutBits-1:0] product, product_q;

    assign a = TakeA'(signed'({Signed[0] & s_data_i[AtA+BitsA-1], s_data_i[AtA +: BitsA]}));
    assign b = TakeB'(signed'({Signed[1] & s_data_i[AtB+BitsB-1], s_data_i[AtB +: BitsB]}));

    if (Xnor) begin : gen_xnor
      assign product = a ~^ b;
    end else if (BitsA == 1 && !Signed[0]) begin : gen_mask_b
      assign product = (a != 0) ? OutBits'(b) : '0;
    end else if (BitsB == 1 && !Signed[1]) begin : gen_mask_a
      assign product = (b != 0) ? OutBits'(a) : '0;
    end else begin : gen_multiply
      assign product = OutBits'(a) * OutBits'(b);
    end

    always_ff @(posedge clk_i) if (go) product_q <= product;
    assign m_data_o[p*OutBits +: OutBits] = product_q;
  end

  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)

  `XF_ASSERT_WHEN(TakenTogether_A, |(s_valid_i & s_ready_o), &(s_valid_i & s_ready_o))

  `XF_ASSERT_INSIDE(NothingLost_A, go & (&s_valid_i), m_valid_o & m_ready_i, valid_q)

endmodule : xf_product
