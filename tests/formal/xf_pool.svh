`include "formal.svh"
// Of the beats under a window, kept here anew, the greatest, unsigned.
`XF_FRAMES(InBits, ImageH * ImageW, OutH * OutW)
wire [7:0] corner = base_q + gone_q / OutW * KernelH * ImageW + gone_q % OutW * KernelW;
logic [InBits-1:0] greatest;
always_comb begin
  greatest = '0;
  for (int y = 0; y < KernelH; y++) begin
    for (int x = 0; x < KernelW; x++) begin
      if (came[corner + y * ImageW + x] > greatest) greatest = came[corner + y * ImageW + x];
    end
  end
end
`XF_INVARIANT(!m_valid_o || m_data_o == greatest)
`XF_SERVED(taken, 1, s_valid_i && m_ready_i, s_ready_o)
`XF_SERVED(given, 1, all_came, m_valid_o)
