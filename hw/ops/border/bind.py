"""Binary convolutions padded with zeros: bit 0 counts as -1, which an offset by position takes back."""

from math import prod

import numpy as np

from xnorforge.hw.any_width import INT64_BITS
from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.nodes import around, out_width, sizes_of, ungrouped
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.border.offsets import offsets
from xnorforge.hw.ops.int_mvu.bind import widths


@takes("SignedConv")
def signed_conv(network: Network, node: Placed) -> Taken:
    """Windows that pad with -1, match counts or sums, and the border's share taken out."""
    pads, sizes = list(node.at["pads"]), sizes_of(node)
    surroundings = around(network, node.input[0], sizes) | {"pads": pads}
    whole, shape = ungrouped(node.at["weights"], node.at["groups"]), network.shape(node.output[0])
    (*image, outputs), length = shape, len(whole)
    attributes = {
        "mw": length, "mh": outputs, "vectors": prod(image), "in_shape": [*image, length], "out_shape": shape,
    }  # fmt: skip
    if (abs(whole) == 1).all():
        unit = Bound("SignMvu", node.name, attributes, {"weights": (whole > 0).astype(np.int64)})
        mul, base = 2, -length
    else:
        attributes |= widths(node.name, whole, 1, False, bipolar=1)
        unit, mul, base = Bound("IntMvu", node.name, attributes, {"weights": whole}), 1, 0
    rows, columns, table = offsets(whole, surroundings["ifm"], **sizes, pads=pads)
    sums, (bits, signed) = unit.make_alone().out_stream(), network.declared(node.output[0])
    attributes = {
        "in_shape": shape, "in_bits": sums.bits, "in_signed": int(sums.signed), "mul": mul, "out_bits": bits,
        "out_signed": int(signed), "rows": rows, "columns": columns,
    }  # fmt: skip
    border = Bound("Border", f"{node.name}_border", attributes, {"table": table + base})
    window = Bound("Window", f"{node.name}_window", surroundings)
    unit.nodes = [node.name]
    return [node], [window, unit, border]


@takes("ByPlace")
def by_place(network: Network, node: Placed) -> Taken:
    """Sums with the border's share."""
    factors, table = node.at["factors"], node.at["table"]
    attributes = {"in_shape": network.shape(node.input[0]), **network.width(node.input[0])}
    attributes |= {name: node.at[name] for name in ("rows", "columns")} | out_width(network, node)
    arrays, first = {"table": table}, int(factors.flat[0])
    if (factors == first).all() and first < 1 << INT64_BITS:
        attributes["mul"] = first
    else:
        arrays["factors"] = factors
    return [node], [Bound("Border", node.name, attributes, arrays, [node.name])]
