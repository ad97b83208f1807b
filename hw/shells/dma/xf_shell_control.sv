// SPDX-License-Identifier: Apache-2.0
//
// Registers of the shell (docs/guide/board.md): identity, descriptors, errors, interrupt, counters,
// reset.
//
// A write to START hands one descriptor to both DMA engines. The first error stops both, until a
// soft reset, which waits until the bus is idle and then holds core_rst_no low.
//
// Rate       a register access in two or three cycles
// Reset      synchronous; a soft reset leaves addresses, FRAMES and IRQ_ENABLE as they are

`include "xf_assert.svh"

module xf_shell_control #(
  parameter  int unsigned AddrW    = 32,     // bits of an address in memory, 13 .. 64
  parameter  int unsigned FramesW  = 16,     // bits of a number of frames, 1 .. 32
  parameter  int unsigned Queue    = 4,      // descriptors that wait, 3 or more
  parameter  int unsigned InBytes  = 1,      // of a beat in, and beats of a frame
  parameter  int unsigned InBeats  = 1,
  parameter  int unsigned OutBytes = 1,      // the same, out
  parameter  int unsigned OutBeats = 1,
  parameter  int unsigned Weights  = 0,      // 1: weights come from memory with every frame
  parameter  logic [63:0] Hash     = '0,     // of the network
  localparam int unsigned PlaceW   = AddrW - 3
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  output logic               core_rst_no,    // of all but the registers
  // Register accesses, from xf_axi_regs
  input  logic [5:0]         write_addr_i,
  input  logic [31:0]        write_data_i,
  input  logic               write_valid_i,
  output logic               write_known_o,
  input  logic [5:0]         read_addr_i,
  output logic [31:0]        read_data_o,
  output logic               read_known_o,
  // Descriptors for the engine that reads and for the one that writes
  output logic [PlaceW-1:0]  read_place_o,
  output logic [FramesW-1:0] read_frames_o,
  output logic [PlaceW-1:0]  read_weights_o, // the place of their weights
  output logic               read_valid_o,
  input  logic               read_ready_i,
  output logic [PlaceW-1:0]  write_place_o,
  output logic [FramesW-1:0] write_frames_o,
  output logic               write_valid_o,
  input  logic               write_ready_i,
  output logic               stop_o,
  input  logic               read_idle_i,
  input  logic               write_idle_i,
  // What happened in this cycle
  input  logic               read_error_i,
  input  logic [1:0]         read_error_resp_i,
  input  logic [AddrW-1:0]   read_error_addr_i,
  input  logic               write_error_i,
  input  logic [1:0]         write_error_resp_i,
  input  logic [AddrW-1:0]   write_error_addr_i,
  input  logic               weights_error_i,
  input  logic [1:0]         weights_error_resp_i,
  input  logic [AddrW-1:0]   weights_error_addr_i,
  input  logic               last_error_i,   // tlast was not where a frame ends
  input  logic               frame_done_i,
  input  logic               batch_done_i,
  input  logic               in_valid_i,     // handshakes of the accelerator's streams
  input  logic               in_ready_i,
  input  logic               out_valid_i,
  input  logic               out_ready_i,
  output logic               irq_o
);

  if (AddrW < 13 || AddrW > 64) begin : gen_bad_address
    $error("xf_shell_control: AddrW must be 13 .. 64; got AddrW=%0d", AddrW);
  end else if (FramesW < 1 || FramesW > 32) begin : gen_bad_frames
    $error("xf_shell_control: FramesW must be 1 .. 32; got FramesW=%0d", FramesW);
  end else if (Queue < 3 || Queue > 64) begin : gen_bad_queue
    $error("xf_shell_control: Queue must be 3 .. 64; got Queue=%0d", Queue);
  end

  // Numbers of words; the byte address is four times that.
  localparam logic [5:0] Id = 0, Version = 1, HashLow = 2, HashHigh = 3, InBytesOf = 4,
      InBeatsOf = 5, OutBytesOf = 6, OutBeatsOf = 7, Limits = 8, Control = 9, Status = 10,
      Error = 11, ErrorLow = 12, ErrorHigh = 13, IrqEnable = 14, IrqStatus = 15, SourceLow = 16,
      SourceHigh = 17, TargetLow = 18, TargetHigh = 19, Frames = 20, Start = 21, Batches = 22,
      FramesDone = 23,
      CyclesLow = 24, CyclesHigh = 25, BeatsIn = 26, BeatsOut = 27, StallsIn = 28, StallsOut = 29,
      WeightsLow = 31, WeightsHigh = 32;
  localparam logic [31:0] Identity = 32'h58465348, VersionIs = 32'h00010000;  // "XFSH", 1.0
  // What went wrong first.
  localparam logic [3:0] NoError = 0, OnRead = 1, OnWrite = 2, OnLast = 3, OnDescriptor = 4,
      OnWeights = 7;
  localparam int unsigned Held = 16;  // cycles of a soft reset

  logic [63:0] source_q, target_q;
  logic [31:0] frames_q;
  logic        write, start, clear, restart;

  assign write   = write_valid_i;
  assign restart = write && write_addr_i == Control && write_data_i[0];
  assign clear   = write && write_addr_i == Control && write_data_i[1];
  assign start   = write && write_addr_i == Start;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      source_q <= '0;
      target_q <= '0;
      frames_q <= '0;
    end else if (write) begin
      if (write_addr_i == SourceLow) source_q[31:0] <= write_data_i;
      if (write_addr_i == SourceHigh) source_q[63:32] <= write_data_i;
      if (write_addr_i == TargetLow) target_q[31:0] <= write_data_i;
      if (write_addr_i == TargetHigh) target_q[63:32] <= write_data_i;
      if (write_addr_i == Frames) frames_q <= write_data_i;
    end
  end

  // Soft reset: the bus comes to rest, then everything behind the registers is reset.
  logic                    resetting_q, core_rst_nq;
  logic [$clog2(Held)-1:0] held_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      resetting_q <= 1'b0;
      core_rst_nq <= 1'b0;
      held_q      <= '0;
    end else begin
      if (restart) resetting_q <= 1'b1;
      else if (!core_rst_nq && held_q == $clog2(Held)'(Held - 1)) resetting_q <= 1'b0;
      core_rst_nq <= ~(resetting_q & read_idle_i & write_idle_i)
                     & (core_rst_nq | ~resetting_q);
      held_q      <= (resetting_q & ~core_rst_nq) ? held_q + 1'b1 : '0;
    end
  end

  // At the first edges the register holds nothing yet.
  assign core_rst_no = core_rst_nq & rst_ni;

  // Descriptors.
  logic [15:0] waiting_q;  // batches started and not done
  logic        fits, unaligned, push, read_room, write_room;

  if (AddrW < 64) begin : gen_short
    assign fits = source_q[63:AddrW] == '0 && target_q[63:AddrW] == '0;
  end else begin : gen_long
    assign fits = 1'b1;
  end

  logic many;  // more frames than a descriptor holds
  if (FramesW < 32) begin : gen_few
    assign many = frames_q[31:FramesW] != '0;
  end else begin : gen_many
    assign many = 1'b0;
  end

  logic [3:0]  error_q;
  logic        bad, bad_weights;
  logic [63:0] weights_q;

  if (Weights != 0) begin : gen_weights
    logic [1:0] unused;
    assign bad_weights = |{weights_q[2:0], weights_q >> AddrW};

    always_ff @(posedge clk_i) begin
      if (!rst_ni) weights_q <= '0;
      else if (write && write_addr_i == WeightsLow) weights_q[31:0] <= write_data_i;
      else if (write && write_addr_i == WeightsHigh) weights_q[63:32] <= write_data_i;
    end

    // In step with u_reads.
    xf_fifo #(.Width(PlaceW), .Depth(Queue), .Kind(1)) u_weights (
      .clk_i, .rst_ni(core_rst_nq), .s_data_i(weights_q[AddrW-1:3]), .s_valid_i(push),
      .s_ready_o(unused[0]), .m_data_o(read_weights_o), .m_valid_o(unused[1]), .m_ready_i(read_ready_i)
    );
  end else begin : gen_no_weights
    assign {weights_q, read_weights_o, bad_weights} = '0;
  end

  assign unaligned = |{source_q[2:0], target_q[2:0]};
  assign bad  = start & ~stop_o
                & (~fits | unaligned | bad_weights | many | (frames_q == '0) | ~read_room | ~write_room);
  assign push = start & ~stop_o & ~bad;

  xf_fifo #(.Width(PlaceW + FramesW), .Depth(Queue), .Kind(1)) u_reads (
    .clk_i, .rst_ni(core_rst_nq), .s_data_i({source_q[AddrW-1:3], frames_q[FramesW-1:0]}),
    .s_valid_i(push), .s_ready_o(read_room),
    .m_data_o({read_place_o, read_frames_o}), .m_valid_o(read_valid_o), .m_ready_i(read_ready_i)
  );

  xf_fifo #(.Width(PlaceW + FramesW), .Depth(Queue), .Kind(1)) u_writes (
    .clk_i, .rst_ni(core_rst_nq), .s_data_i({target_q[AddrW-1:3], frames_q[FramesW-1:0]}),
    .s_valid_i(push), .s_ready_o(write_room),
    .m_data_o({write_place_o, write_frames_o}), .m_valid_o(write_valid_o), .m_ready_i(write_ready_i)
  );

  // Errors: the first stays until a soft reset and stops both engines.
  logic [1:0]       resp_q;
  logic [63:0]      where_q;

  assign stop_o = resetting_q | (error_q != NoError);

  always_ff @(posedge clk_i) begin
    if (!core_rst_nq) begin
      error_q <= NoError;
      resp_q  <= '0;
      where_q <= '0;
    end else if (error_q == NoError) begin
      if (read_error_i) begin
        error_q <= OnRead;
        resp_q  <= read_error_resp_i;
        where_q <= 64'(read_error_addr_i);
      end else if (write_error_i) begin
        error_q <= OnWrite;
        resp_q  <= write_error_resp_i;
        where_q <= 64'(write_error_addr_i);
      end else if (weights_error_i) begin
        error_q <= OnWeights;
        resp_q  <= weights_error_resp_i;
        where_q <= 64'(weights_error_addr_i);
      end else if (last_error_i) begin
        error_q <= OnLast;
      end else if (bad) begin
        error_q <= OnDescriptor;
        where_q <= source_q;
      end
    end
  end

  // Counters since the last soft reset or clear; cycles and stalls while batches wait. Nothing is done after an
  // error: it may have taken the first burst of a frame whose last one is written.
  logic        busy, was_error_q, frame_done, batch_done;
  logic [63:0] cycles_q;
  logic [31:0] batches_q, frames_done_q, beats_in_q, beats_out_q, stalls_in_q, stalls_out_q;

  assign busy       = waiting_q != '0;
  assign frame_done = frame_done_i && error_q == NoError;
  assign batch_done = batch_done_i && error_q == NoError;

  always_ff @(posedge clk_i) begin
    if (!core_rst_nq) waiting_q <= '0;
    else waiting_q <= waiting_q + 16'(push) - 16'(batch_done);
    if (!core_rst_nq || clear) begin
      cycles_q      <= '0;
      batches_q     <= '0;
      frames_done_q <= '0;
      beats_in_q    <= '0;
      beats_out_q   <= '0;
      stalls_in_q   <= '0;
      stalls_out_q  <= '0;
    end else begin
      if (busy) cycles_q <= cycles_q + 1'b1;
      batches_q     <= batches_q + 32'(batch_done);
      frames_done_q <= frames_done_q + 32'(frame_done);
      beats_in_q    <= beats_in_q + 32'(in_valid_i & in_ready_i);
      beats_out_q   <= beats_out_q + 32'(out_valid_i & out_ready_i);
      stalls_in_q   <= stalls_in_q + 32'(busy && in_ready_i && !in_valid_i);
      stalls_out_q  <= stalls_out_q + 32'(out_valid_i && !out_ready_i);
    end
  end

  // Interrupt: bit 0 a batch is done, bit 1 an error; a write of 1 to IRQ_STATUS clears.
  logic [1:0] enable_q, pending_q;
  logic       cleared;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      enable_q <= '0;
    end else if (write && write_addr_i == IrqEnable) begin
      enable_q <= write_data_i[1:0];
    end
    if (!core_rst_nq) begin
      pending_q   <= '0;
      was_error_q <= 1'b0;
    end else begin
      was_error_q <= error_q != NoError;
      pending_q   <= (pending_q & ~(cleared ? write_data_i[1:0] : 2'b0))
                     | {error_q != NoError && !was_error_q, batch_done};
    end
  end

  assign cleared = write && write_addr_i == IrqStatus;
  assign irq_o   = |(enable_q & pending_q);

  always_comb begin
    unique case (write_addr_i)
      Control, IrqEnable, IrqStatus, SourceLow, SourceHigh, TargetLow, TargetHigh, Frames, Start:
        write_known_o = 1'b1;
      WeightsLow, WeightsHigh: write_known_o = Weights != 0;
      default: write_known_o = 1'b0;
    endcase
    read_known_o = read_addr_i <= ((Weights != 0) ? WeightsHigh : StallsOut);
    unique case (read_addr_i)
      Id: read_data_o = Identity;
      Version: read_data_o = VersionIs;
      HashLow: read_data_o = Hash[31:0];
      HashHigh: read_data_o = Hash[63:32];
      InBytesOf: read_data_o = InBytes;
      InBeatsOf: read_data_o = InBeats;
      OutBytesOf: read_data_o = OutBytes;
      OutBeatsOf: read_data_o = OutBeats;
      Limits: read_data_o = {8'(AddrW), 8'(FramesW), 16'(Queue)};
      Status: read_data_o = {28'b0, read_room & write_room & ~stop_o, error_q != NoError,
                             resetting_q, busy};
      Error: read_data_o = {26'b0, resp_q, error_q};
      ErrorLow: read_data_o = where_q[31:0];
      ErrorHigh: read_data_o = where_q[63:32];
      IrqEnable: read_data_o = 32'(enable_q);
      IrqStatus: read_data_o = 32'(pending_q);
      SourceLow: read_data_o = source_q[31:0];
      SourceHigh: read_data_o = source_q[63:32];
      TargetLow: read_data_o = target_q[31:0];
      TargetHigh: read_data_o = target_q[63:32];
      Frames: read_data_o = frames_q;
      Batches: read_data_o = batches_q;
      FramesDone: read_data_o = frames_done_q;
      CyclesLow: read_data_o = cycles_q[31:0];
      CyclesHigh: read_data_o = cycles_q[63:32];
      BeatsIn: read_data_o = beats_in_q;
      BeatsOut: read_data_o = beats_out_q;
      StallsIn: read_data_o = stalls_in_q;
      StallsOut: read_data_o = stalls_out_q;
      WeightsLow: read_data_o = weights_q[31:0];
      WeightsHigh: read_data_o = weights_q[63:32];
      default: read_data_o = '0;
    endcase
  end

  `XF_ASSERT_WHEN(NothingDoneThatWasNotStarted_A, core_rst_nq && batch_done_i, busy)
  `XF_ASSERT_WHEN(ResetOnlyAtRest_A, resetting_q && !core_rst_nq, read_idle_i && write_idle_i)

endmodule : xf_shell_control
