"""FINN's design without Vivado: the HDL of all nodes in one folder, and a module that connects them.

The folder is what FINN's own `execute_onnx` runs as RTL, see `sim/finn.py`.
"""

import shutil
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from xnorforge.flows.backends.finn.nodes import PREFIX, RTL, retarget
from xnorforge.flows.backends.finn.steps import named_step
from xnorforge.hw.ops.base import Stream

TOP = "finn_design"
ROLES = ("DATA", "VALID", "READY")


def write_design(model: ModelWrapper, part: str, clock_ns: float, folder: Path) -> ModelWrapper:
    """Generate the HDL of a specialised graph, and connect it.

    Args:
        model: of RTL nodes; its metadata tell FINN where the design is.
        folder: made new; what FINN generates per node is flattened into it.

    Returns:
        The model.

    Raises:
        UserError: FINN refuses a node; the text has its reason.
    """
    folder.mkdir(parents=True)
    files: dict[str, None] = {}
    for node in model.graph.node:
        inst, own = getCustomOp(node), folder / node.name
        own.mkdir()
        inst.set_nodeattr("code_gen_dir_ipgen", str(own))
        with named_step(f"code generation of {node.name}"):
            inst.code_generation_ipgen(model, part, clock_ns)
        for path in map(Path, inst.get_rtl_file_list(abspath=True)):
            if path.name not in files and path.suffix in (".v", ".sv"):
                files[path.name] = None
                (folder / path.name).write_text(path.read_text().replace(f"{own}/", ""))
        for path in own.iterdir():
            if path.suffix not in (".v", ".sv", ".f"):
                shutil.copyfile(path, folder / path.name)
        shutil.rmtree(own)
    ours = folder / "xnorforge_rtl"
    for path in ours.glob("*.svh") if ours.exists() else ():
        shutil.copyfile(path, folder / path.name)
    shutil.rmtree(ours, ignore_errors=True)
    (folder / f"{TOP}.v").write_text(design_text(model))
    if model.get_nodes_by_op_type("StreamingFIFO_rtl"):
        write_bounds(model, folder)
    order = sorted([*files, f"{TOP}.v"], key=lambda name: "_pkg" not in name)
    (folder / "rtl.f").write_text("+incdir+.\n" + "".join(f"{name}\n" for name in order))
    (folder / "all_verilog_srcs.txt").write_text(" ".join(str(folder.absolute() / name) for name in order))
    names = {
        f"{side}_axis": [(f"{side}_axis_{k}", beat_bits(model, one.name)) for k, one in enumerate(ends)]
        for side, ends in (("s", model.graph.input), ("m", model.graph.output))
    }
    for key, value in {
        "wrapper_filename": folder.absolute() / f"{TOP}.v", "vivado_stitch_proj": folder.absolute(),
        "vivado_stitch_ifnames": names, "rtlsim_behavioral": "1", "exec_mode": "rtlsim", "rtlsim_so": "",
    }.items():  # fmt: skip
        model.set_metadata_prop(key, str(value))
    return model


def with_our_fifos(model: ModelWrapper, depths: dict[str, int]) -> ModelWrapper:
    """A copy with our FIFOs of these depths: Verilator rejects FINN's."""
    model = ModelWrapper(model.model, make_deepcopy=True)
    for node in model.get_nodes_by_op_type("StreamingFIFO_rtl"):
        getCustomOp(node).set_nodeattr("depth", depths[node.name])
        retarget(node, f"{PREFIX}StreamingFIFO_rtl", RTL)
    return model


def stream_of(model: ModelWrapper, tensor: str) -> Stream:
    """The stream of a tensor as its producer writes it, or at the input as its reader takes it."""
    node = model.find_producer(tensor)
    if node is None:
        reader = model.find_consumer(tensor)
        inst, place = getCustomOp(reader), list(reader.input).index(tensor)
        kind, shape = inst.get_input_datatype(place), inst.get_folded_input_shape(place)
    else:
        inst, place = getCustomOp(node), list(node.output).index(tensor)
        kind, shape = inst.get_output_datatype(place), inst.get_folded_output_shape(place)
    sizes = [int(n) for n in shape]
    return Stream(tuple(sizes[sizes[0] == 1 :]), sizes[-1], kind.bitwidth(), kind.signed())


