// SPDX-License-Identifier: Apache-2.0
//
// Shell of an accelerator in a system with a memory: AXI4-Lite registers (docs/guide/board.md), an
// AXI master of 64 bits that reads frames and writes answers, and the accelerator's two streams.
//
// In memory a frame is slots of beats (xf_unpack, xf_pack) at an address that is a multiple of 8;
// the next frame follows the last word of the frame before. m_axi_* is AXI4 and, as bursts have at
// most 16 beats, also fits the AXI3 of Zynq's HP ports (the low four bits of the length; the write
// data of bursts never overlap, so WID is AWID, 0).
//
// Rate       one beat per cycle into the accelerator and out of it, limited by 8 bytes per cycle
// Reset      synchronous, low; soft reset by register, which waits until the bus is idle

`include "xf_assert.svh"

module xf_shell #(
  parameter int unsigned AddrW    = 32,  // bits of an address in memory, 13 .. 64
  parameter int unsigned FramesW  = 16,  // bits of a number of frames, 1 .. 32
  parameter int unsigned CtrlW    = 8,   // bits of a register's address, at least 8
  parameter int unsigned InBytes  = 1,   // of a beat in
  parameter int unsigned InBeats  = 1,   // of a frame
  parameter int unsigned OutBytes = 1,   // the same, out
  parameter int unsigned OutBeats = 1,
  parameter int unsigned Weights  = 0,   // 1: weights come from memory with every frame
  parameter logic [63:0] Hash     = '0   // of the network
) (
  input  logic                  aclk,
  input  logic                  aresetn,
  input  logic [CtrlW-1:0]      s_axi_ctrl_awaddr,
  input  logic                  s_axi_ctrl_awvalid,
  output logic                  s_axi_ctrl_awready,
  input  logic [31:0]           s_axi_ctrl_wdata,
  input  logic [3:0]            s_axi_ctrl_wstrb,
  input  logic                  s_axi_ctrl_wvalid,
  output logic                  s_axi_ctrl_wready,
  output logic [1:0]            s_axi_ctrl_bresp,
  output logic                  s_axi_ctrl_bvalid,
  input  logic                  s_axi_ctrl_bready,
  input  logic [CtrlW-1:0]      s_axi_ctrl_araddr,
  input  logic                  s_axi_ctrl_arvalid,
  output logic                  s_axi_ctrl_arready,
  output logic [31:0]           s_axi_ctrl_rdata,
  output logic [1:0]            s_axi_ctrl_rresp,
  output logic                  s_axi_ctrl_rvalid,
  input  logic                  s_axi_ctrl_rready,
  output logic                  m_axi_awid,
  output logic [AddrW-1:0]      m_axi_awaddr,
  output logic [7:0]            m_axi_awlen,
  output logic [2:0]            m_axi_awsize,
  output logic [1:0]            m_axi_awburst,
  output logic [3:0]            m_axi_awcache,
  output logic [2:0]            m_axi_awprot,
  output logic                  m_axi_awvalid,
  input  logic                  m_axi_awready,
  output logic [63:0]           m_axi_wdata,
  output logic [7:0]            m_axi_wstrb,
  output logic                  m_axi_wlast,
  output logic                  m_axi_wvalid,
  input  logic                  m_axi_wready,
  input  logic                  m_axi_bid,
  input  logic [1:0]            m_axi_bresp,
  input  logic                  m_axi_bvalid,
  output logic                  m_axi_bready,
  output logic                  m_axi_arid,
  output logic [AddrW-1:0]      m_axi_araddr,
  output logic [7:0]            m_axi_arlen,
  output logic [2:0]            m_axi_arsize,
  output logic [1:0]            m_axi_arburst,
  output logic [3:0]            m_axi_arcache,
  output logic [2:0]            m_axi_arprot,
  output logic                  m_axi_arvalid,
  input  logic                  m_axi_arready,
  input  logic                  m_axi_rid,
  input  logic [63:0]           m_axi_rdata,
  input  logic [1:0]            m_axi_rresp,
  input  logic                  m_axi_rlast,
  input  logic                  m_axi_rvalid,
  output logic                  m_axi_rready,
  output logic                  irq,
  // The accelerator
  output logic                  acc_aresetn,
  output logic [8*InBytes-1:0]  acc_in_tdata,
  output logic                  acc_in_tvalid,
  input  logic                  acc_in_tready,
  input  logic [8*OutBytes-1:0] acc_out_tdata,
  input  logic                  acc_out_tvalid,
  output logic                  acc_out_tready,
  input  logic                  acc_out_tlast,
  // Its weights from memory, with Weights = 1 (xf_dma_weights): a descriptor for all readers, what they say
  output logic                  stop_o,
  output logic [AddrW-4:0]      weights_place_o,
  output logic [FramesW-1:0]    weights_frames_o,
  output logic                  weights_valid_o,  // for one cycle
  input  logic                  weights_ready_i,
  input  logic                  weights_idle_i,
  input  logic                  weights_error_i,
  input  logic [1:0]            weights_error_resp_i,
  input  logic [AddrW-1:0]      weights_error_addr_i
);

  if (InBytes < 1 || InBeats < 1) begin : gen_bad_in
    $error("xf_shell: InBytes, InBeats must be at least 1; got %0d, %0d", InBytes, InBeats);
  end else if (OutBytes < 1 || OutBeats < 1) begin : gen_bad_out
    $error("xf_shell: OutBytes, OutBeats must be at least 1; got %0d, %0d", OutBytes, OutBeats);
  end else if (CtrlW < 8) begin : gen_bad_ctrl
    $error("xf_shell: CtrlW must be at least 8; got CtrlW=%0d", CtrlW);
  end

  localparam int unsigned PlaceW  = AddrW - 3;
  localparam int unsigned InSlot  = (InBytes <= 2) ? InBytes
                                  : (InBytes <= 4) ? 4 : (InBytes + 7) / 8 * 8;
  localparam int unsigned OutSlot = (OutBytes <= 2) ? OutBytes
                                  : (OutBytes <= 4) ? 4 : (OutBytes + 7) / 8 * 8;

  logic        clk_i, rst_ni;  // rst_ni: of all but the registers
  logic [CtrlW-3:0] write_addr, read_addr;
  logic [31:0]      write_data, read_data;
  logic             write_valid, write_known, read_asked, read_fetch, read_valid, read_known, regs_ready;
  logic             write_far, read_far;  // behind the last

  assign clk_i       = aclk;
  assign acc_aresetn = rst_ni;

  if (CtrlW > 8) begin : gen_far
    assign {write_far, read_far} = {|write_addr[CtrlW-3:6], |read_addr[CtrlW-3:6]};
  end else begin : gen_near
    assign {write_far, read_far} = '0;
  end

  xf_axi_regs #(.AddrW(CtrlW)) u_regs (
    .clk_i, .rst_ni(aresetn),
    .awaddr_i(s_axi_ctrl_awaddr), .awvalid_i(s_axi_ctrl_awvalid), .awready_o(s_axi_ctrl_awready),
    .wdata_i(s_axi_ctrl_wdata), .wstrb_i(s_axi_ctrl_wstrb), .wvalid_i(s_axi_ctrl_wvalid),
    .wready_o(s_axi_ctrl_wready),
    .bresp_o(s_axi_ctrl_bresp), .bvalid_o(s_axi_ctrl_bvalid), .bready_i(s_axi_ctrl_bready),
    .araddr_i(s_axi_ctrl_araddr), .arvalid_i(s_axi_ctrl_arvalid), .arready_o(s_axi_ctrl_arready),
    .rdata_o(s_axi_ctrl_rdata), .rresp_o(s_axi_ctrl_rresp), .rvalid_o(s_axi_ctrl_rvalid),
    .rready_i(s_axi_ctrl_rready),
    .write_addr_o(write_addr), .write_data_o(write_data), .write_valid_o(write_valid),
    .write_known_i(write_known & ~write_far),
    .read_addr_o(read_addr), .read_asked_o(read_asked), .read_fetch_o(read_fetch),
    .read_valid_o(read_valid), .read_data_i(read_data), .read_known_i(read_known & ~read_far),
    .ready_i(regs_ready)
  );

  logic [PlaceW-1:0]  source, target;
  logic [FramesW-1:0] source_frames, target_frames;
  logic               source_valid, source_ready, target_valid, target_ready;
  logic               wait_q;  // the descriptor that is offered waits
  logic               stop, read_idle, write_idle, read_error, write_error, last_error_q;
  logic [1:0]         read_resp, write_resp;
  logic [AddrW-1:0]   read_where, write_where;
  logic               frame_done, batch_done;

  xf_shell_control #(
    .AddrW(AddrW), .FramesW(FramesW), .InBytes(InBytes), .InBeats(InBeats),
    .OutBytes(OutBytes), .OutBeats(OutBeats), .Weights(Weights), .Hash(Hash)
  ) u_control (
    .clk_i, .rst_ni(aresetn), .core_rst_no(rst_ni),
    .write_addr_i(write_addr[5:0]), .write_data_i(write_data), .write_valid_i(write_valid),
    .write_known_o(write_known),
    .read_addr_i(read_addr[5:0]), .read_asked_i(read_asked), .read_fetch_i(read_fetch),
    .read_data_o(read_data), .read_known_o(read_known), .ready_o(regs_ready),
    .read_place_o(source), .read_frames_o(source_frames),
    .read_weights_o(weights_place_o),
    .read_valid_o(source_valid), .read_ready_i(source_ready & ~wait_q),
    .write_place_o(target), .write_frames_o(target_frames),
    .write_valid_o(target_valid), .write_ready_i(target_ready),
    .stop_o(stop), .read_idle_i(read_idle & weights_idle_i), .write_idle_i(write_idle),
    .read_error_i(read_error), .read_error_resp_i(read_resp), .read_error_addr_i(read_where),
    .write_error_i(write_error), .write_error_resp_i(write_resp), .write_error_addr_i(write_where),
    .weights_error_i, .weights_error_resp_i, .weights_error_addr_i,
    .last_error_i(last_error_q), .frame_done_i(frame_done), .batch_done_i(batch_done),
    .in_valid_i(acc_in_tvalid), .in_ready_i(acc_in_tready),
    .out_valid_i(acc_out_tvalid), .out_ready_i(acc_out_tready), .irq_o(irq)
  );

  // Memory to accelerator. Skids cut its ready from the shell's; to that of words it is only an enable.
  logic [63:0]           in_word;
  logic                  in_word_valid, in_word_ready, in_valid, in_ready;
  logic [8*InBytes-1:0]  in_beat;

  xf_dma_read #(
    .AddrW(AddrW), .FramesW(FramesW), .Words((InSlot * InBeats + 7) / 8)
  ) u_read (
    .clk_i, .rst_ni, .stop_i(stop), .idle_o(read_idle),
    .s_place_i(source), .s_frames_i(source_frames),
    .s_valid_i(source_valid & ~wait_q), .s_ready_o(source_ready),
    .araddr_o(m_axi_araddr), .arlen_o(m_axi_arlen),
    .arvalid_o(m_axi_arvalid), .arready_i(m_axi_arready),
    .rdata_i(m_axi_rdata), .rresp_i(m_axi_rresp), .rlast_i(m_axi_rlast),
    .rvalid_i(m_axi_rvalid), .rready_o(m_axi_rready),
    .m_data_o(in_word), .m_valid_o(in_word_valid), .m_ready_i(in_word_ready),
    .error_o(read_error), .error_resp_o(read_resp), .error_addr_o(read_where)
  );

  xf_unpack #(.Bytes(InBytes), .Beats(InBeats)) u_unpack (
    .clk_i, .rst_ni,
    .s_data_i(in_word), .s_valid_i(in_word_valid), .s_ready_o(in_word_ready),
    .m_data_o(in_beat), .m_valid_o(in_valid), .m_ready_i(in_ready)
  );

  if (InSlot < 8) begin : gen_skid
    xf_skid #(.Width(8*InBytes)) u_in (
      .clk_i, .rst_ni, .s_data_i(in_beat), .s_valid_i(in_valid), .s_ready_o(in_ready),
      .m_data_o(acc_in_tdata), .m_valid_o(acc_in_tvalid), .m_ready_i(acc_in_tready)
    );
  end else begin : gen_direct
    assign {acc_in_tdata, acc_in_tvalid} = {in_beat, in_valid};
    assign in_ready                      = acc_in_tready;
  end

  // A descriptor goes to all readers at once, when one was offered a cycle before.
  logic accept;

  assign stop_o           = stop;
  assign weights_frames_o = source_frames;
  assign weights_valid_o  = accept;
  assign accept           = (source_valid | (Weights != 0)) & source_ready & ~wait_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) wait_q <= Weights != 0;
    else wait_q <= (Weights != 0) & (accept | ~source_valid | ~weights_ready_i);
  end

  // Accelerator to memory.
  localparam int unsigned BeatW = (OutBeats > 1) ? $clog2(OutBeats) : 1;

  logic [63:0]           out_word;
  logic                  out_word_valid, out_word_ready, out_valid, out_ready, given, last_beat;
  logic [8*OutBytes-1:0] out_beat;
  logic [BeatW-1:0]      beat_q;  // of the frame that comes out

  assign given      = acc_out_tvalid & acc_out_tready;
  assign last_beat  = beat_q == BeatW'(OutBeats - 1);

  always_ff @(posedge clk_i) begin
    last_error_q <= rst_ni & given & (acc_out_tlast != last_beat);
    if (!rst_ni) beat_q <= '0;
    else if (given) beat_q <= last_beat ? '0 : beat_q + 1'b1;
  end

  xf_skid #(.Width(8*OutBytes)) u_out (
    .clk_i, .rst_ni, .s_data_i(acc_out_tdata), .s_valid_i(acc_out_tvalid),
    .s_ready_o(acc_out_tready), .m_data_o(out_beat), .m_valid_o(out_valid), .m_ready_i(out_ready)
  );

  xf_pack #(.Bytes(OutBytes), .Beats(OutBeats)) u_pack (
    .clk_i, .rst_ni, .s_data_i(out_beat), .s_valid_i(out_valid), .s_ready_o(out_ready),
    .m_data_o(out_word), .m_valid_o(out_word_valid), .m_ready_i(out_word_ready)
  );

  xf_dma_write #(
    .AddrW(AddrW), .FramesW(FramesW), .Words((OutSlot * OutBeats + 7) / 8),
    .Strobes(8'hff >> ((8 - OutSlot * OutBeats % 8) % 8))
  ) u_write (
    .clk_i, .rst_ni, .stop_i(stop), .idle_o(write_idle),
    .s_place_i(target), .s_frames_i(target_frames),
    .s_valid_i(target_valid), .s_ready_o(target_ready),
    .s_word_data_i(out_word), .s_word_valid_i(out_word_valid), .s_word_ready_o(out_word_ready),
    .awaddr_o(m_axi_awaddr), .awlen_o(m_axi_awlen),
    .awvalid_o(m_axi_awvalid), .awready_i(m_axi_awready),
    .wdata_o(m_axi_wdata), .wstrb_o(m_axi_wstrb), .wlast_o(m_axi_wlast),
    .wvalid_o(m_axi_wvalid), .wready_i(m_axi_wready),
    .bresp_i(m_axi_bresp), .bvalid_i(m_axi_bvalid), .bready_o(m_axi_bready),
    .frame_done_o(frame_done), .done_o(batch_done),
    .error_o(write_error), .error_resp_o(write_resp), .error_addr_o(write_where)
  );

  // One transaction after the other of one master: whole words, addresses upwards, not cached.
  assign {m_axi_arid, m_axi_awid}       = '0;
  assign {m_axi_arsize, m_axi_awsize}   = {3'd3, 3'd3};
  assign {m_axi_arburst, m_axi_awburst} = {2'b01, 2'b01};
  assign {m_axi_arcache, m_axi_awcache} = {4'b0011, 4'b0011};
  assign {m_axi_arprot, m_axi_awprot}   = '0;

  logic unused;
  assign unused = ^{m_axi_rid, m_axi_bid, read_valid};

`ifdef XF_CHECK
  // Every beat of an answer goes to memory: two at most are in the skid, the rest in its word.
  xf_check_beats #(
    .In(OutBeats), .Out((OutSlot * OutBeats + 7) / 8), .Most(OutBeats + 3)
  ) u_beats (
    .clk_i, .rst_ni, .taken_i(given), .given_i(out_word_valid & out_word_ready)
  );
`endif

  `XF_ASSERT_WHEN(AcceptsWhatIsOffered_A, accept, source_valid)
  `XF_ASSERT_STABLE(InHeldWhileStalled_A, acc_in_tvalid, acc_in_tready, acc_in_tdata)

endmodule : xf_shell
