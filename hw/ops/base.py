"""The base class of operators: a contract in Python, a module in SystemVerilog, and a cycle count.

An operator is a folder `hw/ops/<name>/` with `op.py`, which binds its class to the name `Op`, and its `.sv`.
`execute_node` defines the result; the bit simulator, the RTL and the netlist are compared with it.

Tensors carry integers, channels last: (N, H, W, C) or (N, C), where N is any batch. Bits are 0 and 1 and
stand for -1 and +1.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from onnx import NodeProto, helper
from qonnx.core.datatype import DataType
from qonnx.custom_op.registry import getCustomOp

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.any_width import INT64_BITS, as_width, drawn, limbs, of_limbs, whole_numbers
from xnorforge.hw.parts import Parts, cost_of
from xnorforge.hw.streams import divisors
from xnorforge.hw.timing import Timing

if TYPE_CHECKING:

    class CustomOp:
        """What we use of qonnx's class, which states no types; what an operator adds is found by its name."""

        onnx_node: NodeProto

        def __init__(self, onnx_node: NodeProto, onnx_opset_version: int = 1): ...
        def get_nodeattr(self, name: str) -> Any: ...
        def set_nodeattr(self, name: str, value: Any) -> None: ...
        def make_const_shape_op(self, shape: list[int]) -> NodeProto: ...
        def __getattr__(self, name: str) -> Any: ...

    class ModelWrapper:
        """A graph, likewise."""

        def __getattr__(self, name: str) -> Any: ...

else:
    from qonnx.custom_op.base import CustomOp

Attributes: TypeAlias = Mapping[str, Any]  # of a node, or what a folding gives some of them
Tensors: TypeAlias = dict[str, np.ndarray]  # by name
Rtl: TypeAlias = tuple[str, dict[str, int | str | tuple[int, int]]]  # see HwOp.rtl
Memories: TypeAlias = dict[str, tuple[int, list[int]]]  # see HwOp.memories
DOMAIN = "xnorforge.hw.ops"


def node_attributes(**usual: Any) -> dict[str, tuple[object, ...]]:
    """Attributes of a node as qonnx declares them, by their usual values; of several, the others are allowed
    too. Those with a type or an empty list must be given."""
    found: dict[str, tuple[object, ...]] = {}
    for name, value in usual.items():
        first, *others = value if isinstance(value, tuple) else (value,)
        needed = first == [] or isinstance(first, type)
        first = first() if isinstance(first, type) else first
        kind = {int: "i", str: "s", list: "ints"}[type(first)]
        found[name] = (kind, needed, first, {first, *others}) if others else (kind, needed, first)
    return found


# Whether a host can replace the constants; the place of their first memory on the chain; bodies of a loop.
LOADABLE: dict[str, tuple[object, ...]] = node_attributes(loadable=(0, 1), on_chain=0, pages=0)
LOAD_BITS = 61  # of load_t in xf_pkg.sv
PAGE = 1024  # times the pages of a memory, in place of its number (xf_rom)
SITES = ("ff", "carry", "lut_ram")  # resources of HwOp.estimate besides LUTs, block RAM and DSP blocks


