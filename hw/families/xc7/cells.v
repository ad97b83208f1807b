// SPDX-License-Identifier: Apache-2.0
//
// Block RAMs and DSP blocks of the 7 series; what is behind their pins is in _xilinx.v.

module RAMB36E1 #(
  `XF_RAMB36_PARAMETERS, parameter RAM_MODE = "TDP",
  parameter RAM_EXTENSION_A = "NONE", parameter RAM_EXTENSION_B = "NONE"
) (
  `XF_RAMB_PINS,
  input [15:0] ADDRARDADDR, ADDRBWRADDR,
  input [31:0] DIADI, DIBDI,
  input [3:0] DIPADIP, DIPBDIP, WEA,
  input [7:0] WEBWE,
  output [31:0] DOADO, DOBDO,
  output [3:0] DOPADOP, DOPBDOP
);
  initial
    if (RAM_EXTENSION_A != "NONE" || RAM_EXTENSION_B != "NONE") $fatal(1, "%m: cascades are not modelled");

  xf_ramb #(`XF_RAMB36_GIVEN) ram (
    .addr_a(ADDRARDADDR[14:0]), .di_a(DIADI), .dip_a(DIPADIP), .we_a(WEA), .do_a(DOADO), .dop_a(DOPADOP),
    .addr_b(ADDRBWRADDR[14:0]), .di_b(DIBDI), .dip_b(DIPBDIP), .we_b(WEBWE), .do_b(DOBDO), .dop_b(DOPBDOP), .*
  );
endmodule

module RAMB18E1 #(`XF_RAMB18_PARAMETERS, parameter RAM_MODE = "TDP") (
  `XF_RAMB_PINS,
  input [13:0] ADDRARDADDR, ADDRBWRADDR,
  input [15:0] DIADI, DIBDI,
  input [1:0] DIPADIP, DIPBDIP, WEA,
  input [3:0] WEBWE,
  output [15:0] DOADO, DOBDO,
  output [1:0] DOPADOP, DOPBDOP
);
  xf_ramb #(`XF_RAMB18_GIVEN) ram (
    .addr_a(ADDRARDADDR), .di_a(DIADI), .dip_a(DIPADIP), .we_a(WEA), .do_a(DOADO), .dop_a(DOPADOP),
    .addr_b(ADDRBWRADDR), .di_b(DIBDI), .dip_b(DIPBDIP), .we_b(WEBWE), .do_b(DOBDO), .dop_b(DOPBDOP), .*
  );
endmodule

module DSP48E1 #(`XF_DSP_PARAMETERS, parameter USE_DPORT = "FALSE") (`XF_DSP_PINS(25, 7));
  initial if (USE_DPORT != "FALSE") $fatal(1, "%m: only a plain product of A and B is modelled");

  xf_dsp #(.FactorW(25), `XF_DSP_GIVEN) dsp (.OPMODE(9'(OPMODE)), .*);
endmodule
