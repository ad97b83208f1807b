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
wire under_way = asked_q | fetch_q | sample_q;
`XF_INVARIANT(32'(asked_q) + 32'(fetch_q) + 32'(sample_q) + 32'(r_valid_q) <= 1)
`XF_INVARIANT(fill_addr == under_way && fill_word == r_valid_q)
`XF_INVARIANT(reads == 32'(under_way) + 32'(r_valid_q) && beat_reads == 0)
`XF_INVARIANT(!under_way || read_addr_q == oldest_addr(0))
// The word is sampled two cycles behind read_asked_o, one behind read_fetch_o; nothing begins before ready_i.
logic was_asked_q, was_fetched_q;
always_ff @(posedge clk_i) {was_asked_q, was_fetched_q} <= rst_ni ? {read_asked_o, read_fetch_o} : 2'b0;
`XF_INVARIANT(read_fetch_o == was_asked_q && read_valid_o == was_fetched_q)
`XF_INVARIANT(ready_i || !(arready_o || write_valid_o))
`XF_INVARIANT(!r_valid_q || {r_resp_q, r_data_q} == oldest_word(0))
`XF_SERVED(answered, 4, arvalid_i && rready_i && ready_i, rvalid_o)
// Of the writes, only that there is one answer for each.
`XF_ASSUME_STABLE(known, 1'b1, !offered || ready_i, write_known_i)
`XF_COUNT(addresses, "u_write.u_addresses")
`XF_COUNT(words, "u_write.u_words")
`XF_SEEN(addr_there, 1, "u_write", "addr_valid_q")
`XF_SEEN(data_there, 1, "u_write", "data_valid_q")
`XF_INVARIANT(addresses == 32'(addr_there) + 32'(bvalid_o) && beat_addresses == 0)
`XF_INVARIANT(words == 32'(data_there) + 32'(bvalid_o) && beat_words == 0)
`XF_SERVED(written, 2, awvalid_i && wvalid_i && bready_i && ready_i, bvalid_o)
