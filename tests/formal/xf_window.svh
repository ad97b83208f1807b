`include "formal.svh"
// Every pixel under every window: a beat that came, kept here anew, or the pad value.
localparam int unsigned OutH = (ImageH + PadTop + PadBottom - (KernelH - 1) * DilationH - 1) / StrideH + 1;
localparam int unsigned OutW = (ImageW + PadLeft + PadRight - (KernelW - 1) * DilationW - 1) / StrideW + 1;
localparam int unsigned Each = KernelH * KernelW;
`XF_FRAMES(Width, ImageH * ImageW, OutH * OutW * Each)
wire [7:0] window = gone_q / Each;
wire [7:0] y = window / OutW * StrideH + gone_q % Each / KernelW * DilationH;
wire [7:0] x = window % OutW * StrideW + gone_q % KernelW * DilationW;
wire inside = y >= PadTop && y < PadTop + ImageH && x >= PadLeft && x < PadLeft + ImageW;
`XF_INVARIANT(!m_valid_o || m_data_o == (inside ? came[base_q + (y - PadTop) * ImageW + x - PadLeft] : Width'(PadValue)))
`XF_SERVED(taken, OutH * OutW * Each, s_valid_i && m_ready_i, s_ready_o)
`XF_SERVED(given, 3, all_came, m_valid_o)
