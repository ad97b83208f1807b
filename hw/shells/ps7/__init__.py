"""A shell with registers on a Zynq-7000, connected to its processor PS7.

M_AXI_GP0 (AXI3, 32 bits) reaches the registers through xf_axi3_lite; S_AXI_HP0 (AXI3, 64 bits) takes the
bursts of the DMA; FCLK0 is the clock, FCLK_RESET0 the reset, IRQF2P[0] the interrupt.
"""

from importlib.resources import files
from pathlib import Path

from xnorforge.hw.shells import dma
from xnorforge.hw.shells.dma.drivers import xnorforge_driver
from xnorforge.hw.wrap import GENERATED

BASE = xnorforge_driver.BASE  # of M_AXI_GP0
INSTANCE = "u_system.u_top"  # of xf_top below the top


def ps7_sources() -> list[Path]:
    """The SystemVerilog files of the shell behind PS7, in reading order, without the generated ones."""
    own = Path(str(files("xnorforge.hw") / "shells" / "ps7"))
    return [*dma.shell_sources(), *sorted(own.glob("*.sv"))]


def ps7_top(name: str, load_bits: int = 0) -> str:
    """The Verilog of a bitstream's top: PS7, its clock, and `xf_system` (`dma.system`).

    Args:
        name: of the module. Its one port `irq` is the interrupt, for an LED.
        load_bits: as of `dma.system`.
    """
    bits = dma.control_bits(load_bits) + bool(load_bits)
    return TEXT.format(generated=GENERATED, name=name, bits=bits, high=bits - 1)


