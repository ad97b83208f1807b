"""The integer graph as ONNX: FINN's hardware-abstraction nodes where they fit, our own elsewhere.

Channels last, batch 1. Tensor `<node>_out` is the output of node `<node>`; constants are `<node>_weights` and
`<node>_thresholds`.
A layer is  [FMPadding | Pad] -> [ConvolutionInputGenerator] -> MVAU (matches or sums) -> [Thresholding],
a pool of bits or sums   ConvolutionInputGenerator (depthwise) -> Pool,   a fork   DuplicateStreams.
A flattening before a dense layer needs no node: the weights are in stream order (y, x, c).
"""

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike
from onnx import NodeProto, StringStringEntryProto, TensorAnnotation, TensorProto, helper, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from xnorforge.core.types import Ints
from xnorforge.hw.any_width import FLOAT32_BITS, stored, width_of

from .nodes import DOMAIN, NODES, IntegerNode
from .registry import EMISSIONS, emission
from .values import Leaf, Node
from .walk import Lowered

FINN = "finn.custom_op.fpgadataflow"


def type_of(lo: ArrayLike, hi: ArrayLike) -> str:
    """The narrowest qonnx data type that holds lo .. hi."""
    lo, hi = int(np.min(lo)), int(np.max(hi))
    if lo >= 0:
        return "BINARY" if hi <= 1 else f"UINT{hi.bit_length()}"
    return f"INT{max(hi.bit_length(), (-lo - 1).bit_length()) + 1}"


def emitted(graph: Lowered) -> ModelWrapper:
    """The ONNX model of an integer graph.

    Constants beyond float32 are int64 tensors, or, above 64 bits, decimal text (`hw/any_width.py`)."""
    return Emission(graph, [next(iter(graph.leaves))], [graph.output.single[0]]).model()


class IntegerGraph(Protocol):
    """Operators in order, and every integer tensor by name."""

    nodes: list[Node]
    leaves: dict[str, Leaf]


