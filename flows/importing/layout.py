"""Channels-last networks, as Keras exports them: images and maps of this project are channels first."""

import copy

import numpy as np
from onnx import ModelProto, TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.indexed_model import IndexedModel, attributes
from xnorforge.flows.clean_up import name_nodes

# {layout of an input, a tensor or an output: how far it is taken}, for the reference
LAYOUTS = {
    "(N, C, H, W)": "images, channels first",
    "(N, H, W, C)": "images, channels last: from Keras, and nodes of qonnx.custom_op.channels_last",
    "(N, C, L), (N, L, C)": "rows: images of height 1",
    "(N, tokens, features)": "a matrix, norms and quantisers for every token",
    "(N, F)": "vectors; Reshape makes them images, Flatten and Concat make images vectors",
    "any permutation": "of the axes after the batch, which stays first; by Reshape also lists of boxes",
    "several inputs, outputs": "one frame and one result; the host joins and parts them by name",
    "not": "a constant that varies over the image; windows over more than two axes",
}
LAST = "qonnx.custom_op.channels_last"
PER_ELEMENT = """Add BipolarQuant Cast Clip DequantizeLinear Div Mul Quant QuantizeLinear Relu Sigmoid Sign
    Softmax Sub Tanh"""


def standard_nodes(model: ModelProto) -> None:
    """Make the nodes of qonnx that run channels last those of ONNX, a Transpose before and after each."""
    infos = (*model.graph.input, *model.graph.value_info)
    ranks = {one.name: len(one.type.tensor_type.shape.dim) for one in infos}
    nodes = []
    for node in model.graph.node:
        if node.domain != LAST:
            nodes.append(node)
            continue
        kernel = attributes(node).get("kernel_shape")
        rank = len(kernel) + 2 if kernel else ranks.get(node.input[0], 4)
        moved, out = [*node.input], node.output[0]
        for k in range(2 if node.op_type == "Conv" else 1):
            moved[k] = f"{out}_first_{k}"
            nodes.append(helper.make_node("Transpose", [node.input[k]], [moved[k]], perm=_to_first(rank - 1)))
        last = helper.make_node("Transpose", [f"{out}_first"], [out], perm=_to_last(rank - 1))
        del node.input[:], node.output[:]
        node.input.extend(moved)
        node.output.append(f"{out}_first")
        node.domain = ""
        nodes += [node, last]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def takes_channels_first(
    network: ModelWrapper, image: tuple[int, ...] | None = None
) -> tuple[ModelWrapper, bool]:
    """The network, with a Transpose at its input if it takes channels last, and whether it does:
    its operators read it so, or `image`, the shape of the given images, fits no other way."""
    name = network.graph.input[0].name
    wanted = tuple(network.get_tensor_shape(name)[1:])
    if len(wanted) < 2:
        return network, False
    first = (wanted[-1], *wanted[:-1])
    given = image is not None and image == first != wanted
    if not given and not reads_last(network, name):
        return network, False
    proto = copy.deepcopy(network.model)
    moved = f"{name}_channels_first"
    (old,) = [one for one in proto.graph.input if one.name == name]
    proto.graph.value_info.append(old)
    proto.graph.input.remove(old)
    proto.graph.input.insert(0, helper.make_tensor_value_info(moved, TensorProto.FLOAT, [1, *first]))
    proto.graph.node.insert(0, helper.make_node("Transpose", [moved], [name], perm=_to_last(len(first))))
    name_nodes(proto)
    found = ModelWrapper(proto, fix_missing_initializer_valueinfo=False)
    found.set_tensor_datatype(moved, network.get_tensor_datatype(name))
    return IndexedModel(found), True


def reads_last(network: ModelWrapper, name: str) -> bool:
    """Whether all that reads a tensor, behind operators of one number per element, reads its last
    axis as channels: a Transpose to channels first, or a matrix for every pixel or token."""
    shape, readers = network.get_tensor_shape(name), network.find_consumers(name) or []
    if not shape or not readers:
        return False
    for node in readers:
        if node.op_type == "Transpose":
            last = attributes(node).get("perm") == _to_first(len(shape) - 1)
        elif node.op_type == "MatMul":
            last = node.input[0] == name
        else:
            same = network.get_tensor_shape(node.output[0]) == shape
            last = _per_element(node) and same and reads_last(network, node.output[0])
        if not last:
            return False
    return True


def gives_channels_first(network: ModelWrapper) -> tuple[ModelWrapper, bool]:
    """The network with its scores channels first, and whether the file has them last: without its
    final Transpose to channels last, or with one behind a matrix for every pixel or token."""
    name = network.graph.output[0].name
    last, shape = network.find_producer(name), network.get_tensor_shape(name)
    if last is None or not shape or len(shape) < 3:
        return network, False
    proto = copy.deepcopy(network.model)
    if last.op_type == "Transpose" and attributes(last).get("perm") == _to_last(len(shape) - 1):
        proto.graph.node.remove(last)
        moved = last.input[0]
    elif _of_matrix(network, last):
        moved = f"{name}_channels_first"
        perm = _to_first(len(shape) - 1)
        proto.graph.node.append(helper.make_node("Transpose", [name], [moved], perm=perm))
        proto.graph.value_info.append(proto.graph.output[0])
        name_nodes(proto)
    else:
        return network, False
    first = (1, shape[-1], *shape[1:-1])
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info(moved, TensorProto.FLOAT, first))
    for info in [one for one in proto.graph.value_info if one.name == moved]:
        proto.graph.value_info.remove(info)
    return IndexedModel(ModelWrapper(proto, fix_missing_initializer_valueinfo=False)), True


def _of_matrix(network: ModelWrapper, node) -> bool:
    """Whether a node's result comes from a matrix, operators of one number per element apart."""
    while node is not None and _per_element(node):
        node = network.find_producer(node.input[0])
    return node is not None and node.op_type == "MatMul"


def _per_element(node) -> bool:
    return node.op_type in PER_ELEMENT.split()


def _to_first(rank: int) -> list[int]:
    """The inverse of `_to_last`."""
    return [0, rank, *range(1, rank)]


def _to_last(rank: int) -> list[int]:
    """The Transpose of tensors of `rank` axes and the batch, from channels first to channels last."""
    return [0, *range(2, rank + 1), 1]


def channels_to_front(scores: np.ndarray, last: bool) -> np.ndarray:
    """Scores (N, …, C) as (N, C, …) if `last`; otherwise unchanged."""
    return np.moveaxis(scores, -1, 1) if last else scores