@dataclass(frozen=True)
class Stream:
    """The format of a tensor in hardware: `lanes` elements per beat, element 0 in the least significant bits,
    last axis fastest.

    Attributes:
        shape: shape of a frame without batch, channels last.
        lanes: elements per beat; divides the last axis, or is a multiple of it that divides the frame.
        bits: bits per element.
        signed: whether elements are two's complement.
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
    def port_bits(self) -> int:
        """Bits of an AXI-Stream port: whole bytes."""
        return -(-self.width // 8) * 8

    @property
    def axis_bits(self) -> int:
        """Bits of the bus that carries it, as common IPs have them: 8, 16, 32, 64, …"""
        return 1 << (self.port_bits - 1).bit_length()

    @property
    def whole(self) -> "Stream":
        """The same frames, each in one beat."""
        return replace(self, lanes=prod(self.shape))

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return prod(self.shape) // self.lanes

    @property
    def datatype(self) -> Any:
        """The qonnx data type of one element; qonnx states no types."""
        return DataType[
            "BINARY"
            if self.bits == 1 and not self.signed
            else f"{'INT' if self.signed else 'UINT'}{self.bits}"
        ]

    def pack(self, values: ArrayLike) -> np.ndarray:
        """Frames (N, *shape) of integers as beats, uint32 (N * beats, words), lowest bits in word 0."""
        values = as_width(values, self.bits).reshape(-1, self.lanes)
        if self.bits > INT64_BITS:
            pieces = np.stack(limbs(values, self.bits), -1)
            bits = ((pieces[..., None] >> np.arange(32)) & 1).reshape(*values.shape, -1)[..., : self.bits]
        else:
            bits = (values[:, :, None] >> np.arange(self.bits)) & 1
        bits = bits.reshape(len(values), self.width).astype(np.uint8)
        words = -(-self.width // 32)
        bits = np.pad(bits, ((0, 0), (0, words * 32 - self.width)))
        return np.ascontiguousarray(np.packbits(bits, axis=1, bitorder="little")).view("<u4")

    def unpack(self, beats: np.ndarray) -> np.ndarray:
        """Beats, as `pack` returns them, as integers (N, *shape) in the form of `any_width.as_width`."""
        raw = np.ascontiguousarray(beats, dtype="<u4").view(np.uint8)
        bits = np.unpackbits(raw, axis=1, bitorder="little")[:, : self.width]
        bits = bits.reshape(-1, self.lanes, self.bits)
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
        weight_bits: bits of a weight in the network; 1 for +1 and -1.
    """

    weights: np.ndarray
    bias: np.ndarray
    weight_bits: int


