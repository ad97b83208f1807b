"""A folded graph as its operators, and the reference walk: every operator's own `execute_node`, batch by batch."""

from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.hw.ops.base import DOMAIN, HwOp


def load(folded: ModelWrapper | Path | str) -> ModelWrapper:
    """The graph of a file, or the graph itself."""
    return folded if isinstance(folded, ModelWrapper) else ModelWrapper(str(folded))


def operators(folded: ModelWrapper | Path | str) -> list[HwOp]:
    """The operators of a folded graph with their constants, in the order in which they run.

    Raises:
        ValueError: a node is none of ours, or the nodes are not a chain; fold writes no such graph.
    """
    model = load(folded)
    tensor, ops = model.graph.input[0].name, []
    for node in model.graph.node:
        if node.domain != DOMAIN or node.input[0] != tensor:
            raise ValueError(f"{node.name}: {node.op_type} of '{node.domain}' does not continue the chain of operators")
        tensor = node.output[0]
        ops.append(HwOp.of(model, node))
    return ops


def enter(op: HwOp, images) -> np.ndarray:
    """Images uint8 (N, C, H, W) as the first operator takes them: integers (N, *shape), channels last."""
    images = np.asarray(images)
    if images.ndim == 4:
        images = images.transpose(0, 2, 3, 1)
    return images.astype(np.int64).reshape(-1, *op.in_stream().shape)


def execute(folded, images, keep=(), block: int = 16) -> dict[str, np.ndarray]:
    """Run a folded graph on images, operator by operator.

    Args:
        folded: the graph, its file, or the list of its operators.
        images: uint8 (N, C, H, W), raw 0..255.
        keep: names of operators whose outputs are wanted too; "all" keeps every one.
        block: images at a time, which bounds the memory of large windows.

    Returns:
        {operator name: int64 (N, *shape)}, the last operator always among them.
    """
    ops = folded if isinstance(folded, list) else operators(folded)
    kept: dict[str, list] = {op.name: [] for op in ops if keep == "all" or op.name in keep or op is ops[-1]}
    for start in range(0, len(images), block):
        x = enter(ops[0], images[start : start + block])
        for op in ops:
            x = op.run(x)
            if op.name in kept:
                kept[op.name].append(x)
    return {name: np.concatenate(parts) for name, parts in kept.items()}
