// Requests and answers are followed here anew, byte by byte, with a CRC-32 of one bit after the other.
function automatic [31:0] summed(input [31:0] sum, input [7:0] data);
  summed = sum;
  for (int k = 0; k < 8; k++) summed = (summed >> 1) ^ ((summed[0] != data[k]) ? 32'hEDB88320 : 32'd0);
endfunction
// The request: how many of its bytes came, whether it is a write, what its check is over, the bytes of its beat
// or its write, the last one highest. What is wrong stops all.
logic [7:0]  place_q;
logic        writes_q, stopped_q;
logic [31:0] sum_q, to, word;
logic [8*Bytes-1:0] kept_q;
wire [7:0] body  = writes_q ? 8'd8 : 8'(InBytes * InBeats);
wire [7:0] check = place_q - body - 8'd1;  // byte of it
wire begins = place_q == 0, checks = place_q > body, ends = place_q == body + 8'd4;
wire wrong  = begins ? s_data_i != 8'd0 && (Loads == 0 || s_data_i != 8'h80)
                     : checks && s_data_i != ~sum_q[8*check[1:0] +: 8];
wire comes  = s_valid_i && s_ready_o && !stopped_q, right = comes && ends && !wrong;
assign {word, to} = 64'(kept_q >> ((Loads != 0) ? 8*Bytes - 64 : 0));
wire beyond = AddrW < 32 && (to >> AddrW) != 0;
// Of its frame: beats that were given, whether it has begun and is not given in full, whether its check was
// right. Of all: those of which the core got a beat and gave no answer, and those given in full and not answered.
logic [7:0] beats_q, core_q, whole_q;
logic       open_q, right_q;
wire beat = m_axis_tvalid && m_axis_tready, final_beat = beat && beats_q == InBeats - 1;
wire result = s_axis_tvalid && s_axis_tready;
// Of its write, from its check to its answer: what the accelerator has taken, and said.
logic       issue_q, addr_q, word_q, done_q;
logic [1:0] said_q;
// The answer that leaves: its bytes, how many there are and have left, if a check follows, what that is over.
logic [8*OutBytes-1:0] out_q;
logic [7:0]  size_q, gone_q, due_q;  // answers that are due, this one too
logic        busy_q, final_q, reply_q;
logic [31:0] out_sum_q;
wire given = m_valid_o && m_ready_i, in_check = gone_q >= size_q;
wire [7:0] out_check = gone_q - size_q;
wire all_left = given && gone_q + 8'd1 == size_q + (final_q ? 8'd4 : 8'd0);
wire answered = all_left && final_q;
always_ff @(posedge clk_i) begin
  if (comes && begins) writes_q <= s_data_i[7];
  if (comes && !begins && !checks) kept_q <= (8*Bytes)'({s_data_i, kept_q} >> 8);
  if (bvalid_i && bready_o) said_q <= bresp_i;
  if (answers || result) begin
    out_q <= answers ? (8*OutBytes)'(beyond ? 2'b10 : said_q) : s_axis_tdata;
    {size_q, final_q, reply_q} <= answers ? {8'd1, 2'b11} : {8'(OutBytes), s_axis_tlast, 1'b0};
  end
  gone_q <= (answers || result) ? 8'd0 : gone_q + 8'(given);
  if (!rst_ni) begin
    {place_q, beats_q, core_q, whole_q, due_q} <= '0;
    {stopped_q, open_q, right_q, issue_q, addr_q, word_q, done_q, busy_q} <= '0;
    {sum_q, out_sum_q} <= '1;
  end else begin
    if (comes) place_q <= ends ? 8'd0 : place_q + 8'd1;
    if (comes) sum_q   <= ends ? '1 : checks ? sum_q : summed(sum_q, s_data_i);
    stopped_q <= stopped_q || (comes && wrong);
    beats_q <= final_beat ? 8'd0 : beats_q + 8'(beat);
    core_q  <= core_q + 8'(beat && beats_q == 0) - 8'(result && s_axis_tlast);
    whole_q <= whole_q + 8'(final_beat) - 8'(answered && !reply_q);
    due_q   <= due_q + 8'(comes && begins && s_data_i == 8'd0) + 8'(answers) - 8'(answered);
    open_q  <= (open_q && !final_beat) || (comes && begins && s_data_i == 8'd0);
    right_q <= (right_q && !final_beat) || (right && !writes_q);
    issue_q <= (issue_q || (right && writes_q)) && !answers;
    addr_q  <= (addr_q || (awvalid_o && awready_i)) && !answers;
    word_q  <= (word_q || (wvalid_o && wready_i)) && !answers;
    done_q  <= (done_q || (bvalid_i && bready_o)) && !answers;
    busy_q  <= (busy_q && !all_left) || answers || result;
    if (given) out_sum_q <= answered ? '1 : in_check ? out_sum_q : summed(out_sum_q, m_data_o);
  end
end
// The core answers no frame before its first beat came, the accelerator no write before it took all of it.
`XF_ASSUME(!s_axis_tvalid || core_q != 0)
`XF_ASSUME(!bvalid_i || (addr_q && word_q && !done_q))
// What neighbours see: a beat is the bytes that came, the last one of a frame behind a right check.
`XF_INVARIANT(stopped_o == stopped_q && stopped_q == (state_q == Stop))
`XF_INVARIANT(!m_axis_tvalid || m_axis_tdata == kept_q[8*Bytes-1 -: 8*InBytes])
wire in_turn = (beats_q == InBeats - 1) ? right_q : place_q == (beats_q + 1) * InBytes + 1;
`XF_INVARIANT(!m_axis_tvalid || in_turn)
// A write is made once, behind a right check, to an address that there is, when none before it is due.
`XF_INVARIANT(!(awvalid_o || wvalid_o || bready_o) || (issue_q && !done_q && due_q == 0))
`XF_INVARIANT(!awvalid_o || (!addr_q && !beyond && awaddr_o == to[AddrW-1:0]))
`XF_INVARIANT(!wvalid_o || (!word_q && !beyond && wdata_o == word))
`XF_INVARIANT(!answers || (issue_q && (beyond || done_q) && due_q == 0 && !busy_q))
// Bytes of an answer are those of the result or the write; its check leaves behind that of its request.
wire [7:0] wanted = in_check ? ~out_sum_q[8*out_check[1:0] +: 8] : out_q[8*gone_q +: 8];
`XF_INVARIANT(!m_valid_o || (busy_q && m_data_o == wanted))
`XF_INVARIANT(!m_valid_o || !in_check || (final_q && (reply_q || whole_q != 0)))
// Of requests whose answers are due there are 15 at most, and then no other begins.
`XF_INVARIANT(due_q <= 15 && !(due_q == 15 && begins && comes))
// The module's registers hold what is counted here.
wire in_offer = state_q == Offer, in_check_q = state_q == Check;
wire of_write = state_q == Write || state_q == Issue || state_q == Answer || (in_check_q && write_q);
wire of_frame = state_q == Frame || in_offer || (in_check_q && !write_q);
wire in_bytes = state_q == Frame || state_q == Write;
wire [7:0] there = in_bytes ? 8'(byte_q) : of_write ? 8'd8 : of_frame ? 8'(InBytes) : 8'd0;
wire [7:0] most  = (state_q == Frame) ? 8'(InBytes) : (state_q == Write) ? 8'd8 : in_check_q ? 8'd4 : 8'd1;
`XF_INVARIANT(stopped_q || place_q == ((state_q == Frame) ? 8'(1 + beat_q * InBytes + byte_q)
  : (state_q == Write) ? 8'(1 + byte_q) : in_check_q ? 8'(body + 1 + byte_q)
  : (in_offer && !last_beat) ? 8'(1 + (beat_q + 1) * InBytes) : 8'd0))
`XF_INVARIANT(stopped_q || (byte_q < most && beat_q < InBeats))
`XF_INVARIANT(stopped_q || ((of_frame || beat_q == 0) && (!in_check_q || write_q || last_beat)))
`XF_INVARIANT((!of_write || (Loads != 0 && write_q && writes_q)) && (!of_frame || (!write_q && !writes_q)))
`XF_INVARIANT(stopped_q || in_crc_q == (in_check_q ? ~(~sum_q >> 8*byte_q) : sum_q))
for (genvar j = 0; j < Bytes; j++) begin : gen_byte
  `XF_INVARIANT(j >= there || bytes_q[8*(Bytes-1-j) +: 8] == kept_q[8*(Bytes-1-j) +: 8])
end
`XF_INVARIANT(stopped_q || beats_q == ((accepted_q && !last_beat) ? beat_q + 1 : accepted_q ? 0 : beat_q))
`XF_INVARIANT((!accepted_q || in_offer) && right_q == (in_offer && last_beat && !accepted_q))
`XF_INVARIANT(stopped_q || open_q == (of_frame && !(accepted_q && last_beat)))
`XF_INVARIANT(given_q == !(open_q || (accepted_q && last_beat)))
`XF_INVARIANT(issue_q == (state_q == Issue || state_q == Answer))
`XF_INVARIANT({addr_q, word_q, done_q} == 0 || (issue_q && !beyond && requests_q == 0))
`XF_INVARIANT(state_q != Issue || ({addr_sent_q, data_sent_q} == {addr_q, word_q} && !done_q))
wire [2:0] says = beyond ? 3'b110 : {done_q, said_q};
`XF_INVARIANT(state_q != Answer || (requests_q == 0 && {1'b1, resp_q} == says))
// Due is what has begun and is not given, what the core has, and what leaves; or, of frames, those given in full.
`XF_INVARIANT(requests_q == due_q + 8'(left_all_q) && !(left_all_q && busy_q))
`XF_INVARIANT(due_q == core_q + 8'(open_q && beats_q == 0) + 8'(busy_q && final_q) && core_q <= 15)
`XF_INVARIANT(due_q == whole_q + 8'(open_q) + 8'(busy_q && reply_q) && whole_q <= 15)
`XF_INVARIANT(state_q != Idle || !room_q || requests_q != 15)
`XF_INVARIANT(!busy_q || (reply_q ? size_q == 1 && final_q : size_q == OutBytes))
`XF_INVARIANT(!busy_q || (wrote_q == reply_q && gone_q < size_q + (final_q ? 8'd4 : 8'd0)))
`XF_INVARIANT(out_empty_q == !busy_q && left_q == ((busy_q && !in_check) ? size_q - gone_q : 0))
`XF_INVARIANT(check_left_q == ((busy_q && final_q) ? (in_check ? 8'd4 - out_check : 8'd4) : 8'd0))
`XF_INVARIANT(out_crc_q == ((busy_q && in_check) ? ~(~out_sum_q >> 8*out_check) : out_sum_q))
for (genvar j = 0; j < OutBytes; j++) begin : gen_out
  `XF_INVARIANT(j >= left_q || result_q[8*j +: 8] == 8'(out_q >> 8*(gone_q + j)))
end
// Those of its checkers too.
`XF_COUNT(bytes, "u_beats")
`XF_COUNT(words, "u_writes")
`XF_COUNT(results, "u_results")
wire in_result = busy_q && !reply_q && !in_check;
`XF_INVARIANT(beat_bytes == 0 && (stopped_q || bytes == ((of_frame && !accepted_q) ? there : 0)))
`XF_INVARIANT(beat_words == 0 && (stopped_q || words == (of_write ? there : 0)))
`XF_INVARIANT(results == 32'(in_result) && beat_results == (in_result ? gone_q : 0))
`XF_SERVED(taken, 2, s_valid_i && m_axis_tready && !issue_q && requests_q != '1, s_ready_o)
wire answers_soon = bvalid_i || !addr_q || !word_q;
`XF_SERVED(written, 3, issue_q && due_q == 0 && awready_i && wready_i && answers_soon, answers)
`XF_SERVED(given, 2, m_ready_i && busy_q && (!in_check || reply_q || whole_q != 0), m_valid_o)
`XF_SERVED(results, 0, s_axis_tvalid && !busy_q, s_axis_tready)
`XF_INVARIANT(cycles_taken <= (in_offer ? 8'(accepted_q) : 8'd2))
`XF_INVARIANT(cycles_written <= ((state_q == Answer) ? 8'd3 : (addr_q && word_q) ? 8'd2 : 8'(alone)))