TEXT = """\
{generated}: top level of the bitstream, PS7 and the accelerator in its shell.

module {name} (
  output irq  // an interrupt is pending
);

  wire [3:0] clocks, resets;
  wire clk;
  BUFG u_clock (.I(clocks[0]), .O(clk));

  reg [2:0] reset_q;
  initial reset_q = 3'b111;
  always @(posedge clk) reset_q <= {{reset_q[1:0], ~resets[0]}};
  wire rst_n = ~reset_q[2];

  // M_AXI_GP0 to the registers
  wire [11:0] gp_awid, gp_bid, gp_arid, gp_rid;
  wire [31:0] gp_awaddr, gp_wdata, gp_araddr, gp_rdata;
  wire [3:0] gp_awlen, gp_wstrb, gp_arlen;
  wire [1:0] gp_awsize, gp_awburst, gp_bresp, gp_arsize, gp_arburst, gp_rresp;
  wire gp_awvalid, gp_awready, gp_wlast, gp_wvalid, gp_wready, gp_bvalid, gp_bready;
  wire gp_arvalid, gp_arready, gp_rlast, gp_rvalid, gp_rready;
  wire [{high}:0] awaddr, araddr;
  wire [31:0] wdata, rdata;
  wire [3:0] wstrb;
  wire [1:0] bresp, rresp;
  wire awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready;

  xf_axi3_lite #(.AddrW({bits})) u_bridge (
    .clk_i(clk), .rst_ni(rst_n),
    .awid_i(gp_awid), .awaddr_i(gp_awaddr), .awlen_i(gp_awlen), .awsize_i(gp_awsize),
    .awburst_i(gp_awburst), .awvalid_i(gp_awvalid), .awready_o(gp_awready),
    .wdata_i(gp_wdata), .wstrb_i(gp_wstrb), .wlast_i(gp_wlast), .wvalid_i(gp_wvalid),
    .wready_o(gp_wready),
    .bid_o(gp_bid), .bresp_o(gp_bresp), .bvalid_o(gp_bvalid), .bready_i(gp_bready),
    .arid_i(gp_arid), .araddr_i(gp_araddr), .arlen_i(gp_arlen), .arsize_i(gp_arsize),
    .arburst_i(gp_arburst), .arvalid_i(gp_arvalid), .arready_o(gp_arready),
    .rid_o(gp_rid), .rdata_o(gp_rdata), .rresp_o(gp_rresp), .rlast_o(gp_rlast),
    .rvalid_o(gp_rvalid), .rready_i(gp_rready),
    .m_awaddr_o(awaddr), .m_awvalid_o(awvalid), .m_awready_i(awready),
    .m_wdata_o(wdata), .m_wstrb_o(wstrb), .m_wvalid_o(wvalid), .m_wready_i(wready),
    .m_bresp_i(bresp), .m_bvalid_i(bvalid), .m_bready_o(bready),
    .m_araddr_o(araddr), .m_arvalid_o(arvalid), .m_arready_i(arready),
    .m_rdata_i(rdata), .m_rresp_i(rresp), .m_rvalid_i(rvalid), .m_rready_o(rready)
  );

  // The DMA to S_AXI_HP0. Its bursts have at most 16 words, so that the low four bits are the length.
  wire hp_awid, hp_arid;
  wire [31:0] hp_awaddr, hp_araddr;
  wire [7:0] hp_awlen, hp_arlen, hp_wstrb;
  wire [2:0] hp_awsize, hp_arsize, hp_awprot, hp_arprot;
  wire [1:0] hp_awburst, hp_arburst, in_bresp, in_rresp;
  wire [3:0] hp_awcache, hp_arcache;
  wire [63:0] hp_wdata, in_rdata;
  wire [5:0] hp_bid, hp_rid;
  wire hp_awvalid, hp_awready, hp_wlast, hp_wvalid, hp_wready, in_bvalid, hp_bready;
  wire hp_arvalid, hp_arready, in_rlast, in_rvalid, hp_rready;

  // What the memory answers is taken at once, into registers.
  reg [63:0] hp_rdata;
  reg [1:0] hp_rresp, hp_bresp;
  reg hp_rlast, hp_rvalid, hp_bvalid;
  always @(posedge clk) begin
    {{hp_rdata, hp_rresp, hp_rlast, hp_bresp}} <= {{in_rdata, in_rresp, in_rlast, in_bresp}};
    {{hp_rvalid, hp_bvalid}} <= {{in_rvalid & rst_n, in_bvalid & rst_n}};
  end

  xf_system u_system (
    .aclk(clk), .aresetn(rst_n),
    .s_axi_ctrl_awaddr(awaddr), .s_axi_ctrl_awvalid(awvalid), .s_axi_ctrl_awready(awready),
    .s_axi_ctrl_wdata(wdata), .s_axi_ctrl_wstrb(wstrb), .s_axi_ctrl_wvalid(wvalid),
    .s_axi_ctrl_wready(wready),
    .s_axi_ctrl_bresp(bresp), .s_axi_ctrl_bvalid(bvalid), .s_axi_ctrl_bready(bready),
    .s_axi_ctrl_araddr(araddr), .s_axi_ctrl_arvalid(arvalid), .s_axi_ctrl_arready(arready),
    .s_axi_ctrl_rdata(rdata), .s_axi_ctrl_rresp(rresp), .s_axi_ctrl_rvalid(rvalid),
    .s_axi_ctrl_rready(rready),
    .m_axi_awid(hp_awid), .m_axi_awaddr(hp_awaddr), .m_axi_awlen(hp_awlen),
    .m_axi_awsize(hp_awsize), .m_axi_awburst(hp_awburst), .m_axi_awcache(hp_awcache),
    .m_axi_awprot(hp_awprot), .m_axi_awvalid(hp_awvalid), .m_axi_awready(hp_awready),
    .m_axi_wdata(hp_wdata), .m_axi_wstrb(hp_wstrb), .m_axi_wlast(hp_wlast),
    .m_axi_wvalid(hp_wvalid), .m_axi_wready(hp_wready),
    .m_axi_bid(hp_bid[0]), .m_axi_bresp(hp_bresp), .m_axi_bvalid(hp_bvalid), .m_axi_bready(hp_bready),
    .m_axi_arid(hp_arid), .m_axi_araddr(hp_araddr), .m_axi_arlen(hp_arlen),
    .m_axi_arsize(hp_arsize), .m_axi_arburst(hp_arburst), .m_axi_arcache(hp_arcache),
    .m_axi_arprot(hp_arprot), .m_axi_arvalid(hp_arvalid), .m_axi_arready(hp_arready),
    .m_axi_rid(hp_rid[0]), .m_axi_rdata(hp_rdata), .m_axi_rresp(hp_rresp), .m_axi_rlast(hp_rlast),
    .m_axi_rvalid(hp_rvalid), .m_axi_rready(hp_rready),
    .irq(irq)
  );

  wire unused = ^{{clocks[3:1], resets[3:1], hp_awlen[7:4], hp_arlen[7:4], hp_awsize[2], hp_arsize[2],
                  hp_bid[5:1], hp_rid[5:1]}};

  PS7 u_ps7 (
    .FCLKCLK(clocks), .FCLKRESETN(resets), .FCLKCLKTRIGN(4'b0), .FPGAIDLEN(1'b1), .IRQF2P({{19'b0, irq}}),
    .MAXIGP0ACLK(clk),
    .MAXIGP0AWID(gp_awid), .MAXIGP0AWADDR(gp_awaddr), .MAXIGP0AWLEN(gp_awlen),
    .MAXIGP0AWSIZE(gp_awsize), .MAXIGP0AWBURST(gp_awburst), .MAXIGP0AWVALID(gp_awvalid),
    .MAXIGP0AWREADY(gp_awready),
    .MAXIGP0WDATA(gp_wdata), .MAXIGP0WSTRB(gp_wstrb), .MAXIGP0WLAST(gp_wlast),
    .MAXIGP0WVALID(gp_wvalid), .MAXIGP0WREADY(gp_wready),
    .MAXIGP0BID(gp_bid), .MAXIGP0BRESP(gp_bresp), .MAXIGP0BVALID(gp_bvalid),
    .MAXIGP0BREADY(gp_bready),
    .MAXIGP0ARID(gp_arid), .MAXIGP0ARADDR(gp_araddr), .MAXIGP0ARLEN(gp_arlen),
    .MAXIGP0ARSIZE(gp_arsize), .MAXIGP0ARBURST(gp_arburst), .MAXIGP0ARVALID(gp_arvalid),
    .MAXIGP0ARREADY(gp_arready),
    .MAXIGP0RID(gp_rid), .MAXIGP0RDATA(gp_rdata), .MAXIGP0RRESP(gp_rresp), .MAXIGP0RLAST(gp_rlast),
    .MAXIGP0RVALID(gp_rvalid), .MAXIGP0RREADY(gp_rready),
    .SAXIHP0ACLK(clk), .SAXIHP0RDISSUECAP1EN(1'b0), .SAXIHP0WRISSUECAP1EN(1'b0),
    .SAXIHP0AWID({{5'b0, hp_awid}}), .SAXIHP0AWADDR(hp_awaddr), .SAXIHP0AWLEN(hp_awlen[3:0]),
    .SAXIHP0AWSIZE(hp_awsize[1:0]), .SAXIHP0AWBURST(hp_awburst), .SAXIHP0AWLOCK(2'b0),
    .SAXIHP0AWCACHE(hp_awcache), .SAXIHP0AWPROT(hp_awprot), .SAXIHP0AWQOS(4'b0),
    .SAXIHP0AWVALID(hp_awvalid), .SAXIHP0AWREADY(hp_awready),
    .SAXIHP0WID({{5'b0, hp_awid}}), .SAXIHP0WDATA(hp_wdata), .SAXIHP0WSTRB(hp_wstrb),
    .SAXIHP0WLAST(hp_wlast), .SAXIHP0WVALID(hp_wvalid), .SAXIHP0WREADY(hp_wready),
    .SAXIHP0BID(hp_bid), .SAXIHP0BRESP(in_bresp), .SAXIHP0BVALID(in_bvalid),
    .SAXIHP0BREADY(hp_bready),
    .SAXIHP0ARID({{5'b0, hp_arid}}), .SAXIHP0ARADDR(hp_araddr), .SAXIHP0ARLEN(hp_arlen[3:0]),
    .SAXIHP0ARSIZE(hp_arsize[1:0]), .SAXIHP0ARBURST(hp_arburst), .SAXIHP0ARLOCK(2'b0),
    .SAXIHP0ARCACHE(hp_arcache), .SAXIHP0ARPROT(hp_arprot), .SAXIHP0ARQOS(4'b0),
    .SAXIHP0ARVALID(hp_arvalid), .SAXIHP0ARREADY(hp_arready),
    .SAXIHP0RID(hp_rid), .SAXIHP0RDATA(in_rdata), .SAXIHP0RRESP(in_rresp), .SAXIHP0RLAST(in_rlast),
    .SAXIHP0RVALID(in_rvalid), .SAXIHP0RREADY(hp_rready)
  );

endmodule
"""
