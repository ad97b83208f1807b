"""An operator of our own, to test the simulator without the library; what tests of drivers share."""

import numpy as np
import pytest
from driving import small_network

from xnorforge.flows.overlay import write_overlay
from xnorforge.hw import graph
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.timing import Stop, beat_for_beat
from xnorforge.sim.shell import shell_library

SOURCE = """// SPDX-License-Identifier: Apache-2.0
module test_add #(
  parameter int unsigned Lanes = 1, parameter int unsigned Bits = 1,
  parameter AddFile = "", parameter int unsigned Break = 0
) (
  input  logic clk_i, rst_ni,
  input  logic [Lanes*Bits-1:0] s_data_i,
  input  logic s_valid_i, output logic s_ready_o,
  output logic [Lanes*Bits-1:0] m_data_o, output logic m_valid_o, input logic m_ready_i
);
  logic [Bits-1:0] add [1];
  initial $readmemh(AddFile, add);
  logic valid_q;
  logic [15:0] count_q;
  logic [Lanes*Bits-1:0] data_q;
  assign s_ready_o = (!valid_q || m_ready_i) && (Break != 4 || s_valid_i);
  assign m_valid_o = valid_q && (Break != 3 || m_ready_i);
  assign m_data_o = data_q;
  always_ff @(posedge clk_i) begin
    if (s_valid_i && s_ready_o) begin
      for (int k = 0; k < Lanes; k++) data_q[k*Bits +: Bits] <= s_data_i[k*Bits +: Bits] + add[0];
      count_q <= count_q + 1;
    end else if (Break == 2) begin
      data_q <= ~data_q;
    end
    if (s_ready_o) valid_q <= s_valid_i && !(Break == 1 && count_q == 5);
    if (!rst_ni) begin
      valid_q <= 1'b0;
      count_q <= '0;
    end
  end
  `ifdef XF_CHECK
  NotFive_A : assert property (@(posedge clk_i) disable iff (!rst_ni) Break != 5 || count_q != 5);
  `endif
  final $display("XF_FILL %m %0d", count_q);
endmodule
"""


class Add(HwOp):
    """Adds `add` to every element, modulo its range. `fault` makes the RTL break one rule."""

    module = "test_add"
    arrays = ("add",)

    def get_nodeattr_types(self):
        return {"shape": ("ints", True, []), "lanes": ("i", True, 1), "bits": ("i", True, 1),
                "fault": ("i", False, 0)}  # fmt: skip

    def in_stream(self):
        shape, lanes, bits = map(self.get_nodeattr, ("shape", "lanes", "bits"))
        return Stream(tuple(shape), lanes, bits)

    out_stream = in_stream

    def execute_node(self, context, _graph):
        node, size = self.onnx_node, 2 ** self.get_nodeattr("bits")
        context[node.output[0]] = (context[node.input[0]] + context[node.input[1]]) % size

    def timing(self):
        return beat_for_beat(1, Stop.READER)

    def rtl(self):
        stream = self.in_stream()
        return self.module, {"Lanes": stream.lanes, "Bits": stream.bits, "Break": self.get_nodeattr("fault")}

    def memories(self):
        return {"AddFile": (self.get_nodeattr("bits"), [int(self.arrays_of["add"][0])])}

    def generated(self):
        return {"test_add.sv": SOURCE}


@pytest.fixture(scope="session")
def make_add():
    """Make one `Add`: shape, lanes, bits, fault."""

    def make(shape, lanes, bits, add=1, fault=0, name="dut"):
        return Add.make(name, {"add": np.array([add])}, shape=shape, lanes=lanes, bits=bits, fault=fault)

    return make


@pytest.fixture(scope="module")
def acc(tmp_path_factory):
    """A network's folder with rtl/ and overlay/, as the stages leave it."""
    acc = small_network(tmp_path_factory.mktemp("net"))
    write_overlay(acc, acc.parent)
    return acc


@pytest.fixture(scope="module")
def library(acc):
    """The verilated shell of the network `acc` of a module, assertions on."""
    return shell_library(acc)


@pytest.fixture(scope="module")
def expected(acc):
    """Images uint8 (N, 3, 4, 4), and what the contract of the operators makes of them."""
    images = np.random.default_rng(3).integers(0, 256, (40, 3, 4, 4)).astype(np.uint8)
    ops = graph.operators(acc / "folded.onnx")
    return images, graph.execute(ops, images)[ops[-1].name]
