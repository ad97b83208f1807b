// SPDX-License-Identifier: Apache-2.0
//
// Requests from the host on a serial line to an accelerator: frames, and writes of weights over
// AXI4-Lite, in any order.
//
// The first byte of a request is its kind, its last four bytes are its check:
//   0x00  a frame: its beats follow, each least significant byte first. Answer: the bytes of its
//         result.
//   0x80  a write: four bytes of address, four of the word, each least significant first.
//         Answer: one byte, 0 if it was done, 2 (SLVERR) if it was refused, which includes
//         addresses of more than AddrW bits. Only where Loads is 1.
// The check of a request or an answer, which ends with one too, is the CRC-32 of IEEE 802.3 over its
// other bytes, least significant byte first. A request of another kind or with a wrong check stops
// all: stopped_o stays high until reset, and no answer to it or to a later request gets its check.
// The last beat of a frame is not given, and a write not made, before the check has come.
//
// Requests are served and answered in order: a write waits until the answers to all requests before
// it have left, and the next request waits until its answer is on its way. Frames follow each
// other without waiting.
//
// Rate       one byte per cycle in, with two idle cycles between two beats of a frame; out, a beat of
//            OutBytes bytes in OutBytes + 1 cycles, a check in 4
// Ready      of the accelerator ends at one register, so that its path and the shell's are apart
// Reset      synchronous, control state only; the next byte is the first of a request

