"""Our operators as FINN's: RTL nodes in the place of those that FINN has in HLS alone.

Each is a class in FINN's own registry, between FINN's abstraction of the same node, which defines shapes,
data types, streams, cycles and Python execution, and the operator of `hw/ops` that this project's binding
finds for such a node, which is the RTL. `register` enters them, and lets FINN's SpecializeLayers choose them
and its SetFolding fold them.
"""

import shutil
from functools import wraps
from os.path import commonprefix
from pathlib import Path

import numpy as np
from finn.custom_op.fpgadataflow import custom_op as abstractions
from finn.custom_op.fpgadataflow.rtl import custom_op as rtl_nodes
from finn.custom_op.fpgadataflow.rtl import register_custom_op
from finn.custom_op.fpgadataflow.rtlbackend import RTLBackend
from finn.transformation.fpgadataflow import specialize_layers
from finn.transformation.fpgadataflow.set_folding import SetFolding
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from onnx import NodeProto, helper
from qonnx.core.datatype import BaseDataType, DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import GiveUniqueNodeNames

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.core.types import Ints, Record
from xnorforge.flows.backends.finn.folding import PREFIX
from xnorforge.flows.finn_graph import FINN, as_finn
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.bind import OPS, bind_nodes
from xnorforge.hw.bind.network import Bound, Network
from xnorforge.hw.bind.nodes import PIXEL, around, sizes_of
from xnorforge.hw.lowering.values import Graph, IntegerGraph, Leaf, Node
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.streams import kind_of
from xnorforge.hw.wrap import headers, library, wrapper

RTL, HLS = f"{FINN}.rtl", f"{FINN}.hls"
BITS = (DataType["BINARY"], DataType["BIPOLAR"])
MEMORY = {"block": "block", "distributed": "logic"}  # FINN's ram_style, our rom


