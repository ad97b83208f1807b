"""The operators of a folded graph, and its reference execution with every operator's `execute_node`."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from threadpoolctl import threadpool_limits

from xnorforge.core.types import Ints, Record
from xnorforge.hw.any_width import stored
from xnorforge.hw.ops.base import DOMAIN, HwOp, Stream


def operators(folded: ModelWrapper | Path | str) -> list[HwOp]:
    """The operators of a folded graph with their constants, in an order in which they can run.

    Raises:
        ValueError: a node is not an operator of this domain, reads a tensor that does not exist yet, or a
            tensor does not have exactly one reader; fold writes no such graph.
    """
    model = ModelWrapper(str(folded)) if isinstance(folded, str | Path) else folded
    unread, ops = {one.name for one in model.graph.input}, []
    for node in model.graph.node:
        if node.domain != DOMAIN:
            raise ValueError(f"{node.name}: {node.op_type} of '{node.domain}' is not an operator of {DOMAIN}")
        op = HwOp.of(model, node)
        if not unread.issuperset(op.sources):
            raise ValueError(
                f"{node.name}: reads {op.sources}, of which at least one is missing or already read"
            )
        unread = (unread - set(op.sources)) | set(op.results)
        ops.append(op)
    if unread != {one.name for one in model.graph.output}:
        raise ValueError(f"{model.graph.name}: {sorted(unread)} are produced but never read")
    return ops


def graph_of(
    ops: list[HwOp], name: str, inputs: list[str], outputs: list[str], names: Mapping[str, str] | None = None
) -> GraphProto:
    """Connected operators as one graph: constants as initialisers, every tensor with shape and data type.

    Args:
        inputs, outputs: tensors at its ends; names: other names of tensors.
    """
    nodes, constants, streams = [], {}, {}
    names = names or {}
    for op in ops:
        node = NodeProto()
        node.CopyFrom(op.onnx_node)
        given = [key for key in op.arrays if key in op.arrays_of]
        del node.input[:], node.output[:]
        node.input.extend(names.get(tensor, tensor) for tensor in op.sources)
        streams |= {key: stream for key, stream in zip(node.input, op.in_streams()) if key not in streams}
        node.input.extend(f"{op.name}_{key}" for key in given)
        node.output.extend(names.get(tensor, tensor) for tensor in op.results)
        constants |= {f"{op.name}_{key}": stored(op.arrays_of[key]) for key in given}
        nodes.append(node)
        streams |= zip(node.output, op.out_streams())
    shapes = {key: [1, *stream.shape] for key, stream in streams.items()}
    notes = {key: {"finn_datatype": stream.datatype.name} for key, stream in streams.items()}
    return graph_proto(name, nodes, (inputs, outputs), shapes, notes, constants)


def graph_proto(
    name: str, nodes: Sequence[NodeProto], ends: Sequence[Sequence[str]], shapes: Mapping[str, Ints],
    notes: Mapping[str, Mapping[str, str]], constants: Mapping[str, np.ndarray],
) -> GraphProto:  # fmt: skip
    """A graph of ONNX with annotated tensors.

    Args:
        ends: input and output tensors. shapes: of all tensors but constants; notes: annotations of tensors.
        constants: arrays as ONNX stores them.
    """
    make, kind = helper.make_tensor_value_info, TensorProto.FLOAT
    infos = {key: make(key, kind, shape) for key, shape in shapes.items()}
    inner = [info for key, info in infos.items() if key not in (*ends[0], *ends[1])]
    sides = ([infos[key] for key in side] for side in ends)
    initial = [numpy_helper.from_array(values, key) for key, values in constants.items()]
    made = helper.make_graph(nodes, name, *sides, initializer=initial, value_info=inner)
    for tensor, entries in notes.items():
        note = made.quantization_annotation.add(tensor_name=tensor)
        for key, value in entries.items():
            note.quant_parameter_tensor_names.add(key=key, value=value)
    return made


def in_a_row(ops: list[HwOp]) -> list[HwOp]:
    """Connect operators of one stream, so that each reads what the one before writes."""
    for op, after in pairwise(ops):
        after.onnx_node.input[0] = op.onnx_node.output[0]
    return ops


def inner_tensors(ops: list[HwOp]) -> list[str]:
    """The tensors between operators, as they are written: bits of `pause_i` (hw/rtl/xf_link.svh)."""
    return [tensor for op in ops for tensor in op.results if tensor != ops[-1].results[0]]


def outside(ops: list[HwOp]) -> list[tuple[HwOp, Stream]]:
    """The operators that read constants from outside with every frame, and these streams."""
    return [(op, stream) for op in ops if (stream := op.outside)]


def enter(op: HwOp, images: ArrayLike) -> np.ndarray:
    """Images uint8 (N, C, H, W) as the first operator's input: integers (N, *shape), channels last."""
    images = np.asarray(images)
    if images.ndim == 4:
        images = images.transpose(0, 2, 3, 1)
    return images.astype(np.int64).reshape(-1, *op.in_stream().shape)


def execute(
    folded: ModelWrapper | Path | list[HwOp], images: np.ndarray, keep: Collection[str] = (), block: int = 8
) -> dict[str, np.ndarray]:
    """Run a folded graph on images, operator by operator.

    Args:
        folded: the graph, its file, or the list of its operators.
        images: uint8 (N, C, H, W), raw 0..255.
        keep: names of operators whose outputs are returned too; "all" keeps every one.
        block: images at a time, which limits the memory of large windows.

    Returns:
        {operator name: int64 (N, *shape)}, the first output stream, always including the last operator.
    """
    ops = folded if isinstance(folded, list) else operators(folded)
    kept: dict[str, list] = {op.name: [] for op in ops if keep == "all" or op.name in keep or op is ops[-1]}
    # One thread: the products are small, and several threads spend three times as long, mostly in waiting.
    with threadpool_limits(1, "blas"):
        for start in range(0, len(images), block):
            given = {ops[0].sources[0]: enter(ops[0], images[start : start + block])}
            for op, results in walk(ops, given):
                if op.name in kept:
                    kept[op.name].append(results[0])
    return {name: np.concatenate(parts) for name, parts in kept.items()}


def answers(ops: list[HwOp], lowered: Mapping[str, np.ndarray]) -> np.ndarray:
    """The expected output of a folded graph, from the integers of the lowered graph and not its operators.

    Args:
        lowered: lowered.npz with `integers`, (N, outputs) or (N, H, W, C) for a map.

    Returns:
        The last operator's `HwOp.answers`, int64 (N, *shape).
    """
    return ops[-1].answers(lowered)


def tensors(ops: list[HwOp], images: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor of a folded graph on images, {name: int64 (N, *shape)}, including the input."""
    found = {ops[0].sources[0]: enter(ops[0], images)}
    for op, results in walk(ops, dict(found)):
        found.update(zip(op.results, results))
    return found


def walk(
    ops: list[HwOp], waiting: Record, run: Callable[..., list[Any]] = lambda op, *given: op.run_all(*given)
) -> Iterator[tuple[HwOp, list[Any]]]:
    """Each operator with what it gives.

    Args:
        waiting: the inputs by tensor, at the end the outputs; a tensor is kept until its one reader has run.
        run: called with an operator and its inputs; by default its contract.
    """
    for op in ops:
        results = run(op, *(waiting.pop(tensor) for tensor in op.sources))
        waiting.update(zip(op.results, results))
        yield op, results
