"""Generation: a folded network -> `rtl/`, a folder that any SystemVerilog tool can read.

The folder contains
    top.sv                       xf_top: AXI-Stream in and out, one instance per operator
    layer_<nn>_<operator>.sv     one module without parameters per operator, named like the file
    *.mem                        memory files, with paths relative to the folder
    *.sv, *.svh                  the library files that these use, and its headers
    rtl.f, rtl.json              all files in reading order; a description of every layer
"""

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
from onnx import GraphProto
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core import artifacts
from xnorforge.core.errors import printable
from xnorforge.core.progress import now_at
from xnorforge.core.types import Record
from xnorforge.core.verilator import verilator
from xnorforge.flows import control
from xnorforge.flows.backends.base import Backend
from xnorforge.hw import graph
from xnorforge.hw.loads import load_chain, loaded_memories, weights_file
from xnorforge.hw.ops.base import HwOp, Stream, numbered
from xnorforge.hw.shells import dma
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Frames
from xnorforge.hw.wrap import GENERATED, SPDX, bare, files_used, headers, library, wrapper

BACKEND = Backend(about="RTL, every layer a folded unit")
TOP = "xf_top"
WEIGHTS = "weights.bin"  # of a network whose weights can be loaded, or come from memory
# DECLFILENAME: top.sv holds xf_top. UNUSEDPARAM: a variant of an operator need not read every parameter.
WAIVED = ("DECLFILENAME", "UNUSEDPARAM")


def generate(folded: Path, out_dir: Path) -> Record:
    """Write the folder `out_dir` (called `rtl/`) for a folded network; the same network gives the same bytes.

    Args:
        folded: `folded.onnx`.
        out_dir: the folder; an earlier one is replaced when the new one is complete.

    Returns:
        The record, also in `rtl.json`: `layers` (module, file, node, op, memories, own generated files),
        `library`, `headers`, `modules`, `border` (stream in and out of the top), `loads` if weights can
        be loaded, `outside` and `weights` if some come from memory with every
        frame.

    Raises:
        UserError: Verilator warns about the design; the text contains the warning.
        ToolMissing: Verilator is not installed.
    """
    model = ModelWrapper(str(folded))
    ops = graph.operators(model)
    with artifacts.whole(out_dir) as aside:
        aside.mkdir()
        with artifacts.measured("verilator") as run:
            record = _write(aside, ops, model.graph)
        artifacts.write_json(aside / "rtl.json", {**record, "run": run})
    return artifacts.read_json(Path(out_dir) / "rtl.json")


def _write(folder: Path, ops: list[HwOp], network: GraphProto) -> Record:
    """Fill the folder; returns the record without its `run`."""
    now_at(f"writing the modules of {len(ops)} operators")
    weights = f"SHA-256 of its weights: {weights_digest(network)[:16]}"
    stamp = f"{GENERATED} from {printable(network.name)}. {weights}.\n"
    layers = [write_layer(folder, index, op, stamp) for index, op in enumerate(ops)]
    (folder / "top.sv").write_text(top(ops, [layer["module"] for layer in layers]).replace(SPDX, stamp, 1))
    generated = sorted({name for layer in layers for name in layer["generated"]})
    own = [*generated, *(layer["file"] for layer in layers), "top.sv"]
    known = {path.name: path.read_text() for path in library(ops)}
    shared = files_used([(folder / name).read_text() for name in own], known)
    for name in shared:
        (folder / name).write_text(known[name])
    for path in headers():
        shutil.copyfile(path, folder / path.name)
    order = [*shared, *own]
    (folder / "rtl.f").write_text("+incdir+.\n" + "".join(f"{name}\n" for name in order))
    lines = sum(len((folder / name).read_text().splitlines()) for name in order)
    now_at(f"Verilator's lint of {lines:,} lines")
    lint_folder(folder, order, TOP, "generate")
    return {
        "stage": "generate",
        "checks": [
            artifacts.check("lint = no warning", 0, 0, lines, "lines of SystemVerilog under verilator -Wall")
        ],
        "top": "top.sv", "modules": [layer["module"] for layer in layers],
        "border": {"input": _border(ops[0].in_stream()), "output": _border(ops[-1].out_stream())},
        **_from_host(folder, order, layers, ops), "library": shared,
        "headers": [path.name for path in headers()], "layers": layers,
    }  # fmt: skip


