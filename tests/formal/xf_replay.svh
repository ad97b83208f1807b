// The vectors inside, kept and counted here anew; a beat is expected where it is read.
logic [Width-1:0] vectors [2*Beats];
logic [7:0] in_q, out_q, vector_q;  // beat that comes next; read of the vector that comes next; which vector
logic             given_q;
logic [Width-1:0] expected_q;
wire taken = s_valid_i & s_ready_o;
wire [7:0] from = vector_q * Beats + out_q % Beats;
always_ff @(posedge clk_i) begin
  if (taken) vectors[in_q] <= s_data_i;
  if (en_i) expected_q <= vectors[from];
  if (!rst_ni) begin
    in_q     <= 8'd0;
    out_q    <= 8'd0;
    vector_q <= 8'd0;
    given_q  <= 1'b0;
  end else begin
    if (taken) in_q <= (in_q == 2 * Beats - 1) ? 8'd0 : in_q + 8'd1;
    if (step_o) out_q <= (out_q == Reads - 1) ? 8'd0 : out_q + 8'd1;
    if (step_o && out_q == Reads - 1) vector_q <= 8'd1 - vector_q;
    if (en_i) given_q <= step_o;
  end
end
`XF_INVARIANT(!given_q || data_o == expected_q)
`XF_INVARIANT(addr_o == out_q && last_o == (out_q % Beats == Beats - 1) && (en_i || !step_o))
`XF_SERVED(taken, Reads, s_valid_i && en_i, s_ready_o)
`XF_SERVED(read, 1, s_valid_i && en_i, step_o)
