"""The AXI4-Lite port of xf_top for a network with weights that are replaced at run time."""

from xnorforge.core.types import Record
from xnorforge.hw.loads import IDENTITY, REGISTERS, LoadChain, loaded_memories
from xnorforge.hw.ops.base import HwOp, Stream

CHANNELS = {  # port: (direction, bits; None: of an address)
    "awaddr": ("input", None), "awvalid": ("input", 1), "awready": ("output", 1),
    "wdata": ("input", 32), "wstrb": ("input", 4), "wvalid": ("input", 1), "wready": ("output", 1),
    "bresp": ("output", 2), "bvalid": ("output", 1), "bready": ("input", 1),
    "araddr": ("input", None), "arvalid": ("input", 1), "arready": ("output", 1),
    "rdata": ("output", 32), "rresp": ("output", 2), "rvalid": ("output", 1), "rready": ("input", 1),
}  # fmt: skip


def header(chain: LoadChain) -> str:
    """A comment line about the ports."""
    return f"// s_axi_ctrl: AXI4-Lite, loads the weights of {len(chain.ops)} operators (xf_load).\n"


def port_list(chain: LoadChain) -> str:
    """The ports of xf_top, each preceded by a comma."""
    return "".join(
        f",\n  {direction:6} logic {_size(bits or chain.address_bits)}s_axi_ctrl_{name}"
        for name, (direction, bits) in CHANNELS.items()
    )


def side_connections(op: HwOp, suffix: str) -> str:
    """The operator's ports other than its streams, connected to the wires of `control_logic`.

    Args:
        suffix: of the layer's wires.
    """
    names = ((port, "load" if port == "load_i" else port[:-2]) for port in op.side_ports())
    return "".join(f",\n    .{port}({name}{suffix})" for port, name in names)


def outside_ports(stream: Stream, number: int) -> str:
    """The ports of xf_top for the constants of an operator from outside, each preceded by a comma."""
    return (
        f",\n  input  logic [{stream.port_bits - 1}:0] s_axis_weights{number}_tdata"
        f",\n  input  logic s_axis_weights{number}_tvalid,\n  output logic s_axis_weights{number}_tready"
    )


def outside_logic(stream: Stream, number: int, suffix: str) -> str:
    """Those ports at the wires of the operator, whose names end in `suffix`."""
    width, port = stream.width, f"s_axis_weights{number}"
    spare = f"  logic unused_weights{suffix};\n  assign unused_weights{suffix} = ^{port}_tdata;\n"
    return (
        f"  logic [{width - 1}:0] weights_data{suffix};\n"
        f"  logic weights_valid{suffix}, weights_ready{suffix};\n"
        f"  assign weights_data{suffix} = {port}_tdata[{width - 1}:0];\n"
        f"  assign weights_valid{suffix} = {port}_tvalid;\n"
        f"  assign {port}_tready = weights_ready{suffix};\n{spare if width % 8 else ''}\n"
    )


def chain_logic(suffixes: list[str]) -> str:
    """The registers from xf_load to the layers with these suffixes, one after the other."""
    text, before = "", "load"
    for suffix in suffixes:
        text += f"  xf_pkg::load_t load{suffix};\n  initial load{suffix} = '0;\n"
        text += f"  always_ff @(posedge aclk) load{suffix} <= {before};\n\n"
        before = f"load{suffix}"
    return text


def control_logic(chain: LoadChain, beats: int) -> str:
    """The logic between ports and operators; frames of `beats` beats go on as `frame_valid`/`_ready`."""
    channels = ",\n    ".join(
        f".{name}_{'i' if direction == 'input' else 'o'}(s_axi_ctrl_{name})"
        for name, (direction, _) in CHANNELS.items()
    )
    words = len(chain.writes)
    return f"""  logic frame_valid, frame_ready, network_rst_n, load_valid, load_ready, load_error, load_open;
  logic [{chain.address_bits - 4}:0] load_addr;
  logic [31:0] load_data, load_id;
  xf_pkg::load_t load;

  xf_load #(
    .Beats({beats}), .MemoryW({chain.memory_bits}), .PlaceW({chain.place_bits}), .Words({words}),
    .Stages({len(chain.ops)}), .BuiltIn({int(not chain.begins_empty)})
  ) u_load (
    .clk_i(aclk), .rst_ni(aresetn),
    .s_valid_i(s_axis_tvalid), .s_ready_o(s_axis_tready), .m_valid_o(frame_valid), .m_ready_i(frame_ready),
    .done_i(m_axis_tvalid & m_axis_tready & m_axis_tlast), .rst_no(network_rst_n),
    .write_addr_i(load_addr), .write_data_i(load_data), .write_valid_i(load_valid),
    .write_ready_o(load_ready), .write_error_o(load_error), .load_o(load), .open_o(load_open), .id_o(load_id)
  );

  xf_axi_lite #(.AddrW({chain.address_bits}), .Count({len(REGISTERS)})) u_control (
    .clk_i(aclk), .rst_ni(aresetn),
    .values_i({{32'd{words}, load_id, 31'b0, load_open, 32'h{IDENTITY:x}}}),
    {channels},
    .load_addr_o(load_addr), .load_data_o(load_data), .load_valid_o(load_valid),
    .load_ready_i(load_ready), .load_error_i(load_error)
  );

"""


def host_record(chain: LoadChain) -> Record:
    """What a host needs to know to load weights (`loads` of `rtl.json`)."""
    return {
        "address_bits": chain.address_bits,
        "registers": {name: 4 * place for place, name in enumerate(REGISTERS)},
        "control": chain.control, "words": len(chain.writes),
        "bits": sum(one.width * len(one.words) for op in chain.ops for one in loaded_memories(op)),
        "operators": [op.name for op in chain.ops], "id": chain.id,
    }  # fmt: skip


def _size(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""