def beat_bits(model: ModelWrapper, tensor: str) -> int:
    """Bits of a beat, in whole bytes."""
    return -(-stream_of(model, tensor).width // 8) * 8


def design_text(model: ModelWrapper) -> str:
    """The text of the module: every node, connected by its tensors, between AXI-Stream ports.

    With FINN's own FIFOs, which have no bounds in simulation, it is for simulation alone: the file
    `settings.mem` gives each of them one, in the order of the graph, and then whether to write every beat of
    every stream to `streams.txt`."""
    net = {tensor: f"stream_{k}" for k, tensor in enumerate(stream_tensors(model))}
    fifos = [node.name for node in model.get_nodes_by_op_type("StreamingFIFO_rtl")]
    wires, cells, logs, bounds = [], [], [], []
    ports = ["  input  ap_clk", "  input  ap_rst_n"]
    for number, (tensor, name) in enumerate(net.items()):
        wires.append(f"  wire [{beat_bits(model, tensor) - 1}:0] {name}_DATA;\n")
        wires.append(f"  wire {name}_VALID, {name}_READY;\n")
        logs.append(f'    if ({name}_VALID && {name}_READY) $fdisplay(log, "{number} %h", {name}_DATA);\n')
    for side, ways, ends in (
        ("s", ("input ", "output"), model.graph.input), ("m", ("output", "input "), model.graph.output),
    ):  # fmt: skip
        for k, one in enumerate(ends):
            name, port = net[one.name], f"{side}_axis_{k}"
            ports.append(f"  {ways[0]} [{beat_bits(model, one.name) - 1}:0] {port}_tdata")
            ports += [f"  {ways[0]} {port}_tvalid", f"  {ways[1]} {port}_tready"]
            for role in ROLES:
                pair = [f"{name}_{role}", f"{port}_t{role.lower()}"]
                to, source = pair if (side == "s") != (role == "READY") else reversed(pair)
                wires.append(f"  assign {to} = {source};\n")
    for node in model.graph.node:
        inst, name = getCustomOp(node), node.name
        names = inst.get_verilog_top_module_intf_names()
        given = {"ap_clk": "ap_clk", "ap_rst_n": "ap_rst_n"}
        sides = (names["s_axis"], [one for one in node.input if one in net]), (names["m_axis"], node.output)
        for ends, tensors in sides:
            for (port, _), tensor in zip(ends, tensors, strict=False):
                given |= {f"{port}_T{role}": f"{net[tensor]}_{role}" for role in ROLES}
        if name in fifos:
            bounds.append(
                f"  wire {name}_room = {name}_count < setting[{fifos.index(name)}];\n"
                f"  assign {given['in0_V_TREADY']} = {name}_room;\n"
                f'  final $display("XF_FILL {name} %0d", {name}_fill);\n'
            )
            wires.append(f"  wire [31:0] {name}_count, {name}_fill;\n")
            given["in0_V_TVALID"] += f" && {name}_room"
            given |= {"in0_V_TREADY": "", "count": f"{name}_count", "maxcount": f"{name}_fill"}
        module = inst.get_nodeattr("gen_top_module") or name
        joined = ", ".join(f".{port}({wire})" for port, wire in given.items())
        cells.append(f"  {module} u_{name} (\n    {joined}\n  );\n")
    sizing = f"""
  reg [31:0] setting [0:{len(fifos)}];
  integer log;
  initial begin
    $readmemh("settings.mem", setting);
    log = $fopen("streams.txt", "w");
  end
  always @(posedge ap_clk) if (ap_rst_n && setting[{len(fifos)}] != 0) begin
{"".join(logs)}  end
{"".join(bounds)}"""
    listed = ",\n".join(ports)
    return f"""// FINN's nodes connected, generated by xnorforge.

module {TOP} (
{listed}
);

{"".join(wires)}{sizing if fifos else ""}
{"".join(cells)}
endmodule
"""


def stream_tensors(model: ModelWrapper) -> list[str]:
    """The tensors between nodes, in the order of the lines of `streams.txt`."""
    names = dict.fromkeys(tensor for node in model.graph.node for tensor in (*node.input, *node.output))
    return [tensor for tensor in names if model.get_initializer(tensor) is None]


def write_bounds(
    model: ModelWrapper, folder: Path, depths: dict[str, int] | None = None, log: bool = False
) -> None:
    """Set the bounds of FINN's FIFOs in simulation, none by default, and whether streams are written."""
    names = [node.name for node in model.get_nodes_by_op_type("StreamingFIFO_rtl")]
    values = [(depths or {}).get(name, 2**31) for name in names] + [int(log)]
    (folder / "settings.mem").write_text("".join(f"{value:x}\n" for value in values))


def logged(model: ModelWrapper, folder: Path) -> dict[str, np.ndarray]:
    """The integers of every stream that a simulation has written, {tensor: (frames, *shape)}."""
    beats: dict[int, list[int]] = {}
    for line in (folder / "streams.txt").read_text().splitlines():
        number, _, word = line.partition(" ")
        beats.setdefault(int(number), []).append(int(word, 16))
    found = {}
    for number, tensor in enumerate(stream_tensors(model)):
        stream, words = stream_of(model, tensor), -(-beat_bits(model, tensor) // 32)
        raw = b"".join(beat.to_bytes(4 * words, "little") for beat in beats.get(number, []))
        whole = len(beats.get(number, [])) // stream.beats * stream.beats
        found[tensor] = stream.unpack(np.frombuffer(raw, "<u4").reshape(-1, words)[:whole])
    return found
