"""Windows over pixels, with the border in front of them.

Windows of one kind that read the same fork become one window in front of it.
"""

from dataclasses import dataclass

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.nodes import PIXEL, around, border_in_front, sizes_of
from xnorforge.hw.bind.registry import finishing, takes

POOLS = ("MaxPool", "SumPool")


@takes("Pad")
def bordered(network: Network, node: Placed) -> Taken:
    """A border is left to the windows behind it, if they can make it."""
    after = network.reader(node)
    if after is None or after.op not in ("Conv", *POOLS) or border_in_front(network, after) is None:
        return None
    return None if after.op in POOLS and pools_itself(pool_sizes(network, after)) else ([], [])


@takes(*POOLS)
def pool_of_single_pixels(network: Network, node: Placed) -> Taken:
    """It leaves pixels out, or does nothing."""
    sizes = sizes_of(node)
    if sizes["kernel"] != PIXEL:
        return None
    if sizes["stride"] == PIXEL:
        return [node], []
    name, attributes = f"{node.name}_window", around(network, node.input[0], sizes)
    return [node], [Bound("Window", name, attributes, {}, [node.name])]


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
class Pool:
    """A pool of every channel by itself: its nodes, with the border in front of it, the windows where it does
    not make them itself, and the attributes of its operator."""

    nodes: list[Placed]
    windows: list[Bound]
    attributes: Record

    def bound(self, op: str, **arrays: np.ndarray) -> Taken:
        """The windows, and the operator of this name with its constants."""
        names = [one.name for one in self.nodes]
        return self.nodes, [*self.windows, Bound(op, names[-1], self.attributes, arrays, names)]


def pool_sizes(network: Network, node: Placed) -> dict[str, list[int]]:
    """Kernel, stride and dilation of a pool; one of the whole image has its kernel as stride."""
    sizes = sizes_of(node)
    if network.shape(node.input[0])[:2] == sizes["kernel"]:
        sizes["stride"] = sizes["kernel"]
    return sizes


def pool_at(network: Network, node: Placed) -> Pool:
    """The pool of a node.

    Windows that overlap, have a dilation or leave pixels out stand before it, in a border they make."""
    sizes = pool_sizes(network, node)
    pad = None if pools_itself(sizes) else border_in_front(network, node)
    x = node.input[0] if pad is None else pad.input[0]
    kernel = sizes["kernel"]
    attributes: dict = {"ifm": network.shape(node.input[0]), "kernel": kernel, "stride": kernel}
    attributes |= network.width(x)
    if pools_itself(sizes):
        return Pool([node], [], attributes)
    window = Bound("Window", f"{node.name}_window", around(network, x, sizes, pad))
    attributes |= {"ifm": network.shape(node.output[0]), "windows": 1}
    return Pool([node] if pad is None else [pad, node], [window], attributes)


def pools_itself(sizes: Record) -> bool:
    """Whether the windows of a pool lie side by side."""
    return sizes["kernel"] == sizes["stride"] and sizes["dilation"] == PIXEL
