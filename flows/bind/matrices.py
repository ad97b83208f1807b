"""Rules for nodes that multiply by weights.

MVAU on bits with xnor, [Thresholding]              -> XnorMvu, thresholds inside; Correlate for weights
replaced at run time
MVAU on integers with +-1 weights, [Thresholding]   -> ByteMvu, thresholds inside
MVAU with other weights, [Thresholding]             -> IntMvu, thresholds inside
VVAU of +-1 weights, [Thresholding]                 -> Depthwise, thresholds inside; IntMvu for other weights
[FMPadding | Pad] GroupedConv, [Thresholding]       -> Window, IntMvu whose weights between groups are 0
SignedConv                                          -> Window that pads with -1, XnorMvu or IntMvu, Border
Interact, [product with +-1], [Thresholding]        -> Interact, thresholds inside
"""

from math import prod

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._streams import value_range
from xnorforge.hw.ops.border.offsets import offsets

from .network import Bound, Network, get, ints
from .pixels import PADS, around
from .streams import thresholds


def mvu(network: Network, node):
    """A matrix-vector unit."""
    nodes = _with_threshold(network, node)
    (bits, signed), weights = network.kind(node.input[0]), network.constant(node.input[1])
    xnor = bool(get(node, "binaryXnorMode"))
    signs = np.isin(weights, (0, 1) if xnor else (-1, 1)).all()
    length, outputs = weights.shape
    attributes = {
        "mw": length, "mh": outputs, "vectors": prod(network.shape(node.input[0])) // length,
        "in_shape": _as_it_comes(network, node.input[0], length), "out_shape": network.shape(node.output[0]),
    }  # fmt: skip
    op, arrays = "XnorMvu" if xnor else "ByteMvu", {"weights": (weights > 0).astype(np.int64)}
    if get(node, "runtime_writeable_weights"):
        if not xnor or len(nodes) > 1:
            raise UserError(
                f"{node.name}: its weights are replaced at run time, and only counts of equal bits without a threshold behind them "
                "can be built so; let the network end there."
            )
        op = "Correlate"
    if not xnor and bits > 1 and signs:
        attributes |= {"in_bits": bits, "in_signed": int(signed)}
    elif not xnor:
        op, arrays = "IntMvu", {"weights": weights.astype(np.int64)}
        attributes |= _integer_bits(weights, bits, signed)
    return nodes, [
        _compared(network, Bound(op, node.name, attributes, arrays), nodes, (bits, signed, length))
    ]


def _compared(network: Network, unit: Bound, nodes: list, kind=None) -> Bound:
    """A unit with the thresholds of the second of its nodes, no further out than what means always and never."""
    unit.nodes = [one.name for one in nodes]
    if len(nodes) > 1:
        steps = thresholds(network, nodes[1], network.shape(nodes[1].output[0])[-1])[:, 0]
        if unit.op in ("XnorMvu", "ByteMvu"):
            bits, signed, length = kind
            largest = length * max(2 ** (bits - signed) - (not signed), 1)
            steps = np.clip(steps, *((0, length + 1) if unit.op == "XnorMvu" else (-largest, largest + 1)))
        unit.arrays["thresholds"] = steps
    return unit


def _with_threshold(network: Network, node) -> list:
    """The node, and the one-step threshold behind it if there is one."""
    after = network.reader(node)
    fused = after is not None and after.op_type == "Thresholding" and get(after, "numSteps") == 1
    return [node, after] if fused else [node]


def _as_it_comes(network: Network, tensor: str, length: int) -> list[int]:
    """The shape of a unit's input; a dense layer reads the frame as the operator before it streams it."""
    before, shape = network.producer(tensor), network.shape(tensor)
    if before is not None and before.op != "Window" and prod(shape) == length:
        return list(network.stream(tensor).shape)
    return shape


def _bits_of(weights) -> int:
    """Bits of two's complement, 2 at least."""
    low, high = int(weights.min()), int(weights.max())
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0, 1) + 1


def _integer_bits(weights, bits: int, signed: bool, bipolar: int = 0) -> dict:
    """Widths of an IntMvu; its sums hold whatever the bits of its input can be, though lowered sums may reach
    less far.
    """
    ends = [end * weights for end in ((-1, 1) if bipolar else value_range(bits, signed))]
    reach = np.array([np.minimum(*ends).sum(axis=0).min(), np.maximum(*ends).sum(axis=0).max()])
    widths = {
        "in_bits": bits,
        "in_signed": int(signed),
        "w_bits": _bits_of(weights),
        "out_bits": _bits_of(reach),
    }
    return widths | ({"bipolar": 1} if bipolar else {})


def depthwise(network: Network, node):
    """One kernel per channel."""
    nodes, (bits, signed) = _with_threshold(network, node), network.kind(node.input[0])
    weights = network.constant(node.input[1])[:, 0].transpose(1, 2, 0)  # (kh, kw, C)
    kernel, channels = list(weights.shape[:2]), weights.shape[2]
    flat = weights.reshape(-1, channels)
    if (abs(weights) == 1).all():
        attributes = {
            "ofm": network.shape(node.output[0]),
            "kernel": kernel,
            "in_bits": bits,
            "in_signed": int(signed),
        }
        unit = Bound("Depthwise", node.name, attributes, {"weights": (flat > 0).astype(np.int64)})
    else:
        unit = _dense_unit(
            network, node, (flat[:, None] * np.eye(channels)).reshape(-1, channels), bits, signed
        )
    return nodes, [_compared(network, unit, nodes)]


