// What is offered is what came; the answer is that of its write.
xf_check_order #(.Width(WordW), .Most(1)) u_addr (
  .clk_i, .rst_ni, .taken_i(awvalid_i & awready_o), .taken_data_i(awaddr_i[AddrW-1:2]),
  .given_i(done), .given_data_i(write_addr_o)
);
xf_check_order #(.Width(33), .Most(1)) u_data (
  .clk_i, .rst_ni, .taken_i(wvalid_i & wready_o), .taken_data_i({wstrb_i == 4'hf, wdata_i}),
  .given_i(done), .given_data_i({whole_q, write_data_o})
);
wire offered = write_valid_o & write_ready_i;
wire refused = both && !write_valid_o;
xf_check_order #(.Width(2), .Most(1)) u_answer (
  .clk_i, .rst_ni, .taken_i(offered | refused),
  .taken_data_i((refused || write_error_i) ? 2'b10 : 2'b00),
  .given_i(bvalid_o & bready_i), .given_data_i(bresp_o)
);
`XF_ASSUME_STABLE(known, 1'b1, !write_valid_o || write_ready_i, write_known_i)
`XF_ORDER(addr, "u_addr", WordW, 1)
`XF_ORDER(data, "u_data", 33, 1)
`XF_ORDER(answer, "u_answer", 2, 1)
`XF_COUNT(addresses, "u_addresses")
`XF_COUNT(words, "u_words")
`XF_INVARIANT(addresses == 32'(addr_valid_q) + 32'(b_valid_q) && beat_addresses == 0)
`XF_INVARIANT(words == 32'(data_valid_q) + 32'(b_valid_q) && beat_words == 0)
`XF_INVARIANT(fill_addr == addr_valid_q && fill_data == data_valid_q && fill_answer == b_valid_q)
`XF_INVARIANT(!addr_valid_q || addr_q == oldest_addr(0))
`XF_INVARIANT(!data_valid_q || {whole_q, data_q} == oldest_data(0))
`XF_INVARIANT(!b_valid_q || b_resp_q == oldest_answer(0))
`XF_INVARIANT(!both || write_valid_o == (whole_q && write_known_i))
`XF_SERVED(answered, 2, awvalid_i && wvalid_i && bready_i && write_ready_i, bvalid_o)