class Ours(RTLBackend):
    """What the nodes have in common; each also has FINN's class for its abstraction as a base."""

    def operator(self, model: ModelWrapper | None = None) -> HwOp:
        """The folded operator that binding finds for a graph of this node alone.

        Args:
            model: the graph with the node's constants; without it they are random, for estimates.

        Raises:
            UserError: no operator implements this form of the node.
        """
        node = self.onnx_node
        kinds = [self.get_input_datatype(index) for index, _ in enumerate(node.input[:2])]
        kinds += [self.get_output_datatype(index) for index, _ in enumerate(node.output)]
        for name, kind in zip((*node.input[:2], *node.output), kinds):
            if not kind.is_integer():
                raise UserError(f"{node.name}: {name} has numbers other than integers; use one of FINN.")
        bound = self.bound(model)
        if len(bound) != 1:
            raise UserError(f"{node.name}: {len(bound)} operators of hw/ops make it; use one of FINN.")
        kind, has = OPS[bound[0].op], self.get_nodeattr_types()
        theirs = {"simd": "SIMD" if "SIMD" in has else "PE", "pe": "PE" if "PE" in has else "SIMD"}
        folding = {name: self.get_nodeattr(theirs[name]) for name in kind.extents if name in theirs}
        if "rom" in kind.styles and self.get_nodeattr("ram_style") in MEMORY:
            folding["rom"] = MEMORY[self.get_nodeattr("ram_style")]
        return bound[0].make_alone(**folding)

    def bound(self, model: ModelWrapper | None) -> list[Bound]:
        """What binding makes of it."""
        return bind_nodes(Network(self.alone(model)))

    def alone(self, model: ModelWrapper | None) -> IntegerGraph:
        """The node as an integer graph, with bits for -1 and +1 as FINN streams them."""
        node, streams = self.onnx_node, self.streams()
        (x, *_), channels = node.input, int(self.get_normal_input_shape(0)[-1])
        if self.abstraction == "DuplicateStreams":
            return IntegerGraph([], streams, [x], [x] * len(node.output))
        if self.abstraction == "StreamingConcat":
            return self.row(("Concat", {}))
        if self.abstraction == "ElementwiseMul" and len(streams) == 2:
            return self.row(("Product", {"xnor": 0}))
        if self.abstraction == "ElementwiseMul":
            factors = np.broadcast_to(self.constant(1, model).reshape(-1), channels)
            return self.row(("Join", {"multipliers": factors[None]}))
        if len(streams) < 2:
            raise UserError(f"{node.name}: a constant is added; add it to the thresholds behind it.")
        return self.row(("Join", {"multipliers": np.ones((2, channels), np.int64)}))

    def streams(self) -> dict[str, Leaf]:
        """What the node's streams hold, by tensor."""
        return {
            name: leaf(name, self.get_normal_input_shape(index), self.get_input_datatype(index))
            for index, name in enumerate(self.onnx_node.input) if self.get_instream_width(index)
        }  # fmt: skip

    def row(self, *row: tuple[str, Record], inner: tuple[Leaf, ...] = ()) -> IntegerGraph:
        """Operators with their constants, `inner` between them; the first reads all streams."""
        leaves, made = self.streams(), []
        given = inputs = list(leaves)
        last = leaf(self.onnx_node.output[0], self.get_normal_output_shape(), self.get_output_datatype())
        for (op, at), out in zip(row, (*inner, last), strict=True):
            made.append(Node(self.onnx_node.name if out is last else out.name, op, given, out.name, at))
            leaves, given = leaves | {out.name: out}, [out.name]
        return IntegerGraph(made, leaves, inputs, given)

    def constant(self, index: int, model: ModelWrapper | None, rounded=np.rint) -> np.ndarray:
        """A constant input, integers; a random one of the right type and shape without the graph."""
        value = model and model.get_initializer(self.onnx_node.input[index])
        return whole_numbers(rounded(self.random(index) if value is None else value))

    def random(self, index: int) -> np.ndarray:
        """A constant input of the right type and shape."""
        kind, rng = self.get_input_datatype(index), np.random.default_rng(index)
        values = np.array([kind.min(), kind.max()]) if kind in BITS else np.arange(kind.min(), kind.max() + 1)
        return rng.choice(values, self.get_normal_input_shape(index)).astype(np.float32)

    @property
    def abstraction(self) -> str:
        """Name of FINN's abstraction of the node."""
        return self.onnx_node.op_type.removeprefix(PREFIX).removesuffix("_rtl")

    def execute_node(self, context: dict[str, np.ndarray], graph) -> None:
        """FINN's own execution; with exec_mode "rtlsim" that of the RTL, which streams no constants."""
        if self.get_nodeattr("exec_mode") != "rtlsim":
            super(RTLBackend, self).execute_node(context, graph)
            return
        names = list(self.onnx_node.input)
        try:
            del self.onnx_node.input[len(self.operator().sources) :]
            super().execute_node(context, graph)
        finally:
            self.onnx_node.input[:] = names

    def generate_hdl(self, model: ModelWrapper, fpgapart: str, clk: float) -> None:  # noqa: ARG002
        """Write the node's module with FINN's ports, the operator's wrapper and memories, and the library."""
        folder, name = Path(self.get_nodeattr("code_gen_dir_ipgen")), self.get_verilog_top_module_name()
        op, shared = self.operator(model), folder.parent / "xnorforge_rtl"
        text, memories = wrapper(op, f"{name}_core")
        for file in memories:
            text = text.replace(f'"{file}"', f'"{folder / file}"')
        own = {f"{name}.v": self.ports(op, name), f"{name}_core.sv": text}
        for file, words in {**memories, **own}.items():
            (folder / file).write_text(words)
        shared.mkdir(exist_ok=True)
        for path in [*library([op]), *headers()]:
            shutil.copyfile(path, shared / path.name)
        for file, words in op.generated().items():
            (shared / file).write_text(words)
        files = [shared / path.name for path in library([op])] + [shared / file for file in op.generated()]
        listed = "".join(f"{path}\n" for path in [*files, *(folder / file for file in reversed(own))])
        (folder / "rtl.f").write_text(listed)
        for attribute, value in (("gen_top_module", name), ("ipgen_path", folder), ("ip_path", folder)):
            self.set_nodeattr(attribute, str(value))

    def ports(self, op: HwOp, name: str) -> str:
        """The text of a module with FINN's ports around the operator; elements get FINN's widths."""
        into = [(f"in{k}_V", stream, stream.bits) for k, stream in enumerate(op.in_streams())]
        widths = [self.get_output_datatype(k).bitwidth() for k in range(op.outputs)]
        out = [(f"out{k}_V", *pair) for k, pair in enumerate(zip(op.out_streams(), widths, strict=True))]
        buses, lines, wires = ":".join(port for port, _, _ in (*into, *out)), [], []
        for way, other, group in (("input ", "output", into), ("output", "input ", out)):
            for port, stream, bits in group:
                lines.append(f"  {way} [{-(-stream.lanes * bits // 8) * 8 - 1}:0] {port}_TDATA")
                lines += [f"  {way} {port}_TVALID", f"  {other} {port}_TREADY"]
        for port, stream, bits in out:
            wires.append(f"  wire [{stream.width - 1}:0] {port}_data;\n")
            lanes = reversed(range(stream.lanes))
            elements = [_resized(f"{port}_data", stream, lane, bits) for lane in lanes]
            spare = -stream.lanes * bits % 8
            padded = [*([f"{spare}'d0"] if spare else []), *elements]
            wires.append(f"  assign {port}_TDATA = {{{', '.join(padded)}}};\n")
        joined = {
            "s_data_i": [f"{port}_TDATA[{stream.width - 1}:0]" for port, stream, _ in into],
            "m_data_o": [f"{port}_data" for port, _, _ in out],
        } | {
            f"{side}_{way}": [f"{port}_T{way[:5].upper()}" for port, _, _ in group]
            for side, group, ways in (("s", into, ("valid_i", "ready_o")), ("m", out, ("valid_o", "ready_i")))
            for way in ways
        }
        given = ", ".join(f".{port}({{{', '.join(reversed(names))}}})" for port, names in joined.items())
        ports = ",\n".join(lines)
        return f"""// {self.onnx_node.name}: {type(op).__name__} with the ports of a FINN node, generated.

module {name} (
  (* X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF {buses}, ASSOCIATED_RESET ap_rst_n" *)
  (* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 ap_clk CLK" *)
  input  ap_clk,
  (* X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW" *)
  input  ap_rst_n,
{ports}
);

{"".join(wires)}
  {name}_core core (.clk_i(ap_clk), .rst_ni(ap_rst_n), {given});

endmodule
"""

    def get_rtl_file_list(self, abspath: bool = False) -> list[str]:  # noqa: ARG002
        """The files that `generate_hdl` wrote, in reading order."""
        return (Path(self.get_nodeattr("ipgen_path")) / "rtl.f").read_text().split()

    def code_generation_ipi(self) -> list[str]:
        """The Tcl with which Vivado's IP Integrator places the node."""
        files = self.get_rtl_file_list()
        included = sorted(str(path) for path in Path(files[0]).parent.glob("*.svh"))
        adding = [f"add_files -norecurse {file}" for file in [*included, *files]]
        name, top = self.onnx_node.name, self.get_nodeattr("gen_top_module")
        return [*adding, f"create_bd_cell -type module -reference {top} {name}"]

    def node_res_estimation(self, fpgapart: str) -> Record:
        """Resources by the cost model of the operator, as Yosys counts, in FINN's terms."""
        # The family whose name begins like the part; of equally near ones the later.
        near = {name: len(commonprefix([name, fpgapart])) for name in plugins.names("hw.families")}  # noqa: RUF071
        found = self.operator().estimate(max(near, key=lambda name: (near[name], name)))
        amounts = {"LUT": found["lut"], "BRAM_18K": 2 * found["bram36"], "DSP": found["dsp"], "URAM": 0}
        whole = {"BRAM_efficiency": 1, "URAM_efficiency": 1}  # FINN's shares of memory used; not modelled
        return {name: round(amount) for name, amount in amounts.items()} | whole


