// SPDX-License-Identifier: Apache-2.0
//
// Sum of a heap of bits: column c holds bits of weight 2**c; xf_heap.svh defines the levels.
//
// One instance is one level; the next level is the same module with the remaining heights. bits_i
// carries column 0 first. Groups of six with the same index in columns c, c+2, c+4, .. share a
// carry chain. Hold = 1: registers are placed before the odd levels, since the driver of bits_i
// has one right after its inputs. Hold = 0: before the even levels and the adder on 7-series; as
// many before the odd levels, the last of them and the adder elsewhere. Hold = 2: none.
//
// Rate       one heap per cycle of clk_i with en_i high
// Latency    heap_latency(Heights) - Hold such cycles for Level = 0; none with Hold = 2
// Reset      none: data only

module xf_compress #(
  parameter logic [288:0] Heights = 289'd1,
  parameter int unsigned  Bits    = 1,  // in all columns
  parameter int unsigned  SumW    = 1,  // holds the sum
  parameter int unsigned  Level   = 0,
  parameter int unsigned  Hold    = 0
) (
  input  logic            clk_i,
  input  logic            en_i,
  input  logic [Bits-1:0] bits_i,
  output logic [SumW-1:0] sum_o
);

`include "xf_heap.svh"

  if (SumW < 1 || SumW > 24) begin : gen_bad_sum_w
    $error("xf_compress: SumW must be 1 .. 24; got SumW=%0d", SumW);
  end else if (Bits < 1 || Bits != heap_offset(Heights, 24)) begin : gen_bad_bits
    $error("xf_compress: Bits must be the bits of Heights; got Bits=%0d, Heights of %0d",
           Bits, heap_offset(Heights, 24));
  end else if (Hold > 2) begin : gen_bad_hold
    $error("xf_compress: Hold must be 0 .. 2; got Hold=%0d", Hold);
  end

  localparam bit Last   = heap_highest(Heights) <= 3;
`ifdef XF_XC7
  localparam bit First  = Level % 2 == 0;
