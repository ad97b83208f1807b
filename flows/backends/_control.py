"""Extra ports of xf_top for a network with a template that is replaced at run time: flags of every frame next
to the pixels, and an AXI4-Lite port (docs/guide/how-it-works.md, "Frame flags")."""

from xnorforge.hw.ops._loadable import Loadable

CHANNELS = {  # port: (direction, bits; None: of an address)
    "awaddr": ("input", None), "awvalid": ("input", 1), "awready": ("output", 1),
    "wdata": ("input", 32), "wstrb": ("input", 4), "wvalid": ("input", 1), "wready": ("output", 1),
    "bresp": ("output", 2), "bvalid": ("output", 1), "bready": ("input", 1),
    "araddr": ("input", None), "arvalid": ("input", 1), "arready": ("output", 1),
    "rdata": ("output", 32), "rresp": ("output", 2), "rvalid": ("output", 1), "rready": ("input", 1),
}  # fmt: skip


def port_list(template: Loadable) -> str:
    """The ports of xf_top, each preceded by a comma."""
    text = ",\n  input  logic [1:0] s_axis_tuser"
    for name, (direction, bits) in CHANNELS.items():
        text += f",\n  {direction:6} logic {_size(bits or template.address_bits)}s_axi_ctrl_{name}"
    return text


def side_connections(template: Loadable) -> str:
    """The operator's ports other than its streams, connected to the wires of `control_logic`."""
    return "".join(f",\n    .{port}({_wire(port)})" for port in template.side_ports())


def control_logic(template: Loadable, beats: int) -> str:
    """The logic between ports and operator; the stream of frames, of `beats` beats, continues as
    `frame_valid`, `frame_ready`.
    """
    wires = "".join(
        f"  logic {_size(bits)}{_wire(port)};\n" for port, (bits, _) in template.side_ports().items()
    )
    values = ", ".join(f"32'h{value:x}" for value in reversed(template.registers))
    channels = ",\n    ".join(
        f".{name}_{'i' if direction == 'input' else 'o'}(s_axi_ctrl_{name})"
        for name, (direction, _) in CHANNELS.items()
    )
    return f"""  logic frame_valid, frame_ready;
{wires}
  xf_frame_flags #(.Beats({beats})) u_flags (
    .clk_i(aclk), .rst_ni(aresetn), .user_i(s_axis_tuser),
    .s_valid_i(s_axis_tvalid), .s_ready_o(s_axis_tready), .m_valid_o(frame_valid), .m_ready_i(frame_ready),
    .flags_o(flags), .flags_valid_o(flags_valid), .done_i(frame_done)
  );

  xf_axi_lite #(
    .AddrW({template.address_bits}), .Count({len(template.registers)}), .Values({{{values}}})
  ) u_control (
    .clk_i(aclk), .rst_ni(aresetn),
    {channels},
    .load_addr_o(load_addr), .load_data_o(load_data), .load_valid_o(load_valid),
    .load_ready_i(1'b1), .load_error_i(load_error)
  );

"""


def host_record(template: Loadable) -> dict:
    """What a host needs to know to load a template; in `rtl.json` under `control`."""
    return {
        "operator": template.name,
        "address_bits": template.address_bits,
        "registers": template.registers,
        **template.layout(),
    }


def _wire(port: str) -> str:
    return port[:-2]


def _size(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""