def _dense_unit(network: Network, node, weights, bits: int, signed: bool, bipolar: int = 0) -> Bound:
    """IntMvu of weights (length of a window, outputs) that ends in the node's output."""
    (*image, outputs), length = network.shape(node.output[0]), len(weights)
    attributes = {
        "mw": length, "mh": outputs, "vectors": prod(image), "in_shape": [*image, length],
        "out_shape": [*image, outputs], **_integer_bits(weights, bits, signed, bipolar),
    }  # fmt: skip
    return Bound("IntMvu", node.name, attributes, {"weights": np.rint(weights).astype(np.int64)})


def _whole(weights, groups: int) -> np.ndarray:
    """Weights (kh, kw, C / groups, O) as (kh kw C, O), 0 between groups."""
    *kernel, inside, outputs = weights.shape
    whole = np.zeros((*kernel, groups, inside, groups, outputs // groups))
    for group in range(groups):
        whole[:, :, group, :, group] = weights.reshape(*kernel, inside, groups, -1)[:, :, :, group]
    return whole.reshape(-1, outputs)


def grouped(network: Network, node):
    """A convolution in groups, with the border in front of it."""
    before = network.model.find_producer(node.input[0])
    pad = before if before is not None and before.op_type in PADS else None
    nodes, weights = _with_threshold(network, node), network.constant(node.input[1])
    x, (bits, signed) = (pad if pad is not None else node).input[0], network.kind(node.input[0])
    sizes = {
        "kernel": list(weights.shape[:2]),
        "stride": ints(node, "stride"),
        "dilation": ints(node, "dilation"),
    }
    window = Bound("Window", f"{node.name}_window", around(network, x, sizes, pad), inputs=[x])
    unit = _dense_unit(network, node, _whole(weights, get(node, "groups")), bits, signed)
    unit = _compared(network, unit, nodes)
    return [*([pad] if pad is not None else []), *nodes], [window, unit]


def signed_conv(network: Network, node):
    """Taps outside the image count nothing: counted as -1, and taken out again by place."""
    weights, groups, pads = network.constant(node.input[1]), get(node, "groups"), ints(node, "pads")
    sizes = {
        "kernel": list(weights.shape[:2]),
        "stride": ints(node, "stride"),
        "dilation": ints(node, "dilation"),
    }
    around_it = around(network, node.input[0], sizes) | {"pads": pads}
    whole, shape = _whole(weights, groups), network.shape(node.output[0])
    unit, mul, base = _dense_unit(network, node, whole, 1, False, bipolar=1), 1, 0
    if (abs(whole) == 1).all():
        kept = {key: unit.attributes[key] for key in ("mw", "mh", "vectors", "in_shape", "out_shape")}
        unit, mul, base = (
            Bound("XnorMvu", node.name, kept, {"weights": (whole > 0).astype(np.int64)}),
            2,
            -len(whole),
        )
    rows, columns, table = offsets(whole, around_it["ifm"], *sizes.values(), pads)
    sums, (bits, signed) = unit.make_alone().out_stream(), network.declared(node.output[0])
    attributes = {
        "in_shape": shape, "in_bits": sums.bits, "in_signed": int(sums.signed), "mul": mul, "out_bits": bits,
        "out_signed": signed, "rows": rows, "columns": columns,
    }  # fmt: skip
    border = Bound("Border", f"{node.name}_border", attributes, {"table": table + base})
    window = Bound("Window", f"{node.name}_window", around_it)
    unit.nodes = [node.name]
    return [node], [window, unit, border]


def interact(network: Network, node):
    """Sums that move each other; with thresholds, also of channels that compare downwards, where they follow."""
    shape, (bits, _) = network.shape(node.input[0]), network.kind(node.input[0])
    attributes = {
        "in_shape": shape, "in_bits": bits, "n0": get(node, "n0"), "unit": get(node, "unit"),
        "matches": get(node, "matches"),
    }  # fmt: skip
    arrays = {"influence": np.rint(network.constant(node.input[1])).astype(np.int64)}
    turn = network.reader(node)
    nodes = _with_threshold(network, node)
    if (
        turn is not None
        and turn.op_type == "ElementwiseMul"
        and (abs(network.constant(turn.input[1])) == 1).all()
    ):
        behind = _with_threshold(network, turn)
        if len(behind) > 1:
            nodes = [node, *behind]
            arrays["direction"] = network.constant(turn.input[1]).astype(np.int64)
    if len(nodes) > 1:
        arrays["thresholds"] = thresholds(network, nodes[-1], shape[-1])[:, 0]
    return nodes, [Bound("Interact", node.name, attributes, arrays, [one.name for one in nodes])]


RULES = {
    "MVAU": mvu,
    "VVAU": depthwise,
    "GroupedConv": grouped,
    "SignedConv": signed_conv,
    "Interact": interact,
}
