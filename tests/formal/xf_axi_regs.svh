// A word is read once for each address, and its value, or SLVERR, is the answer. Writes are those of xf_axi_write.
xf_check_order #(.Width(WordW), .Most(1)) u_addr (
  .clk_i, .rst_ni, .taken_i(arvalid_i & arready_o), .taken_data_i(araddr_i[AddrW-1:2]),
  .given_i(read_valid_o), .given_data_i(read_addr_o)
);
xf_check_order #(.Width(34), .Most(1)) u_word (
  .clk_i, .rst_ni, .taken_i(read_valid_o),
  .taken_data_i(read_known_i ? {2'b00, read_data_i} : {2'b10, 32'd0}),
  .given_i(rvalid_o & rready_i), .given_data_i({rresp_o, rdata_o})
);
`XF_ORDER(addr, "u_addr", WordW, 1)
`XF_ORDER(word, "u_word", 34, 1)
`XF_COUNT(reads, "u_reads")
`XF_INVARIANT(fill_addr == asked_q && fill_word == r_valid_q && !(asked_q && r_valid_q))
`XF_INVARIANT(reads == 32'(asked_q) + 32'(r_valid_q) && beat_reads == 0)
`XF_INVARIANT(!asked_q || read_addr_q == oldest_addr(0))
`XF_INVARIANT(!r_valid_q || {r_resp_q, r_data_q} == oldest_word(0))
`XF_SERVED(answered, 2, arvalid_i && rready_i, rvalid_o)
// Of the writes, only that there is one answer for each.
`XF_COUNT(addresses, "u_write.u_addresses")
`XF_COUNT(words, "u_write.u_words")
`XF_SEEN(addr_there, 1, "u_write", "addr_valid_q")
`XF_SEEN(data_there, 1, "u_write", "data_valid_q")
`XF_INVARIANT(addresses == 32'(addr_there) + 32'(bvalid_o) && beat_addresses == 0)
`XF_INVARIANT(words == 32'(data_there) + 32'(bvalid_o) && beat_words == 0)
`XF_SERVED(written, 2, awvalid_i && wvalid_i && bready_i, bvalid_o)