def _resized(data: str, stream: Stream, lane: int, bits: int) -> str:
    """An element of a beat, with as many bits; of fewer bits only those that FINN's type has carry values."""
    low = lane * stream.bits
    if bits <= stream.bits:
        return f"{data}[{low + bits - 1}:{low}]"
    top = low + stream.bits - 1
    extension = f"{{{bits - stream.bits}{{{data}[{top}]}}}}" if stream.signed else f"{bits - stream.bits}'d0"
    return f"{extension}, {data}[{top}:{low}]"


class MatrixNode(Ours):
    """MVAU with weights in the node: matches of bits, sums of integers, and one threshold per row."""

    def alone(self, model: ModelWrapper | None):
        """The matrix and its thresholds as two nodes; products of -1 and +1 are matches, as in FINN."""
        node = self.onnx_node
        if self.get_nodeattr("mem_mode").startswith(("external", "dynamic")):
            raise UserError(f"{node.name}: its weights are streamed; use mem_mode=internal_decoupled.")
        if self.get_nodeattr("runtime_writeable_weights"):
            raise UserError(f"{node.name}: its weights are constant; use runtime_writeable_weights=0.")
        kinds = [self.get_input_datatype(index) for index in range(2)]
        matches = bool(self.get_nodeattr("binaryXnorMode")) or kinds == [DataType["BIPOLAR"]] * 2
        if kinds[0] == DataType["BIPOLAR"] and not matches:
            raise UserError(f"{node.name}: -1 and +1 enter only where weights are bits; use a product.")
        dense = "Dense", {"weights": self.constant(1, model), "xnor": int(matches)}
        if len(node.input) < 3:
            return self.row(dense)
        steps = self.constant(2, model, np.ceil)  # an integer reaches what it is rounded up to
        if steps.shape[-1] > 1 or self.get_nodeattr("ActVal") or self.get_output_datatype() not in BITS:
            raise UserError(
                f"{node.name}: it has {steps.shape[-1]} thresholds per row; use standalone_thresholds."
            )
        rows = self.get_nodeattr("MH")
        at = {"thresholds": np.broadcast_to(steps, (rows, 1)).copy(), "direction": np.ones(rows, np.int64)}
        sums = leaf(f"{node.name}_sums", self.get_normal_output_shape(), self.get_accumulator_datatype())
        return self.row(dense, ("Threshold", at), inner=(sums,))

    def random(self, index):
        """Weights, or thresholds in the middle."""
        return super().random(index) if index < 2 else np.full((self.get_nodeattr("MH"), 1), 1.0)

    def get_instream_width(self, ind: int = 0) -> int:
        """Only the vectors are streamed."""
        return super().get_instream_width(ind) if ind == 0 else 0

    def minimize_accumulator_width(self, model: ModelWrapper, datatype_only: bool = False):
        """Exact widths: FINN takes the number of matches for a sum of -1 and +1, which has a bit less."""
        kind = self.operator(model).out_stream().datatype if self.get_nodeattr("noActivation") else None
        if kind is None:
            return super().minimize_accumulator_width(model, datatype_only)
        for name in ("accDataType", "outputDataType"):
            self.set_nodeattr(name, kind.name)
        return kind


