"""Binary convolutions padded with zeros: bit 0 counts as -1, which an offset by position takes back."""

from math import prod

import numpy as np

from xnorforge.hw.any_width import INT64_BITS
from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken, get, ints
from xnorforge.hw.bind.nodes import around, out_width, own_sizes, ungrouped
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.border.offsets import offsets
from xnorforge.hw.ops.int_mvu.bind import dense_unit


@takes("SignedConv")
def signed_conv(network: Network, node: NodeProto) -> Taken:
    """Windows that pad with -1, match counts or sums, and the border's share taken out."""
    weights, pads, sizes = network.constant(node.input[1]), ints(node, "pads"), own_sizes(network, node)
    surroundings = around(network, node.input[0], sizes) | {"pads": pads}
    whole, shape = ungrouped(weights, get(node, "groups")), network.shape(node.output[0])
    if (abs(whole) == 1).all():
        (*image, outputs), length = shape, len(whole)
        attributes = {
            "mw": length, "mh": outputs, "vectors": prod(image), "in_shape": [*image, length],
            "out_shape": shape,
        }  # fmt: skip
        unit = Bound("XnorMvu", node.name, attributes, {"weights": (whole > 0).astype(np.int64)})
        mul, base = 2, -length
    else:
        unit, mul, base = dense_unit(network, node, whole, 1, False, bipolar=1), 1, 0
    rows, columns, table = offsets(
        np.rint(whole).astype(np.int64), surroundings["ifm"], sizes["kernel"], sizes["stride"],
        sizes["dilation"], pads,
    )  # fmt: skip
    sums, (bits, signed) = unit.make_alone().out_stream(), network.declared(node.output[0])
    attributes = {
        "in_shape": shape, "in_bits": sums.bits, "in_signed": int(sums.signed), "mul": mul, "out_bits": bits,
        "out_signed": signed, "rows": rows, "columns": columns,
    }  # fmt: skip
    border = Bound("Border", f"{node.name}_border", attributes, {"table": table + base})
    window = Bound("Window", f"{node.name}_window", surroundings)
    unit.nodes = [node.name]
    return [node], [window, unit, border]


@takes("ByPlace")
def by_place(network: Network, node: NodeProto) -> Taken:
    """Our own node."""
    factors, table = (network.integers(name) for name in node.input[1:])
    attributes = {"in_shape": network.shape(node.input[0]), **network.width(node.input[0])}
    attributes |= {name: ints(node, name) for name in ("rows", "columns")} | out_width(network, node)
    arrays, first = {"table": table}, int(factors.flat[0])
    if (factors == first).all() and first < 1 << INT64_BITS:
        attributes["mul"] = first
    else:
        arrays["factors"] = factors
    return [node], [Bound("Border", node.name, attributes, arrays, [node.name])]
