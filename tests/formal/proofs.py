"""What is proved of which module, and the faults that each proof must find; `make formal` proves it."""

from prove import Proof, main


def streams(bits: int) -> dict[str, str]:
    """Parameters of an operator of two streams of `bits` bits."""
    return {"Inputs": "2", "OutBits": str(bits), "InBits": "16'h0202"}


# Parameters are as small as a module's cases allow; no property depends on the width of data.
SKID, FIFO, WIDTH, DEPTH = "xf_skid", "xf_fifo", "xf_width", "CountW'(Depth - 1)"
THRESHOLD = {"Folds": 2, "InBits": 3, "Signed": 1, "Bits": 2, "ThresholdFile": "xf_threshold.mem"}
WINDOW, WHOLE, REQUESTS = "xf_window", "xf_window_whole", "xf_uart_requests"
ROWS = {"Lanes": 1, "Bits": 1, "ImageH": 3, "ImageW": 2, "KernelH": 2, "KernelW": 2, "AddrW": 3}
PADDED = ROWS | {"ImageH": 1, "ImageW": 3, "KernelH": 1, "PadLeft": 1}
WINDOWS = {"ImageH": 2, "ImageW": 2, "Lanes": 1, "KernelH": 2, "KernelW": 2, "Depth": 3}
PROOFS = (
    Proof(SKID, {"Width": 2}, 3, (
        (SKID, "spare_valid_q <= 1'b1;", "spare_valid_q <= 1'b0;"),
        (SKID, "spare_valid_q ? spare_q : s_data_i", "s_data_i"),
        (SKID, "if (!spare_valid_q) spare_q", "spare_q"),
    )),
    Proof(FIFO, {"Width": 1, "Depth": 4, "Kind": 1}, 4, (
        (FIFO, "push && count_q == CountW'(Depth - 1)", "push && count_q == CountW'(Depth)"),
        (FIFO, "(write_q == AddrW'(Depth - 1))", "(write_q == AddrW'(Depth - 2))"),
        (FIFO, "pop && count_q == CountW'(1)", "pop && count_q == CountW'(2)"),
    )),
    Proof(FIFO, {"Width": 1, "Depth": 3, "Kind": 2}, 4, (
        (FIFO, "~empty_q & (give | ~word_valid_q)", "~empty_q"),
        (FIFO, "if (give) data_q <= word;", "data_q <= word;"),
        (FIFO, "else if (give) word_valid_q <= 1'b0;", "else word_valid_q <= 1'b0;"),
    )),
    Proof(FIFO, {"Width": 1, "Depth": 5, "Kind": 2, "InBlock": 4}, 4, (
        (FIFO, "rest_read_q ? rest_q : mem_q", "rest_read_q ? mem_q : rest_q"),
        (FIFO, "if (push && !in_block) rest", "if (push) rest"),
        (FIFO, "in_block = ~write_q[AddrW-1]", "in_block = write_q[AddrW-1]"),
    )),
    Proof(WIDTH, {"InWidth": 1, "OutWidth": 3, "Gap": 0}, 4, (
        (WIDTH, "s_ready_o = ~valid_q | first", "s_ready_o = 1'b1"),
        (WIDTH, "s_valid_i & ~valid_q & ~first", "s_valid_i & ~first"),
        (WIDTH, "if (push) newest_q", "if (s_valid_i) newest_q"),
    )),
    Proof(WIDTH, {"InWidth": 1, "OutWidth": 2, "Gap": 1}, 4, (
        (WIDTH, "s_ready_o = ~valid_q;", "s_ready_o = 1'b1;"),
        (WIDTH, "{s_data_i, data_q[OutWidth-1:InWidth]}", "{data_q[OutWidth-1:InWidth], s_data_i}"),
        (WIDTH, "~m_ready_i : push & last;", "~m_ready_i : push;"),
    )),
    Proof(WIDTH, {"InWidth": 3, "OutWidth": 1, "Gap": 0}, 4, (
        (WIDTH, "PartW'(Ratio - 2 + Gap)", "PartW'(Ratio - 1 + Gap)"),
        (WIDTH, "if (!last) last_q", "if (last) last_q"),
        (WIDTH, "if (go) data_q <= part;", "data_q <= part;"),
    )),
    Proof(WIDTH, {"InWidth": 2, "OutWidth": 1, "Gap": 1}, 4, (
        (WIDTH, "choices[part_q]", "choices[PartW'(Ratio - 1) - part_q]"),
        (WIDTH, "s_ready_o = ~full_q", "s_ready_o = 1'b1"),
        (WIDTH, "if (go) valid_q <= give", "valid_q <= give"),
    )),
    Proof("xf_fork", {"Width": 2, "Outputs": 2}, 4, (
        ("xf_fork", "s_ready_o = left == '0", "s_ready_o = valid_q == '0 || m_ready_i != '0"),
        ("xf_fork", "if (s_ready_o) data_q", "if (s_valid_i) data_q"),
        ("xf_fork", "valid_q <= left;", "valid_q <= valid_q;"),
    )),
    Proof("xf_join", streams(4) | {"SumBits": "4", "ConstantBits": "3", "Constants": "6'o31"}, 4, (
        ("xf_join", "m_valid_q <= valid_q;", "m_valid_q <= take;"),
        ("xf_join", "go & (&s_valid_i)", "go & (|s_valid_i)"),
        ("xf_join", "if (go) total_q <= total", "total_q <= total"),
    )),
    Proof("xf_concat", streams(2) | {"Beats": "32'h00010002"}, 4, (
        ("xf_concat", "beat_q == Beats[16*from_q +: 16] - 1'b1", "beat_q == Beats[16*from_q +: 16]"),
        ("xf_concat", "if (go) data_q <= wide", "data_q <= wide"),
        ("xf_concat", "go & s_valid_i[from_q]", "go & (|s_valid_i)"),
    )),
    Proof("xf_delay", {"Width": 2, "Stages": 3}, 4, (
        ("xf_delay", "if (en_i) begin", "begin"),
        ("xf_delay", "data_q[Stages-1]", "data_q[Stages-2]"),
        ("xf_delay", "data_q[0] <= data_i", "data_q[0] <= ~data_i"),
    )),
    Proof("xf_axi_regs", {"AddrW": 4}, 4, (
        ("xf_axi_regs", "~asked_q & ~r_valid_q", "~asked_q"),
        ("xf_axi_regs", "read_known_i ? Okay : Slverr", "Okay"),
        ("xf_axi_regs", "if (asked_q) begin", "begin"),
    )),
    Proof("xf_axi_write", {"AddrW": 4}, 4, (
        ("xf_axi_write", "both & (write_ready_i | ~allowed)", "both"),
        ("xf_axi_write", "write_known_i & (&strb_q)", "write_known_i"),
        ("xf_axi_write", " & ~b_valid_q", ""),
    )),
    Proof("xf_replay", {"Width": 1, "Beats": 2, "Passes": 2}, 12, (
        ("xf_replay", "s_ready_o = ~full_q[1]", "s_ready_o = full_q != 2'd3"),
        ("xf_replay", "(full_q != '0) | (write_q != read)", "1'b1"),
        ("xf_replay", "read_half_q ^ done", "read_half_q ^ wrote"),
    ), bounded=True),
    Proof("xf_unpack", {"Bytes": 2, "Word": 4, "Beats": 3}, 10, (
        ("xf_unpack", "~valid_q | (m_ready_i & last)", "~valid_q | m_ready_i"),
        ("xf_unpack", "word_q >> 8*Slot", "word_q >> 4*Slot"),
        ("xf_unpack", "last_beat | (part_q", "(part_q"),
    ), bounded=True),
    Proof("xf_pack", {"Bytes": 2, "Word": 4, "Beats": 3}, 10, (
        ("xf_pack", "s_ready_o = ~valid_q | m_ready_i", "s_ready_o = 1'b1"),
        ("xf_pack", "{Slot{part_q == PartW'(p)}}", "{Slot{1'b1}}"),
        ("xf_pack", "last_beat | (part_q", "(part_q"),
    ), bounded=True),
    Proof("xf_threshold", THRESHOLD, 4, (
        ("xf_threshold", "fold_q[0] == FoldW'(Folds - 1)", "fold_q[0] != FoldW'(Folds - 1)"),
        ("xf_threshold", "m_ready_i | ~valid_q[Bits-1]", "m_ready_i"),
        ("xf_threshold", "} >= words", "} > words"),
    )),
    Proof("xf_top_k", {"Count": 3, "Best": 2, "InBits": 2, "OutBits": 2}, 13, (
        ("xf_top_k", "(key > key_q[k])", "(key >= key_q[k])"),
        ("xf_top_k", "~tail_q & ~spare_valid_q;", "~spare_valid_q;"),
        ("xf_top_k", "spare_valid_q <= ~move & (take | spare_valid_q)", "spare_valid_q <= ~move & take"),
    ), bounded=True),
    Proof("xf_top_k", {"Count": 3, "Best": 2, "InBits": 2, "Signed": 1, "OutBits": 3}, 13, (
        ("xf_top_k", "s_data_i ^ (InBits'(1) << (InBits - 1))", "s_data_i"),
        ("xf_top_k", "OutBits'($signed(passed))", "OutBits'(passed)"),
        ("xf_top_k", "(key > key_q[k])", "(key < key_q[k])"),
    ), bounded=True),
    Proof("xf_frames", {"Width": 1, "Beats": 2}, 12, (
        ("xf_frames", "s_ready_o = full_q != 2", "s_ready_o = full_q != 3"),
        ("xf_frames", "full_q != 0 || (write_q", "full_q != 0 || 1'b1 || (write_q"),
        ("xf_frames", "second_q ^ done", "second_q ^ wrote"),
    ), bounded=True),
    Proof("xf_pool", {"ImageH": 2, "ImageW": 4, "Pe": 1, "InBits": 2, "OutBits": 2}, 14, (
        ("xf_pool", "used && ky_last && kx_q == KxW'(KernelW - 1)", "used && kx_q == KxW'(KernelW - 1)"),
        ("xf_pool", "fresh || above != minimum", "above != minimum"),
        ("xf_pool", "kx_q != '0) ? data_q", "kx_q == '0) ? data_q"),
    ), bounded=True),
    Proof("xf_pool", {"ImageH": 3, "ImageW": 3, "Pe": 1, "InBits": 1, "OutBits": 1}, 16, (
        ("xf_pool", "used      = !rest_q && !rest_row", "used      = !rest_q"),
        ("xf_pool", "if (RestH != 0 && ky_last) row_q", "if (RestH != 0) row_q"),
        ("xf_pool", "(RestW != 0) ? rest_q : window_last", "window_last"),
    ), bounded=True),
    Proof(WINDOW, ROWS, 15, (
        (WINDOW, "free = frame_end ? RowsW'(WrapFree) : RowsW'(StrideH)", "free = RowsW'(StrideH + 1)"),
        (WINDOW, "row_end    ? AddrW'(ToRow)", "row_end    ? AddrW'(ToRow + 1)"),
        (WINDOW, "if (give) data_q <= word;", "data_q <= word;"),
    ), bounded=True),
    Proof(WINDOW, PADDED, 15, (
        (WINDOW, "row_in_image && x < XW'(ImageW)", "row_in_image"),
        (WINDOW, "line_end   ? x_line : x_pixel", "line_end   ? x_pixel : x_line"),
        (WINDOW, "WaitsOut == 1 && ahead_q == '0", "WaitsOut == 2 && ahead_q == '0"),
    ), bounded=True),
    Proof(WHOLE, WINDOWS | {"ImageH": 3}, 13, (
        (WHOLE, "to_row_q == '0  ? ToRowsW'(StrideH - 1)", "to_row_q == '0  ? ToRowsW'(StrideH)"),
        (WHOLE, "if (go) valid_q <= step & give;", "valid_q <= step & give;"),
        (WHOLE, "lines[write_q] <= column", "lines[read_q] <= column"),
    ), bounded=True),
    Proof(WHOLE, WINDOWS | {"PadTop": 1, "PadLeft": 1, "PadValue": 1}, 12, (
        (WHOLE, "y_q < YW'(Above)", "y_q <= YW'(Above)"),
        (WHOLE, "x_q == '0 && sub == '0", "x_q != '0 && sub == '0"),
        (WHOLE, "frame_end       ? ToRowsW'(FirstH)", "frame_end       ? ToRowsW'(StrideH)"),
    ), bounded=True),
    Proof(WHOLE, WINDOWS | {"ImageW": 4, "Pixels": 2}, 13, (
        (WHOLE, "go & in_image & beat_end", "go & in_image"),
        (WHOLE, "step & beat_end & column_in_image", "step & column_in_image"),
        (WHOLE, "sub_q == SubW'(Subs - 1)", "sub_q != SubW'(Subs - 1)"),
    ), bounded=True),
    Proof("xf_frame_guard", {"Width": 1, "Beats": 2, "OutWidth": 1, "Depth": 2}, 9, (
        ("xf_frame_guard", "fill_q | torn_q | s_torn_i | ~s_last_i", "fill_q | s_torn_i | ~s_last_i"),
        ("xf_frame_guard", "feed_data    = fill_q ? '0 : s_data_i", "feed_data    = s_data_i"),
        ("xf_frame_guard", "error_q[IndexW'(count_q - 1'b1)]", "error_q[0]"),
    ), bounded=True),
    Proof("xf_dma_bursts", {"AddrW": 13, "FramesW": 2, "Words": 20}, 4, (
        ("xf_dma_bursts", "else if (to_border < 10'(Burst))", "else if (to_border < 10'(Burst - 1))"),
        ("xf_dma_bursts", "frame_end ? LeftW'(Words)", "frame_end ? LeftW'(Words - 1)"),
        ("xf_dma_bursts", "frame_end && frames_q == FramesW'(1)", "frame_end"),
    )),
    Proof("xf_dma_bursts", {"AddrW": 13, "FramesW": 2, "Words": 20, "Waits": 1, "Again": 1}, 4, (
        ("xf_dma_bursts", "(Again != 0 && frame_end)", "(Again != 0 && all_end)"),
        ("xf_dma_bursts", "start_q  <= s_place_i;", "start_q  <= s_place_i + 1'b1;"),
        ("xf_dma_bursts", "Most  = 8;", "Most  = 9;"),
    )),
    Proof("xf_dma_share", {"AddrW": 4, "Readers": 2, "Depth": 3}, 6, (
        ("xf_dma_share", "arvalid_i & ~served_q", "arvalid_i"),
        ("xf_dma_share", "(~valid_q | m_arready_i) & room", "room"),
        ("xf_dma_share", "m_rvalid_i & m_rlast_i)", "m_rvalid_i)"),
    ), bounded=True),
    Proof(REQUESTS, {"Loads": 0, "InBeats": 2}, 15, (
        (REQUESTS, "s_data_i != ~in_crc_q[7:0]", "s_data_i == in_crc_q[7:0]"),
        (REQUESTS, "given_q || requests_q != 4'd1", "1'b1"),
        (REQUESTS, "last_beat ? Check : Offer", "last_beat ? Offer : Check"),
    ), bounded=True),
)  # fmt: skip

if __name__ == "__main__":
    main(PROOFS)