class PoolNode(Ours):
    """Pool, of windows as FINN's depthwise generator streams them: by groups of PE channels."""

    def alone(self, model: ModelWrapper | None):  # noqa: ARG002
        """The windows as a column of pixels of PE channels, and the pool of each window in it."""
        node, pe = self.onnx_node, self.get_nodeattr("PE")
        rows = int(np.prod(self.get_nodeattr("KernelSize")))
        count = int(np.prod(self.get_nodeattr("OutImgDims"))) * self.get_nodeattr("Channels") // pe
        function = {"MaxPool": "MaxPool", "AccPool": "SumPool"}.get(self.get_nodeattr("Function"))
        if function is None:
            raise UserError(
                f"{node.name}: {self.get_nodeattr('Function')} has no operator; use sums or maxima."
            )
        at = {"kernel": [rows, 1], "stride": [rows, 1], "direction": np.ones(pe, np.int64)}
        x = leaf(node.input[0], (1, count * rows, 1, pe), self.get_input_datatype())
        out = leaf(node.output[0], (1, count, 1, pe), self.get_output_datatype())
        made = [Node(node.name, function, [x.name], out.name, at)]
        return IntegerGraph(made, {x.name: x, out.name: out}, [x.name], [out.name])

    def bound(self, model: ModelWrapper | None) -> list[Bound]:
        """Single pixels pass through a window."""
        network = Network(self.alone(model))
        (node,) = network.nodes
        if node.at["kernel"] != PIXEL:
            return bind_nodes(network)
        return [Bound("Window", node.name, around(network, node.input[0], sizes_of(node)))]


