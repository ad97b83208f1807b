// Of every element of the beats under a window, kept here anew, the sum, the greatest or the least, of numbers
// of a bit more, so that signed and unsigned ones compare alike.
localparam int unsigned Looked = (Pe < 2) ? Pe : 2;  // lanes that are looked at
`XF_FRAMES(Looked*InBits, ImageH * ImageW * Beats, OutH * OutW * Beats)
wire [7:0] window = gone_q / Beats;
wire [7:0] pixel  = window / OutW * KernelH * ImageW + window % OutW * KernelW;
wire [7:0] corner = base_q + pixel * Beats + gone_q % Beats;
logic [Looked*OutBits-1:0] wanted;
logic [Looked*InBits-1:0]  beat;
logic signed [InBits:0] x, best;
logic [OutBits-1:0]     sum;
always_comb begin
  for (int p = 0; p < Looked; p++) begin
    sum  = '0;
    best = '0;
    for (int k = 0; k < KernelH * KernelW; k++) begin
      beat = came[corner + (k / KernelW * ImageW + k % KernelW) * Beats];
      x    = {Signed != 0 && beat[p*InBits+InBits-1], beat[p*InBits +: InBits]};
      sum  = sum + OutBits'(x);
      if (k == 0 || (Minimum[gone_q % Beats * Pe + p] ? x < best : x > best)) best = x;
    end
    wanted[p*OutBits +: OutBits] = (Sum != 0) ? sum : OutBits'(best);
  end
end
`XF_INVARIANT(!m_valid_o || m_data_o[Looked*OutBits-1:0] == wanted)
`XF_SERVES(1, 1, all_came)
