// SPDX-License-Identifier: Apache-2.0
//
// Products of elements with the weights of one or two rows, with multipliers, and their sums along
// chains.
//
// Chain elements are multiplied and added in a chain of multiply-adders: the inputs of position k
// wait k cycles longer, in the DSP48's own registers. With Rows = 2 a multiplier serves both rows:
// its factor is (weight of row 1) * 2**FieldW + (weight of row 0). The constant that enters a
// chain makes the sums of each row positive, so that neither row borrows from the other and LUTs
// add only unsigned numbers.
//
// Rate       one result per cycle of clk_i with en_i high
// Latency    Chain + 1 such cycles
// Reset      none: data only
// Bit model  op.py of int_mvu

module xf_dsp_sum #(
  parameter int unsigned Simd   = 4,   // elements
  parameter int unsigned Bits   = 8,   // per element
  parameter int unsigned Signed = 0,   // elements are two's complement
  parameter int unsigned WBits  = 8,   // per weight, two's complement
  parameter int unsigned Rows   = 2,   // 1 or 2
  parameter int unsigned Chain  = 2,   // elements per chain; all rows' sums fit FieldW bits
  parameter int unsigned FieldW = 17,
  localparam int unsigned Groups = (Simd + Chain - 1) / Chain
) (
  input  logic                       clk_i, en_i,
  input  logic [Simd*Bits-1:0]       x_i,
  input  logic [Rows*Simd*WBits-1:0] w_i,   // row 1 is less by one where row 0 is negative
  output logic [Rows*FieldW*Groups-1:0] heap_o  // chain by chain of a row
);

  localparam int unsigned LargeX = (Signed != 0) ? 2**(Bits-1) : 2**Bits - 1;  // |x|
  localparam int unsigned Needed = $clog2(Chain * 2**(WBits-1) * LargeX + 1) + 1;

  if (Simd < 1 || Bits < 1 || WBits < 1 || Chain < 1) begin : gen_bad_size
    $error("xf_dsp_sum: Simd, Bits, WBits, Chain must be at least 1; got %0d, %0d, %0d, %0d",
           Simd, Bits, WBits, Chain);
  end else if (Rows < 1 || Rows > 2) begin : gen_bad_rows
    $error("xf_dsp_sum: Rows must be 1 or 2; got Rows=%0d", Rows);
  end else if (FieldW < Needed) begin : gen_bad_field
    $error("xf_dsp_sum: FieldW must hold a chain's sum; got FieldW=%0d of %0d bits",
           FieldW, Needed);
  end

  localparam int unsigned  FactorW  = (Rows - 1) * FieldW + WBits;
  localparam int unsigned  XW       = (Signed != 0) ? Bits : Bits + 1;
  localparam int unsigned  ChainW   = Rows * FieldW;
  localparam int unsigned  ProductW = (FactorW + XW < ChainW) ? FactorW + XW : ChainW;
  localparam logic [ChainW-1:0] Middle = {Rows{1'b1, (FieldW-1)'(0)}};

  for (genvar g = 0; g < Groups; g++) begin : gen_chain
    // The last chain may be shorter; all end together.
    localparam int unsigned Missing = (g == Groups - 1) ? Groups * Chain - Simd : 0;
    logic signed [ChainW-1:0] sum_q [Chain];

    for (genvar k = 0; k < Chain; k++) begin : gen_position
      localparam int unsigned K = (k < Missing) ? 0 : g * Chain + k - Missing;
      logic signed [FactorW-1:0]  w, factor;
      logic signed [XW-1:0]       x, element;
      logic signed [ProductW-1:0] product_q;

      if (k < Missing) begin : gen_missing
        assign w = '0;
      end else if (Rows == 2) begin : gen_two_rows
        assign w = {w_i[(Simd+K)*WBits +: WBits],
                    {(FieldW-WBits){w_i[(K+1)*WBits-1]}}, w_i[K*WBits +: WBits]};
      end else begin : gen_one_row
        assign w = w_i[K*WBits +: WBits];
      end
      if (Signed != 0) begin : gen_signed
        assign x = x_i[K*Bits +: Bits];
      end else begin : gen_unsigned
        assign x = {1'b0, x_i[K*Bits +: Bits]};
      end

      if (k == 0) begin : gen_now
        assign factor  = w;
        assign element = x;
      end else begin : gen_later
        logic signed [FactorW-1:0] w_q [k];
        logic signed [XW-1:0]      x_q [k];
        always_ff @(posedge clk_i) begin
          if (en_i) begin
            w_q[0] <= w;
            x_q[0] <= x;
            for (int unsigned d = 1; d < k; d++) begin
              w_q[d] <= w_q[d-1];
              x_q[d] <= x_q[d-1];
            end
          end
        end
        assign factor  = w_q[k-1];
        assign element = x_q[k-1];
      end

      always_ff @(posedge clk_i) if (en_i) product_q <= ProductW'(factor) * ProductW'(element);
      if (k == 0) begin : gen_enter
        always_ff @(posedge clk_i) if (en_i) sum_q[k] <= ChainW'(product_q) + $signed(Middle);
      end else begin : gen_add
        always_ff @(posedge clk_i) if (en_i) sum_q[k] <= ChainW'(product_q) + sum_q[k-1];
      end
    end

    for (genvar r = 0; r < Rows; r++) begin : gen_row
      assign heap_o[(r*Groups+g)*FieldW +: FieldW] = sum_q[Chain-1][r*FieldW +: FieldW];
    end
  end

endmodule : xf_dsp_sum
