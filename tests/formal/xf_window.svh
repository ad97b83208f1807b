// Every pixel under every window, of each rate around the same one: a beat that came, kept here anew, or a pad.
localparam int unsigned OutH = (ImageH + PadTop + PadBottom - (KernelH - 1) * DilationH - 1) / StrideH + 1;
localparam int unsigned OutW = (ImageW + PadLeft + PadRight - (KernelW - 1) * DilationW - 1) / StrideW + 1;
localparam int unsigned Walks = KernelW / Abreast, PerRate = KernelH * Walks * Beats, Each = Rates * PerRate;
`XF_FRAMES(Width, ImageH * ImageW * Beats, OutH * OutW * Each)
wire [7:0] window = gone_q / Each;
wire [7:0] row    = gone_q % PerRate / (Walks * Beats);  // of the kernel
wire [7:0] rate_h = (Rates > 1) ? RateList[8*(gone_q % Each / PerRate) +: 8] : DilationH;
wire [7:0] rate_w = (Rates > 1) ? rate_h : DilationW;
wire [7:0] y      = window / OutW * StrideH + (KernelH - 1) * (DilationH - rate_h) / 2 + row * rate_h;
wire [7:0] left   = window % OutW * StrideW + (KernelW - 1) * (DilationW - rate_w) / 2;
logic [Abreast*Width-1:0] wanted;
logic [7:0] x;
always_comb begin
  for (int p = 0; p < Abreast; p++) begin
    x = left + (gone_q / Beats % Walks + p) * rate_w;
    wanted[p*Width +: Width] = (y >= PadTop && y < PadTop + ImageH && x >= PadLeft && x < PadLeft + ImageW)
      ? came[base_q + ((y - PadTop) * ImageW + x - PadLeft) * Beats + gone_q % Beats]
      : {Lanes{Bits'(PadValue)}};
  end
end
`XF_INVARIANT(!m_valid_o || m_data_o == wanted)
`XF_SERVES(OutH * OutW * Each, 3, all_came)