class Emission:
    """Nodes, tensor shapes, types and constants so far; `at`: from a leaf to the tensors of its readers."""

    def __init__(self, graph: IntegerGraph, inputs: list[str], outputs: list[str]):
        self.graph, self.ends = graph, (inputs, outputs)
        self.nodes: list[NodeProto] = []
        self.shapes: dict[str, list[int]] = {}
        self.types: dict[str, str] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.readers: dict[str, list[Node]] = {leaf: [] for leaf in graph.leaves}
        for node in graph.nodes:
            for leaf in node.inputs:
                self.readers[leaf].append(node)
        for leaf in outputs:
            self.readers[leaf].append(Node("", "", [leaf], "", {}))
        self.at: dict[str, list[str]] = {}

    def model(self) -> ModelWrapper:
        """Emit every operator and wrap the result."""
        graph, (firsts, lasts) = self.graph, self.ends
        for first in firsts:
            self.place(first, self.tensor(first, self.frame(first), self.type(first)))
        for node in graph.nodes:
            inputs = [self.at[name].pop(0) for name in node.inputs]
            # A flattening only determines in which order dense layers read, as their weights do; after the
            # last layer it needs no node either: `lower` refuses one that changes the order.
            if node.op == "Reshape" and all(n.op in ("Dense", "") for n in self.readers[node.out]):
                self.place(node.out, inputs[0])
                continue
            out = self.tensor(f"{node.name}_out", self.frame(node.out), self.type(node.out))
            if node.op in EMISSIONS:
                EMISSIONS[node.op](self, node, inputs, out)
            else:
                self.put_own(node.op, node, inputs, out)
            self.place(node.out, out)
        return self._wrap(firsts, [self.at[last].pop() for last in lasts])

    def _wrap(self, firsts: list[str], lasts: list[str]) -> ModelWrapper:
        made, kind = helper.make_tensor_value_info, TensorProto.FLOAT
        info = {name: made(name, kind, shape) for name, shape in self.shapes.items()}
        inner = [value for name, value in info.items() if name not in (*firsts, *lasts)]
        tensors = [numpy_helper.from_array(values, name) for name, values in self.constants.items()]
        inner += [helper.make_tensor_value_info(one.name, one.data_type, list(one.dims)) for one in tensors]
        onnx = helper.make_graph(
            self.nodes, "lowered", [info[name] for name in firsts], [info[name] for name in lasts], tensors,
            value_info=inner,
        )  # fmt: skip
        for name, kind in self.types.items():
            entry = StringStringEntryProto(key="finn_datatype", value=DataType[kind].name)
            note = TensorAnnotation(tensor_name=name, quant_parameter_tensor_names=[entry])
            onnx.quantization_annotation.append(note)
        model = qonnx_make_model(onnx, producer_name="xnorforge")
        return ModelWrapper(model, fix_missing_initializer_valueinfo=False)

    # Tensors.
    def frame(self, leaf: str) -> list[int]:
        """Shape of a leaf with its batch of one."""
        return [1, *self.graph.leaves[leaf].shape]

    def type(self, leaf: str) -> str:
        """Data type of a leaf."""
        return type_of(*self.graph.leaves[leaf].range)

    def tensor(self, name: str, shape: Ints, kind: str) -> str:
        """A new tensor."""
        self.shapes[name], self.types[name] = list(shape), kind
        return name

    def constant(self, name: str, values: ArrayLike, kind: str | None = None) -> str:
        """A new constant."""
        narrow = width_of(values) <= FLOAT32_BITS + 1
        self.constants[name] = np.asarray(values, np.float32) if narrow else stored(values)
        self.types[name] = kind or type_of(np.min(values), np.max(values))
        return name

    def put(
        self, op: str, name: str, inputs: list[str], out: str | list[str], domain: str = FINN,
        **attributes: Any,
    ) -> None:  # fmt: skip
        """A new node."""
        if domain == FINN:
            attributes["backend"] = "fpgadataflow"
        outs = [out] if isinstance(out, str) else out
        self.nodes.append(helper.make_node(op, inputs, outs, name=name, domain=domain, **attributes))

    def put_own(self, op: str, node: Node, inputs: list[str], out: str, **attributes: Any) -> None:
        """A new node of our own domain; its arrays are the operator's attributes of the same name."""
        kind = NODES[op]
        arrays = [self.constant(f"{node.name}_{name}", node.at[name]) for name in kind.arrays]
        attributes |= {name: node.at[name] for name in kind.numbers if name in node.at}
        self.put(op, node.name, [*inputs, *arrays], out, DOMAIN, **attributes)

    def place(self, leaf: str, tensor: str) -> None:
        """One tensor per reader of the leaf."""
        count = len(self.readers[leaf])
        if count < 2:
            self.at[leaf] = [tensor]
            return
        shape, kind, name = self.shapes[tensor], self.types[tensor], tensor.removesuffix("_out")
        copies = [self.tensor(f"{name}_fork_{k}", shape, kind) for k in range(count)]
        self.put(
            "DuplicateStreams", f"{name}_fork", [tensor], copies, NumChannels=shape[-1], PE=1,
            NumOutputStreams=count,
            inputDataType=kind, numInputVectors=shape[:-1],
        )  # fmt: skip
        self.at[leaf] = list(copies)

    def windows(self, node: Node, x: str, kernel: Ints, depthwise: bool) -> str:
        """Windows of x as (1, OH, OW, kh kw C); x itself for a window of one pixel."""
        stride, dilation = list(node.at["stride"]), list(node.at.get("dilation", [1, 1]))
        kernel = list(kernel)
        if kernel == [1, 1] and stride == [1, 1]:
            return x
        _, *image, channels = self.shapes[x]
        size = self.frame(node.out)[1:3]
        kind = self.types[x]
        out = self.tensor(f"{node.name}_window_out", [1, *size, channels * kernel[0] * kernel[1]], kind)
        self.put(
            "ConvolutionInputGenerator", f"{node.name}_window", [x], out, ConvKernelDim=kernel,
            IFMChannels=channels,
            IFMDim=image, OFMDim=size, SIMD=1, Stride=stride, Dilation=dilation, inputDataType=kind,
            outputDataType=kind,
            depthwise=int(depthwise),
        )  # fmt: skip
        return out

    def matrix(self, node: Node, x: str, out: str, matrix: np.ndarray, vectors: Ints) -> None:
        """MVAU of weights (inputs, outputs) on the vectors of x."""
        xnor = int(node.at["xnor"])
        values, kind = ((matrix + 1) // 2, "BINARY") if xnor else (matrix, weight_type(matrix))
        w = self.constant(f"{node.name}_weights", values, kind)
        more: dict = {"runtime_writeable_weights": 1} if node.at.get("writable") else {}
        self.put(
            "MVAU", node.name, [x, w], out, MW=matrix.shape[0], MH=matrix.shape[1], SIMD=1, PE=1,
            inputDataType=self.types[x], weightDataType=kind, outputDataType=self.types[out],
            accDataType=self.types[out], noActivation=1, binaryXnorMode=xnor, numInputVectors=vectors,
            **more,
        )  # fmt: skip

    def pool(self, node: Node, x: str, out: str, function: str) -> None:
        """Windows and FINN's Pool of the given function."""
        windows = self.windows(node, x, node.at["kernel"], True)
        kind = DataType[self.types[out]]
        self.put(
            "Pool", node.name, [windows], out, Channels=self.shapes[out][-1], PE=1,
            KernelSize=list(node.at["kernel"]),
            Function=function, OutImgDims=self.shapes[out][1:3], InputDataType=self.types[x],
            OutputDataType=self.types[out], AccumBits=kind.bitwidth(),
        )  # fmt: skip

    def elementwise(self, op: str, name: str, x: str, y: str, out: str, **style: Any) -> None:
        """FINN's sum or product of two tensors, or of a tensor and a constant."""
        right = self.shapes.get(y) or list(self.constants[y].shape)
        self.put(
            op, name, [x, y], out, lhs_dtype=self.types[x], rhs_dtype=self.types[y],
            out_dtype=self.types[out],
            lhs_shape=self.shapes[x], rhs_shape=right, out_shape=self.shapes[out], PE=1, **style,
        )  # fmt: skip


class GroupedConv(IntegerNode):
    """Convolution, weights (kh, kw, C / groups, O); |sum| <= top."""

    op = "Conv"
    numbers: ClassVar[dict[str, str]] = {"stride": "ints", "dilation": "ints", "groups": "i", "top": "i"}
    arrays: tuple[str, ...] = ("weights",)


@emission("Dense")
def _dense(emission: Emission, node: Node, inputs, out: str) -> None:
    """MVAU on one vector."""
    emission.matrix(node, inputs[0], out, node.at["weights"], [1])


@emission("Conv")
def _conv(emission: Emission, node: Node, inputs, out: str) -> None:
    """Windows and MVAU; VVAU where every channel has its own kernel; ours for other groups."""
    weights, groups = node.at["weights"], node.at["groups"]
    channels, outputs = emission.shapes[inputs[0]][-1], weights.shape[-1]
    if groups == 1:
        x = emission.windows(node, inputs[0], weights.shape[:2], False)
        emission.matrix(node, x, out, weights.reshape(-1, outputs), emission.frame(node.out)[:-1])
    elif groups == channels == outputs:
        x = emission.windows(node, inputs[0], weights.shape[:2], True)
        values = weights.transpose(3, 2, 0, 1)
        w = emission.constant(f"{node.name}_weights", values, weight_type(values))
        emission.put(
            "VVAU", node.name, [x, w], out, PE=1, SIMD=1, Dim=emission.frame(node.out)[1:3],
            Channels=channels, Kernel=list(weights.shape[:2]), inputDataType=emission.types[x],
            weightDataType=emission.types[w], outputDataType=emission.types[out], noActivation=1,
            binaryXnorMode=0,
        )  # fmt: skip
    else:
        emission.put_own("GroupedConv", node, inputs, out)


@emission("Reshape")
def _reshape(emission: Emission, node: Node, inputs, out: str) -> None:
    """A plain Reshape, if its reader is not a dense layer."""
    shape = f"{node.name}_shape"
    emission.constants[shape] = np.array(emission.frame(node.out), np.int64)
    emission.put("Reshape", node.name, [inputs[0], shape], out, domain="")


def weight_type(values: np.ndarray) -> str:
    """The qonnx data type of weights."""
    return "BIPOLAR" if (abs(values) == 1).all() else type_of(values.min(), values.max())
