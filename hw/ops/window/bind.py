"""Windows over pixels, with the border in front of them.

A window that is the whole image needs no operator: its elements arrive in that order anyway. Windows of one
kind that read the same fork become one window in front of it.
"""

from dataclasses import dataclass

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken, get, ints
from xnorforge.hw.bind.nodes import BORDERS, OWN_WINDOWS, around, border_in_front, own_sizes, sizes_of
from xnorforge.hw.bind.registry import finishing, takes


@takes(*BORDERS)
def bordered_window(network: Network, node: NodeProto) -> Taken:
    """FMPadding or Pad, and the windows behind it; what makes its own takes its border along."""
    after = network.reader(node)
    if after is None or after.input[0] != node.output[0]:
        return None
    pool = pool_sizes(network, after)
    if pool is not None:
        fused = not pools_itself(pool) and border_in_front(network, after, pool) is not None
        return ([], []) if fused else None
    if after.op_type in OWN_WINDOWS:
        return ([], []) if border_in_front(network, after, own_sizes(network, after)) is not None else None
    if (
        after.op_type != "ConvolutionInputGenerator"
        or border_in_front(network, after, sizes_of(after)) is None
    ):
        return None
    return [node, after], [_window(network, after, node)]


@takes("ConvolutionInputGenerator", rank=30)
def window(network: Network, node: NodeProto) -> Taken:
    """ConvolutionInputGenerator; with FINN's Pool behind it only of single pixels: it leaves pixels out."""
    one, depthwise = _window(network, node), bool(get(node, "depthwise"))
    pool = network.reader(node)
    if depthwise and pool is not None and pool.op_type == "Pool":
        if one.attributes["kernel"] != [1, 1]:
            raise UserError(
                f"{pool.name}: {get(pool, 'Function')} has no operator in hw/ops; use sums or maxima."
            )
        return [node, pool], [one]
    whole = one.attributes["kernel"] == one.attributes["ifm"][:2] and not depthwise
    return [node], [] if whole else [one]


@takes("Pool")
def pool_of_one_pixel(_network: Network, node: NodeProto) -> Taken:
    """A pool without windows in front of it."""
    return [node], []


@takes("DirectedPool", rank=30)
def pixels_left_out(network: Network, node: NodeProto) -> Taken:
    """A pool of single pixels."""
    sizes = {name: ints(node, name) for name in ("kernel", "stride", "dilation")}
    return [node], [Bound("Window", node.name, around(network, node.input[0], sizes), {}, [node.name])]


@takes("RatesWindow")
def rates_window(network: Network, node: NodeProto) -> Taken:
    """Windows of several dilations with their border."""
    sizes = {name: ints(node, name) for name in ("kernel", "stride", "rates")}
    border = {"pads": ints(node, "pads"), "pad_value": get(node, "value")}
    attributes = around(network, node.input[0], sizes) | border
    return [node], [Bound("Window", node.name, attributes, nodes=[node.name])]


def _window(network: Network, node, pad=None) -> Bound:
    """The Window of a ConvolutionInputGenerator and the border in front of it."""
    nodes = [one for one in (pad, node) if one is not None]
    attributes = around(network, nodes[0].input[0], sizes_of(node), pad)
    return Bound("Window", node.name, attributes, nodes=[one.name for one in nodes])


@finishing
def shared_windows(bounds: list[Bound]) -> list[Bound]:
    """Forks that only windows of one kind read give way: one window, then the fork."""
    readers = {tensor: one for one in bounds for tensor in one.inputs}
    gone: set[str] = set()
    found: list[Bound] = []
    for one in bounds:
        windows = [readers[tensor] for tensor in one.outputs] if one.op == "Fork" else []
        if windows and all(w.op == "Window" and w.attributes == windows[0].attributes for w in windows):
            gone.update(w.name for w in windows)
            first, between = windows[0], f"{windows[0].name}_shared"
            nodes = [name for w in windows for name in w.nodes]
            shared = Bound("Window", first.name, first.attributes, {}, nodes, one.inputs, [between])
            attributes = one.attributes | {"in_shape": list(shared.make().out_stream().shape)}
            outputs = [tensor for w in windows for tensor in w.outputs]
            found += [shared, Bound("Fork", one.name, attributes, {}, one.nodes, [between], outputs)]
        elif one.name not in gone:
            found.append(one)
    return found


@dataclass
class PoolNodes:
    """A pool of every channel by itself: its nodes, FINN's name of its function or our node's, the windows in
    front of it where it does not make them itself, the attributes of its operator, and the directions of
    maxima and minima."""

    nodes: list[NodeProto]
    function: str
    windows: list[Bound]
    attributes: Record
    direction: np.ndarray | None

    def bound(self, op: str, **arrays: np.ndarray) -> list[Bound]:
        """The windows, and the operator of this name with its constants."""
        names = [one.name for one in self.nodes]
        return [*self.windows, Bound(op, names[-1], self.attributes, arrays, names)]


def pool_sizes(network: Network, node: NodeProto) -> dict[str, list[int]] | None:
    """Kernel, stride and dilation of the pool that begins at a node, None where none does, or one of single
    pixels. A pool of the whole image has its kernel as stride."""
    if node.op_type == "DirectedPool":
        sizes = {name: ints(node, name) for name in ("kernel", "stride", "dilation")}
    else:
        after = network.reader(node)
        if node.op_type != "ConvolutionInputGenerator" or not get(node, "depthwise"):
            return None
        if after is None or after.op_type != "Pool":
            return None
        sizes = sizes_of(node)
    if sizes["kernel"] == [1, 1]:
        return None
    if network.shape(node.input[0])[:2] == sizes["kernel"]:
        sizes["stride"] = sizes["kernel"]
    return sizes


def pool_at(network: Network, node: NodeProto) -> PoolNodes | None:
    """The pool that begins at a node, None where there is none, or one of single pixels.

    Windows that overlap, have a dilation or leave pixels out stand before it, in a border they make."""
    sizes = pool_sizes(network, node)
    if sizes is None:
        return None
    if node.op_type == "DirectedPool":
        nodes, function, direction = [node], node.op_type, np.rint(network.constant(node.input[1]))
    else:
        after = network.reader(node)
        nodes, function, direction = [node, after], get(after, "Function"), None
    pad = None if pools_itself(sizes) else border_in_front(network, node, sizes)
    x = node.input[0] if pad is None else pad.input[0]
    nodes = nodes if pad is None else [pad, *nodes]
    kernel = sizes["kernel"]
    attributes: dict = {"ifm": network.shape(node.input[0]), "kernel": kernel, "stride": kernel}
    attributes |= network.width(x)
    if pools_itself(sizes):
        return PoolNodes(nodes, function, [], attributes, direction)
    window = Bound("Window", f"{nodes[-1].name}_window", around(network, x, sizes, pad))
    attributes |= {"ifm": network.shape(nodes[-1].output[0]), "windows": 1}
    return PoolNodes(nodes, function, [window], attributes, direction)


def pools_itself(sizes: Record) -> bool:
    """Whether the windows of a pool lie side by side."""
    return sizes["kernel"] == sizes["stride"] and sizes["dilation"] == [1, 1]
