// SPDX-License-Identifier: Apache-2.0
//
// FIFO of Depth beats: a skid buffer for Depth <= 2, else a memory of Depth beats followed by an
// output register. A block RAM has a register of its own and so holds one beat more. If a memory is
// a little deeper than its block RAM, its last words may be in LUTs.
//
// A full memory accepts no beat, even in a cycle in which a beat leaves it.
//
// Rate       one beat per cycle
// Latency    1 cycle as skid buffer, 2 cycles with a memory of LUTs, 3 with block RAM, whose read
//            takes most of a cycle (5.8 ns on ECP5)
// Reset      synchronous, control state only; data registers and memory keep their values
// Bit model  op.py, Fifo.execute_node

`include "xf_assert.svh"

module xf_fifo #(
  parameter  int unsigned Width   = 8,   // bits per beat
  parameter  int unsigned Depth   = 16,  // beats the memory holds
  parameter  int unsigned Kind    = 1,   // memory: 1 LUT, 2 block
  parameter  int unsigned InBlock = Depth,  // of these in block RAM: all, or the power of two below
  localparam int unsigned AddrW   = (Depth > 1) ? $clog2(Depth) : 1,
  localparam int unsigned CountW  = $clog2(Depth + 1)
) (
  input  logic             clk_i, rst_ni,
  input  logic [Width-1:0] s_data_i,
  input  logic             s_valid_i,
  output logic             s_ready_o,
  output logic [Width-1:0] m_data_o,
  output logic             m_valid_o,
  input  logic             m_ready_i
);

  if (Width < 1 || Depth < 1) begin : gen_bad_size
    $error("xf_fifo: Width, Depth must be at least 1; got %0d, %0d", Width, Depth);
  end else if (Kind < 1 || Kind > 2) begin : gen_bad_kind
    $error("xf_fifo: Kind must be 1 or 2; got Kind=%0d", Kind);
  end else if (InBlock != Depth && (Kind == 1 || InBlock != (1 << (AddrW - 1)))) begin : gen_bad_part
    $error("xf_fifo: InBlock must be Depth, or of Kind 2 the power of two below; got %0d, %0d",
           InBlock, Depth);
  end

  logic [CountW-1:0] count_q;  // beats that wait: in the memory, or in the whole skid
  logic              push, pop;

  assign push = s_valid_i & s_ready_o;

  if (Depth <= 2) begin : gen_skid

    xf_skid #(.Width(Width)) u_skid (.*);
    assign pop = m_valid_o & m_ready_i;

  end else begin : gen_memory

    logic [AddrW-1:0] write_q, read_q;
    logic [Width-1:0] data_q;
    logic             valid_q, full_q, empty_q, give;

    assign give = m_ready_i | ~valid_q;

    // An attribute's value cannot be a parameter, hence one memory per kind.
    if (Kind == 1) begin : gen_lut
      (* ram_style = "distributed" *) logic [Width-1:0] mem [Depth];
      assign pop = ~empty_q & give;
      always_ff @(posedge clk_i) begin
        if (push) mem[write_q] <= s_data_i;
        if (pop) data_q <= mem[read_q];
        if (!rst_ni) valid_q <= 1'b0;
        else if (give) valid_q <= pop;
      end
    end else begin : gen_block
      localparam int unsigned BlockW = $clog2(InBlock);
      (* ram_style = "block", no_rw_check *) logic [Width-1:0] mem [InBlock];  // NeverBoth_A
      logic [Width-1:0] mem_q, word;
      logic             in_block, word_valid_q;
      if (InBlock == Depth) begin : gen_all
        assign in_block = 1'b1;
        assign word     = mem_q;
      end else begin : gen_rest
        localparam int unsigned RestW = (Depth - InBlock > 1) ? $clog2(Depth - InBlock) : 1;
        (* ram_style = "distributed" *) logic [Width-1:0] rest [Depth - InBlock];
        logic [Width-1:0] rest_q;
        logic             rest_read_q;
        assign in_block = ~write_q[AddrW-1];
        assign word     = rest_read_q ? rest_q : mem_q;
        always_ff @(posedge clk_i) begin
          if (push && !in_block) rest[write_q[RestW-1:0]] <= s_data_i;
          if (pop) rest_q <= rest[read_q[RestW-1:0]];
          if (pop) rest_read_q <= read_q[AddrW-1];
        end
      end
      assign pop = ~empty_q & (give | ~word_valid_q);
      always_ff @(posedge clk_i) begin
        if (push && in_block) mem[write_q[BlockW-1:0]] <= s_data_i;
        if (pop) mem_q <= mem[read_q[BlockW-1:0]];
        if (give) data_q <= word;
        if (!rst_ni) begin
          word_valid_q <= 1'b0;
          valid_q      <= 1'b0;
        end else begin
          if (pop) word_valid_q <= 1'b1;
          else if (give) word_valid_q <= 1'b0;
          if (give) valid_q <= word_valid_q;
        end
      end
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        write_q <= '0;
        read_q  <= '0;
        full_q  <= 1'b0;
        empty_q <= 1'b1;
      end else begin
        if (push) write_q <= (write_q == AddrW'(Depth - 1)) ? '0 : write_q + 1'b1;
        if (pop) read_q <= (read_q == AddrW'(Depth - 1)) ? '0 : read_q + 1'b1;
        if (push != pop) begin
          full_q  <= push && count_q == CountW'(Depth - 1);
          empty_q <= pop && count_q == CountW'(1);
        end
      end
    end

    assign s_ready_o = ~full_q;
    assign m_valid_o = valid_q;
    assign m_data_o  = data_q;

    `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
    `XF_ASSERT_WHEN(NeverBoth_A, push && pop, write_q != read_q)
    `XF_ASSERT_WHEN(FullAtDepth_A, 1'b1, full_q == (count_q == CountW'(Depth)))
    `XF_ASSERT_WHEN(EmptyAtZero_A, 1'b1, empty_q == (count_q == '0))

`ifdef XF_CHECK
    // Every beat once, in order; at most Depth in the memory and one in each register behind it.
    xf_check_order #(.Width(Width), .Most(Depth + Kind)) u_order (
      .clk_i, .rst_ni, .taken_i(s_valid_i & s_ready_o), .taken_data_i(s_data_i),
      .given_i(m_valid_o & m_ready_i), .given_data_i(m_data_o)
    );
`endif

  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) count_q <= '0;
    else count_q <= count_q + CountW'(push) - CountW'(pop);
  end

`ifdef XF_SIM
  // The depth this run needed: beats in the FIFO right after the fullest push.
  int unsigned fill_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) fill_q <= 0;
    else if (push && 32'(count_q) + 1 > fill_q) fill_q <= 32'(count_q) + 1;
  end
  final $display("XF_FILL %m %0d", fill_q);
`endif

endmodule : xf_fifo
