"""The integer graph in FINN's words, for FINN's execution and its compiler.

Hardware-abstraction nodes where FINN has them, nodes of our own domain (`hw/lowering/nodes.py`) elsewhere.

Channels last, batch 1. Tensors are named as in `lowered.onnx`; an operator of several nodes has further ones.
A layer is  FMPadding -> ConvolutionInputGenerator -> MVAU (matches or sums) -> Thresholding,
a pool of bits or sums   ConvolutionInputGenerator (depthwise) -> Pool,   a fork   DuplicateStreams.
"""

from collections.abc import Callable, Collection
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from onnx import NodeProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from xnorforge.core.types import Ints
from xnorforge.hw.any_width import FLOAT32_BITS, stored, width_of
from xnorforge.hw.graph import graph_proto
from xnorforge.hw.lowering.nodes import as_node, type_of
from xnorforge.hw.lowering.tensors import Connected, Placed
from xnorforge.hw.lowering.values import Graph

FINN = "finn.custom_op.fpgadataflow"


def as_finn(graph: Graph) -> ModelWrapper:
    """The model of an integer graph in FINN's nodes and ours.

    Constants beyond float32 are int64 tensors, or, above 64 bits, decimal text (`hw/any_width.py`)."""
    return FinnGraph(Connected(graph)).model()


