"""Windows over pixels, with the border in front of them.

A window that is the whole image needs no operator: its elements arrive in that order anyway. Windows of one
kind that read the same fork become one window in front of it.
"""

from xnorforge.core.errors import UserError
from xnorforge.flows.bind.network import Bound, Network, get, ints
from xnorforge.flows.bind.nodes import BORDERS, OWN_WINDOWS, around, sizes_of
from xnorforge.flows.bind.registry import finishing, takes


@takes(*BORDERS)
def bordered_window(network: Network, node):
    """FMPadding or Pad, and the ConvolutionInputGenerator behind it."""
    after = network.reader(node)
    if after is not None and after.op_type == "ConvolutionInputGenerator" and not _pools(network, after):
        return [node, after], [_window(network, after, node)]
    if after is not None and after.op_type in OWN_WINDOWS:
        return [], []
    reads = after.name if after is not None else "no single operator"
    raise UserError(
        f"{node.name}: a border that {reads} reads has no operator; put it in front of a convolution."
    )


@takes("ConvolutionInputGenerator", rank=30)
def window(network: Network, node):
    """ConvolutionInputGenerator; with FINN's Pool behind it only of single pixels: it leaves pixels out."""
    one, depthwise = _window(network, node), bool(get(node, "depthwise"))
    if depthwise and _pools(network, node):
        pool = network.reader(node)
        if one.attributes["kernel"] != [1, 1]:
            raise UserError(
                f"{pool.name}: {get(pool, 'Function')} has no operator in hw/ops; "
                "sums and maxima can be built."
            )
        return [node, pool], [one]
    whole = one.attributes["kernel"] == one.attributes["ifm"][:2] and not depthwise
    return [node], [] if whole else [one]


@takes("Pool")
def pool_of_one_pixel(_network: Network, node):
    """A pool without windows in front of it."""
    return [node], []


@takes("DirectedPool", rank=30)
def pixels_left_out(network: Network, node):
    """A pool of single pixels."""
    sizes = {"kernel": ints(node, "kernel"), "stride": ints(node, "stride"), "dilation": [1, 1]}
    return [node], [Bound("Window", node.name, around(network, node.input[0], sizes), {}, [node.name])]


@takes("RatesWindow")
def rates_window(network: Network, node):
    """Windows of several dilations with their border."""
    sizes = {name: ints(node, name) for name in ("kernel", "stride", "rates")}
    border = {"pads": ints(node, "pads"), "pad_value": get(node, "value")}
    attributes = around(network, node.input[0], sizes) | border
    return [node], [Bound("Window", node.name, attributes, nodes=[node.name])]


def _pools(network: Network, node) -> bool:
    after = network.reader(node)
    return after is not None and after.op_type == "Pool"


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
