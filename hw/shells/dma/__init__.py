"""The shell with a DMA master: registers on AXI4-Lite, frames in memory on AXI (docs/guide/board.md)."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from xnorforge.core import artifacts
from xnorforge.hw.loads import recorded_address_bits
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.width.op import Width
from xnorforge.hw.wrap import GENERATED, library

TOP = "xf_system"
WORD = 8  # bytes; a frame in memory is whole words
CONTROL_BITS = 8  # of the address of a register of the shell


@dataclass(frozen=True)
class FrameLayout:
    """Layout of a frame in memory: `beats` consecutive slots, padded to whole words.

    Attributes:
        bytes: bytes of a beat of the stream.
        beats: beats of a frame.
    """

    bytes: int
    beats: int

    @property
    def slot(self) -> int:
        """Bytes from one beat to the next: 1, 2, 4 or whole words, the smallest that holds a beat."""
        whole = -(-self.bytes // WORD) * WORD
        return next((size for size in (1, 2, 4) if self.bytes <= size), whole)

    @property
    def stride(self) -> int:
        """Bytes from one frame to the next, whole words."""
        return -(-self.slot * self.beats // WORD) * WORD


def layout_of(stream: Stream) -> FrameLayout:
    """The layout in memory of a stream's frame."""
    return FrameLayout(stream.port_bits // 8, stream.beats)


def recorded_layout(border: Mapping[str, Any]) -> FrameLayout:
    """The same by one side of `border` of rtl.json."""
    return FrameLayout(border["bytes"], border["beats"])


def shell_sources() -> list[Path]:
    """The SystemVerilog files of the shell, the library's that it uses among them, in reading order."""
    own = Path(str(files("xnorforge.hw") / "shells" / "dma"))
    folders = [Path(inspect.getfile(op)).parent for op in (Fifo, Width)]
    parts = [path for folder in folders for path in sorted(folder.glob("*.sv"))]
    return [*library([]), *parts, *sorted(own.glob("*.sv"))]


def network_hash(acc: Path) -> int:
    """The 64 bits by which shell and drivers know the network of an accelerator's folder."""
    return int(artifacts.digest(acc / "folded.onnx")[:16], 16)


def control_bits(load_bits: int) -> int:
    """Bits of a register's address in the lower half, the shell's own, beside the window of loads."""
    return max(CONTROL_BITS, load_bits)


def system(
    into: FrameLayout, out: FrameLayout, network: int, address_bits: int = 32, load_bits: int = 0,
    weights: Sequence[FrameLayout] = (),
) -> str:  # fmt: skip
    """The text of `xf_system`: the shell around `xf_top`, with the ports of both buses.

    Args:
        into, out: the frames of both streams.
        network: 64-bit hash of the network, which the drivers look at.
        address_bits: of a byte in memory, 13 .. 64.
        load_bits: address bits of the AXI4-Lite port through which `xf_top` takes loads of weights;
            0: it has none.
        weights: of each operator that reads its weights from memory with every frame; they follow each other.
    """
    control = control_bits(load_bits)
    size = control if load_bits else control - 1  # highest bit: with a window there is one bit more
    loads = LOAD_PORT.format(high=load_bits - 1) if load_bits else ""
    readers, read_ports, of_shell = weight_readers(address_bits, weights)
    ports = (files("xnorforge.hw") / "shells/dma/xf_shell.sv").read_text().split(") (\n", 1)[1]
    lines = [one.partition("//")[0].rstrip() for one in ports.split("  // The accelerator\n")[0].splitlines()]
    head = "\n".join(lines).removesuffix(",")
    head = head.replace("[AddrW-1:0]", f"[{address_bits - 1}:0]").replace("[CtrlW-1:0]", f"[{size}:0]")
    names = [line.split()[-1].rstrip(",") for line in lines]
    both = ("s_axi_ctrl_wdata", "s_axi_ctrl_wstrb")  # shell and loads see these
    own = [name for name in names if name.startswith("s_axi_ctrl_") and name not in both and load_bits]
    wires = {name: f"own_{name[11:]}" for name in own}
    wires |= {f"m_axi_{name}": f"frames_{name}" for name in SHARED if weights}
    connected = ", ".join(f".{name}({wires.get(name, name)})" for name in names)
    window = WINDOW.format(bits=control + 1, high=control - 1) if load_bits else ""
    return f"""{GENERATED}: the accelerator in its shell, xf_shell.

module {TOP} (
{head}
);

  logic acc_aresetn, acc_in_tvalid, acc_in_tready, acc_out_tvalid, acc_out_tready, acc_out_tlast;
  logic [{8 * into.bytes - 1}:0] acc_in_tdata;
  logic [{8 * out.bytes - 1}:0] acc_out_tdata;

{window}{readers}  xf_shell #(
    .AddrW({address_bits}), .CtrlW({control}), .Weights({int(bool(weights))}),
    .InBytes({into.bytes}), .InBeats({into.beats}), .OutBytes({out.bytes}), .OutBeats({out.beats}),
    .Hash(64'h{network:016x})
  ) u_shell (
    {connected},
    .acc_aresetn, .acc_in_tdata, .acc_in_tvalid, .acc_in_tready,
    .acc_out_tdata, .acc_out_tvalid, .acc_out_tready, .acc_out_tlast{of_shell}
  );

  xf_top u_top (
    .aclk, .aresetn(acc_aresetn),{loads}{read_ports}
    .s_axis_tdata(acc_in_tdata), .s_axis_tvalid(acc_in_tvalid), .s_axis_tready(acc_in_tready),
    .m_axis_tdata(acc_out_tdata), .m_axis_tvalid(acc_out_tvalid), .m_axis_tready(acc_out_tready),
    .m_axis_tlast(acc_out_tlast)
  );

endmodule : {TOP}
"""


def recorded_system(record: Mapping[str, Any], network: int) -> str:
    """The text of `xf_system` around the accelerator of an rtl.json; `network` as for `system`."""
    into, out = (recorded_layout(record["border"][side]) for side in ("input", "output"))
    weights = [recorded_layout(one) for one in record.get("outside", ())]
    return system(into, out, network, load_bits=recorded_address_bits(record), weights=weights)


def weight_readers(address_bits: int, weights: Sequence[FrameLayout]) -> tuple[str, str, str]:
    """Wires and readers of weights from memory, their connections to `xf_top`, and to the shell."""
    count, offset, cells, ports = len(weights), 0, "", ""
    for k, layout in enumerate(weights):
        names = {"k": k, "reader": k + 1, "bytes": layout.bytes, "high": 8 * layout.bytes - 1}
        cells += READER.format(beats=layout.beats, offset=offset // WORD, bits=address_bits, **names)
        ports += "".join(
            f"\n    .s_axis_weights{k}_{role}(weights{k}_{role})," for role in ("tdata", "tvalid", "tready")
        )
        offset += layout.stride
    if not weights:
        return NO_WEIGHTS.format(place=address_bits - 4), "", f"{SHELL_WEIGHTS}, {TIED}"
    where = " | ".join(
        f"(weights_where[{k}] & {{{address_bits}{{weights_errors[{k}]}}}})" for k in range(count)
    )
    wires = WEIGHTS.format(
        last=count - 1, all=count, readers=count + 1, high=address_bits - 1, place=address_bits - 4,
        bits=address_bits, where=where,
    )  # fmt: skip
    return wires + cells, ports, f"{SHELL_WEIGHTS},\n    {JOINED}"


# The registers' addresses cut in two: the shell's below, those of xf_top's loads above. While the
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
LOAD_PORT = """
    .s_axi_ctrl_awaddr(both_awaddr[{high}:0]), .s_axi_ctrl_awvalid(its_awvalid),
    .s_axi_ctrl_awready(its_awready), .s_axi_ctrl_wdata, .s_axi_ctrl_wstrb,
    .s_axi_ctrl_wvalid(its_wvalid), .s_axi_ctrl_wready(its_wready),
    .s_axi_ctrl_bresp(its_bresp), .s_axi_ctrl_bvalid(its_bvalid), .s_axi_ctrl_bready(its_bready),
    .s_axi_ctrl_araddr(both_araddr[{high}:0]), .s_axi_ctrl_arvalid(its_arvalid),
    .s_axi_ctrl_arready(its_arready), .s_axi_ctrl_rdata(its_rdata), .s_axi_ctrl_rresp(its_rresp),
    .s_axi_ctrl_rvalid(its_rvalid), .s_axi_ctrl_rready(its_rready),"""

# Readers of weights beside the reader of frames, at one port to memory.
SHARED = ("araddr", "arlen", "arvalid", "arready", "rvalid")
SHELL_WEIGHTS = """,
    .stop_o(stop), .weights_place_o(weights_place), .weights_frames_o(weights_frames),
    .weights_valid_o(weights_valid)"""
TIED = (
    ".weights_ready_i(1'b1), .weights_idle_i(1'b1), .weights_error_i(1'b0), .weights_error_resp_i('0),\n"
    "    .weights_error_addr_i('0)"
)
JOINED = (
    ".weights_ready_i(&weights_ready), .weights_idle_i(&weights_idle),\n"
    "    .weights_error_i(|weights_errors), .weights_error_resp_i(m_axi_rresp),\n"
    "    .weights_error_addr_i(weights_error_addr)"
)
NO_WEIGHTS = """\
  logic stop, weights_valid, unused_weights;
  logic [{place}:0] weights_place;
  logic [15:0] weights_frames;
  assign unused_weights = ^{{stop, weights_valid, weights_place, weights_frames}};

"""
WEIGHTS = """\
  logic stop, weights_valid;
  logic [{place}:0] weights_place;
  logic [15:0] weights_frames;
  logic [{last}:0] weights_ready, weights_idle, weights_errors;
  logic [{last}:0][{high}:0] weights_where;
  logic [{last}:0][1:0] unused_resp;
  logic [{high}:0] weights_error_addr, frames_araddr;
  logic [7:0] frames_arlen;
  logic frames_arvalid, frames_arready, frames_rvalid;
  logic [{all}:0][{high}:0] read_araddr;
  logic [{all}:0][7:0] read_arlen;
  logic [{all}:0] read_arvalid, read_arready, read_rvalid;

  assign read_araddr[0]     = frames_araddr;
  assign read_arlen[0]      = frames_arlen;
  assign read_arvalid[0]    = frames_arvalid;
  assign frames_arready     = read_arready[0];
  assign frames_rvalid      = read_rvalid[0];
  assign weights_error_addr = {where};

  xf_dma_share #(.AddrW({bits}), .Readers({readers})) u_share (
    .clk_i(aclk), .rst_ni(acc_aresetn),
    .araddr_i(read_araddr), .arlen_i(read_arlen), .arvalid_i(read_arvalid), .arready_o(read_arready),
    .rvalid_o(read_rvalid),
    .m_araddr_o(m_axi_araddr), .m_arlen_o(m_axi_arlen), .m_arvalid_o(m_axi_arvalid),
    .m_arready_i(m_axi_arready), .m_rlast_i(m_axi_rlast), .m_rvalid_i(m_axi_rvalid)
  );

"""
READER = """\
  logic [{high}:0] weights{k}_tdata;
  logic weights{k}_tvalid, weights{k}_tready;
  xf_dma_weights #(
    .AddrW({bits}), .Bytes({bytes}), .Beats({beats}), .Offset({offset})
  ) u_weights{k} (
    .clk_i(aclk), .rst_ni(acc_aresetn), .stop_i(stop), .idle_o(weights_idle[{k}]),
    .s_place_i(weights_place), .s_frames_i(weights_frames), .s_valid_i(weights_valid),
    .s_ready_o(weights_ready[{k}]),
    .araddr_o(read_araddr[{reader}]), .arlen_o(read_arlen[{reader}]), .arvalid_o(read_arvalid[{reader}]),
    .arready_i(read_arready[{reader}]), .rdata_i(m_axi_rdata), .rresp_i(m_axi_rresp),
    .rlast_i(m_axi_rlast), .rvalid_i(read_rvalid[{reader}]),
    .m_data_o(weights{k}_tdata), .m_valid_o(weights{k}_tvalid), .m_ready_i(weights{k}_tready),
    .error_o(weights_errors[{k}]), .error_resp_o(unused_resp[{k}]), .error_addr_o(weights_where[{k}])
  );

"""
