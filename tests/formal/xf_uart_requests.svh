`include "formal.svh"
// Requests and answers are followed here anew: bytes, beats, and whether all bytes of a check were right. The CRC itself
// is not: the tests compare it with that of others.
localparam int unsigned Length = 1 + InBytes * InBeats + 4;
logic [7:0] place_q, offered_q, right_q, answered_q, out_byte_q;
logic       stopped_q;
wire given = m_valid_o & m_ready_i;
wire wrong = (place_q == 0) ? s_data_i != 8'd0 : place_q >= Length - 4 && s_data_i != ~in_crc_q[7:0];
always_ff @(posedge clk_i) begin
  if (!rst_ni) begin
    {place_q, offered_q, right_q, answered_q, out_byte_q} <= '0;
    stopped_q <= 1'b0;
  end else begin
    if (take && !stopped_q) place_q <= (place_q == Length - 1) ? 8'd0 : place_q + 8'd1;
    if (take && wrong) stopped_q <= 1'b1;
    if (take && !wrong && !stopped_q && place_q == Length - 1) right_q <= right_q + 8'd1;
    if (m_axis_tvalid && m_axis_tready) offered_q <= offered_q + 8'd1;
    if (given) out_byte_q <= (out_byte_q == OutBytes + 3) ? 8'd0 : out_byte_q + 8'd1;
    if (given && out_byte_q == OutBytes + 3) answered_q <= answered_q + 8'd1;
  end
end
// A core whose answers have one beat: none before its frame has begun.
logic [7:0] results_q;
always_ff @(posedge clk_i) begin
  if (!rst_ni) results_q <= 8'd0;
  else if (s_axis_tvalid && s_axis_tready) results_q <= results_q + 8'd1;
end
`XF_ASSUME(s_axis_tlast && (!s_axis_tvalid || results_q < (offered_q + InBeats - 1) / InBeats))
`XF_INVARIANT(stopped_o == stopped_q)
// The last beat of a frame is given behind a right check, and the check of its answer leaves behind that.
`XF_INVARIANT(!m_axis_tvalid || (offered_q + 1) / InBeats <= right_q)
`XF_INVARIANT(!m_valid_o || out_byte_q < OutBytes || answered_q < offered_q / InBeats)
`XF_SERVED(taken, 2, s_valid_i && m_axis_tready && requests_q != '1, s_ready_o)
`XF_SERVED(given, 2, m_ready_i && answered_q < results_q && answered_q < offered_q / InBeats, m_valid_o)