`include "xf_assert.svh"

module xf_uart_requests #(
  parameter  int unsigned InBytes  = 1,   // of a beat of a frame
  parameter  int unsigned InBeats  = 1,   // of a frame
  parameter  int unsigned OutBytes = 1,   // of a beat of a result
  parameter  int unsigned Loads    = 1,   // 1: the accelerator takes writes
  parameter  int unsigned AddrW    = 12,  // bits of an address
  localparam int unsigned Bytes     = (Loads == 0 || InBytes > 8) ? InBytes : 8,
  localparam int unsigned ByteW     = (Bytes > 4) ? $clog2(Bytes) : 2,
  localparam int unsigned BeatW     = (InBeats > 1) ? $clog2(InBeats) : 1,
  localparam int unsigned OutCountW = $clog2(OutBytes + 1)
) (
  input  logic                  clk_i, rst_ni,
  input  logic [7:0]            s_data_i,       // from the host
  input  logic                  s_valid_i,
  output logic                  s_ready_o,
  output logic [7:0]            m_data_o,       // to the host
  output logic                  m_valid_o,
  input  logic                  m_ready_i,
  output logic                  stopped_o,
  output logic [8*InBytes-1:0]  m_axis_tdata,   // to the accelerator
  output logic                  m_axis_tvalid,
  input  logic                  m_axis_tready,
  input  logic [8*OutBytes-1:0] s_axis_tdata,   // from the accelerator
  input  logic                  s_axis_tvalid,
  output logic                  s_axis_tready,
  input  logic                  s_axis_tlast,
  output logic [AddrW-1:0]      awaddr_o,       // of the accelerator's AXI4-Lite slave
  output logic                  awvalid_o,
  input  logic                  awready_i,
  output logic [31:0]           wdata_o,
  output logic                  wvalid_o,
  input  logic                  wready_i,
  input  logic [1:0]            bresp_i,
  input  logic                  bvalid_i,
  output logic                  bready_o
);

  if (InBytes < 1 || InBeats < 1 || OutBytes < 1) begin : gen_bad_size
    $error("xf_uart_requests: InBytes, InBeats, OutBytes must be at least 1; got %0d, %0d, %0d",
           InBytes, InBeats, OutBytes);
  end else if (AddrW < 1 || AddrW > 32) begin : gen_bad_address
    $error("xf_uart_requests: AddrW must be 1 .. 32; got AddrW=%0d", AddrW);
  end

  localparam logic [7:0] WriteByte = 8'h80;
  localparam logic [1:0] Slverr    = 2'b10;

  // One more byte of what a check is over; the check is the complement of the result.
  function automatic logic [31:0] crc(input logic [31:0] sum, input logic [7:0] data);
    crc = sum ^ 32'(data);
    for (int k = 0; k < 8; k++) crc = (crc >> 1) ^ (crc[0] ? 32'hEDB88320 : '0);
  endfunction

  // Frame and Write take the bytes of a beat and of a write, Check those of the check, Offer gives a
  // beat, Issue makes a write, Answer tells how it went.
  typedef enum logic [2:0] {Idle, Frame, Offer, Write, Check, Issue, Answer, Stop} state_e;

  state_e             state_q;
  logic [8*Bytes-1:0] bytes_q;     // of the beat or the write, the last that came at the top
  logic [ByteW-1:0]   byte_q;      // how many of them, or of the check, have come
  logic [BeatW-1:0]   beat_q;      // of the frame
  logic [1:0]         resp_q;
  logic [31:0]        in_crc_q;
  logic [3:0]         requests_q;  // whose answers are due
  logic               room_q;      // for another, as of the cycle before
  logic               accepted_q;  // the beat that is offered was taken in the cycle before
  logic               given_q;     // the last frame has been given in full
  logic               write_q, addr_sent_q, data_sent_q;
  logic               take, beat_whole, last_beat, frame_starts, answers, alone, far;
  logic [31:0]        addr;

  assign s_ready_o = (state_q == Idle && room_q) || state_q == Frame || state_q == Write
                     || state_q == Check || state_q == Stop;
  assign take         = s_valid_i & s_ready_o;
  assign beat_whole   = byte_q == ByteW'(InBytes - 1);
  assign last_beat    = beat_q == BeatW'(InBeats - 1);
  assign frame_starts = take && state_q == Idle && s_data_i == '0;
  assign alone        = state_q == Issue && requests_q == '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q    <= Idle;
      byte_q     <= '0;
      beat_q     <= '0;
      requests_q <= '0;
      given_q    <= 1'b1;
      accepted_q <= 1'b0;
      room_q     <= 1'b1;
      in_crc_q   <= '1;
    end else begin
      requests_q <= requests_q + 4'(frame_starts | answers) - 4'(left_all_q);
      room_q     <= requests_q != '1;
      accepted_q <= m_axis_tvalid & m_axis_tready;
      unique case (state_q)  // in Frame, Write and Check what is valid is taken
        Idle: begin
          if (frame_starts) state_q <= Frame;
          else if (take) state_q <= (Loads != 0 && s_data_i == WriteByte) ? Write : Stop;
          if (frame_starts) given_q <= 1'b0;
        end
        Frame: begin
          if (s_valid_i) byte_q <= beat_whole ? '0 : byte_q + 1'b1;
          if (s_valid_i && beat_whole) state_q <= last_beat ? Check : Offer;
        end
        Write: begin
          if (s_valid_i) byte_q <= (byte_q == ByteW'(7)) ? '0 : byte_q + 1'b1;
          if (s_valid_i && byte_q == ByteW'(7)) state_q <= Check;
        end
        Check: begin
          if (s_valid_i) byte_q <= (byte_q == ByteW'(3)) ? '0 : byte_q + 1'b1;
          if (s_valid_i && s_data_i != ~in_crc_q[7:0]) state_q <= Stop;
          else if (s_valid_i && byte_q == ByteW'(3)) state_q <= write_q ? Issue : Offer;
        end
        Offer: begin
          if (accepted_q) begin
            beat_q  <= last_beat ? '0 : beat_q + 1'b1;
            state_q <= last_beat ? Idle : Frame;
            if (last_beat) given_q <= 1'b1;
          end
        end
        Issue: if (alone && (far || bvalid_i)) state_q <= Answer;
        Answer: if (answers) state_q <= Idle;
        default: ;
      endcase
      // Behind the last byte of a check it is all ones, as it begins.
      if (take) in_crc_q <= (state_q == Check) ? {8'hFF, in_crc_q[31:8]} : crc(in_crc_q, s_data_i);
    end
    if (s_valid_i && (state_q == Frame || state_q == Write)) begin
      bytes_q <= (8*Bytes)'({s_data_i, bytes_q} >> 8);
    end
    if (take && state_q == Idle) write_q <= s_data_i[7];
    if (alone) resp_q <= far ? Slverr : bresp_i;
    addr_sent_q <= alone & (addr_sent_q | (awvalid_o & awready_i));
    data_sent_q <= alone & (data_sent_q | (wvalid_o & wready_i));
  end

  assign m_axis_tdata  = bytes_q[8*Bytes-1 -: 8*InBytes];
  assign m_axis_tvalid = state_q == Offer && !accepted_q;
  assign stopped_o     = state_q == Stop;

  if (Loads != 0) begin : gen_write
    assign {wdata_o, addr} = bytes_q[8*Bytes-1 -: 64];
  end else begin : gen_no_write
    assign {wdata_o, addr} = '0;
  end
  assign far       = |(addr >> AddrW);
  assign awaddr_o  = addr[AddrW-1:0];
  assign awvalid_o = alone & ~far & ~addr_sent_q;
  assign wvalid_o  = alone & ~far & ~data_sent_q;
  assign bready_o  = alone;

  // Answers: the bytes of a beat, and behind the last beat the check. While a write is answered there
  // are no results. The check of the last frame waits until all of it has been given.
  logic [8*OutBytes-1:0] result_q;
  logic [OutCountW-1:0]  left_q;        // bytes of the beat that have not left
  logic [2:0]            check_left_q;  // of the check behind the beat
  logic [31:0]           out_crc_q;
  logic                  out_empty_q, byte_leaves, check_leaves, answer_left;
  logic                  left_all_q;    // answer_left, a cycle later
  logic                  may_check_q;   // the check of an answer may leave, as of the cycle before

  assign s_axis_tready = out_empty_q;
  assign answers       = state_q == Answer && out_empty_q;
  assign m_valid_o     = left_q != '0 || (check_left_q != '0 && may_check_q);
  assign m_data_o      = (left_q != '0) ? result_q[7:0] : ~out_crc_q[7:0];
  assign byte_leaves   = left_q != '0 && m_ready_i;
  assign check_leaves  = left_q == '0 && m_valid_o && m_ready_i;
  assign answer_left   = check_leaves && check_left_q == 3'd1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q       <= '0;
      check_left_q <= '0;
      out_empty_q  <= 1'b1;
      out_crc_q    <= '1;
      left_all_q   <= 1'b0;
      may_check_q  <= 1'b0;
    end else begin
      if (out_empty_q) out_empty_q <= ~answers & ~s_axis_tvalid;
      else out_empty_q <= answer_left | (byte_leaves && left_q == OutCountW'(1) && check_left_q == '0);
      if (answers) left_q <= OutCountW'(1);
      else if (out_empty_q) left_q <= s_axis_tvalid ? OutCountW'(OutBytes) : '0;
      else if (byte_leaves) left_q <= left_q - 1'b1;
      if (out_empty_q) check_left_q <= (answers || (s_axis_tvalid && s_axis_tlast)) ? 3'd4 : '0;
      else if (check_leaves) check_left_q <= check_left_q - 1'b1;
      if (byte_leaves) out_crc_q <= crc(out_crc_q, result_q[7:0]);
      else if (check_leaves) out_crc_q <= {8'hFF, out_crc_q[31:8]};
      left_all_q  <= answer_left;
      may_check_q <= given_q || requests_q != 4'd1;
    end
    if (out_empty_q) result_q <= answers ? (8*OutBytes)'(resp_q) : s_axis_tdata;
    else if (byte_leaves) result_q <= result_q >> 8;
  end

  `XF_ASSERT_STABLE(BeatHeldWhileStalled_A, m_axis_tvalid, m_axis_tready, m_axis_tdata)
  `XF_ASSERT_STABLE(ByteHeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  `XF_ASSERT_STABLE(AddressHeldWhileStalled_A, awvalid_o, awready_i, awaddr_o)
  `XF_ASSERT_STABLE(WordHeldWhileStalled_A, wvalid_o, wready_i, wdata_o)
  `XF_ASSERT_WHEN(EmptyOfBoth_A, 1'b1, out_empty_q == (left_q == '0 && check_left_q == '0))
  `XF_ASSERT_WHEN(AnswersAreDue_A, !out_empty_q, requests_q != '0)
  `XF_ASSERT_WHEN(AnsweredOnceWritten_A, bvalid_i & bready_o, addr_sent_q & data_sent_q)

`ifdef XF_CHECK
  // One beat for its bytes, one answer for the bytes of a write, the bytes of every beat of an answer.
  xf_check_beats #(.In(InBytes)) u_beats (
    .clk_i, .rst_ni, .taken_i(take && state_q == Frame), .given_i(m_axis_tvalid & m_axis_tready)
  );
  xf_check_beats #(.In(8)) u_writes (
    .clk_i, .rst_ni, .taken_i(take && state_q == Write), .given_i(answers)
  );
  logic wrote_q;
  always_ff @(posedge clk_i) if (out_empty_q) wrote_q <= answers;
  xf_check_beats #(.Out(OutBytes)) u_results (
    .clk_i, .rst_ni, .taken_i(s_axis_tvalid & s_axis_tready), .given_i(byte_leaves & ~wrote_q)
  );
`endif

endmodule : xf_uart_requests
