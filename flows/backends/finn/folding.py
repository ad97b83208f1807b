"""Our folding as FINN's: PE and SIMD of each of its nodes.

Matrices have exactly the Pe and Simd of ours. FINN's other nodes are at least as wide as the operator that
they belong to, and wider where their cycle formula would otherwise exceed the interval: a window before a
pool, for example, takes more beats in FINN than here.
"""

from math import gcd

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from xnorforge.core.types import Record

MATRICES = ("MVAU", "VVAU")
PREFIX = "Xnor"  # of the types of our nodes in the place of FINN's
CHANNELS = ("IFMChannels", "NumChannels", "Channels")  # what FINN's nodes call the last axis


def set_folding(model: ModelWrapper, origin: dict[str, str], fold: Record) -> dict[str, dict[str, int]]:
    """Give every node of a specialised FINN graph its PE and SIMD.

    Args:
        model: of FINN's nodes `<type>_hls` and `<type>_rtl`, changed in place.
        origin: {name of its node: name of the lowered node}.
        fold: the record of the stage fold.

    Returns:
        FINN's folding file: {name of a node: {"PE", "SIMD"}}, with those of the two that the node has.
    """
    rows = {node: row for row in fold["operators"] for node in row["lowered"]}
    interval, found = fold["interval_bound"], {}
    for node in model.graph.node:
        inst, row = getCustomOp(node), rows.get(origin[node.name])
        has = [name for name in ("PE", "SIMD") if name in inst.get_nodeattr_types()]
        main = row is not None and row["name"] == origin[node.name]
        for name in has:
            own = row[name.lower()] if main and row else None
            if _is(node, MATRICES):
                inst.set_nodeattr(name, 1 if own is None or _taps(node, name) else own)
                continue
            side = "in" if name == "SIMD" else "out"
            inst.set_nodeattr(name, _next(inst, own or (row[side]["lanes"] if row else 1)))
            _widen(inst, name, interval)
        _as_its_windows(model, node, inst)
    for node in model.graph.node:
        inst = getCustomOp(node)
        has = [name for name in ("PE", "SIMD") if name in inst.get_nodeattr_types()]
        found[node.name] = {name: inst.get_nodeattr(name) for name in has}
    return found


def _channels(inst) -> int:
    """Elements of a pixel, which PE or SIMD of a node without a matrix must divide."""
    has = inst.get_nodeattr_types()
    for name in CHANNELS:
        if name in has:
            return inst.get_nodeattr(name)
    if "ChannelsPerStream" in has:
        return gcd(*inst.get_nodeattr("ChannelsPerStream"))
    return inst.get_normal_output_shape()[-1]


def _next(inst, least: int) -> int:
    """The smallest divisor of the channels that is at least `least`; all channels if there is none."""
    channels = _channels(inst)
    return next((n for n in range(least, channels + 1) if channels % n == 0), channels)


def _widen(inst, name: str, interval: int) -> None:
    """Widen a node until it keeps the interval or has no channels left."""
    while inst.get_exp_cycles() > interval and inst.get_nodeattr(name) < _channels(inst):
        inst.set_nodeattr(name, _next(inst, inst.get_nodeattr(name) + 1))


def _taps(node, name: str) -> bool:
    """Whether an attribute counts the taps of a channel's own kernel; FINN's windows output them singly."""
    return name == "SIMD" and _is(node, "VVAU")


def _as_its_windows(model: ModelWrapper, node, inst) -> None:
    """FINN requires a pool, or a depthwise kernel, to be as wide as its window: use the wider one."""
    before = model.find_producer(node.input[0])
    if not _is(node, ("Pool", "VVAU")) or before is None:
        return
    windows = getCustomOp(before)
    if "SIMD" not in windows.get_nodeattr_types() or not before.op_type.startswith("ConvolutionInput"):
        return
    width = max(inst.get_nodeattr("PE"), windows.get_nodeattr("SIMD"))
    inst.set_nodeattr("PE", width)
    windows.set_nodeattr("SIMD", width)


def _is(node, kinds: str | tuple[str, ...]) -> bool:
    """Whether a node is one of these of FINN's, or ours in its place."""
    return node.op_type.removeprefix(PREFIX).startswith(kinds)
