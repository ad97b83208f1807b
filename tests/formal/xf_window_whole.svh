// Every pixel of every window: one that came, kept here anew, or the pad value.
`XF_FRAMES(BeatW, ImageH * Beats, OutH * OutW)
logic [KernelH*KernelW*Width-1:0] wanted;
logic [7:0] y, x;
logic [BeatW-1:0] from;
always_comb begin
  for (int k = 0; k < KernelH * KernelW; k++) begin
    y = gone_q / OutW * StrideH + k / KernelW * DilationH;
    x = gone_q % OutW * StrideW + k % KernelW * DilationW;
    from = came[base_q + (y - PadTop) * Beats + (x - PadLeft) / Pixels];
    wanted[k*Width +: Width] = (y >= PadTop && y < PadTop + ImageH && x >= PadLeft && x < PadLeft + ImageW)
                             ? from[(x - PadLeft) % Pixels * Width +: Width] : Width'(PadValue);
  end
end
`XF_INVARIANT(!m_valid_o || m_data_o == wanted)
`XF_SERVES(OutH * OutW, 3, all_came)