def _from_host(folder: Path, order: list[str], layers: list[Record], ops: list[HwOp]) -> Record:
    """What the record says of weights that a host gives; the weights file is written."""
    chain, outside, found = load_chain(ops), graph.outside(ops), Record()
    if chain or outside:
        structure = _structure(folder, order, layers, ops)
        in_memory = b"".join(in_slots(op.outside_words(), stream) for op, stream in outside)
        (folder / WEIGHTS).write_bytes(weights_file(structure, chain, in_memory))
        named = {"structure": f"{structure:016x}"}
        found |= {"loads": {**control.host_record(chain), **named}} if chain else {}
        if outside:
            found["outside"] = [{"operator": op.name, **_border(stream)} for op, stream in outside]
            found["weights"] = {"bytes": len(in_memory), **named}
    return found


def weights_digest(graph: GraphProto) -> str:
    """SHA-256 over the constants of a graph and of those inside its nodes, in their order, in hex."""
    total, graphs = hashlib.sha256(), [graph]
    for one in graphs:
        graphs += [inner for node in one.node for given in node.attribute for inner in given.graphs]
        for constant in one.initializer:
            total.update(constant.SerializeToString(deterministic=True))
    return total.hexdigest()


def _structure(folder: Path, order: list[str], layers: list[Record], ops: list[HwOp]) -> int:
    """Hash of all that a load of weights does not replace, 64 bits: sources, and memories of constants."""
    constant = {name for layer in layers for name in layer["memories"]}
    for layer, op in zip(layers, ops, strict=True):
        constant -= {f"{layer['module']}_{one.file}.mem" for one in loaded_memories(op)}
    text = "".join(f"{name}\n{bare((folder / name).read_text())}" for name in [*order, *sorted(constant)])
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)


def top(ops: list[HwOp], modules: list[str]) -> str:
    """The text of xf_top: the operators, connected by their tensors, between two AXI-Stream ports."""
    source, sink = ops[0].in_stream(), ops[-1].out_stream()
    bits_in, bits_out = source.port_bits, sink.port_bits
    data_in = "s_axis_tdata" + ("" if bits_in == source.width else f"[{source.width - 1}:0]")
    wires, cells, chain = [], [], load_chain(ops)
    reset = "network_rst_n" if chain else "aresetn"
    on_chain = []  # suffixes of its layers
    arriving = ("frame_valid", "frame_ready") if chain else ("s_axis_tvalid", "s_axis_tready")
    read = {ops[0].sources[0]: (data_in, *arriving)}  # data, valid, ready of each tensor at its reader
    given = {}  # the same at its writer
    links = {tensor: bit for bit, tensor in enumerate(graph.inner_tensors(ops))}
    for op, module in zip(ops, modules):
        named = numbered(module.removeprefix("layer"), op.outputs)  # _<nn>_<operator>
        for tensor, suffix, stream in zip(op.results, named, op.out_streams()):
            read[tensor] = given[tensor] = (f"data{suffix}", f"valid{suffix}", f"ready{suffix}")
            link = ""
            if tensor in links:
                given[tensor] = (f"data{suffix}", f"given{suffix}", f"taken{suffix}")
                link = f"  `XF_LINK({suffix}, {links[tensor]})\n"
            names = dict.fromkeys((*given[tensor][1:], *read[tensor][1:]))
            wires.append(f"  logic [{stream.width - 1}:0] {read[tensor][0]};\n")
            wires.append(f"  logic {', '.join(names)};\n{link}")
        s_data, s_valid, s_ready = _together([read[tensor] for tensor in op.sources])
        m_data, m_valid, m_ready = _together([given[tensor] for tensor in op.results])
        side = control.side_connections(op, module.removeprefix("layer"))
        on_chain += [module.removeprefix("layer")] if op.first_load else []
        cells.append(
            f"  {module} u_{module} (\n    .clk_i(aclk), .rst_ni({reset}),\n"
            f"    .s_data_i({s_data}), .s_valid_i({s_valid}), .s_ready_o({s_ready}),\n"
            f"    .m_data_o({m_data}), .m_valid_o({m_valid}), .m_ready_i({m_ready}){side}\n  );\n"
        )
    data_last, valid_last, ready_last = given[ops[-1].results[0]]
    spare = bits_out - sink.width
    data_out = data_last if not spare else f"{{{spare}'b0, {data_last}}}"
    unused = ""
    if bits_in != source.width:
        unused = (
            "  // A beat is whole bytes; the bits beyond its elements carry nothing.\n  logic unused;\n"
            f"  assign unused = ^s_axis_tdata[{bits_in - 1}:{source.width}];\n\n"
        )
    count = max(sink.beats - 1, 1).bit_length()
    loads, ports, logic = "", "", ""
    for number, (op, stream) in enumerate(graph.outside(ops)):
        ports += control.outside_ports(stream, number)
        logic += control.outside_logic(stream, number, modules[ops.index(op)].removeprefix("layer"))
    if chain:
        loads, ports = control.header(chain), ports + control.port_list(chain)
        logic += control.control_logic(chain, source.beats) + control.chain_logic(on_chain)
    pauses = f"\n`ifdef XF_PAUSE\n  , input logic [{len(links) - 1}:0] pause_i\n`endif" if links else ""
    into = (
        f"{list(source.shape)} per frame, last axis fastest, {source.lanes} element(s) of {source.bits} bit "
        f"per beat, {source.beats} beats."
    )
    signed = ", two's complement," if sink.signed else ""
    out_of = (
        f"{list(sink.shape)} per frame, {sink.lanes} element(s) of {sink.bits} bit"
        f"{signed} per beat, {sink.beats} beats; tlast on the last."
    )
    return f"""{SPDX}//
// The accelerator between two AXI-Stream ports, generated.
//
// In:  {into}
// Out: {out_of}
{loads}//
// Reset  synchronous, low; frames may follow each other without a pause

`include "xf_link.svh"

module {TOP} (
  input  logic aclk,
  input  logic aresetn,
  input  logic [{bits_in - 1}:0] s_axis_tdata,
  input  logic s_axis_tvalid,
  output logic s_axis_tready,
  output logic [{bits_out - 1}:0] m_axis_tdata,
  output logic m_axis_tvalid,
  input  logic m_axis_tready,
  output logic m_axis_tlast{ports}{pauses}
);

{logic}{"".join(wires)}
{"".join(cells)}
{unused}  logic [{count - 1}:0] beat_q;  // of the frame, at the output

  assign m_axis_tdata  = {data_out};
  assign m_axis_tvalid = {valid_last};
  assign {ready_last} = m_axis_tready;
  assign m_axis_tlast  = beat_q == {count}'d{sink.beats - 1};

  always_ff @(posedge aclk) begin
    if (!aresetn) beat_q <= '0;
    else if (m_axis_tvalid && m_axis_tready) beat_q <= m_axis_tlast ? '0 : beat_q + 1'b1;
  end

endmodule : {TOP}
"""


