// SPDX-License-Identifier: Apache-2.0
//
// Shell of a small accelerator: only AXI4-Lite registers (docs/guide/board.md). The processor
// writes the words of frames into a FIFO and reads answers from another; there is no bus master.
//
// Words have 32 bits; xf_unpack and xf_pack define their beats, each frame in whole words. Accesses
// of the data register never wait: a word written to a full FIFO is dropped, a read from an empty
// one returns 0, both are answered with OKAY, and the first of these is kept in the error register.
// From an error until the next soft reset, written words are dropped.
//
// Rate       a write in two cycles, a read in three; one beat per cycle at the accelerator
// Reset      synchronous, low; soft reset by register, which holds the accelerator for 16 cycles

`include "xf_assert.svh"

module xf_gp_shell #(
  parameter int unsigned InBytes  = 1,   // of a beat in
  parameter int unsigned InBeats  = 1,   // of a frame
  parameter int unsigned OutBytes = 1,   // the same, out
  parameter int unsigned OutBeats = 1,
  parameter int unsigned Depth    = 32,  // words that each FIFO holds, 4 .. 4,095
  parameter logic [63:0] Hash     = '0   // of the network
) (
  input  logic                  aclk,
  input  logic                  aresetn,
  input  logic [7:0]            s_axi_ctrl_awaddr,
  input  logic                  s_axi_ctrl_awvalid,
  output logic                  s_axi_ctrl_awready,
  input  logic [31:0]           s_axi_ctrl_wdata,
  input  logic [3:0]            s_axi_ctrl_wstrb,
  input  logic                  s_axi_ctrl_wvalid,
  output logic                  s_axi_ctrl_wready,
  output logic [1:0]            s_axi_ctrl_bresp,
  output logic                  s_axi_ctrl_bvalid,
  input  logic                  s_axi_ctrl_bready,
  input  logic [7:0]            s_axi_ctrl_araddr,
  input  logic                  s_axi_ctrl_arvalid,
  output logic                  s_axi_ctrl_arready,
  output logic [31:0]           s_axi_ctrl_rdata,
  output logic [1:0]            s_axi_ctrl_rresp,
  output logic                  s_axi_ctrl_rvalid,
  input  logic                  s_axi_ctrl_rready,
  output logic                  irq,  // a word of an answer waits, or an error
  // The accelerator
  output logic                  acc_aresetn,
  output logic [8*InBytes-1:0]  acc_in_tdata,
  output logic                  acc_in_tvalid,
  input  logic                  acc_in_tready,
  input  logic [8*OutBytes-1:0] acc_out_tdata,
  input  logic                  acc_out_tvalid,
  output logic                  acc_out_tready,
  input  logic                  acc_out_tlast
);

  if (InBytes < 1 || InBeats < 1) begin : gen_bad_in
    $error("xf_gp_shell: InBytes, InBeats must be at least 1; got %0d, %0d", InBytes, InBeats);
  end else if (OutBytes < 1 || OutBeats < 1) begin : gen_bad_out
    $error("xf_gp_shell: OutBytes, OutBeats must be at least 1; got %0d, %0d", OutBytes, OutBeats);
  end else if (Depth < 4 || Depth > 4095) begin : gen_bad_depth
    $error("xf_gp_shell: Depth must be 4 .. 4,095; got Depth=%0d", Depth);
  end

  // Numbers of words, those of the DMA shell where they mean the same; the data register is the
  // whole upper half, so that a processor may write and read bursts.
  localparam logic [5:0] Id = 0, Version = 1, HashLow = 2, HashHigh = 3, InBytesOf = 4,
      InBeatsOf = 5, OutBytesOf = 6, OutBeatsOf = 7, Control = 9, Status = 10, Error = 11,
      FramesDone = 23, Cycles = 24;
  localparam logic [31:0] Identity = 32'h58464750, VersionIs = 32'h00010000;  // "XFGP", 1.0
  // What went wrong first; 3 as in the DMA shell.
  localparam logic [2:0] NoError = 0, OnLast = 3, NoRoom = 5, NoWord = 6;
  localparam int unsigned CountW = $clog2(Depth + 2);  // a FIFO has a register of its own

  logic        clk_i, rst_ni;  // rst_ni: of all but the bus
  logic [5:0]  write_addr, read_addr;
  logic [31:0] write_data, read_data;
  logic        write_valid, write_known, read_valid, read_known;

  assign clk_i       = aclk;
  assign acc_aresetn = rst_ni;

  xf_axi_regs u_regs (
    .clk_i, .rst_ni(aresetn),
    .awaddr_i(s_axi_ctrl_awaddr), .awvalid_i(s_axi_ctrl_awvalid), .awready_o(s_axi_ctrl_awready),
    .wdata_i(s_axi_ctrl_wdata), .wstrb_i(s_axi_ctrl_wstrb), .wvalid_i(s_axi_ctrl_wvalid),
    .wready_o(s_axi_ctrl_wready),
    .bresp_o(s_axi_ctrl_bresp), .bvalid_o(s_axi_ctrl_bvalid), .bready_i(s_axi_ctrl_bready),
    .araddr_i(s_axi_ctrl_araddr), .arvalid_i(s_axi_ctrl_arvalid), .arready_o(s_axi_ctrl_arready),
    .rdata_o(s_axi_ctrl_rdata), .rresp_o(s_axi_ctrl_rresp), .rvalid_o(s_axi_ctrl_rvalid),
    .rready_i(s_axi_ctrl_rready),
    .write_addr_o(write_addr), .write_data_o(write_data), .write_valid_o(write_valid),
    .write_known_i(write_known),
    .read_addr_o(read_addr), .read_valid_o(read_valid), .read_data_i(read_data),
    .read_known_i(read_known)
  );

  // Soft reset.
  logic       control, running_q;
  logic [3:0] held_q;

  assign control = write_valid && write_addr == Control;

  always_ff @(posedge clk_i) begin
    if (!aresetn || (control && write_data[0])) begin
      running_q <= 1'b0;
      held_q    <= '0;
    end else begin
      running_q <= running_q | (&held_q);
      held_q    <= held_q + 4'(!running_q);
    end
  end

  // At the first edges the register holds nothing yet.
  assign rst_ni = running_q & aresetn;

  // Processor to accelerator.
  logic [CountW-1:0] room_q, ready_q;  // words that may be written; words of answers that wait
  logic [2:0]        error_q;
  logic              asked, push, in_valid, in_ready, fifo_ready;
  logic [31:0]       in_word;

  assign asked = write_valid & write_addr[5];
  assign push  = asked && room_q != '0 && error_q == NoError;

  xf_fifo #(.Width(32), .Depth(Depth), .Kind(1)) u_in (
    .clk_i, .rst_ni, .s_data_i(write_data), .s_valid_i(push), .s_ready_o(fifo_ready),
    .m_data_o(in_word), .m_valid_o(in_valid), .m_ready_i(in_ready)
  );

  xf_unpack #(.Bytes(InBytes), .Beats(InBeats), .Word(4)) u_unpack (
    .clk_i, .rst_ni, .s_data_i(in_word), .s_valid_i(in_valid), .s_ready_o(in_ready),
    .m_data_o(acc_in_tdata), .m_valid_o(acc_in_tvalid), .m_ready_i(acc_in_tready)
  );

  // Accelerator to processor.
  localparam int unsigned BeatW = (OutBeats > 1) ? $clog2(OutBeats) : 1;

  logic [31:0]      out_word, answer;
  logic [3:0]       out_strb;
  logic             out_valid, out_ready, answer_valid, given, last_beat, look, pop;
  logic [BeatW-1:0] beat_q;  // of the frame that comes out

  xf_pack #(.Bytes(OutBytes), .Beats(OutBeats), .Word(4)) u_pack (
    .clk_i, .rst_ni, .s_data_i(acc_out_tdata), .s_valid_i(acc_out_tvalid),
    .s_ready_o(acc_out_tready), .m_data_o(out_word), .m_strb_o(out_strb), .m_valid_o(out_valid),
    .m_ready_i(out_ready)
  );

  xf_fifo #(.Width(32), .Depth(Depth), .Kind(1)) u_out (
    .clk_i, .rst_ni, .s_data_i(out_word), .s_valid_i(out_valid), .s_ready_o(out_ready),
    .m_data_o(answer), .m_valid_o(answer_valid), .m_ready_i(pop)
  );

  assign given     = acc_out_tvalid & acc_out_tready;
  assign last_beat = beat_q == BeatW'(OutBeats - 1);
  assign look      = read_valid & read_addr[5];
  assign pop       = look & answer_valid;
  assign irq       = answer_valid || error_q != NoError;

  // Counters, and what went wrong first.
  logic [31:0] frames_q, cycles_q;
  logic        clear;

  assign clear = control & write_data[1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      room_q  <= CountW'(Depth);
      ready_q <= '0;
      beat_q  <= '0;
      error_q <= NoError;
    end else begin
      room_q  <= room_q - CountW'(push) + CountW'(in_valid & in_ready);
      ready_q <= ready_q + CountW'(out_valid & out_ready) - CountW'(pop);
      if (given) beat_q <= last_beat ? '0 : beat_q + 1'b1;
      if (error_q == NoError) begin
        if (given && acc_out_tlast != last_beat) error_q <= OnLast;
        else if (asked && room_q == '0) error_q <= NoRoom;
        else if (look && !answer_valid) error_q <= NoWord;
      end
    end
    if (!rst_ni || clear) begin
      frames_q <= '0;
      cycles_q <= '0;
    end else begin
      frames_q <= frames_q + 32'(given & last_beat);
      cycles_q <= cycles_q + 1'b1;
    end
  end

  assign write_known = write_addr == Control || write_addr[5];

  always_comb begin
    read_known = 1'b1;
    read_data  = '0;
    unique case (read_addr)
      Id: read_data = Identity;
      Version: read_data = VersionIs;
      HashLow: read_data = Hash[31:0];
      HashHigh: read_data = Hash[63:32];
      InBytesOf: read_data = InBytes;
      InBeatsOf: read_data = InBeats;
      OutBytesOf: read_data = OutBytes;
      OutBeatsOf: read_data = OutBeats;
      Status: read_data = {16'(ready_q), 12'(room_q), 1'b0, error_q != NoError, ~running_q, 1'b0};
      Error: read_data = 32'(error_q);
      FramesDone: read_data = frames_q;
      Cycles: read_data = cycles_q;
      default: begin
        read_known = read_addr[5];
        read_data  = answer_valid ? answer : '0;
      end
    endcase
  end

  logic unused;
  assign unused = ^{out_strb, fifo_ready};

  `XF_ASSERT_WHEN(RoomIsThere_A, push, fifo_ready)
  `XF_ASSERT(WordIsThere_A, look && $past(ready_q) != '0 |-> answer_valid)
  `XF_ASSERT_WHEN(CountsAreOfWords_A, 1'b1, 32'(room_q) <= Depth && 32'(ready_q) <= Depth + 1)
  `XF_ASSERT_STABLE(InHeldWhileStalled_A, acc_in_tvalid, acc_in_tready, acc_in_tdata)

endmodule : xf_gp_shell