`else
  // A count of six takes several LUT4 one behind the other, two such levels in one cycle too many: here
  // one shares its cycle with the gates before it. Fewer bits are left there to be registered, too.
  localparam bit First  = Level % 2 == 1 || heap_highest(289'(heap_level(Heights))) <= 3;
`endif
  localparam bit Before = (Hold == 2) ? 1'b0 : (Hold == 1) ? (Level % 2 == 1) : (Last || First);

  logic [Bits-1:0] bits;

  if (Before) begin : gen_register
    logic [Bits-1:0] bits_q;
    always_ff @(posedge clk_i) if (en_i) bits_q <= bits_i;
    assign bits = bits_q;
  end else begin : gen_wire
    assign bits = bits_i;
  end

  if (Last) begin : gen_add
    // Up to three rows; every bit has a place in row 0, 1 or 2 of its column.
    /* verilator lint_off UNUSEDSIGNAL */  // rows above and below the adder
    logic [SumW-1:0] row0, row1, row2;
    /* verilator lint_on UNUSEDSIGNAL */
    logic [SumW-1:0] sum;
    for (genvar c = 0; c < SumW; c++) begin : gen_column
      localparam int unsigned Height = heap_height(Heights, c);
      localparam int unsigned Offset = heap_offset(Heights, c);
      if (Height > 0) begin : gen_row0
        assign row0[c] = bits[Offset];
      end else begin : gen_no_row0
        assign row0[c] = 1'b0;
      end
      if (Height > 1) begin : gen_row1
        assign row1[c] = bits[Offset+1];
      end else begin : gen_no_row1
        assign row1[c] = 1'b0;
      end
      if (Height > 2) begin : gen_row2
        assign row2[c] = bits[Offset+2];
      end else begin : gen_no_row2
        assign row2[c] = 1'b0;
      end
    end
    // Columns below the first with two bits are sums already.
    localparam int unsigned Low  = heap_single(Heights, SumW);
    localparam int unsigned High = heap_columns(Heights);
    if (Low > 0) begin : gen_pass
      assign sum[Low-1:0] = row0[Low-1:0];
    end
    if (Low < SumW && heap_highest(Heights) == 3) begin : gen_ternary
      localparam int unsigned Width = ((High < SumW) ? High : SumW) - Low;
      localparam int unsigned OutW  = (SumW - Low > Width + 2) ? Width + 2 : SumW - Low;
      logic [OutW-1:0] out;
      xf_add3 #(.Width(Width), .SumW(OutW)) u_add (
        .a_i(row0[Low +: Width]), .b_i(row1[Low +: Width]), .c_i(row2[Low +: Width]), .sum_o(out)
      );
      assign sum[SumW-1:Low] = (SumW-Low)'(out);
    end else if (Low < SumW) begin : gen_binary
      assign sum[SumW-1:Low] = row0[SumW-1:Low] + row1[SumW-1:Low];
    end
    if (Hold == 2) begin : gen_direct
      logic unused_clk;
      assign unused_clk = clk_i & en_i;
      assign sum_o      = sum;
    end else begin : gen_sum
      logic [SumW-1:0] sum_q;
      always_ff @(posedge clk_i) if (en_i) sum_q <= sum;
      assign sum_o = sum_q;
    end
  end else begin : gen_level
    localparam logic [864:0] Plan     = heap_level(Heights);
    localparam logic [288:0] Next     = Plan[288:0];
    localparam logic [288:0] AllSixes = 289'(Plan[576:289]);
    localparam logic [288:0] Threes   = 289'(Plan[864:577]);
    localparam int unsigned  NextBits = heap_offset(Next, 24);
    localparam int unsigned  Columns  = heap_columns(Heights);

    logic [NextBits-1:0] left;

    for (genvar c = 0; c < Columns; c++) begin : gen_column
      localparam int unsigned Height = heap_height(Heights, c);
      localparam int unsigned Offset = heap_offset(Heights, c);
      localparam int unsigned Sixes  = heap_height(AllSixes, c);
      localparam int unsigned Above  = heap_height(AllSixes, c - 2);
      localparam int unsigned Three  = heap_height(Threes, c);
      localparam int unsigned Ends   = heap_group(Heights[288], Above, Sixes);
      localparam int unsigned Taken  = (Ends < Height) ? Ends : Height;
      localparam int unsigned Rest   = Height - Taken;

      // A group whose number exists two columns below continues the chain that starts there.
      for (genvar i = Above; i < Sixes; i++) begin : gen_six
        localparam int unsigned Groups  = heap_chain(AllSixes, c, i);
        localparam int unsigned Seventh = Offset + heap_group(Heights[288], Above, i) + 6;
        localparam bit          Seven   = Heights[288] && Seventh < Offset + Height;
        logic [6*Groups+32'(Seven)-1:0] six;
        logic [2*Groups:0]              out;
        if (Seven) begin : gen_seven
          assign six[6*Groups] = bits[Seventh];
        end
        for (genvar g = 0; g < Groups; g++) begin : gen_group
          localparam int unsigned Own  = heap_group(Heights[288],
                                                     heap_height(AllSixes, c + 2 * g - 2), i);
          localparam int unsigned From = heap_offset(Heights, c + 2 * g) + Own;
          localparam int unsigned Sum0 = heap_offset(Next, c + 2 * g) + i;
          localparam int unsigned Sum1 = heap_offset(Next, c + 2 * g + 1) + i
                                         + heap_height(AllSixes, c + 2 * g + 1);
          if (Own + 6 <= heap_height(Heights, c + 2 * g)) begin : gen_full
            assign six[6*g +: 6] = bits[From +: 6];
          end else begin : gen_five
            assign six[6*g +: 6] = {1'b0, bits[From +: 5]};
          end
          assign left[Sum0] = out[2*g];
          assign left[Sum1] = out[2*g+1];
        end
        localparam int unsigned Carry = heap_offset(Next, c + 2 * Groups) + i
                                        + heap_height(AllSixes, c + 2 * Groups - 1);
        assign left[Carry] = out[2*Groups];
        xf_count6 #(.Groups(Groups), .Seventh(32'(Seven))) u_count (.bits_i(six), .sum_o(out));
      end

      localparam int unsigned To = heap_offset(Next, c) + heap_from_sixes(AllSixes, c);
      if (Three == 1) begin : gen_three
        logic [1:0] out;
        xf_count3 u_count (.bits_i(bits[Offset + Taken +: 3]), .count_o(out));
        localparam int unsigned Above1 = heap_offset(Next, c + 1) + heap_height(Threes, c + 1)
                                         + heap_from_sixes(AllSixes, c + 1);
        assign left[To]     = out[0];
        assign left[Above1] = out[1];
      end
      for (genvar k = 3 * Three; k < Rest; k++) begin : gen_rest
        localparam int unsigned Place = To + heap_height(Threes, c - 1) + k - 2 * Three;
        assign left[Place] = bits[Offset + Taken + k];
      end
    end

    xf_compress #(.Heights(Next), .Bits(NextBits), .SumW(SumW), .Level(Level + 1), .Hold(Hold)) u_next (
      .clk_i, .en_i, .bits_i(left), .sum_o
    );
  end

endmodule : xf_compress