def _together(streams: list[tuple[str, ...]]) -> list[str]:
    """Data, valid and ready of several streams as one port each, stream 0 in the lowest bits."""
    columns = zip(*reversed(streams))
    return [column[0] if len(column) == 1 else f"{{{', '.join(column)}}}" for column in columns]


def write_layer(folder: Path, index: int, op: HwOp, stamp: str = SPDX) -> Record:
    """Write the module of one operator with its memories, a stamp on top; returns its entry in rtl.json."""
    module = f"layer_{index:02d}_{re.sub(r'[^A-Za-z0-9_]', '_', op.name)}"
    text, memories = wrapper(op, module)
    written = {f"{module}.sv": text, **memories, **op.generated()}
    for name, content in written.items():
        (folder / name).write_text(content.replace(SPDX, stamp, 1))
    return {
        "module": module, "file": f"{module}.sv", "node": op.name, "op": type(op).__name__,
        "memories": list(memories), "generated": list(op.generated()),
    }  # fmt: skip


def _border(stream) -> Record:
    return {
        "shape": list(stream.shape), "lanes": stream.lanes, "bits": stream.bits,
        "signed": stream.signed, "bytes": stream.port_bits // 8, "beats": stream.beats,
    }  # fmt: skip


def in_slots(values: np.ndarray, stream: Stream) -> bytes:
    """The values of a stream in one frame, as they lie in memory for the shell."""
    about = _border(stream)
    layout = dma.layout_of(stream)
    form = Frames(about | {"slot": layout.slot, "stride": layout.stride})
    return form.pack(np.asarray(values)[None]).tobytes()


def lint_folder(folder: Path, order: list[str], top: str, stage: str) -> None:
    """Read files of a folder, in this order, with all Verilator warnings on.

    Raises:
        UserError: Verilator warns or fails; the text starts with `stage` and holds the first message.
        ToolMissing: Verilator is not installed.
    """
    waived = [f"-Wno-{name}" for name in WAIVED]
    arguments = ("--lint-only", "-Wall", *waived, "-I.", "--top-module", top, *order)
    verilator(*arguments, what=stage, folder=folder)
