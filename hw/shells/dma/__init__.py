"""The shell with a DMA master: registers on AXI4-Lite, frames in memory on AXI (docs/guide/board.md)."""

import inspect
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from xnorforge.core import artifacts
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.width.op import Width
from xnorforge.hw.wrap import SPDX, library

TOP = "xf_system"
WORD = 8  # bytes; a frame in memory is whole words
CONTROL_BITS = 8  # of the address of a register of the shell


@dataclass(frozen=True)
class FrameLayout:
    """Layout of a frame in memory: `beats` consecutive slots, padded to whole words.

    Attributes:
        bytes: bytes of a beat of the stream.
        beats: beats of a frame.
        word: bytes of a word: 8, or 4 without a memory in between (hw/shells/gp).
    """

    bytes: int
    beats: int
    word: int = WORD

    @property
    def slot(self) -> int:
        """Bytes from one beat to the next: 1, 2, 4 or whole words, the smallest that holds a beat."""
        whole = -(-self.bytes // self.word) * self.word
        return next((size for size in (1, 2, 4) if self.bytes <= size), whole)

    @property
    def stride(self) -> int:
        """Bytes from one frame to the next, whole words."""
        return -(-self.slot * self.beats // self.word) * self.word


def shell_sources() -> list[Path]:
    """The SystemVerilog files of the shell, the library's that it uses among them, in reading order."""
    own = Path(str(files("xnorforge.hw") / "shells" / "dma"))
    folders = [Path(inspect.getfile(op)).parent for op in (Fifo, Width)]
    parts = [path for folder in folders for path in sorted(folder.glob("*.sv"))]
    return [*library([]), *parts, *sorted(own.glob("*.sv"))]


def network_hash(acc: Path) -> int:
    """The 64 bits by which shell and drivers know the network of an accelerator's folder."""
    return int(artifacts.digest(acc / "folded.onnx")[:16], 16)


def control_bits(template_bits: int) -> int:
    """Bits of a register's address in the lower half, the shell's own, beside a template's window."""
    return max(CONTROL_BITS, template_bits)


def system(
    into: FrameLayout, out: FrameLayout, network: int, address_bits: int = 32, template_bits: int = 0
) -> str:
    """The text of `xf_system`: the shell around `xf_top`, with the ports of both buses.

    Args:
        into, out: the frames of both streams.
        network: 64-bit hash of the network, which the drivers look at.
        address_bits: of a byte in memory, 13 .. 64.
        template_bits: address bits of the AXI4-Lite port through which `xf_top` takes a template; 0: it has
            none.
    """
    control = control_bits(template_bits)
    size = control if template_bits else control - 1  # highest bit: with a window there is one bit more
    given = {"AddrW": address_bits, "CtrlW": control}
    template = TEMPLATE_PORT.format(high=template_bits - 1) if template_bits else ""
    text = system_text("dma/xf_shell", given, into, out, network, bool(template_bits), template)
    text = text.replace("[AddrW-1:0]", f"[{address_bits - 1}:0]").replace("[CtrlW-1:0]", f"[{size}:0]")
    window = WINDOW.format(bits=control + 1, high=control - 1) if template_bits else ""
    return text.replace("  xf_shell #(", f"{window}  xf_shell #(")


def system_text(
    shell: str, given: dict[str, int], into: FrameLayout, out: FrameLayout, network: int,
    window: bool = False, template: str = "",
) -> str:  # fmt: skip
    """The text of `xf_system`: a shell around `xf_top`.

    Args:
        shell: its file in hw/shells without `.sv`; its ports up to "// The accelerator" become those of
            `xf_system`.
        given: parameters of the shell beside frames and hash.
        into, out, network: as for `system`.
        window: whether the shell sees the wires `own_…` in place of the ports of the registers.
        template: further connections of `xf_top`.
    """
    ports = (files("xnorforge.hw") / "shells" / f"{shell}.sv").read_text().split(") (\n", 1)[1]
    lines = [
        line.partition("//")[0].rstrip() for line in ports.split("  // The accelerator\n")[0].splitlines()
    ]
    head = "\n".join(lines).removesuffix(",")
    names = [line.split()[-1].rstrip(",") for line in lines]
    wires = {name: f"own_{name[11:]}" for name in names if window and name.startswith("s_axi_ctrl_")}
    wires |= {f"s_axi_ctrl_{name}": f"s_axi_ctrl_{name}" for name in ("wdata", "wstrb")}  # both see these
    connected = ", ".join(f".{name}({wires.get(name, name)})" for name in names)
    parameters = "".join(f".{name}({value}), " for name, value in given.items())
    user = "acc_in_tuser" if template else "acc_in_tuser_unused"
    flags = f"\n    .acc_in_tuser({user})," if "acc_in_tuser" in ports else ""
    return f"""{SPDX}//
// Generated: the accelerator in its shell, {Path(shell).name}.

module {TOP} (
{head}
);

  logic acc_aresetn, acc_in_tvalid, acc_in_tready, acc_out_tvalid, acc_out_tready, acc_out_tlast;
  logic [{8 * into.bytes - 1}:0] acc_in_tdata;
  logic [{8 * out.bytes - 1}:0] acc_out_tdata;
{f"  logic [1:0] {user};{chr(10)}" if flags else ""}
  {Path(shell).name} #(
    {parameters}.InBytes({into.bytes}), .InBeats({into.beats}),
    .OutBytes({out.bytes}), .OutBeats({out.beats}), .Hash(64'h{network:016x})
  ) u_shell (
    {connected},
    .acc_aresetn, .acc_in_tdata, .acc_in_tvalid, .acc_in_tready,{flags}
    .acc_out_tdata, .acc_out_tvalid, .acc_out_tready, .acc_out_tlast
  );

  xf_top u_top (
    .aclk, .aresetn(acc_aresetn),{" .s_axis_tuser(acc_in_tuser)," if template else ""}{template}
    .s_axis_tdata(acc_in_tdata), .s_axis_tvalid(acc_in_tvalid), .s_axis_tready(acc_in_tready),
    .m_axis_tdata(acc_out_tdata), .m_axis_tvalid(acc_out_tvalid), .m_axis_tready(acc_out_tready),
    .m_axis_tlast(acc_out_tlast)
  );

endmodule : {TOP}
"""


# The registers' addresses cut in two: the shell's below, those of xf_top's template above. While the
# accelerator is reset nothing goes there.
WINDOW = """\
  logic [{high}:0] both_awaddr, both_araddr;
  logic own_awvalid, own_awready, own_wvalid, own_wready, own_bvalid, own_bready;
  logic own_arvalid, own_arready, own_rvalid, own_rready;
  logic its_awvalid, its_awready, its_wvalid, its_wready, its_bvalid, its_bready;
  logic its_arvalid, its_arready, its_rvalid, its_rready;
  logic [1:0] own_bresp, own_rresp, its_bresp, its_rresp;
  logic [31:0] own_rdata, its_rdata;
  logic [{high}:0] own_awaddr, own_araddr;

  assign own_awaddr = both_awaddr;
  assign own_araddr = both_araddr;

  xf_axi_split #(.AddrW({bits})) u_split (
    .clk_i(aclk), .rst_ni(aresetn),
    .awaddr_i(s_axi_ctrl_awaddr), .awvalid_i(s_axi_ctrl_awvalid), .awready_o(s_axi_ctrl_awready),
    .wvalid_i(s_axi_ctrl_wvalid), .wready_o(s_axi_ctrl_wready),
    .bresp_o(s_axi_ctrl_bresp), .bvalid_o(s_axi_ctrl_bvalid), .bready_i(s_axi_ctrl_bready),
    .araddr_i(s_axi_ctrl_araddr), .arvalid_i(s_axi_ctrl_arvalid), .arready_o(s_axi_ctrl_arready),
    .rdata_o(s_axi_ctrl_rdata), .rresp_o(s_axi_ctrl_rresp), .rvalid_o(s_axi_ctrl_rvalid),
    .rready_i(s_axi_ctrl_rready),
    .m_awaddr_o(both_awaddr), .m_awvalid_o({{its_awvalid, own_awvalid}}),
    .m_awready_i({{its_awready & acc_aresetn, own_awready}}), .m_wvalid_o({{its_wvalid, own_wvalid}}),
    .m_wready_i({{its_wready & acc_aresetn, own_wready}}), .m_bresp_i({{its_bresp, own_bresp}}),
    .m_bvalid_i({{its_bvalid, own_bvalid}}), .m_bready_o({{its_bready, own_bready}}),
    .m_araddr_o(both_araddr), .m_arvalid_o({{its_arvalid, own_arvalid}}),
    .m_arready_i({{its_arready & acc_aresetn, own_arready}}), .m_rdata_i({{its_rdata, own_rdata}}),
    .m_rresp_i({{its_rresp, own_rresp}}), .m_rvalid_i({{its_rvalid, own_rvalid}}),
    .m_rready_o({{its_rready, own_rready}})
  );

"""
TEMPLATE_PORT = """
    .s_axi_ctrl_awaddr(both_awaddr[{high}:0]), .s_axi_ctrl_awvalid(its_awvalid),
    .s_axi_ctrl_awready(its_awready), .s_axi_ctrl_wdata, .s_axi_ctrl_wstrb,
    .s_axi_ctrl_wvalid(its_wvalid), .s_axi_ctrl_wready(its_wready),
    .s_axi_ctrl_bresp(its_bresp), .s_axi_ctrl_bvalid(its_bvalid), .s_axi_ctrl_bready(its_bready),
    .s_axi_ctrl_araddr(both_araddr[{high}:0]), .s_axi_ctrl_arvalid(its_arvalid),
    .s_axi_ctrl_arready(its_arready), .s_axi_ctrl_rdata(its_rdata), .s_axi_ctrl_rresp(its_rresp),
    .s_axi_ctrl_rvalid(its_rvalid), .s_axi_ctrl_rready(its_rready),"""
