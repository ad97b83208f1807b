// SPDX-License-Identifier: Apache-2.0
//
// Requests from the host on a serial line to an accelerator whose template is written over
// AXI4-Lite: frames and writes, in any order.
//
// The first byte of a request is its kind:
//   0x00 .. 0x03  a frame: bit 0 the bank of its template, bit 1 whether it is learnt; its beats
//                 follow, each least significant byte first. Answer: the bytes of its result.
//   0x80          a write: four bytes of address, four of the word, each least significant first.
//                 Answer: one byte, 0 if it was done, 2 (SLVERR) if it was refused, which includes
//                 addresses of more than AddrW bits.
// Any other first byte is skipped; then unknown_o stays high until reset.
//
// Requests are served and answered in order: a write waits until the results of all frames before
// it have left, and the next request waits until its answer has left. So no frame in flight uses a
// template that is being written. Frames follow each other without waiting.
//
// Rate       one byte per cycle in, with one idle cycle between two beats of a frame; out, a result
//            of OutBytes bytes in OutBytes + 1 cycles
// Reset      synchronous, control state only; the next byte is the first of a request

`include "xf_assert.svh"

module xf_uart_requests #(
  parameter  int unsigned InBytes  = 1,   // of a beat of a frame
  parameter  int unsigned InBeats  = 1,   // of a frame
  parameter  int unsigned OutBytes = 1,   // of a beat of a result
  parameter  int unsigned AddrW    = 12,  // bits of an address
  localparam int unsigned Bytes     = (InBytes > 8) ? InBytes : 8,
  localparam int unsigned ByteW     = $clog2(Bytes),
  localparam int unsigned BeatW     = (InBeats > 1) ? $clog2(InBeats) : 1,
  localparam int unsigned OutCountW = $clog2(OutBytes + 1)
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic [7:0]            s_data_i,       // from the host
  input  logic                  s_valid_i,
  output logic                  s_ready_o,
  output logic [7:0]            m_data_o,       // to the host
  output logic                  m_valid_o,
  input  logic                  m_ready_i,
  output logic                  unknown_o,
  output logic [8*InBytes-1:0]  m_axis_tdata,   // to the accelerator
  output logic [1:0]            m_axis_tuser,
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

  // Frame and Write take the bytes of a beat and of a write, Offer gives a beat, Issue makes a
  // write, Answer tells how it went.
  typedef enum logic [2:0] {Idle, Frame, Offer, Write, Issue, Answer} state_e;

  state_e             state_q;
  logic [8*Bytes-1:0] bytes_q;        // of the beat or the write, the last that came at the top
  logic [ByteW-1:0]   byte_q;         // how many of them have come
  logic [BeatW-1:0]   beat_q;         // of the frame
  logic [1:0]         flags_q, resp_q;
  logic [3:0]         frames_q;       // whose results have not left in full
  logic               unknown_q, addr_sent_q, data_sent_q;
  logic               take, beat_whole, frame_starts, frame_leaves, alone, far;
  logic [31:0]        addr;

  assign s_ready_o    = (state_q == Idle && frames_q != '1) || state_q == Frame || state_q == Write;
  assign take         = s_valid_i & s_ready_o;
  assign beat_whole   = byte_q == ByteW'(InBytes - 1);
  assign frame_starts = take && state_q == Idle && s_data_i[7:2] == '0;
  assign alone        = state_q == Issue && frames_q == '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q   <= Idle;
      byte_q    <= '0;
      beat_q    <= '0;
      frames_q  <= '0;
      unknown_q <= 1'b0;
    end else begin
      frames_q <= frames_q + 4'(frame_starts) - 4'(frame_leaves);
      unique case (state_q)
        Idle: begin
          if (frame_starts) state_q <= Frame;
          else if (take && s_data_i == WriteByte) state_q <= Write;
          else if (take) unknown_q <= 1'b1;
        end
        Frame: begin
          if (take) byte_q <= beat_whole ? '0 : byte_q + 1'b1;
          if (take && beat_whole) state_q <= Offer;
        end
        Offer: begin
          if (m_axis_tready) begin
            beat_q  <= (beat_q == BeatW'(InBeats - 1)) ? '0 : beat_q + 1'b1;
            state_q <= (beat_q == BeatW'(InBeats - 1)) ? Idle : Frame;
          end
        end
        Write: begin
          if (take) byte_q <= (byte_q == ByteW'(7)) ? '0 : byte_q + 1'b1;
          if (take && byte_q == ByteW'(7)) state_q <= Issue;
        end
        Issue: if (alone && (far || bvalid_i)) state_q <= Answer;
        default: if (m_ready_i) state_q <= Idle;
      endcase
    end
    if (take) bytes_q <= {s_data_i, bytes_q[8*Bytes-1:8]};
    if (frame_starts) flags_q <= s_data_i[1:0];
    if (alone) resp_q <= far ? Slverr : bresp_i;
    addr_sent_q <= alone & (addr_sent_q | (awvalid_o & awready_i));
    data_sent_q <= alone & (data_sent_q | (wvalid_o & wready_i));
  end

  assign m_axis_tdata  = bytes_q[8*Bytes-1 -: 8*InBytes];
  assign m_axis_tuser  = flags_q;
  assign m_axis_tvalid = state_q == Offer;
  assign unknown_o     = unknown_q;

  assign {wdata_o, addr} = bytes_q[8*Bytes-1 -: 64];
  assign far             = |(addr >> AddrW);
  assign awaddr_o        = addr[AddrW-1:0];
  assign awvalid_o       = alone & ~far & ~addr_sent_q;
  assign wvalid_o        = alone & ~far & ~data_sent_q;
  assign bready_o        = alone;

  // Results. While a write is answered there are none.
  logic [8*OutBytes-1:0] result_q;
  logic [OutCountW-1:0]  left_q;  // bytes of the beat that have not left
  logic                  last_q, byte_leaves;

  assign s_axis_tready = left_q == '0;
  assign m_valid_o     = left_q != '0 || state_q == Answer;
  assign m_data_o      = (left_q != '0) ? result_q[7:0] : {6'b0, resp_q};
  assign byte_leaves   = left_q != '0 && m_ready_i;
  assign frame_leaves  = byte_leaves && left_q == OutCountW'(1) && last_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) left_q <= '0;
    else if (s_axis_tready) left_q <= s_axis_tvalid ? OutCountW'(OutBytes) : '0;
    else if (byte_leaves) left_q <= left_q - 1'b1;
    if (s_axis_tready) begin
      result_q <= s_axis_tdata;
      last_q   <= s_axis_tlast;
    end else if (byte_leaves) begin
      result_q <= result_q >> 8;
    end
  end

  `XF_ASSERT_STABLE(BeatHeldWhileStalled_A, m_axis_tvalid, m_axis_tready,
                    {m_axis_tuser, m_axis_tdata})
  `XF_ASSERT_STABLE(ByteHeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)
  `XF_ASSERT_STABLE(AddressHeldWhileStalled_A, awvalid_o, awready_i, awaddr_o)
  `XF_ASSERT_STABLE(WordHeldWhileStalled_A, wvalid_o, wready_i, wdata_o)
  `XF_ASSERT_WHEN(ResultsOfFrames_A, left_q != '0, frames_q != '0)
  `XF_ASSERT_WHEN(AnsweredOnceWritten_A, bvalid_i & bready_o, addr_sent_q & data_sent_q)

`ifdef XF_CHECK
  // One beat for its bytes, one answer for the bytes of a write, the bytes of every result beat.
  xf_check_beats #(.In(InBytes)) u_beats (
    .clk_i, .rst_ni, .taken_i(take && state_q == Frame), .given_i(m_axis_tvalid & m_axis_tready)
  );
  xf_check_beats #(.In(8)) u_writes (
    .clk_i, .rst_ni, .taken_i(take && state_q == Write),
    .given_i(state_q == Answer && m_ready_i)
  );
  xf_check_beats #(.Out(OutBytes)) u_results (
    .clk_i, .rst_ni, .taken_i(s_axis_tvalid & s_axis_tready), .given_i(byte_leaves)
  );
`endif

endmodule : xf_uart_requests