class HwOp(CustomOp):
    """Base of all operators.

    A subclass sets
        module      name of its top SystemVerilog module (default variant); file `<module>.sv` in its folder
        arrays      names of its constant inputs in the order of `node.input[1:]`, e.g. ("weights",
                    "thresholds"); optional ones last, each present only with those before it
        extents     {"simd" or "pe": the attribute it has to divide}; of a shape its last number
        styles      other choices of a folding, {attribute: values}, such as where a memory is placed
        identity    True if the values pass unchanged, and only their timing or beats change
        structure   how it computes a matrix: "folded", or "adders" (distributed arithmetic), which replaces
                    folded units where that is cheaper or asked for, see `instead_of`
        former      names of operators of earlier versions whose nodes it reads
        ready_through   True if its ready depends on its reader's ready in the same cycle; fold never puts two
                    such operators in a row (flows/fold/fifo_sizing.py)
    and implements
        get_nodeattr_types()   attributes, in snake_case
        in_stream(), out_stream()   -> Stream
        execute_node(context, graph)   the contract
        timing()    its row of the cycle model, from which cycles, latency, input buffer follow
        rtl()       -> (module, {UpperCamelCase parameter: int or (bits, int)}) of the chosen variant
        parts()     what the RTL is made of, for the cost model
    and overrides, where the default does not fit,
        foldings(), together()   values of simd, pe, pixels beyond divisors, and which can be combined
        memories(), generated(), side_ports(), beside()   what its RTL needs besides parameters
        loads       which of its memories a host can replace; then it has an attribute `loadable`
        matrix(), instead_of()   for layers that another operator can compute as well
        sooner()    if its number of registers can be chosen
        indices, answers()   for the last operator of a network, if it returns something other than scores

    `arrays_of` holds the constant arrays by name, for an operator in a graph as well as on its own.

    An operator with several streams on a side (`inputs`, `outputs`) returns all of them from `in_streams()`,
    `out_streams()`. Its module has the data of stream 0 in the lowest bits, and one valid and one ready bit
    per stream.

    Other parts of the tool chain look for files next to `op.py`, each of which is optional: `lower.py` and
    `bind.py` (from ONNX), `bits.py` (bit simulator), `hls.py` (hls4ml)."""

    module: str
    arrays: tuple[str, ...] = ()
    extents: ClassVar[dict[str, str]] = {"pe": "in_shape"}
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = {}
    identity: ClassVar[bool] = False
    structure: ClassVar[str] = "folded"
    former: ClassVar[tuple[str, ...]] = ()
    ready_through: ClassVar[bool] = False
    _declared: ClassVar[dict[str, tuple[object, ...]]]

    def __init__(self, onnx_node: NodeProto, onnx_opset_version: int = 1, arrays_of: Record | None = None):
        super().__init__(onnx_node, onnx_opset_version)
        self.arrays_of: Record = arrays_of or {}
        self._read: dict[str, Any] = {}  # attributes, and what follows from them: the search asks often

    @property
    def declared(self) -> dict[str, tuple[object, ...]]:
        """The attributes of its class, as `get_nodeattr_types` makes them, once: the search asks often."""
        if "_declared" not in vars(type(self)):
            type(self)._declared = self.get_nodeattr_types()
        return self._declared

    def get_nodeattr_def(self, name: str) -> tuple[object, ...]:
        """Type, whether it is needed, usual value and allowed ones of an attribute."""
        return (*self.declared[name], None)[:4]

    def get_nodeattr(self, name: str) -> Any:
        """An attribute of the node, or its default; the node is read once."""
        if name not in self._read:
            self._read[name] = super().get_nodeattr(name)
        value = self._read[name]
        return list(value) if isinstance(value, list) else value

    def set_nodeattr(self, name: str, value: Any) -> None:
        """Set an attribute of the node."""
        super().set_nodeattr(name, value)
        self._read.clear()

    @classmethod
    def make(cls, name: str = "dut", arrays: Mapping[str, Any] | None = None, **attributes: Any) -> Self:
        """Make an operator outside a graph, with tensors `<name>_in`, `<name>_out` (numbered if there are
        several) and constants `<name>_<array>`."""
        arrays = arrays or {}
        node = helper.make_node(cls.__name__, [], [], name=name, domain=DOMAIN, **attributes)
        op = cls(node, arrays_of=dict(arrays))
        op.onnx_node.input.extend(numbered(f"{name}_in", op.inputs))
        op.onnx_node.input.extend(f"{name}_{key}" for key in cls.arrays if key in arrays)
        op.onnx_node.output.extend(numbered(f"{name}_out", op.outputs))
        return op

    @classmethod
    def of(cls, model: "ModelWrapper", node: NodeProto) -> "HwOp":
        """The operator of a node of a `ModelWrapper`, with its constants."""
        op = getCustomOp(node)
        op.load_constants(model.get_initializer)
        return op

    def load_constants(self, find: Callable[[str], Any]) -> None:
        """Load the constants with `find(tensor name)`; qonnx creates operators without them."""
        found = ((key, find(tensor)) for key, tensor in zip(self.arrays, self.onnx_node.input[self.inputs :]))
        self.arrays_of = {key: _constant(values) for key, values in found if values is not None}

    def integers(self, name: str) -> np.ndarray:
        """A constant array as int64."""
        return np.asarray(self.arrays_of[name]).astype(np.int64)

    @property
    def inputs(self) -> int:
        """Number of input streams."""
        return 1

    @property
    def outputs(self) -> int:
        """Number of output streams."""
        return 1

    @property
    def name(self) -> str:
        """The node's name, used in messages, file names and reports."""
        return self.onnx_node.name

    def in_stream(self) -> Stream:
        """The first input stream; an operator states it or all of them."""
        return self.in_streams()[0]

    def out_stream(self) -> Stream:
        """The first output stream; likewise."""
        return self.out_streams()[0]

    def in_streams(self) -> list[Stream]:
        """All input streams."""
        return [self.in_stream()]

    def out_streams(self) -> list[Stream]:
        """All output streams."""
        return [self.out_stream()]

    @cached_property
    def inner(self) -> "list[HwOp]":
        """The operators that it consists of, if any."""
        return []

    @property
    def sources(self) -> list[str]:
        """Names of the tensors it reads, without constants."""
        return list(self.onnx_node.input[: self.inputs])

    @property
    def results(self) -> list[str]:
        """Names of the tensors it writes."""
        return list(self.onnx_node.output)

    def run_all(self, *inputs: ArrayLike) -> list[np.ndarray]:
        """Execute on integers (N, *shape), one array per input stream, and return integers (N, *shape), one
        array per output stream: int64, or Python integers for wider streams (`any_width.py`)."""
        node = self.onnx_node
        context = {tensor: np.asarray(x) for tensor, x in zip(self.sources, inputs, strict=True)}
        constants = zip(self.arrays, node.input[self.inputs :])
        context |= {tensor: self.arrays_of[key] for key, tensor in constants}
        self.execute_node(context, None)
        return [as_width(context[tensor], sink.bits) for tensor, sink in zip(node.output, self.out_streams())]

    def taken(self, context: dict[str, np.ndarray], stream: int = 0) -> np.ndarray:
        """The integers of an input stream for `execute_node`, (N, *shape)."""
        source = self.in_streams()[stream]
        return as_width(context[self.sources[stream]], source.bits).reshape(-1, *source.shape)

    def run(self, *inputs: ArrayLike) -> np.ndarray:
        """The first output of `run_all`."""
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
        """The first of `random_inputs`."""
        return self.random_inputs(seed, frames)[0]

    def needs(self, port: int = 0, /) -> np.ndarray:
        """Beats of input `port` that output beat k of a frame waits for, int64 (output beats,)."""
        return self.timing().needs(port, self.out_stream().beats)

    def cycles(self) -> int:
        """Clock cycles between two frames in the steady state, without stalls."""
        if "cycles" not in self._read:
            ends = self.in_stream().beats, self.out_stream().beats
            self._read["cycles"] = self.timing().interval(*ends)
        return self._read["cycles"]

    @property
    def written(self) -> tuple[str, str]:
        """Name and text of a module that is made for this instance; equal names mean equal texts."""
        return "", ""

    def _module(self) -> tuple[str, str]:
        if "written" not in self._read:
            self._read["written"] = self.written
        return self._read["written"]

    def rtl(self) -> Rtl:
        """The module and its parameters, {UpperCamelCase name: int, or (bits, int) beyond 32 bits}."""
        if not (name := self._module()[0]):
            raise NotImplementedError
        return name, {}

    def parts(self) -> Parts:
        """What its RTL is made of; the cost follows from that (hw/parts.py)."""
        raise NotImplementedError

    def estimate(self, family: str | None = None, registers: bool = True) -> dict[str, float]:
        """Estimated cost on a part of a family, as Yosys counts before packing: {"lut", "ff", "carry",
        "lut_ram", "bram36", "dsp", "uram"}. "lut_ram" counts the LUT sites used as memory or shift registers,
        which are part of "lut". Without a family it is that of `parts.estimates_of`; without `registers`
        there is no "ff", which takes the longest."""
        return cost_of(self.priced_as, self.parts().add(self.load_parts()), family, registers)

    @property
    def priced_as(self) -> str:
        """The kind of operator whose factors its LUTs are estimated with."""
        return type(self).__name__

    def load_parts(self) -> Parts:
        """What `loads` take beyond `parts`: the registers of the chain."""
        return Parts().registers(LOAD_BITS) if 0 < self.first_load < PAGE else Parts()

    def memories(self) -> Memories:
        """Contents of `$readmemh` files, {string parameter that names one: (bits per word, words)}."""
        return {}

    @property
    def loads(self) -> tuple[str, ...]:
        """Names of those memories that a host can replace, in the order of their numbers; none of a variant
        whose constants are logic. Its module has a parameter `Load` and a port `load_i` for them."""
        return ()

    def constant_widths(self) -> dict[str, list[int]]:
        """Attributes of widths that follow from the constants where they are not given."""
        return {}

    @property
    def has_load_port(self) -> bool:
        """Whether its module has the port `load_i`."""
        return bool(self.loads)

    @property
    def first_load(self) -> int:
        """What xf_rom takes for the first of `loads`: its place on the chain, or pages; else 0."""
        if not self.replaced or not self.loads:
            return 0
        return PAGE * self.get_nodeattr("pages") or self.get_nodeattr("on_chain") or 1

    @property
    def replaced(self) -> bool:
        """Whether a host or a loop replaces constants."""
        able = type(self).loads is not HwOp.loads and "loadable" in self.declared
        return able and bool(self.get_nodeattr("loadable") or self.get_nodeattr("pages"))

    @property
    def begins_empty(self) -> bool:
        """Whether one of `loads` has no contents at power-up, and so needs a load before the first frame."""
        return False

    @classmethod
    def with_pages(cls, attributes: Record, pages: list[Record]) -> tuple[Record, list[Record]] | None:
        """Attributes with which one module holds several constants, a page of its memories for each, and the
        constants in one form; None if no memory has pages.

        Args:
            attributes: of all; pages: the constants of each by name, of equal shapes.
        """
        same = all(
            np.array_equal(one[key], pages[0][key]) for one in pages for key in cls.arrays if key in pages[0]
        )
        if same:
            return attributes, pages
        if cls.loads is HwOp.loads:
            return None
        return attributes | {"pages": len(pages)}, pages

    def decoder(
        self, _name: str, _given: Mapping[str, Any], /
    ) -> Callable[..., tuple[np.ndarray, np.ndarray]] | None:
        """How to read the numbers back from a file of `memories`, under the parameters of its module
        (`_decode.py`); None where the file is only compared with `memories`, word by word."""
        return None

    def generated(self) -> dict[str, str]:
        """RTL generated for this instance, {file name: text}; equal names have equal texts."""
        name, text = self._module()
        return {f"{name}.sv": text} if name else {}

    def beside(self, _suffix: str = "") -> tuple[dict[str, str], list[str]]:
        """Other ports of its module, {port: wire}, and the text of what stands beside it and is connected to
        these wires, whose names end in `_suffix`."""
        return {}, []

    def side_ports(self) -> dict[str, tuple[int, int | None]]:
        """Ports besides the streams: {name: (bits, value of an input outside a network, None: output)}."""
        return {"load_i": (LOAD_BITS, 0)} if self.first_load else {}

    def from_outside(self, _interval: int, _rounds: int = 1) -> "list[HwOp]":
        """Operators in a row that compute the same, and read its weights from outside with every frame,
        `_rounds` times, which divides its vectors; with the folding that keeps `_interval` cycles.

        Raises:
            UserError: it has no such form.
        """
        raise UserError(f"{self.name}: {type(self).__name__} has no weights from outside; use another rom.")

    @property
    def outside(self) -> Stream | None:
        """The stream of constants that it reads from outside the network with every frame, if any."""
        return None

    def outside_words(self) -> np.ndarray:
        """What that stream carries in every frame, integers of its shape."""
        raise NotImplementedError

    def reading(self) -> Timing:
        """Its row where that stream is one more input, behind the others."""
        raise NotImplementedError

    def timing(self) -> Timing:
        """Its row of the cycle model, from which `needs`, `cycles`, `latency`, `input_buffer` follow."""
        raise NotImplementedError

    def latency(self) -> int | None:
        """Cycles from the first input beat to the first output beat, or None if it is not known."""
        return self.timing().until_result()

    def input_buffer(self) -> int | None:
        """Beats that its input buffer holds, a skid's register included, if records list it; else None."""
        buffer = self.timing().waiting
        return buffer.room + (not buffer.seen) if buffer and buffer.listed else None

    def matrix(self) -> Matrix | None:
        """The matrix that it multiplies by, without thresholds; None for other operators."""
        return None

    @classmethod
    def instead_of(cls, _op: "HwOp", _quick: bool = False) -> "HwOp | None":
        """An operator of this class for `_op`, with its name, stream elements and results, or None.

        Args:
            _op: the operator to replace.
            _quick: whether to find one in little time, which may be larger.

        Raises:
            UserError: this class could replace such an operator, but not of this shape; the text says why.
        """
        return None

    def sooner(self, _levels: int) -> "list[HwOp]":
        """The same operator with fewer registers and a shorter latency each, at most `_levels` additions or
        comparisons between two registers; none if its registers are fixed."""
        return []

    def falling(self, others: "Iterable[HwOp]") -> "list[HwOp]":
        """Of operators with a known latency those that are below this one and all before them."""
        found: list[HwOp] = [self]
        for one in others:
            if (one.latency() or 0) < (found[-1].latency() or 0):
                found.append(one)
        return found[1:]

    @classmethod
    def sizes(cls, attributes: Attributes) -> dict[str, int]:
        """{"simd" or "pe": the number it has to divide} for these attributes."""
        given = {name: attributes[key] for name, key in cls.extents.items()}
        return {name: value[-1] if isinstance(value, list) else value for name, value in given.items()}

    @classmethod
    def foldings(cls, attributes: Attributes) -> dict[str, list[int]]:
        """{"simd" or "pe": possible values, ascending}; by default the divisors of `sizes`."""
        return {name: divisors(size) for name, size in cls.sizes(attributes).items()}

    @classmethod
    def together(cls, _attributes: Attributes, _folding: Attributes) -> bool:
        """Whether the values of a folding, {"simd", "pe", … or a style: value}, can be combined."""
        return True

    @property
    def indices(self) -> int:
        """Number of results that are indices of the largest scores; they follow the scores."""
        return 0

    def answers(self, lowered: Mapping[str, np.ndarray]) -> np.ndarray:
        """The expected output of a network that ends in this operator, int64 (N, *shape), computed from the
        lowered network's scores, independently of `execute_node`.

        Args:
            lowered: lowered.npz with the scores `integers`, (N, outputs) or (N, H, W, C) for a map, and
                `scale` and `bias` of the logits, one per output or channel.
        """
        integers = whole_numbers(lowered["integers"])
        return integers.reshape(len(integers), *self.out_stream().shape)

    # What qonnx wants of a custom op.
    def make_shape_compatible_op(self, model: "ModelWrapper") -> NodeProto:
        """A constant of the output's shape, from which qonnx infers it."""
        self.load_constants(model.get_initializer)
        batch = (model.get_tensor_shape(self.onnx_node.input[0]) or [1])[0]
        return self.make_const_shape_op([batch, *self.out_stream().shape])

    def infer_node_datatype(self, model: "ModelWrapper") -> None:
        """Annotate the outputs with the data types of their streams."""
        self.load_constants(model.get_initializer)
        for tensor, stream in zip(self.onnx_node.output, self.out_streams()):
            model.set_tensor_datatype(tensor, stream.datatype)

    def verify_node(self) -> None:
        """Do nothing; the methods check the attributes themselves."""

    def __str__(self) -> str:
        attributes = (f"{a.name}={helper.get_attribute_value(a)}" for a in self.onnx_node.attribute)
        return f"{type(self).__name__}({', '.join(attributes)})"


def _constant(values) -> np.ndarray:
    """A constant of a graph; integers that need more than 64 bits are kept as text there."""
    return whole_numbers(values) if np.asarray(values).dtype.kind in "OSU" else values


def numbered(name: str, count: int) -> list[str]:
    """`name`, or `name_0`, `name_1`, … of several."""
    return [name] if count == 1 else [f"{name}_{index}" for index in range(count)]