class LabelNode(Ours):
    """LabelSelect of the largest score; the first of equal ones."""

    def bound(self, model: ModelWrapper | None) -> list[Bound]:  # noqa: ARG002
        """The operator, where one index is asked for."""
        (stream,) = self.streams().values()
        if self.get_nodeattr("K") != 1:
            raise UserError(f"{self.onnx_node.name}: it gives {self.get_nodeattr('K')} indices; use K=1.")
        bits, signed = kind_of(*stream.range)
        width = {"in_shape": list(stream.shape), "in_bits": bits, "in_signed": int(signed)}
        return [Bound("ArgMax", self.onnx_node.name, width)]


class FifoNode(Ours):
    """StreamingFIFO of FINN's depth."""

    def operator(self, model: ModelWrapper | None = None):  # noqa: ARG002
        """A FIFO of whole beats."""
        (*beats, lanes), width = self.get_folded_input_shape(), self.get_instream_width()
        shape = [int(np.prod(beats)) * int(lanes)]
        return OPS["Fifo"].make(
            self.onnx_node.name, shape=shape, lanes=int(lanes), bits=width // int(lanes),
            depth=self.get_nodeattr("depth"),
        )  # fmt: skip


PADDING = f"{PREFIX}FMPadding"


class Padding(abstractions["FMPadding"]):
    """FMPadding with a border of `Value`, which FINN's own fills with 0."""

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        """FINN's, and the value."""
        return super().get_nodeattr_types() | {"Value": ("i", True, 0)}

    def execute_node(self, context: dict[str, np.ndarray], graph) -> None:
        """By FINN's own, around the distance from the value."""
        (source,), value = self.onnx_node.input, self.get_nodeattr("Value")
        super().execute_node(inside := context | {source: context[source] - value}, graph)
        context[self.onnx_node.output[0]] = inside[self.onnx_node.output[0]] + value


class PaddingNode(Ours):
    """XnorFMPadding."""

    def alone(self, model: ModelWrapper | None):  # noqa: ARG002
        """Our own border, which binding knows."""
        at = {"pads": list(self.get_nodeattr("Padding")), "value": self.get_nodeattr("Value")}
        return self.row(("Pad", at))


def leaf(name: str, shape: Ints, kind: BaseDataType) -> Leaf:
    """An integer tensor of FINN's shape, with its batch of one, and data type; -1 and +1 are bits."""
    kind = DataType["BINARY"] if kind in BITS else kind
    low, high = (np.full(int(shape[-1]), int(end)) for end in (kind.min(), kind.max()))
    return Leaf(name, tuple(int(n) for n in shape[1:]), low, high)


OWN = {
    "MVAU": MatrixNode,
    "Pool": PoolNode,
    "LabelSelect": LabelNode,
    "StreamingFIFO": FifoNode,
    PADDING: PaddingNode,
}
CHOSEN = (
    "MVAU", "Pool", "LabelSelect", "ElementwiseAdd", "ElementwiseMul", "DuplicateStreams", "StreamingConcat",
)  # fmt: skip


def _class(name: str) -> type:
    """The class of our node in the place of FINN's of this name, or for an abstraction of our own."""
    base = abstractions[name]

    def get_nodeattr_types(self):
        return base.get_nodeattr_types(self) | RTLBackend.get_nodeattr_types(self)

    bases = (OWN.get(name, Ours), base)
    text = f"FINN's {name} by an operator of xnorforge."
    about = {"__doc__": text, "get_nodeattr_types": get_nodeattr_types}
    return type(f"{PREFIX}{name.removeprefix(PREFIX)}_rtl", bases, about)


