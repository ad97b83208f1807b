logic rst_ni;  // of what is here alone
logic [7:0] values_q;  // that are inside
always_ff @(posedge clk_i) begin
  if (!rst_ni) values_q <= 8'd0;
  else if (en_i && values_q != Stages) values_q <= values_q + 8'd1;
end
xf_check_order #(.Width(Width), .Most(Stages)) u_order (
  .clk_i, .rst_ni, .taken_i(en_i), .taken_data_i(data_i),
  .given_i(en_i && values_q == Stages), .given_data_i(data_o)
);
`XF_ORDER(values, "u_order", Width, Stages)
`XF_INVARIANT(fill_values == values_q)
for (genvar k = 0; k < Stages; k++) begin : gen_stage
  `XF_INVARIANT(k >= values_q || gen_registers.data_q[k*Width +: Width] == oldest_values(values_q - 8'd1 - k))
end
