"""Which integers a network's input takes, and the value of one step, inferred from its graph.

The first source that gives an answer wins:

    annotation   a qonnx data type other than float on the input tensor
    quantiser    a Quant or BipolarQuant directly on the input: the accelerator takes its integers, and the
                 host quantises; after constants (x / 255, 2 x - 1), the range that it covers in input units
    constants    x / 255, x - 127.5 or (x - 0.45) / 0.22 map 0 .. 255 or 0 .. 1 to about -1 .. 1
    statistics   the first batch norm, or the first multi-bit quantiser, compared with the spread of its input
                 on the images for an input of 0 .. 1; a spread 255 times too small indicates 0 .. 255

If none of them gives an answer, the format is 0 .. 1 and `Found.sure` is False.
"""

from dataclasses import dataclass, replace
from math import log

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.indexed_model import attributes, indexed
from xnorforge.core.input_format import MOST_BITS, InputFormat, fixed_point_format, integer_format
from xnorforge.flows.qonnx_execution import qonnx_tensors
from xnorforge.hw.lowering.quantisers import bounds

PASSED = ("Identity", "Dropout", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze")
SHARE = 0.2  # common part of two ranges from which one is taken for the other
FEW = 32  # images on which the spread is measured
NARROW = 1 / 16  # a spread below this share of the expected one: between 1 and 1/255, in factors of 16
WIDE = 16


@dataclass(frozen=True)
class Found:
    """A format, the reason for it in a few words, and whether the graph states it.

    Attributes:
        quantiser: the format is that of the network's own quantiser, which saturates at its ends.
    """

    form: InputFormat
    why: str
    sure: bool = True
    quantiser: bool = False


@dataclass(frozen=True)
class Start:
    """The constants at a network's input, and the node after them: x becomes times * x + plus, per element.

    Attributes:
        nodes: the operators with these constants; reader: the one node after them, or None.
    """

    times: np.ndarray
    plus: np.ndarray
    nodes: list[NodeProto]
    reader: NodeProto | None


def data_inputs(network: ModelWrapper) -> list[str]:
    """The names of the graph's data inputs, between which constants may be listed."""
    known = {one.name for one in network.graph.initializer}
    return [one.name for one in network.graph.input if one.name not in known]


def input_of(network: ModelWrapper) -> str:
    """The name of the only data input."""
    return data_inputs(network)[0]


def start_of(network: ModelWrapper) -> Start:
    """Walk from the input over operations with constants and operators that only change the shape."""
    network = indexed(network)
    name = input_of(network)
    nodes: list[NodeProto] = []
    times, plus = np.ones(1), np.zeros(1)
    while True:
        readers = network.find_consumers(name)
        node = readers[0] if readers and all(one is readers[0] for one in readers) else None
        if node is None or (node.op_type not in PASSED and not _is_constant_step(network, node, name)):
            return Start(times.ravel(), plus.ravel(), nodes, node)
        if node.op_type not in PASSED:
            at = list(node.input).index(name)
            constant = network.get_initializer(node.input[1 - at]).astype(np.float64)
            if node.op_type in ("Mul", "Div"):
                factor = constant if node.op_type == "Mul" else 1 / constant
                times, plus = times * factor, plus * factor
            else:
                sign = -1 if node.op_type == "Sub" else 1
                first = (times, plus + sign * constant)
                times, plus = (sign * times, sign * plus + constant) if at else first
            nodes.append(node)
        name = node.output[0]


def _is_constant_step(network: ModelWrapper, node, name: str) -> bool:
    """Whether a node multiplies its tensor by a constant that is not 0, or adds one."""
    if node.op_type not in ("Mul", "Div", "Add", "Sub") or len(node.input) != 2:
        return False
    at = list(node.input).index(name)
    constant = network.get_initializer(node.input[1 - at])
    if constant is None or not np.isfinite(constant).all() or constant.size == 0:
        return False
    return node.op_type in ("Add", "Sub") or (
        not (at and node.op_type == "Div") and bool((constant != 0).all())
    )


def annotated(network: ModelWrapper) -> Found | None:
    """The format that a qonnx data type on the input states; None for floats and for more than 16 bits."""
    name = input_of(network)
    kind = network.get_tensor_datatype(name)
    why = f"input '{name}' is annotated {kind.name}"
    if kind.name in ("BIPOLAR", "BINARY") or kind.name.startswith(("INT", "UINT")):
        if kind.bitwidth() <= MOST_BITS:
            return Found(integer_format(kind.bitwidth(), kind.signed()), why)
    elif kind.name.startswith("FIXED") and kind.bitwidth() <= MOST_BITS and kind.int_bits() >= 1:
        return Found(fixed_point_format(kind.int_bits(), kind.frac_bits(), True), why)
    return None


def quantiser_at_input(network: ModelWrapper, start: Start) -> Found | None:
    """The format of the Quant or BipolarQuant that reads the input, maybe after constants that all
    elements share; None if there is none, or if it has more than 16 bits or several scales."""
    node = start.reader
    one = len(set(start.times.tolist())) == len(set(start.plus.tolist())) == 1
    if node is None or node.op_type not in ("Quant", "BipolarQuant") or not one:
        return None
    given = [network.get_initializer(name) for name in node.input[1:]]
    if any(x is None or x.size != 1 or not np.isfinite(x).all() for x in given):
        return None
    scale, zero, bits = (float(x.reshape(-1)[0]) for x in (given if len(given) == 3 else [given[0]] * 3))
    times, plus = float(start.times[0]), float(start.plus[0])
    if node.op_type == "BipolarQuant":
        if start.nodes:
            return None
        form = integer_format(1, True)
    else:
        signed, narrow = (attributes(node).get(name, usual) for name, usual in (("signed", 1), ("narrow", 0)))
        if not 1 <= bits <= MOST_BITS or bits % 1 or scale <= 0 or times <= 0:
            return None
        plain = integer_format(int(bits), bool(signed), narrow=int(narrow) if bits > 1 else 0)
        step, origin = scale / times, (-zero * scale - plus) / times
        form = replace(plain, scale=plain.scale * step, offset=plain.offset * step + origin)
    about = f"{node.op_type} {node.name} reads the input" + (" after constants" if start.nodes else "")
    return Found(form, about, quantiser=True)


def describe_input(network: ModelWrapper, probe: np.ndarray, form: InputFormat | None = None) -> Found:
    """The format of a network's input.

    Args:
        network: cleaned QONNX.
        probe: pixels 0 .. 255 in the layout of the network's input, (N, *shape); a few are run.
        form: integers that were requested; only their scale is inferred.

    Returns:
        The format, and the reason.
    """
    start = start_of(network)
    direct = quantiser_at_input(network, start)
    if form is None:
        if found := annotated(network):
            return found
        if direct and not start.nodes:
            return direct
    elif form.name == "bipolar":
        return Found(form, "INPUT=bipolar: -1 and +1")
    elif direct and (direct.form.lo, direct.form.hi) == (form.lo, form.hi):
        return direct
    raw = replace(form or InputFormat(), scale=1.0, offset=0.0)  # integers as they are
    unit = replace(raw, scale=1 / (2 ** (raw.bits - 1) if raw.lo < 0 else raw.hi))  # or pixels, 0 .. 1
    found = _covered(direct, unit, raw, network, form is None) if direct else None
    found = found or _by_statistics(network, start, probe, unit, raw)
    found = found or (_by_constants(start, unit, raw) if start.nodes else None)
    if found:
        return found
    what = f"the graph does not state the value of one step of its {unit.name} input"
    return Found(unit, f"{what}; assumed: {unit.step_words}", sure=False)


def _covered(
    direct: Found, unit: InputFormat, raw: InputFormat, network: ModelWrapper, free: bool
) -> Found | None:
    """The usual range that the quantiser after constants covers, else (if `free`) its own integers."""
    low, high = sorted(direct.form.values(np.array([direct.form.lo, direct.form.hi])).tolist())
    shares = []
    for one in (unit, raw):
        a, b = one.values(np.array([one.lo, one.hi])).tolist()
        common = max(0.0, min(b, high) - max(a, low))
        shares.append(common / (max(b, high) - min(a, low)))
    best = int(np.argmax(shares))
    vector = len(network.get_tensor_shape(input_of(network))) == 2
    if shares[best] >= SHARE and not (free and best == 0 and vector and low < -0.25 * high):
        return Found((unit, raw)[best], f"{direct.why} and covers {low:.4g} .. {high:.4g} of it")
    return direct if free else None


def _by_constants(start: Start, unit: InputFormat, raw: InputFormat) -> Found:
    """Which of two ranges the constants map to about -1 .. 1."""
    costs = []
    for one in (unit, raw):
        ends = one.values(np.array([one.lo, one.hi])).astype(np.float64)
        low, high = (np.median(start.times * end + np.median(start.plus)) for end in ends)
        width, middle = abs(high - low), (high + low) / 2
        costs.append(abs(log(width / 2)) + 2 * abs(middle) / width)
    best = (unit, raw)[int(np.argmin(costs))]
    names = " and ".join(node.op_type for node in start.nodes[:2])
    ends = best.values(np.array([best.lo, best.hi])).tolist()
    return Found(best, f"the constants of {names} at the input fit a range of {ends[0]:.4g} .. {ends[1]:.4g}")


def _by_statistics(
    network: ModelWrapper, start: Start, probe: np.ndarray, unit: InputFormat, raw: InputFormat
) -> Found | None:
    """Which of two ranges has the spread that the first batch norm or wide quantiser expects at its input."""
    node = _first_sensitive(network)
    if node is None:
        return None
    few = unit.of_pixels(probe[:FEW]).reshape(-1, *network.get_tensor_shape(input_of(network))[1:])
    arrives = qonnx_tensors(network, unit.values(few))[node.input[0]].astype(np.float64)
    axes = tuple(axis for axis in range(arrives.ndim) if axis != 1)
    spread = arrives.std(axis=axes) if arrives.ndim > 1 else arrives.std()
    if node.op_type == "BatchNormalization":
        first = start.reader is not None and start.reader.name == node.name
        if first and (network.get_initializer(node.input[3]) < 0).mean() > 0.25:
            return None  # it expects negative numbers
        expected = np.sqrt(network.get_initializer(node.input[4]).astype(np.float64))
    else:
        scale, _, bits = (network.get_initializer(name) for name in node.input[1:4])
        given = {"signed": 1, "narrow": 0} | attributes(node)
        low, high = bounds(int(np.max(bits)), given["signed"], given["narrow"])
        expected = scale.ravel().astype(np.float64) * (high - low) / 4
    ratio = float(np.median(spread / np.maximum(expected, 1e-30)))
    if ratio > WIDE or not np.isfinite(ratio) or ratio == 0:
        return None
    best = unit if ratio >= NARROW else raw
    if best is raw and not NARROW <= ratio * raw.scale / unit.scale <= WIDE:
        return None
    words = f"{node.op_type} {node.name} expects a spread of {np.median(expected):.3g}"
    return Found(best, f"{words}, and an input in steps of {unit.step_words} gives {np.median(spread):.3g}")


def _first_sensitive(network: ModelWrapper):
    """The first node after the input that depends on its scale: a batch norm, or a quantiser of
    several bits; None if a sign comes earlier."""
    network = indexed(network)
    alive = {input_of(network)}
    for node in network.graph.node:
        if not node.input or node.input[0] not in alive:
            continue
        if node.op_type == "BipolarQuant":
            return None
        given = [network.get_initializer(name) for name in node.input[1:]]
        if node.op_type == "BatchNormalization" and all(x is not None for x in given):
            return node
        if node.op_type == "Quant":
            one = all(x is not None and x.size == 1 for x in given)
            return node if one and float(given[2].max()) > 1 else None
        alive.update(node.output)
    return None