def retarget(node: NodeProto, name: str, domain: str) -> None:
    """Give a node another type, and what it does not know no more."""
    node.op_type, node.domain = name, domain
    for attribute in [one for one in node.attribute if one.name == "preferred_impl_style"]:
        node.attribute.remove(attribute)


def chosen(model: ModelWrapper, node: NodeProto, part: str) -> bool:
    """Whether an operator of ours implements what FINN has as HLS alone, and HLS is not asked for."""
    if node.domain != FINN or node.op_type not in CHOSEN:
        return False
    asked = getCustomOp(node).get_nodeattr("preferred_impl_style")
    if asked == "hls" or specialize_layers._determine_impl_style(node, part, model) == "rtl":
        return False
    return implemented(model, node)


def implemented(model: ModelWrapper, node: NodeProto) -> bool:
    """Whether an operator implements an abstraction."""
    like = type(node)()
    like.CopyFrom(node)
    retarget(like, f"{PREFIX}{node.op_type}_rtl", RTL)
    try:
        getCustomOp(like).operator(model)
    except UserError:
        return False
    return True


def prepared(lowered: Graph) -> ModelWrapper:
    """A lowered network in a form that FINN takes: borders of other values than 0 as nodes XnorFMPadding,
    stride 1 for kernels of the map's size, our matrices, as Verilator rejects FINN's of 4 bits and more."""
    model = as_finn(lowered)
    for node in model.get_nodes_by_op_type("Pad"):
        given, (_, *image, channels) = getCustomOp(node), model.get_tensor_shape(node.input[0])
        border = helper.make_node(
            PADDING, node.input, node.output, name=node.name, domain=FINN,
            backend="fpgadataflow", ImgDim=image, Padding=given.get_nodeattr("pads"), NumChannels=channels,
            SIMD=1, inputDataType=model.get_tensor_datatype(node.output[0]).name,
            Value=given.get_nodeattr("value"),
        )  # fmt: skip
        node.CopyFrom(border)
    for node in model.get_nodes_by_op_type("ConvolutionInputGenerator"):
        inst = getCustomOp(node)
        names = ("IFMDim", "ConvKernelDim", "Dilation", "Stride")
        sides = zip(*(inst.get_nodeattr(name) for name in names), strict=True)
        strides = [1 if size == (kernel - 1) * rate + 1 else step for size, kernel, rate, step in sides]
        inst.set_nodeattr("Stride", strides)
    for node in model.get_nodes_by_op_type("MVAU"):
        if implemented(model, node):
            retarget(node, f"{PREFIX}MVAU_rtl", RTL)
    return model


def register() -> None:
    """Enter the nodes, once, in FINN's registry and in its transformations that choose and fold them."""
    if f"{PREFIX}MVAU_rtl" in rtl_nodes:
        return
    abstractions[PADDING] = Padding
    for name in (*CHOSEN, "StreamingFIFO", PADDING):
        register_custom_op(_class(name))
        abstractions.setdefault(f"{PREFIX}{name}", abstractions[name])  # FINN's verification executes these
    specialise, set_folding = SpecializeLayers.apply, SetFolding.apply

    @wraps(specialise)
    def choose(self, model):
        for node in model.graph.node:
            if chosen(model, node, self.fpgapart):
                retarget(node, f"{PREFIX}{node.op_type}_rtl", RTL)
        model, changed = specialise(self, model)
        return model.transform(GiveUniqueNodeNames()), changed

    def fold(self, model):
        """FINN folds nodes whose types it knows: ours are its HLS nodes meanwhile."""
        ours = {}
        for node in model.graph.node:
            if node.domain == RTL and node.op_type.startswith(PREFIX):
                ours[node.output[0]], base = node.op_type, node.op_type.removeprefix(PREFIX)
                hls = base.removesuffix("_rtl") in CHOSEN
                retarget(node, *((base.replace("_rtl", "_hls"), HLS) if hls else (base, RTL)))
        model, changed = set_folding(self, model)
        for node in model.graph.node:
            if node.output[0] in ours:
                retarget(node, ours[node.output[0]], RTL)
        return model.transform(GiveUniqueNodeNames()), changed

    SpecializeLayers.apply, SetFolding.apply = choose, fold
