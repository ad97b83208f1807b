// What the core must get, and which packets are in error, kept here anew; the core answers no frame before its first
// beat came.
logic             expected [16];
logic             wrong [16];
logic [3:0]       next_q, given_q, begun_q, answers_q, packets_q, whole_q, fed_q;
logic [7:0]       place_q;  // beats of the packet that came
logic             torn_seen_q;
wire taken = s_valid_i & s_ready_o;
wire given = core_valid_o & core_ready_i;
wire torn  = s_torn_i | (torn_seen_q & place_q != 0);
wire [3:0] missing = (s_last_i && place_q < Beats) ? 4'(Beats - 1 - place_q) : 4'd0;
always_ff @(posedge clk_i) begin
  if (taken && place_q < Beats) begin
    for (int k = 0; k < Beats; k++) if (k <= missing) expected[4'(next_q + k)] <= (k == 0) && s_data_i;
  end
  if (taken && (s_last_i ? place_q < Beats : place_q == Beats - 1)) wrong[packets_q] <= torn | ~s_last_i | (place_q != Beats - 1);
  if (!rst_ni) begin
    {next_q, given_q, begun_q, answers_q, packets_q, whole_q, fed_q} <= '0;
    place_q <= 8'd0;
  end else begin
    if (taken) place_q <= s_last_i ? 8'd0 : (place_q < Beats) ? place_q + 8'd1 : place_q;
    if (taken && place_q < Beats) next_q <= next_q + 4'd1 + missing;
    if (taken && (s_last_i ? place_q < Beats : place_q == Beats - 1)) packets_q <= packets_q + 1'b1;
    if (given) given_q <= given_q + 1'b1;
    if (given && given_q % Beats == 0) begun_q <= begun_q + 1'b1;
    if (answer_valid_i && answer_ready_o && answer_last_i) answers_q <= answers_q + 1'b1;
    if (push) fed_q <= fed_q + 1'b1;
    if (m_valid_o && m_ready_i && m_last_o) whole_q <= whole_q + 1'b1;
  end
  if (taken) torn_seen_q <= torn;
end
`XF_ASSUME_STABLE(beat, s_valid_i, s_ready_o, {s_torn_i, s_last_i, s_data_i})
`XF_ASSUME_STABLE(answer, answer_valid_i, answer_ready_o, {answer_last_i, answer_data_i})
`XF_ASSUME(!answer_valid_i || answers_q != begun_q)
`XF_INVARIANT(!core_valid_o || (given_q != next_q && core_data_o == expected[given_q]))
`XF_INVARIANT(!(m_valid_o && m_last_o) || (whole_q != packets_q && m_error_o == wrong[whole_q]))
logic [15:0] errors;
always_comb for (int k = 0; k < 16; k++) errors[k] = k < fed_q && wrong[k];
`XF_INVARIANT(errors_o == $countones(errors))
`XF_SERVED(taken, Beats + 1, s_valid_i && core_ready_i && count_q != Depth, s_ready_o)
`XF_SERVED(given, 1, given_q != next_q && count_q != Depth, core_valid_o)
