// SPDX-License-Identifier: Apache-2.0
//
// Registers of the shell (docs/guide/board.md): identity, descriptors, errors, interrupt, counters,
// reset.
//
// A write to START hands one descriptor to both DMA engines. The first error stops both, until a
// soft reset, which waits until the bus is idle and then holds core_rst_no low.
//
// Words that the host writes, and counters, are in one memory (see below).
//
// Rate       as of xf_axi_regs; writes take effect a cycle behind write_valid_i
// Reset      synchronous; a soft reset leaves addresses, FRAMES and IRQ_ENABLE as they are

`include "xf_assert.svh"

module xf_shell_control #(
  parameter  int unsigned AddrW    = 32,     // bits of an address in memory, 13 .. 64
  parameter  int unsigned FramesW  = 16,     // bits of a number of frames, 1 .. 32
  parameter  int unsigned Queue    = 4,      // descriptors that wait, a power of two
  parameter  int unsigned InBytes  = 1,      // of a beat in, and beats of a frame
  parameter  int unsigned InBeats  = 1,
  parameter  int unsigned OutBytes = 1,      // the same, out
  parameter  int unsigned OutBeats = 1,
  parameter  int unsigned Weights  = 0,      // 1: weights come from memory with every frame
  parameter  logic [63:0] Hash     = '0,     // of the network
  localparam int unsigned PlaceW   = AddrW - 3
) (
  input  logic               clk_i, rst_ni,
  output logic               core_rst_no,    // of all but the registers
  // Register accesses, from xf_axi_regs
  input  logic [5:0]         write_addr_i,
  input  logic [31:0]        write_data_i,
  input  logic               write_valid_i,
  output logic               write_known_o,
  input  logic [5:0]         read_addr_i,
  input  logic               read_asked_i,
  input  logic               read_fetch_i,
  output logic [31:0]        read_data_o,    // in the cycle behind read_fetch_i
  output logic               read_known_o,
  output logic               ready_o,
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
  end else if (Queue < 4 || Queue > 64 || (Queue & (Queue - 1)) != 0) begin : gen_bad_queue
    $error("xf_shell_control: Queue must be 4, 8, 16, 32 or 64; got Queue=%0d", Queue);
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

  localparam logic [63:0] Outside = (AddrW < 64) ? ~64'd0 << AddrW : '0;  // bits of no address

  // Writes, decoded into registers; what is wrong with a descriptor is known when it is started.
  logic [WeightsHigh:0] to_q;
  logic [31:0]          data_q;
  logic [63:0]          source_q, target_q;
  logic [FramesW-1:0]   frames_q;
  logic                 store_q, low_bad, high_bad, refused_q;
  logic [1:0]           source_bad_q, target_bad_q, weights_bad_q;
  logic                 frames_bad_q, start, clear;

  assign start    = to_q[Start];
  assign clear    = to_q[Control] & data_q[1];
  assign low_bad  = |(data_q & (Outside[31:0] | 32'd7));
  assign high_bad = |(data_q & Outside[63:32]);

  always_ff @(posedge clk_i) begin
    data_q  <= write_data_i;
    store_q <= rst_ni & write_valid_i & (write_addr_i[5] | (write_addr_i[4] & (write_addr_i != Start)));
    for (int unsigned w = 0; w <= 32'(WeightsHigh); w++) begin
      to_q[w] <= rst_ni & write_valid_i & (write_addr_i == 6'(w));
    end
    if (!rst_ni) {source_q, target_q, frames_q, source_bad_q, target_bad_q, frames_bad_q} <= 1;
    else begin
      if (to_q[SourceLow]) {source_q[31:0], source_bad_q[0]} <= {data_q, low_bad};
      if (to_q[SourceHigh]) {source_q[63:32], source_bad_q[1]} <= {data_q, high_bad};
      if (to_q[TargetLow]) {target_q[31:0], target_bad_q[0]} <= {data_q, low_bad};
      if (to_q[TargetHigh]) {target_q[63:32], target_bad_q[1]} <= {data_q, high_bad};
      if (to_q[Frames]) begin
        frames_q     <= data_q[FramesW-1:0];
        frames_bad_q <= data_q == '0 || (data_q >> FramesW) != '0;
      end
    end
    refused_q <= |{source_bad_q, target_bad_q, weights_bad_q, frames_bad_q};
  end

  logic unused;
  assign unused = ^{to_q, target_q, weights_q};

  // Soft reset: the bus comes to rest, then everything behind the registers is reset. An engine may ask for
  // a burst in the cycle in which resetting_q comes.
  logic                    resetting_q, stopping_q, core_rst_nq;
  logic [$clog2(Held)-1:0] held_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) {resetting_q, stopping_q, core_rst_nq, held_q} <= '0;
    else begin
      if (to_q[Control] && data_q[0]) resetting_q <= 1'b1;
      else if (!core_rst_nq && held_q == $clog2(Held)'(Held - 1)) resetting_q <= 1'b0;
      stopping_q  <= resetting_q;
      core_rst_nq <= ~(resetting_q & stopping_q & read_idle_i & write_idle_i)
                     & (core_rst_nq | ~resetting_q);
      held_q      <= (resetting_q & ~core_rst_nq) ? held_q + 1'b1 : '0;
    end
  end

  // At the first edges the register holds nothing yet.
  assign core_rst_no = core_rst_nq & rst_ni;

  // Descriptors: those that wait for the engine that reads, and for the one that writes.
  localparam int unsigned QueueW = $clog2(Queue);
  logic              failed_q, bad, push, room_q;
  logic [QueueW:0]   in_q, read_q, write_q;
  (* ram_style = "distributed" *) logic [PlaceW+FramesW-1:0] reads [Queue], writes [Queue];
  logic [63:0] weights_q;

  if (Weights != 0) begin : gen_weights
    always_ff @(posedge clk_i) begin
      if (!rst_ni) {weights_q, weights_bad_q} <= '0;
      else if (to_q[WeightsLow]) {weights_q[31:0], weights_bad_q[0]} <= {data_q, low_bad};
      else if (to_q[WeightsHigh]) {weights_q[63:32], weights_bad_q[1]} <= {data_q, high_bad};
    end

    logic [PlaceW-1:0] weights [Queue];
    assign read_weights_o = weights[read_q[QueueW-1:0]];
    always_ff @(posedge clk_i) if (push) weights[in_q[QueueW-1:0]] <= weights_q[AddrW-1:3];
  end else begin : gen_no_weights
    assign {weights_q, read_weights_o, weights_bad_q} = '0;
  end

  assign bad  = start & ~stop_o & (refused_q | ~room_q);
  assign push = start & ~stop_o & ~refused_q & room_q;

  assign {read_place_o, read_frames_o}   = reads[read_q[QueueW-1:0]];
  assign {write_place_o, write_frames_o} = writes[write_q[QueueW-1:0]];
  assign read_valid_o                    = in_q != read_q;
  assign write_valid_o                   = in_q != write_q;

  always_ff @(posedge clk_i) begin
    if (!core_rst_nq) {in_q, read_q, write_q} <= '0;
    else begin
      if (push) in_q <= in_q + 1'b1;
      if (read_valid_o && read_ready_i) read_q <= read_q + 1'b1;
      if (write_valid_o && write_ready_i) write_q <= write_q + 1'b1;
    end
    room_q <= in_q != (read_q ^ (QueueW+1)'(Queue)) && in_q != (write_q ^ (QueueW+1)'(Queue));
    if (push) reads[in_q[QueueW-1:0]] <= {source_q[AddrW-1:3], frames_q};
    if (push) writes[in_q[QueueW-1:0]] <= {target_q[AddrW-1:3], frames_q};
  end

  // Errors: the first stays until a soft reset and stops both engines.
  logic [3:0]  error_q;
  logic [1:0]  resp_q;
  logic [63:0] where_q, where;
  logic        by_burst;

  assign stop_o   = resetting_q | failed_q;
  assign by_burst = read_error_i | write_error_i | weights_error_i;
  assign where    = read_error_i ? 64'(read_error_addr_i) : write_error_i ? 64'(write_error_addr_i)
                    : weights_error_i ? 64'(weights_error_addr_i) : source_q;

  always_ff @(posedge clk_i) begin
    if (!core_rst_nq) {failed_q, error_q, resp_q} <= '0;
    else if (!failed_q) begin
      failed_q <= by_burst | last_error_i | bad;
      error_q  <= read_error_i ? OnRead : write_error_i ? OnWrite : weights_error_i ? OnWeights
                  : last_error_i ? OnLast : bad ? OnDescriptor : NoError;
      resp_q   <= read_error_i ? read_error_resp_i : write_error_i ? write_error_resp_i
                  : weights_error_i ? weights_error_resp_i : '0;
    end
    if (!failed_q) where_q[31:0] <= (last_error_i && !by_burst) ? '0 : where[31:0];
    if (!failed_q && (by_burst ? AddrW <= 32 : last_error_i)) where_q[63:32] <= '0;
    else if (!failed_q) where_q[63:32] <= (AddrW > 32) ? where[63:32] : source_q[63:32];
  end

  // What happens is counted in a few bits each, since the last soft reset or clear; cycles and stalls while
  // batches wait. Nothing is done after an error: it may have taken the first burst of a frame whose last one
  // is written. Numbers of words 16 to 23 and 24 to 31, as in the memory: counters are 6 to 13 there.
  localparam int unsigned Recent = 6, WaitW = $clog2(Queue + 11);  // under way too: 1 + 1 + 8 bursts
  logic [7:0]        event_q, happens;
  logic [Recent-1:0] recent_q [8];
  logic [WaitW-1:0]  batches_q;  // batches started and not done
  logic              busy, was_failed_q, batch_done, carry, late_q;

  assign busy       = batches_q != '0;
  assign batch_done = batch_done_i & ~failed_q;
  assign happens    = event_q | {6'b0, carry, 1'b0};

  always_ff @(posedge clk_i) begin
    if (!core_rst_nq) batches_q <= '0;
    else batches_q <= batches_q + {{(WaitW-1){batch_done & ~push}}, push ^ batch_done};  // 1, 0 or -1
    if (!core_rst_nq || clear) event_q <= '0;
    else event_q <= {frame_done_i & ~failed_q, batch_done, out_valid_i & ~out_ready_i,
                     busy & in_ready_i & ~in_valid_i, out_valid_i & out_ready_i, in_valid_i & in_ready_i,
                     1'b0, busy};
    late_q <= 1'b0;  // accesses wait before a few bits are too few
    for (int unsigned k = 0; k < 8; k++) begin
      if (recent_q[k][Recent-1]) late_q <= 1'b1;
      if (!core_rst_nq || clear) recent_q[k] <= '0;
      else recent_q[k] <= ((counts && at_q[2:0] == 3'(k)) ? '0 : recent_q[k]) + Recent'(happens[k]);
    end
  end

  // The memory: words 16 to 31, 32 in the place of START, and the error's address, which is read behind an
  // error alone. One word in turn has added to it what happened of it since; a read takes the sum of the two
  // as well. Resets clear all words, or the counters, and accesses wait for it.
  (* ram_style = "distributed" *) logic [31:0] mem [32];
  logic [31:0]       word_q, more_q, other, other_q;
  logic [3:0]        turn_q, next;
  logic [4:0]        at_q, put_at_q;  // at_q: turn_q, or what a read asked for
  logic              turn, counter, counts, kept, clearing_q, all_q, walked, put_q, over, told_all_q;
  logic [1:0]        told_q, from_q;  // 1, 2: the low word of the error's address is written, the high one
  logic [Recent-1:0] recent;

  assign turn    = ~(read_asked_i | read_fetch_i | store_q | (told_q != '0));
  assign walked  = turn & (&turn_q);
  assign next    = turn_q + 4'(turn);
  assign counter = at_q[4] && at_q[3:0] >= 4'd6 && at_q[3:0] <= 4'd13;
  assign counts  = turn & counter;
  assign kept    = ~read_fetch_i | read_addr_i[5] | (read_addr_i[4] & (read_addr_i != Start))
                   | (told_all_q & (read_addr_i[4:1] == 4'(ErrorLow >> 1)));
  assign recent  = counter ? recent_q[at_q[2:0]] : '0;
  assign ready_o = ~clearing_q & ~late_q;

  assign {over, read_data_o} = {1'b0, word_q} + {1'b0, more_q};
  assign carry               = over & put_q & (from_q == '0) & (put_at_q == CyclesLow[4:0]);

  always_ff @(posedge clk_i) begin
    turn_q <= next;
    at_q   <= !read_asked_i ? {1'b1, next} : read_addr_i[5] ? Start[4:0] : read_addr_i[4:0];
    if (!rst_ni || !core_rst_nq || clear) {turn_q, at_q} <= {4'd0, 5'd16};
    if (!rst_ni) {clearing_q, all_q} <= 2'b11;
    else {clearing_q, all_q} <= {(clearing_q & ~walked) | ~core_rst_nq | clear, all_q & ~walked};
    other_q   <= other;
    word_q    <= (kept && !clearing_q) ? mem[at_q] : '0;
    more_q    <= kept ? 32'(recent) : other_q;
    put_q     <= store_q | (told_q != '0) | (turn & ~clear & (counter | all_q));
    put_at_q  <= store_q ? (write_addr_i[5] ? Start[4:0] : write_addr_i[4:0])
                 : (told_q != '0) ? {4'(ErrorLow >> 1), told_q[1]} : {1'b1, turn_q};
    from_q    <= store_q ? 2'd3 : told_q;
    if (!core_rst_nq) told_q <= '0;
    else if (failed_q && !was_failed_q) told_q <= 2'd1;
    else if (!store_q) told_q <= {told_q[0], 1'b0};
    told_all_q <= core_rst_nq & (told_all_q | (from_q == 2'd2));
    if (put_q) begin
      mem[put_at_q] <= (from_q == 2'd3) ? data_q : (from_q == 2'd2) ? where_q[63:32]
                       : (from_q == 2'd1) ? where_q[31:0] : read_data_o;
    end
  end

  // Interrupt: bit 0 a batch is done, bit 1 an error; a write of 1 to IRQ_STATUS clears.
  logic [1:0] enable_q, pending_q;
  logic       cleared;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) enable_q <= '0;
    else if (to_q[IrqEnable]) enable_q <= data_q[1:0];
    if (!core_rst_nq) {pending_q, was_failed_q} <= '0;
    else begin
      was_failed_q <= failed_q;
      pending_q    <= (pending_q & ~(cleared ? write_data_i[1:0] : 2'b0))
                      | {failed_q & ~was_failed_q, batch_done};
    end
  end

  assign cleared = write_valid_i && write_addr_i == IrqStatus;
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
      Id: other = Identity;
      Version: other = VersionIs;
      HashLow: other = Hash[31:0];
      HashHigh: other = Hash[63:32];
      InBytesOf: other = InBytes;
      InBeatsOf: other = InBeats;
      OutBytesOf: other = OutBytes;
      OutBeatsOf: other = OutBeats;
      Limits: other = {8'(AddrW), 8'(FramesW), 16'(Queue)};
      Status: other = {28'b0, room_q & ~stop_o, failed_q, resetting_q, busy};
      Error: other = {26'b0, resp_q, error_q};
      IrqEnable: other = 32'(enable_q);
      IrqStatus: other = 32'(pending_q);
      default: other = '0;
    endcase
  end

  `XF_ASSERT_STABLE(ReadHeldWhileStalled_A, read_valid_o, read_ready_i | ~core_rst_nq,
                    {read_place_o, read_frames_o, read_weights_o})
  `XF_ASSERT_STABLE(WriteHeldWhileStalled_A, write_valid_o, write_ready_i | ~core_rst_nq,
                    {write_place_o, write_frames_o})

`ifdef XF_CHECK
  // Each descriptor once to each engine, in order.
  xf_check_order #(.Width(PlaceW + FramesW), .Most(Queue)) u_reads (
    .clk_i, .rst_ni(core_rst_nq), .taken_i(push), .taken_data_i({source_q[AddrW-1:3], frames_q}),
    .given_i(read_valid_o & read_ready_i), .given_data_i({read_place_o, read_frames_o})
  );
  xf_check_order #(.Width(PlaceW + FramesW), .Most(Queue)) u_writes (
    .clk_i, .rst_ni(core_rst_nq), .taken_i(push), .taken_data_i({target_q[AddrW-1:3], frames_q}),
    .given_i(write_valid_o & write_ready_i), .given_data_i({write_place_o, write_frames_o})
  );
`endif

  `XF_ASSERT_WHEN(NothingDoneThatWasNotStarted_A, core_rst_nq && batch_done_i, busy)
  for (genvar k = 0; k < 8; k++) begin : gen_counted
    `XF_ASSERT_WHEN(AllIsCounted_A, core_rst_nq && happens[k], ~&recent_q[k])
  end
  `XF_ASSERT_WHEN(ResetOnlyAtRest_A, resetting_q && !core_rst_nq, read_idle_i && write_idle_i)

endmodule : xf_shell_control
