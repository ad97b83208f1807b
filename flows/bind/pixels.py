"""Rules for nodes that move over pixels.

    [FMPadding | Pad] ConvolutionInputGenerator         -> Window
    RatesWindow                                         -> Window of several rates
    ConvolutionInputGenerator (depthwise) Pool          -> OrPool on bits, MaxPool, SumPool, Window for a
    kernel of one pixel
    DirectedPool                                        -> OrPool where bits all go to their minimum, else
    MaxPool
    UpsampleNearestNeighbour                            -> Upsample

A window that is the whole image needs no operator: its elements arrive in that order anyway.
"""

import numpy as np

from xnorforge.core.errors import UserError

from .network import Bound, Network, get, ints

PADS = ("FMPadding", "Pad")
OWN_WINDOWS = ("GroupedConv",)  # nodes that make their windows themselves
POOLS = {"MaxPool": "MaxPool", "AccPool": "SumPool"}


def window(network: Network, node):
    """A window, with the border in front of it; with a pool behind it, where it is one per channel."""
    after = network.reader(node)
    behind = network.reader(after) if after is not None else None
    pools = behind is not None and behind.op_type == "Pool"
    if node.op_type in PADS:
        if after is not None and after.op_type == "ConvolutionInputGenerator" and not pools:
            return [node, after], [window_of(network, after, node)]
        if after is not None and after.op_type in OWN_WINDOWS:
            return [], []
        reads = after.name if after is not None else "no single operator"
        raise UserError(
            f"{node.name}: a border that {reads} reads has no operator; put it in front of a convolution."
        )
    if get(node, "depthwise") and after is not None and after.op_type == "Pool":
        return [node, after], [_pool_behind_window(network, node, after)]
    one = window_of(network, node)
    whole = one.attributes["kernel"] == one.attributes["ifm"][:2] and not get(node, "depthwise")
    return [node], [] if whole else [one]


def window_of(network: Network, node, pad=None) -> Bound:
    """The Window of a ConvolutionInputGenerator and the border in front of it."""
    sizes = {
        "kernel": ints(node, "ConvKernelDim"),
        "stride": ints(node, "Stride"),
        "dilation": ints(node, "Dilation"),
    }
    nodes = [one for one in (pad, node) if one is not None]
    return Bound(
        "Window", node.name, around(network, nodes[0].input[0], sizes, pad), nodes=[one.name for one in nodes]
    )


def rates_window(network: Network, node):
    """Windows of several dilations with their border."""
    sizes = {name: ints(node, name) for name in ("kernel", "stride", "rates")}
    border = {"pads": ints(node, "pads"), "pad_value": get(node, "value")}
    return [node], [
        Bound("Window", node.name, around(network, node.input[0], sizes) | border, nodes=[node.name])
    ]


def around(network: Network, x: str, sizes: dict, pad=None) -> dict:
    """Attributes of the Window of kernel, stride and dilation on a tensor, with the border that a node says."""
    bits, signed = network.kind(x)
    pads, value = [0, 0, 0, 0], 0
    if pad is not None:
        pads = ints(pad, "Padding" if pad.op_type == "FMPadding" else "pads")
        value = 0 if pad.op_type == "FMPadding" else get(pad, "value")
    return {
        "ifm": network.shape(x),
        **sizes,
        "pads": pads,
        "pad_value": value,
        "bits": bits,
        "signed": int(signed),
    }


def _pool_behind_window(network: Network, node, pool) -> Bound:
    """A pool of each channel by itself; of one pixel it only leaves pixels out."""
    kernel, function = ints(node, "ConvKernelDim"), get(pool, "Function")
    if kernel == [1, 1]:
        return window_of(network, node)
    if function not in POOLS:
        raise UserError(f"{pool.name}: {function} has no operator in hw/ops; sums and maxima can be built.")
    if ints(node, "Dilation") != [1, 1]:
        raise UserError(
            f"{pool.name}: a pool with dilation {ints(node, 'Dilation')} has no operator; use dilation 1."
        )
    return _pool(
        network, POOLS[function], node, kernel, ints(node, "Stride"), [node.name, pool.name], pool.name
    )


def pool_of_one_pixel(network: Network, node):
    """A pool without a window in front."""
    return [node], []


def directed_pool(network: Network, node):
    """Maxima and minima."""
    direction, kernel = network.constant(node.input[1]), ints(node, "kernel")
    if kernel == [1, 1]:
        sizes = {"kernel": kernel, "stride": ints(node, "stride"), "dilation": [1, 1]}
        return [node], [Bound("Window", node.name, around(network, node.input[0], sizes), {}, [node.name])]
    one = _pool(network, "MaxPool", node, kernel, ints(node, "stride"), [node.name], node.name)
    if one.op == "OrPool" and (direction < 0).all():
        one.attributes["all"] = 1
    elif (direction < 0).any():
        bits, signed = network.kind(node.input[0])
        one.op = "MaxPool"
        one.attributes |= {"in_bits": bits, "in_signed": int(signed)}
        one.arrays = {"direction": np.rint(direction).astype(np.int64)}
    return [node], [one]


def _pool(network: Network, op: str, node, kernel, stride, nodes, name: str) -> Bound:
    if network.shape(node.input[0])[:2] == kernel:
        stride = kernel  # a single window
    if kernel != stride:
        raise UserError(
            f"{name}: a pool of {kernel} with stride {stride} has no operator in hw/ops; windows that do not overlap can be built."
        )
    bits, signed = network.kind(node.input[0])
    attributes = {"ifm": network.shape(node.input[0]), "kernel": kernel, "stride": stride}
    if (op, bits, signed) == ("MaxPool", 1, False):
        op = "OrPool"
    else:
        attributes |= {"in_bits": bits, "in_signed": int(signed)}
    return Bound(op, name, attributes, nodes=nodes)


def upsample(network: Network, node):
    """Every pixel repeated."""
    bits, signed = network.kind(node.input[0])
    (height, width, _), (tall, wide, _) = network.shape(node.input[0]), network.shape(node.output[0])
    attributes = {
        "ifm": network.shape(node.input[0]), "factor": [tall // height, wide // width], "bits": bits,
        "signed": int(signed),
    }  # fmt: skip
    return [node], [Bound("Upsample", node.name, attributes, {}, [node.name])]


RULES = {
    "FMPadding": window,
    "Pad": window,
    "ConvolutionInputGenerator": window,
    "RatesWindow": rates_window,
    "Pool": pool_of_one_pixel,
    "DirectedPool": directed_pool,
    "UpsampleNearestNeighbour": upsample,
}
