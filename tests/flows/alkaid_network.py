"""A lowered network of dense layers as a pipeline by alkaid, without folding: traced, written as Verilog, run
by Verilator and counted by Yosys, without any of our operators.
"""

import re
from pathlib import Path

import numpy as np
from alkaid.codegen import RTLModel
from alkaid.trace import FVArray, HWConfig, trace
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from yosys_count import mapped

from xnorforge.hw.ops.base import Stream
from xnorforge.sim import cosim
from xnorforge.sim import finn as simulator

ADDITIONS = 5  # between two registers
QUICK = {"decompose_dc": -1, "search_all_decompose_dc": False}
TOP = """module alkaid_design (
  input  ap_clk,
  input  ap_rst_n,
  input  [{into}-1:0] s_axis_0_tdata,
  input  s_axis_0_tvalid,
  output s_axis_0_tready,
  output [{out}-1:0] m_axis_0_tdata,
  output m_axis_0_tvalid,
  input  m_axis_0_tready
);
  reg [{stages}-1:0] valid;
  always @(posedge ap_clk) valid <= ap_rst_n ? {{valid, s_axis_0_tvalid}} : 0;
  assign s_axis_0_tready = 1'b1;
  assign m_axis_0_tvalid = valid[{stages}-1];
  net_wrapper network (.clk(ap_clk), .model_inp(s_axis_0_tdata), .model_out(m_axis_0_tdata));
endmodule
"""


def traced(model: ModelWrapper):
    """The network as alkaid's graph of additions, comparisons and tables."""
    source = model.graph.input[0].name
    kind, size = model.get_tensor_datatype(source), int(np.prod(model.get_tensor_shape(source)))
    ends = [np.full(size, float(end)) for end in (kind.min(), kind.max())]
    at = {source: FVArray.from_lhs(*ends, np.ones(size), HWConfig(1, -1, -1), 0.0, QUICK)}
    for node in model.graph.node:
        x, constant = at[node.input[0]], model.get_initializer(node.input[1]).astype(float)
        if node.op_type == "MVAU" and getCustomOp(node).get_nodeattr("binaryXnorMode"):
            y = x @ (2 * constant - 1) + (constant == 0).sum(0)
        elif node.op_type == "MVAU":
            y = x @ constant
        else:
            assert node.op_type == "Thresholding" and not getCustomOp(node).get_nodeattr("ActVal")
            steps = np.broadcast_to(constant, (len(x), constant.shape[1]))
            found = [np.searchsorted(row, x[k : k + 1], side="right")[0] for k, row in enumerate(steps)]
            y = FVArray(np.array(found), QUICK, x.hwconf)
        at[node.output[0]] = y
    return trace(at[source], at[model.graph.output[0].name])


class Design:
    """The Verilog of a network in a folder; `latency` is in cycles, and a vector enters in each."""

    def __init__(self, model: ModelWrapper, folder: Path):
        logic = RTLModel(traced(model), folder, "net", latency_cutoff=ADDITIONS, print_latency=False)
        logic.write()
        self.source, self.latency, text = folder / "src", int(logic.latency or 0) + 1, {}
        wrapper = (self.source / "net_wrapper.v").read_text()
        bits = [int(high) + 1 for high in re.findall(r"\[(\d+):0\] model_(?:inp|out)(?:,|\n)", wrapper)]
        text = TOP.format(into=bits[0], out=bits[1], stages=self.latency)
        (self.source / "alkaid_design.v").write_text(text)
        self.streams = {}
        for port, end, width in zip(("s_axis_0", "m_axis_0"), ("input", "output"), bits, strict=True):
            name = getattr(model.graph, end)[0].name
            size, kind = int(np.prod(model.get_tensor_shape(name))), model.get_tensor_datatype(name)
            self.streams[port] = Stream((size,), size, width // size, kind.signed())

    def files(self) -> list[Path]:
        """All Verilog, in reading order."""
        return [*self.source.glob("static/*.v"), *sorted(self.source.glob("*.v"))]

    def run(self, vectors: np.ndarray) -> np.ndarray:
        """Results of integers (N, inputs) in Verilator."""
        device = simulator.device("alkaid_design", self.files(), self.streams, 10 * self.latency, "-O0")
        return cosim.run(device, vectors, seed=1).output

    def count(self) -> dict[str, float]:
        """Mapped cells on 7 series. Each stage is flat and mapped alone: abc9 walks through all modules of a
        design for each of them.
        """
        stages = sorted(path.stem for path in self.source.glob("logic*.v"))
        shared = [*self.source.glob("static/*.v"), *self.source.glob("net_tables.v")]
        static, read = " ".join(map(str, shared)), "read_verilog -sv"
        boxes = " ".join(f"{one}.v" for one in stages)
        found = [mapped(self.source, "net", [f"{read} -lib {boxes}", f"{read} net.v"])]
        for one in stages:
            flat = [f"{read} {static} {one}.v", f"hierarchy -top {one}", "proc", "flatten", "opt_clean"]
            found.append(mapped(self.source, one, flat))
        return {name: sum(part[name] for part in found) for name in found[0]}