class FinnGraph:
    """Nodes, tensor shapes, types and constants so far."""

    def __init__(self, graph: Connected):
        self.graph = graph
        self.nodes: list[NodeProto] = []
        self.shapes = {name: [1, *leaf.shape] for name, leaf in graph.leaf.items()}
        self.types = {name: type_of(*leaf.range) for name, leaf in graph.leaf.items()}
        self.constants: dict[str, np.ndarray] = {}

    def model(self) -> ModelWrapper:
        """Every operator in FINN's words, or as our own node."""
        for node in self.graph.nodes:
            if node.op not in FORMS or FORMS[node.op](self, node) is OURS:
                made, arrays = as_node(node.name, node.op, node.input, node.output[0], node.at)
                self.nodes.append(made)
                for name, values in arrays.items():
                    self.constant(name, values)
        return self._wrapped()

    def _wrapped(self) -> ModelWrapper:
        notes = {name: {"finn_datatype": DataType[kind].name} for name, kind in self.types.items()}
        ends = self.graph.inputs, self.graph.outputs
        onnx = graph_proto("lowered", self.nodes, ends, self.shapes, notes, self.constants)
        for one in onnx.initializer:
            onnx.value_info.append(helper.make_tensor_value_info(one.name, one.data_type, list(one.dims)))
        model = qonnx_make_model(onnx, producer_name="xnorforge")
        return ModelWrapper(model, fix_missing_initializer_valueinfo=False)

    def tensor(self, name: str, shape: Ints, kind: str) -> str:
        """A further tensor."""
        self.shapes[name], self.types[name] = list(shape), kind
        return name

    def constant(self, name: str, values: ArrayLike, kind: str | None = None) -> str:
        """A new constant."""
        narrow = width_of(values) <= FLOAT32_BITS + 1
        self.constants[name] = np.asarray(values, np.float32) if narrow else stored(values)
        self.types[name] = kind or type_of(np.min(values), np.max(values))
        return name

    def put(self, op: str, name: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        """A node of FINN."""
        attributes["backend"] = "fpgadataflow"
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, domain=FINN, **attributes))

    def windows(self, node: Placed, kernel: Ints, depthwise: bool) -> str:
        """Windows of a node's input as (1, OH, OW, kh kw C); the input itself for a window of one pixel."""
        (x,), stride, kernel = node.input, list(node.at["stride"]), list(kernel)
        if kernel == [1, 1] and stride == [1, 1]:
            return x
        (_, *image, channels), size, kind = self.shapes[x], self.shapes[node.output[0]][1:3], self.types[x]
        out = self.tensor(f"{node.name}_window_out", [1, *size, channels * kernel[0] * kernel[1]], kind)
        self.put(
            "ConvolutionInputGenerator", f"{node.name}_window", [x], [out], ConvKernelDim=kernel,
            IFMChannels=channels, IFMDim=image, OFMDim=size, SIMD=1, Stride=stride,
            Dilation=list(node.at.get("dilation", [1, 1])), inputDataType=kind, outputDataType=kind,
            depthwise=int(depthwise),
        )  # fmt: skip
        return out

    def matrix(self, node: Placed, x: str, matrix: np.ndarray, vectors: Ints) -> None:
        """MVAU of weights (inputs, outputs) on the vectors of x."""
        xnor = int(node.at["xnor"])
        values, kind = ((matrix + 1) // 2, "BINARY") if xnor else (matrix, weight_type(matrix))
        w, given = self.constant(f"{node.name}_weights", values, kind), self.types[node.output[0]]
        more: dict = {"runtime_writeable_weights": 1} if node.at.get("writable") else {}
        self.put(
            "MVAU", node.name, [x, w], node.output, MW=matrix.shape[0], MH=matrix.shape[1], SIMD=1, PE=1,
            inputDataType=self.types[x], weightDataType=kind, outputDataType=given, accDataType=given,
            noActivation=1, binaryXnorMode=xnor, numInputVectors=vectors, **more,
        )  # fmt: skip

    def pool(self, node: Placed, function: str) -> None:
        """Windows and FINN's Pool of the given function."""
        windows, (out,) = self.windows(node, node.at["kernel"], True), node.output
        kind = DataType[self.types[out]]
        self.put(
            "Pool", node.name, [windows], node.output, Channels=self.shapes[out][-1], PE=1,
            KernelSize=list(node.at["kernel"]), Function=function, OutImgDims=self.shapes[out][1:3],
            InputDataType=self.types[node.input[0]], OutputDataType=kind.name, AccumBits=kind.bitwidth(),
        )  # fmt: skip

    def elementwise(self, op: str, name: str, x: str, y: str, out: str, **style: Any) -> None:
        """FINN's sum or product of two tensors, or of a tensor and a constant."""
        right = self.shapes.get(y) or list(self.constants[y].shape)
        self.put(
            op, name, [x, y], [out], lhs_dtype=self.types[x], rhs_dtype=self.types[y],
            out_dtype=self.types[out], lhs_shape=self.shapes[x], rhs_shape=right, out_shape=self.shapes[out],
            PE=1, **style,
        )  # fmt: skip


OURS = object()  # the answer of a form that FINN does not have
Form: TypeAlias = Callable[[FinnGraph, Placed], object]


def _dense(graph: FinnGraph, node: Placed) -> None:
    graph.matrix(node, node.input[0], node.at["weights"], [1])


def _conv(graph: FinnGraph, node: Placed) -> object:
    """Windows and MVAU; VVAU where every channel has its own kernel."""
    weights, groups, (out,) = node.at["weights"], node.at["groups"], node.output
    kernel, channels, outputs = weights.shape[:2], graph.shapes[node.input[0]][-1], weights.shape[-1]
    if groups == 1:
        x = graph.windows(node, kernel, False)
        graph.matrix(node, x, weights.reshape(-1, outputs), graph.shapes[out][:-1])
    elif groups == channels == outputs:
        x, values = graph.windows(node, kernel, True), weights.transpose(3, 2, 0, 1)
        w = graph.constant(f"{node.name}_weights", values, weight_type(values))
        graph.put(
            "VVAU", node.name, [x, w], node.output, PE=1, SIMD=1, Dim=graph.shapes[out][1:3],
            Channels=channels, Kernel=list(kernel), inputDataType=graph.types[x], noActivation=1,
            weightDataType=graph.types[w], outputDataType=graph.types[out], binaryXnorMode=0,
        )  # fmt: skip
    else:
        return OURS
    return None


def _pad(graph: FinnGraph, node: Placed) -> object:
    """FMPadding for a border of zeros."""
    if node.at["value"]:
        return OURS
    _, *image, channels = graph.shapes[node.input[0]]
    graph.put(
        "FMPadding", node.name, node.input, node.output, ImgDim=image, Padding=list(node.at["pads"]),
        NumChannels=channels, SIMD=1, inputDataType=graph.types[node.input[0]],
    )  # fmt: skip
    return None


def _threshold(graph: FinnGraph, node: Placed) -> None:
    """Thresholding; channels that compare downwards are multiplied by -1 first."""
    (x,), direction, steps = node.input, node.at["direction"], node.at["thresholds"]
    if (direction < 0).any():
        leaf, name = graph.graph.leaf[x], f"{node.name}_sign"
        ends = direction * leaf.lo, direction * leaf.hi
        y = graph.tensor(f"{name}_out", graph.shapes[x], type_of(np.minimum(*ends), np.maximum(*ends)))
        c = graph.constant(f"{name}_direction", direction, "BIPOLAR")
        graph.elementwise("ElementwiseMul", name, x, c, y, rhs_style="const")
        x = y
    # FINN reads them with the sign of its input.
    kind = type_of(min(-2 if graph.types[x].startswith("INT") else 0, int(np.min(steps))), steps)
    t, (out,) = graph.constant(f"{node.name}_thresholds", steps, kind), node.output
    graph.put(
        "Thresholding", node.name, [x, t], node.output, NumChannels=len(steps), PE=1,
        numSteps=steps.shape[1], inputDataType=graph.types[x], weightDataType=graph.types[t],
        outputDataType=graph.types[out], ActVal=0, numInputVectors=graph.shapes[out][:-1],
    )  # fmt: skip


def _join(graph: FinnGraph, node: Placed) -> None:
    """Products with constants, then additions two by two; a multiplier of one everywhere is left out."""
    (out,), terms = node.output, []
    shape, several = graph.shapes[out], len(node.input) > 1
    for k, (x, multiplier) in enumerate(zip(node.input, node.at["multipliers"])):
        leaf = graph.graph.leaf[x]
        if (multiplier == 1).all() and several:
            terms.append((x, leaf.lo, leaf.hi))
            continue
        ends = multiplier * leaf.lo.astype(object), multiplier * leaf.hi.astype(object)
        low, high = np.minimum(*ends), np.maximum(*ends)
        name = f"{node.name}_scale_{k}" if several else node.name
        y = graph.tensor(f"{name}_out", shape, type_of(low, high)) if several else out
        c = graph.constant(f"{name}_multipliers", multiplier)
        graph.elementwise("ElementwiseMul", name, x, c, y, rhs_style="const")
        terms.append((y, low, high))
    total, low, high = terms[0]
    for k, (y, more_low, more_high) in enumerate(terms[1:], 1):
        low, high = low + more_low.astype(object), high + more_high
        last = k == len(terms) - 1
        name = node.name if last else f"{node.name}_part_{k}"
        sum_ = out if last else graph.tensor(f"{name}_out", shape, type_of(low, high))
        graph.elementwise("ElementwiseAdd", name, total, y, sum_)
        total = sum_


def _product(graph: FinnGraph, node: Placed) -> None:
    """Of two tensors; of bits for -1 and +1, whether they are equal."""
    op = "ElementwiseEqual" if node.at["xnor"] else "ElementwiseMul"
    graph.elementwise(op, node.name, node.input[0], node.input[1], node.output[0])


def _max_pool(graph: FinnGraph, node: Placed) -> object:
    """Windows and Pool where all channels take the maximum."""
    return OURS if (node.at["direction"] < 0).any() else graph.pool(node, "MaxPool")


def _concat(graph: FinnGraph, node: Placed) -> None:
    graph.put(
        "StreamingConcat", node.name, node.input, node.output, SIMD=1,
        ChannelsPerStream=[graph.shapes[x][-1] for x in node.input],
        inputDataTypes=[graph.types[x] for x in node.input],
        numInputVectors=graph.shapes[node.output[0]][:-1],
    )  # fmt: skip


def _upsample(graph: FinnGraph, node: Placed) -> None:
    (_, rows, columns, channels), out = graph.shapes[node.input[0]], graph.shapes[node.output[0]]
    graph.put(
        "UpsampleNearestNeighbour", node.name, node.input, node.output, SIMD=1, HO=out[1], WO=out[2],
        HI=rows, WI=columns, NumChannels=channels, inputDataType=graph.types[node.input[0]],
    )  # fmt: skip


def _fork(graph: FinnGraph, node: Placed) -> None:
    shape = graph.shapes[node.input[0]]
    graph.put(
        "DuplicateStreams", node.name, node.input, node.output, NumChannels=shape[-1], PE=1,
        NumOutputStreams=len(node.output), inputDataType=graph.types[node.input[0]],
        numInputVectors=shape[:-1],
    )  # fmt: skip


def _reshape(graph: FinnGraph, node: Placed) -> None:
    """A plain Reshape."""
    shape = f"{node.name}_shape"
    graph.constants[shape] = np.array(graph.shapes[node.output[0]], np.int64)
    graph.nodes.append(helper.make_node("Reshape", [*node.input, shape], node.output, name=node.name))


FORMS: dict[str, Form] = {
    "Dense": _dense, "Conv": _conv, "Pad": _pad, "Threshold": _threshold, "Join": _join, "Product": _product,
    "MaxPool": _max_pool, "SumPool": lambda graph, node: graph.pool(node, "AccPool"), "Concat": _concat,
    "Upsample": _upsample, "Fork": _fork, "Reshape": _reshape,
}  # fmt: skip


def operator_of(node: str, known: Collection[str]) -> str:
    """Which of some operators a node of FINN's words is made for: its name begins with that; "" for none."""
    while node and node not in known:
        node = node.rpartition("_")[0]
    return node


def weight_type(values: np.ndarray) -> str:
    """The qonnx data type of weights."""
    return "BIPOLAR" if (abs(values) == 1).all() else type_of(values.min(), values.max())
