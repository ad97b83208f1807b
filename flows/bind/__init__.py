"""Lowered nodes to our operators: a graph of streams, still without parallelism.

Rules by the kind of a lowered node stand in `matrices.py`, `pixels.py` and `streams.py`; `network.py` is what
they see. A rule takes a node, and those behind it that belong to the same operators, and says what these are.
Afterwards windows of one kind that read the same fork become one window in front of it, and scores whose
order is that of the logits go through TopK.

What no operator builds exactly is refused by name.
"""

from fractions import Fraction

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import UserError

from . import matrices, pixels, streams
from .network import OPS, Bound, Network

__all__ = ["OPS", "Bound", "bind"]

WORKS = "convolutions, dense layers, thresholds, pools, sums and concatenations can be built"
RULES = matrices.RULES | pixels.RULES | streams.RULES


def bind(model: ModelWrapper, scale=None, bias=None, output: str = "scores") -> list[Bound]:
    """The operators of a lowered network, in an order in which they can run.

    Args:
        model: lowered graph, FINN hardware-abstraction nodes, channels last, integers.
        scale, bias: of the logits (`lowered.npz`); None leaves the scores as they are.
        output: "labels" ends a network whose output is a map in the channel with the largest score.

    Raises:
        UserError: a node or a combination that no operator builds; the text names the node and what works.
    """
    if len(model.graph.input) != 1 or len(model.graph.output) != 1:
        raise UserError(
            f"{model.graph.name}: {len(model.graph.input)} inputs and {len(model.graph.output)} outputs; one of each can be "
            "built."
        )
    network, bound, taken = Network(model), [], set()
    network.check_readers()
    for node in model.graph.node:
        if node.name in taken:
            continue
        if node.op_type not in RULES:
            raise UserError(f"{node.name}: an operator for {node.op_type} is missing in hw/ops; {WORKS}.")
        nodes, made = RULES[node.op_type](network, node)
        taken.update(one.name for one in nodes)
        bound += network.placed(nodes, made)
    if not bound:
        raise UserError(f"{model.graph.name}: no operator between input and output; give it a layer.")
    bound = _shared_windows(bound)
    return bound + (_arg_max if output == "labels" else _top_k)(bound[-1], scale, bias)


def _shared_windows(bound: list[Bound]) -> list[Bound]:
    """Forks that only windows of one kind read give way: one window, then the fork."""
    readers = {tensor: one for one in bound for tensor in one.inputs}
    gone, found = set(), []
    for one in bound:
        windows = [readers[tensor] for tensor in one.outputs] if one.op == "Fork" else []
        if windows and all(w.op == "Window" and w.attributes == windows[0].attributes for w in windows):
            gone.update(w.name for w in windows)
            first, between = windows[0], f"{windows[0].name}_shared"
            nodes = [name for w in windows for name in w.nodes]
            window = Bound("Window", first.name, first.attributes, {}, nodes, one.inputs, [between])
            attributes = one.attributes | {"in_shape": list(window.make().out_stream().shape)}
            outputs = [tensor for w in windows for tensor in w.outputs]
            found += [window, Bound("Fork", one.name, attributes, {}, one.nodes, [between], outputs)]
        elif one.name not in gone:
            found.append(one)
    return found


def _top_k(last: Bound, scale, bias) -> list[Bound]:
    """The index of the largest score, where that is the class with the largest logit."""
    stream = last.make().out_stream()
    if scale is None or len(stream.shape) != 1 or stream.shape[0] < 2:
        return []
    if np.ptp(scale) or np.ptp(bias) or np.min(scale) <= 0:
        return []
    attributes = {"n": stream.shape[0], "k": 1, "in_bits": stream.bits, "in_signed": int(stream.signed)}
    return [Bound("TopK", "top_k", attributes, inputs=last.outputs, outputs=["top_k_out"])]


def _arg_max(last: Bound, scale, bias) -> list[Bound]:
    """The channel with the largest scale * n + bias of every cell.

    With one scale s that is the largest n + b / s. Whole parts of b / s are offsets; of the rest only the
    order counts, so that it becomes digits behind the point: exact for any bias.
    """
    stream = last.make().out_stream()
    if len(stream.shape) != 3 or stream.shape[2] < 2:
        raise UserError(
            f"{last.name}: OUTPUT=labels is for networks that end in a map of several channels, and this one gives "
            f"{stream.shape}; leave OUTPUT=scores."
        )
    if np.ptp(scale) or scale[0] <= 0:
        raise UserError(
            f"{last.name}: its channels have scales of {min(scale):g} to {max(scale):g}, and OUTPUT=labels compares those "
            "of one positive scale only; leave OUTPUT=scores."
        )
    shares = [(Fraction(b) - Fraction(min(bias))) / Fraction(scale[0]) for b in bias]
    rests = sorted({share % 1 for share in shares})
    shift = (len(rests) - 1).bit_length()
    offset = np.array([(int(share // 1) << shift) + rests.index(share % 1) for share in shares])
    attributes = {
        "in_shape": list(stream.shape),
        "in_bits": stream.bits,
        "in_signed": int(stream.signed),
        "shift": shift,
    }
    arrays = {"offset": offset} if offset.any() else {}
    return [Bound("ArgMax", "arg_max", attributes, arrays, inputs=last.outputs, outputs=["arg_max_out"])]
