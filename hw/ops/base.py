"""What every operator is: a contract in Python, a module in SystemVerilog, and a cycle count.

An operator is one folder `hw/ops/<name>/` with `op.py`, whose class is bound to the module name `Op`, and its
`.sv`. `execute_node` is the meaning; the bit simulator, the RTL and the netlist are compared with it.

Tensors carry integers, channels last: (N, H, W, C) or (N, C); N is any batch. Bits are 0 and 1 and stand for
-1 and +1.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np
from onnx import helper
from qonnx.core.datatype import DataType
from qonnx.custom_op.base import CustomOp
from qonnx.custom_op.registry import getCustomOp

from xnorforge.hw.any_width import INT64_BITS, as_width, drawn, limbs, of_limbs, whole_numbers
from xnorforge.hw.ops._streams import divisors

DOMAIN = "xnorforge.hw.ops"
SITES = ("ff", "carry", "lut_ram")  # of a part, beside LUTs and block RAM: what HwOp.sites counts


@dataclass(frozen=True)
class Stream:
    """How one tensor travels: `lanes` elements per beat, element 0 in the least significant bits, last axis
    fastest.

    Attributes:
        shape: one frame without batch, channels last.
        lanes: elements per beat; divides the last axis, or is a whole multiple of it that divides the frame.
        bits: bits per element; signed elements are two's complement.
    """

    shape: tuple[int, ...]
    lanes: int
    bits: int = 1
    signed: bool = False

    @property
    def width(self) -> int:
        """Bits per beat."""
        return self.lanes * self.bits

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return prod(self.shape) // self.lanes

    @property
    def datatype(self) -> DataType:
        """The qonnx data type of one element."""
        return DataType[
            "BINARY"
            if self.bits == 1 and not self.signed
            else f"{'INT' if self.signed else 'UINT'}{self.bits}"
        ]

    def pack(self, values) -> np.ndarray:
        """Frames (N, *shape) of integers to beats: uint32 (N * beats, words), word 0 holds the lowest
        bits.
        """
        values = as_width(values, self.bits).reshape(-1, self.lanes)
        if self.bits > INT64_BITS:
            pieces = np.stack(limbs(values, self.bits), -1)
            bits = ((pieces[..., None] >> np.arange(32)) & 1).reshape(*values.shape, -1)[..., : self.bits]
        else:
            bits = (values[:, :, None] >> np.arange(self.bits)) & 1
        bits = bits.reshape(len(values), self.width).astype(np.uint8)
        words = -(-self.width // 32)
        bits = np.pad(bits, ((0, 0), (0, words * 32 - self.width)))
        return np.packbits(bits, axis=1, bitorder="little").view("<u4")

    def unpack(self, beats) -> np.ndarray:
        """Beats as `pack` makes them back to integers (N, *shape), in the form of `any_width.as_width`."""
        raw = np.ascontiguousarray(beats, dtype="<u4").view(np.uint8)
        bits = np.unpackbits(raw, axis=1, bitorder="little")[:, : self.width].reshape(
            -1, self.lanes, self.bits
        )
        if self.bits > INT64_BITS:
            bits = np.pad(bits, ((0, 0), (0, 0), (0, -self.bits % 32))).astype(np.int64)
            pieces = bits.reshape(*bits.shape[:2], -1, 32) @ (1 << np.arange(32, dtype=np.int64))
            values = of_limbs([*np.moveaxis(pieces, -1, 0)], self.bits, self.signed)
            return values.reshape(-1, *self.shape)
        weight = 2 ** np.arange(self.bits, dtype=np.int64)
        if self.signed:
            weight[-1] = -weight[-1]
        return (bits.astype(np.int64) @ weight).reshape(-1, *self.shape)


@dataclass(frozen=True)
class Matrix:
    """A matrix-vector product in plain integers: results = x @ weights + bias, input bits counted as 0 and 1.

    Attributes:
        weights: int64 (elements of a vector, results).
        bias: int64 (results,).
        weight_bits: bits of a weight as the network has it; 1 for +1 and -1.
    """

    weights: np.ndarray
    bias: np.ndarray
    weight_bits: int


class HwOp(CustomOp):
    """Base of all operators.

    A subclass states
        module      name of its top SystemVerilog module (default variant), file `<module>.sv` in its folder
        arrays      names of its constant inputs, in the order of `node.input[1:]`, e.g. ("weights",
                    "thresholds"); optional ones last, each only with those before it
        extents     what can be folded and what it has to divide: {"simd" or "pe": attribute}, of a shape its
                    last number
        styles      what a folding may choose beside these: {attribute: its values}, as where a memory lies
        identity    True where every output is the input itself: only when and in which beats it travels
                    changes
        structure   how it computes a matrix: "folded", or "adders" (distributed arithmetic), which take the
                    place of folded ones where a back end asks for them, see `instead_of`
        ready_through   True where its ready follows that of its reader within the cycle; no two such
                    operators stand behind each other (flows/fold/fifo_sizing.py)
    and implements
        get_nodeattr_types()   attributes, snake_case
        in_stream(), out_stream()   -> Stream
        execute_node(context, graph)   the contract
        cycles()    clock cycles between two frames in the steady state, neither side stalling
        rtl()       -> (module, {UpperCamelCase parameter: int or (bits, int)}) for the chosen variant
        estimate()  -> {"lut": float, "bram36": float}, the folder's cost model
        examples()  -> at least 20 seeded instances that span its parameters, for the conformance test
    and, where the default below is not true of it,
        foldings(), together(), only_for_speed   values of simd, pe, pixels beyond divisors, which of them go
                    together, and whether they are a last resort
        needs()     for every output beat of a frame, how many input beats must have come
        memories(), generated(), side_ports()   what its RTL needs beyond parameters
        latency(), input_buffer(), capacity(), input_vectors(), places(), pooling(), stepping(), paced,
                    keeps_rows   for FIFO sizing, pauses of width converters and of the simulation, the report
        matrix(), instead_of()   for layers that another operator can compute as well
        indices, answers()   where it stands last in a network and gives something else than scores
    `arrays_of` holds the constant arrays by name, whether the operator stands in a graph or alone.

    An operator with several streams on a side (`inputs`, `outputs`) states all of them in `in_streams()`,
    `out_streams()`. Its module has the data of stream 0 in the lowest bits, and one valid and ready bit per
    stream.

    What further engines know of an operator stands in files beside its `op.py`, each only where it has that
    form: `lower.py`, `bind.py` (from ONNX), `bits.py` (bit simulator), `cycles.py` (cycle model), `hls.py`
    (hls4ml).
    """

    module: str
    arrays: tuple[str, ...] = ()
    extents: ClassVar[dict[str, str]] = {"pe": "in_shape"}
    styles: ClassVar[dict[str, tuple[str, ...]]] = {}
    identity: ClassVar[bool] = False
    structure: ClassVar[str] = "folded"
    ready_through: ClassVar[bool] = False

    def __init__(self, onnx_node, onnx_opset_version=1, arrays_of=None):
        super().__init__(onnx_node, onnx_opset_version)
        self.arrays_of = arrays_of or {}
        self._read: dict[str, Any] = {}  # attributes by name: the search reads them a million times

    def get_nodeattr(self, name: str) -> Any:
        """An attribute of the node, its default where the node has none; read from the node once."""
        if name not in self._read:
            self._read[name] = super().get_nodeattr(name)
        value = self._read[name]
        return list(value) if isinstance(value, list) else value

    def set_nodeattr(self, name: str, value: Any) -> None:
        """Set an attribute of the node."""
        super().set_nodeattr(name, value)
        self._read.pop(name, None)

    @classmethod
    def make(cls, name: str = "dut", arrays: Mapping[str, Any] | None = None, **attributes: Any) -> "HwOp":
        """An operator that stands alone: tensors `<name>_in`, `<name>_out`, numbered where several; constants
        `<name>_<array>`.
        """
        arrays = arrays or {}
        op = cls(
            helper.make_node(cls.__name__, [], [], name=name, domain=DOMAIN, **attributes),
            arrays_of=dict(arrays),
        )
        op.onnx_node.input.extend(numbered(f"{name}_in", op.inputs))
        op.onnx_node.input.extend(f"{name}_{key}" for key in cls.arrays if key in arrays)
        op.onnx_node.output.extend(numbered(f"{name}_out", op.outputs))
        return op

    @classmethod
    def from_points(cls, stem: str, names: Sequence[str], points: Iterable[Sequence[Any]]) -> "list[HwOp]":
        """Operators without constants that stand alone, `<stem>_0`, `<stem>_1`, …: per point the values of
        the attributes `names`.
        """
        return [cls.make(f"{stem}_{i}", **dict(zip(names, point))) for i, point in enumerate(points)]

    @classmethod
    def of(cls, model, node) -> "HwOp":
        """The operator behind a node of a `ModelWrapper`, with its constants."""
        op = getCustomOp(node)
        op.load_constants(model.get_initializer)
        return op

    def load_constants(self, find: Callable[[str], Any]) -> None:
        """Look the constants up with `find(tensor name)`: qonnx makes an operator anew for every use, without
        them.
        """
        found = ((key, find(tensor)) for key, tensor in zip(self.arrays, self.onnx_node.input[self.inputs :]))
        self.arrays_of = {key: _constant(values) for key, values in found if values is not None}

    @property
    def inputs(self) -> int:
        """Streams in."""
        return 1

    @property
    def outputs(self) -> int:
        """Streams out."""
        return 1

    @property
    def name(self) -> str:
        """The node's name, used in messages, file names and reports."""
        return self.onnx_node.name

    def in_stream(self) -> Stream:
        """The stream in; of several the first."""
        raise NotImplementedError

    def out_stream(self) -> Stream:
        """The stream out; of several the first."""
        raise NotImplementedError

    def in_streams(self) -> list[Stream]:
        """All streams in."""
        return [self.in_stream()]

    def out_streams(self) -> list[Stream]:
        """All streams out."""
        return [self.out_stream()]

    @property
    def sources(self) -> list[str]:
        """The tensors it reads, constants left out."""
        return list(self.onnx_node.input[: self.inputs])

    @property
    def results(self) -> list[str]:
        """The tensors it gives."""
        return list(self.onnx_node.output)

    def run_all(self, *inputs) -> list[np.ndarray]:
        """Execute on integers (N, *shape), one array per stream in; returns integers (N, *shape), one per
        stream out: int64, or Python integers where the stream has more bits (`any_width.py`).
        """
        node = self.onnx_node
        context = {tensor: np.asarray(x) for tensor, x in zip(self.sources, inputs, strict=True)}
        context.update(
            (tensor, self.arrays_of[key]) for key, tensor in zip(self.arrays, node.input[self.inputs :])
        )
        self.execute_node(context, None)
        return [as_width(context[tensor], sink.bits) for tensor, sink in zip(node.output, self.out_streams())]

    def taken(self, context, stream: int = 0) -> np.ndarray:
        """The integers of a stream in as `execute_node` finds them, (N, *shape)."""
        source = self.in_streams()[stream]
        return as_width(context[self.sources[stream]], source.bits).reshape(-1, *source.shape)

    def run(self, *inputs) -> np.ndarray:
        """As `run_all`, the first stream out."""
        return self.run_all(*inputs)[0]

    def random_inputs(self, seed: int, frames: int = 2) -> list[np.ndarray]:
        """Seeded integers over the whole range of each input's data type, (frames, *shape)."""
        found = []
        for index, stream in enumerate(self.in_streams()):
            low = -(2 ** (stream.bits - 1)) if stream.signed else 0
            rng = np.random.default_rng(seed + 1000 * index)
            found.append(drawn(rng, low, low + 2**stream.bits, (frames, *stream.shape)))
        return found

    def random_input(self, seed: int, frames: int = 2) -> np.ndarray:
        """As `random_inputs`, the first."""
        return self.random_inputs(seed, frames)[0]

    def needs(self, port: int = 0) -> np.ndarray:
        """Beats of input stream `port` that must have come before output beat k of a frame leaves, int64
        (beats out,).

        Exact, because FIFO sizing (flows/fold/fifo_sizing.py) relies on it twice: for how long a branch makes
        others wait, and for how much it gives meanwhile. Here: beat for beat, or the whole pixel for each
        beat of a pixel, or the whole frame where input and output have other numbers of pixels. An operator
        that does otherwise says so.
        """
        source, sink = self.in_streams()[port], self.out_stream()
        if source.beats == sink.beats:
            return np.arange(1, sink.beats + 1)
        pixels = prod(source.shape[:-1])
        if prod(sink.shape[:-1]) != pixels or source.beats % pixels or sink.beats % pixels:
            pixels = 1
        return (np.arange(sink.beats) // (sink.beats // pixels) + 1) * (source.beats // pixels)

    def cycles(self) -> int:
        """Clock cycles between two frames in the steady state, neither side stalling."""
        raise NotImplementedError

    def rtl(self) -> tuple[str, dict]:
        """Module and its parameters: {UpperCamelCase name: int, or (bits, int) beyond 32 bits}."""
        raise NotImplementedError

    def estimate(self) -> dict[str, float]:
        """What it takes by the folder's cost model: {"lut", "bram36"}, "dsp" where it uses DSP blocks."""
        raise NotImplementedError

    def sites(self) -> dict[str, int]:
        """What else it takes on a 7-series part by the folder's cost model, in whole cells as Yosys counts
        them before packing: flip-flops "ff", carry cells "carry" (CARRY4), and "lut_ram", the LUT sites that
        are memory or shift registers, which `estimate` has in its "lut": `lut_ram` and `srl` of
        flows/synth/cells.py, `lut_memory` of a board. All three are given, 0 among them.
        """
        raise NotImplementedError

    def memories(self) -> dict:
        """String parameters that name a `$readmemh` file: {parameter: (bits per word, words)}."""
        return {}

    def generated(self) -> dict[str, str]:
        """Modules written for this instance: {file name: text}; equal names mean equal texts."""
        return {}

    def side_ports(self) -> dict[str, tuple[int, int | None]]:
        """Ports beyond those of the streams: {name: (bits, what an input is tied to where the operator stands
        alone)}.
        """
        return {}

    def latency(self) -> int | None:
        """Cycles from the first input beat to the first output beat where the operator knows it, else
        None.
        """
        return None

    def input_buffer(self) -> int | None:
        """Beats that fit into its input buffer, None without one; under XF_SIM its RTL prints the highest
        fill.
        """
        return None

    def capacity(self) -> int:
        """Beats of input that it holds at the most, about: what its buffer takes, or twice what its first
        result needs.
        """
        return max(self.input_buffer() or 0, 2 * int(self.needs()[0]))

    def input_vectors(self) -> int:
        """Vectors per frame of which it must have all elements before it gives a result, while one more may
        be written; 0 of an operator that does not work vector by vector.
        """
        return 0

    def places(self) -> int:
        """Vectors it works on at the same time; where more than one, none waits while a place is free."""
        return 1

    def pooling(self) -> tuple[int, int] | None:
        """Rows and columns of the input pixels that become one output pixel, which leaves with the last of
        them; None where that is not what it does.
        """
        return None

    def stepping(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Of an operator that goes through a frame by a step per cycle, and cannot while a beat that it gave
        waits: whether each step is the first that needs a beat and whether it gives one, bool (steps,); None
        of all others.
        """
        return None

    def matrix(self) -> Matrix | None:
        """What it computes as a matrix of integers, thresholds left out; None where it is none, or where its
        weights can change.
        """
        return None

    @classmethod
    def instead_of(cls, _op: "HwOp", _quick: bool = False) -> "HwOp | None":
        """An operator of this class with the name, the streams' elements and the results of `op`; None where
        this class has none. `quick`: for a first look, one that is found in little time and may be larger.

        Raises:
            UserError: in principle it has, but not for these shapes; the text says why.
        """
        return None

    @classmethod
    def sizes(cls, attributes: Mapping[str, Any]) -> dict[str, int]:
        """{"simd", "pe": the number it has to divide} of an operator with these attributes; only what can be
        folded.
        """
        given = {name: attributes[key] for name, key in cls.extents.items()}
        return {name: value[-1] if isinstance(value, list) else value for name, value in given.items()}

    @classmethod
    def foldings(cls, attributes: Mapping[str, Any]) -> dict[str, list[int]]:
        """{"simd", "pe": values it can have, ascending}: divisors of `sizes`, and what an operator adds."""
        return {name: divisors(size) for name, size in cls.sizes(attributes).items()}

    @classmethod
    def together(cls, _attributes: Mapping[str, Any], _folding: Mapping[str, Any]) -> bool:
        """Whether values go together: {"simd", "pe", …: value} of the `foldings` it has, and of the `styles`
        that are chosen.
        """
        return True

    @property
    def only_for_speed(self) -> bool:
        """Whether this folding is taken only where all others of the operator are too slow."""
        return False

    @property
    def keeps_rows(self) -> bool:
        """Whether rows of its input wait in a ring, so that a reader's pauses hold up nothing in front."""
        return False

    @property
    def paced(self) -> bool:
        """Whether it takes its vectors and gives its beats at equal distances, as long as neither side
        stalls.
        """
        return False

    @property
    def indices(self) -> int:
        """How many of its results are indices of the largest scores, behind the scores themselves."""
        return 0

    def answers(self, lowered: Mapping[str, np.ndarray]) -> np.ndarray:
        """What a network that ends in this operator has to give, made from the lowered network's scores and
        not by `execute_node`, int64 (N, *shape).

        Args:
            lowered: lowered.npz: `integers` (N, outputs) or, of a map, (N, H, W, C), the scores; `scale` and
                `bias` of the logits, one per output or channel.
        """
        integers = whole_numbers(lowered["integers"])
        return integers.reshape(len(integers), *self.out_stream().shape)

    # What qonnx wants of a custom op.
    def make_shape_compatible_op(self, model):
        """A constant of the right shape: qonnx infers the output's shape from it."""
        self.load_constants(model.get_initializer)
        batch = (model.get_tensor_shape(self.onnx_node.input[0]) or [1])[0]
        return self.make_const_shape_op([batch, *self.out_stream().shape])

    def infer_node_datatype(self, model):
        """Annotate the outputs with their streams' data types."""
        self.load_constants(model.get_initializer)
        for tensor, stream in zip(self.onnx_node.output, self.out_streams()):
            model.set_tensor_datatype(tensor, stream.datatype)

    def verify_node(self):
        """Nothing beyond what the methods check themselves."""

    def __str__(self) -> str:
        attributes = (f"{a.name}={helper.get_attribute_value(a)}" for a in self.onnx_node.attribute)
        return f"{type(self).__name__}({', '.join(attributes)})"


def _constant(values) -> np.ndarray:
    """A constant of a graph; integers that need more than 64 bits are kept as text there."""
    return whole_numbers(values) if np.asarray(values).dtype.kind in "OSU" else values


def numbered(name: str, count: int) -> list[str]:
    """`name`, or `name_0`, `name_1`, … of several."""
    return [name] if count == 1 else [f"{name}_{index}" for index in range(count)]
