"""Reading a foreign ONNX file: its contents are checked before anything in it is allocated or executed.

It must be a regular file within the size limit, with dense constants of the size that their shapes state and
without subgraphs; external data must lie in its folder. The limits are those of `core/limits.py`.
"""

import stat
from collections.abc import Iterator
from math import prod
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from xnorforge.core.errors import UserError
from xnorforge.core.limits import most, whole_number
from xnorforge.core.types import Ints

AGAIN = "export it again with brevitas export_qonnx"
PACKED: dict[int, int] = {TensorProto.INT4: 2, TensorProto.UINT4: 2}  # numbers in a byte


def loaded(path: Path) -> ModelProto:
    """The model in a file, with its external data; never reads more than the limits allow.

    Raises:
        UserError: not a regular file, too large, not an ONNX model, or a model with incomplete constants.
    """
    _regular(path, path, most("FILE_MB") << 20)
    try:
        model = onnx.load_model_from_string(path.read_bytes(), format="protobuf")
    except DecodeError as error:
        raise UserError(f"{path}: not an ONNX model, or truncated; {AGAIN}.") from error
    if len(model.functions):
        raise UserError(
            f"{path}: it defines {model.functions[0].name} as a model-local function; export it with inlined "
            "functions (onnx.inliner)."
        )
    model.ClearField("training_info")
    _no_subgraphs(path, model.graph)
    room = (most("FILE_MB") << 20) - path.stat().st_size
    for tensor in _constants(model.graph):
        _counted(path, tensor)
        if tensor.data_location == TensorProto.EXTERNAL:
            room = _fetched(path, tensor, room)
        _complete(path, tensor)
    return model


def _regular(path: Path, model: Path, room: int) -> None:
    """Check that a path is a regular file of at most `room` bytes; a pipe or a device is not even opened."""
    try:
        found = path.stat()
    except OSError as error:
        raise UserError(
            f"{path}: {_why(error)}; give the path of a QONNX model, such as folder/net.onnx."
            if path == model
            else f"{model}: its external data '{path.name}' is missing; keep it next to the model."
        ) from error
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise UserError(f"{path}: is {what}; give the path of a QONNX model, such as folder/net.onnx.")
    if found.st_size > room:
        raise UserError(
            f"{path}: has {found.st_size >> 20:,} MB, but the limit is {most('FILE_MB'):,} MB; use a smaller "
            "network, or raise XNORFORGE_MAX_FILE_MB."
        )


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return (error.strerror or type(error).__name__).lower()


def _constants(graph: GraphProto) -> Iterator[TensorProto]:
    """Every constant of a graph: its initializers, and constants in attributes of its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _no_subgraphs(path: Path, graph: GraphProto) -> None:
    if graph.sparse_initializer:
        raise UserError(f"{path}: it has sparse constants; export it with dense constants.")
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs:
                raise UserError(
                    f"{path}: {node_text(node)} contains a subgraph, and control flow cannot become a "
                    "circuit; export the network without If, Loop and Scan."
                )
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise UserError(
                    f"{path}: {node_text(node)} has a sparse constant; export it with a dense one."
                )
            if attribute.ref_attr_name:
                raise UserError(
                    f"{path}: {node_text(node)} refers to an attribute of a function but is not inside a "
                    f"function; {AGAIN}."
                )


def _counted(path: Path, tensor: TensorProto) -> None:
    """Type and shape of a constant, without its numbers."""
    name = f"constant '{tensor.name}'"
    if tensor.data_type == TensorProto.STRING:
        raise UserError(f"{path}: {name} contains strings; only numeric constants are supported.")
    if tensor.data_type not in helper.get_all_tensor_dtypes() or tensor.data_type == TensorProto.UNDEFINED:
        raise UserError(f"{path}: {name} has an unknown data type ({tensor.data_type}); {AGAIN}.")
    if any(size < 0 for size in tensor.dims):
        raise UserError(f"{path}: {name} has the shape {list(tensor.dims)}; {AGAIN}.")
    within(path, name, list(tensor.dims))
    if len(tensor.dims) > 1 and 0 in tensor.dims:
        raise UserError(f"{path}: {name} of shape {list(tensor.dims)} is empty; {AGAIN}.")


def within(path: Path, what: str, shape: Ints) -> None:
    """Check that a tensor is within the size limit.

    Raises:
        UserError: it is larger.
    """
    if prod(shape) > most("ELEMENTS"):
        raise UserError(
            f"{path}: {what} of shape {list(shape)} has more than {most('ELEMENTS'):,} numbers; use a "
            "smaller network, or raise XNORFORGE_MAX_ELEMENTS."
        )


def _fetched(path: Path, tensor: TensorProto, room: int) -> int:
    """Read a constant from a file in the model's folder; returns the bytes that remain for others."""
    given = {entry.key: entry.value for entry in tensor.external_data}
    home, location = path.parent.resolve(), given.get("location", "")
    place = path.parent / location  # as the model was given, so that a link on the way counts as read
    if not location or "\0" in location or not place.resolve().is_relative_to(home):
        raise UserError(
            f"{path}: constant '{tensor.name}' is stored in '{location}', outside the model's folder; keep "
            "external data next to the model."
        )
    _regular(place, path, room)
    offset, there = given.get("offset", "0"), place.stat().st_size
    length = given.get("length", str(there - int(offset)) if whole_number(offset) else "")
    if not (whole_number(offset) and whole_number(length)) or int(offset) + int(length) > there:
        raise UserError(
            f"{path}: constant '{tensor.name}' should be {length} bytes at offset {offset} of "
            f"'{location}', but that file has {there} bytes; fetch it again."
        )
    with place.open("rb") as file:
        file.seek(int(offset))
        tensor.raw_data = file.read(int(length))
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]
    return room - int(length)


def _complete(path: Path, tensor: TensorProto) -> None:
    """Check that a constant has as many elements as its shape states."""
    wanted = prod(tensor.dims)
    if tensor.HasField("raw_data"):
        kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        each = PACKED.get(tensor.data_type, 1)
        wanted, there = -(-wanted // each) * kind.itemsize, len(tensor.raw_data)
        what = f"{there:,} bytes, but its shape {list(tensor.dims)} needs {wanted:,}"
    else:
        try:
            there = numpy_helper.to_array(tensor).size
        except (ValueError, TypeError):
            there = -1
        what = f"a different number of elements than its shape {list(tensor.dims)} states"
    if there != wanted:
        raise UserError(f"{path}: constant '{tensor.name}' has {what}; fetch or export the file again.")


def node_text(node: NodeProto) -> str:
    """A node, by its name if it has one."""
    return f"{node.name} ({node.op_type})" if node.name else f"an operator {node.op_type}"
