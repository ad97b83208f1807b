"""Structural checks of a foreign ONNX graph: anything malformed is refused by name before a library sees it.

Checks names, order, attributes and domains; `fold_constants.py` checks sizes.
"""

from collections import Counter
from graphlib import CycleError, TopologicalSorter
from math import isfinite, prod
from pathlib import Path

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

from xnorforge.core.errors import UserError
from xnorforge.core.limits import most
from xnorforge.flows.clean_up import set_entries
from xnorforge.flows.importing.model_file import AGAIN, node_text, within
from xnorforge.flows.lower.graph import LAYERS

# Domains whose operators qonnx runs. It imports a domain's name as a Python module, so no other name may
# reach it; the domain of a plug-in is a module of this package.
DOMAINS = ("", "ai.onnx", "onnx.brevitas", "finn", "finn.custom_op.general", "qonnx.custom_op.general")
OWN_DOMAINS = ("xnorforge.hw.lowering.nodes", "xnorforge.flows.lower.nodes", "xnorforge.hw.ops.")
UNFOLDED = 4  # operators of a file per operator that may remain after folding
LARGEST = 1 << 16  # of a stride, a kernel, a border, a number of groups
# {operator of qonnx: its inputs, least and most}, and the types of its attributes
INPUTS = {"Quant": (4, 4), "BipolarQuant": (2, 2), "Trunc": (5, 6), "MultiThreshold": (2, 2)}
TYPES = {
    "signed": AttributeProto.INT, "narrow": AttributeProto.INT,
    "rounding_mode": AttributeProto.STRING, "out_dtype": AttributeProto.STRING,
    "data_layout": AttributeProto.STRING, "out_scale": AttributeProto.FLOAT,
    "out_bias": AttributeProto.FLOAT,
}  # fmt: skip
LEAST = {"strides": 1, "kernel_shape": 1, "dilations": 1, "group": 1, "pads": 0, "output_padding": 0}

NO_NUMBERS = (TensorProto.STRING, TensorProto.COMPLEX64, TensorProto.COMPLEX128)


def check_form(path: Path, model: ModelProto) -> None:
    """Check names, order, domains and attributes of a model's graph.

    Raises:
        UserError: the graph violates the ONNX standard, or cannot become a circuit; reports the first fault.
    """
    graph = model.graph
    if len(graph.node) > UNFOLDED * most("NODES"):
        raise too_many(path, f"has {len(graph.node):,} operators", UNFOLDED * most("NODES"))
    constants = {one.name for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in constants]
    for what, ports in (("inputs", inputs), ("outputs", graph.output)):  # parts of one frame, of one result
        if len(ports) > most("PORTS"):
            raise too_many(path, f"has {len(ports):,} {what}", most("PORTS"), "PORTS")
    versions = _opsets(path, model)
    _names(path, graph)
    _ends(path, graph)
    _in_order(path, graph)
    context = onnx.checker.C.CheckerContext()
    context.ir_version = min(max(model.ir_version, 3), onnx.IR_VERSION)
    context.opset_imports = {"": versions[""]}
    for node in graph.node:
        if node.domain not in DOMAINS and not node.domain.startswith(OWN_DOMAINS):
            raise UserError(
                f"{path}: {node_text(node)} has the unsupported domain {node.domain}; use operators of ONNX "
                "and of qonnx.custom_op.general."
            )
        _attributes(path, node)
        if node.domain in ("", "ai.onnx"):
            _as_onnx_has_it(path, node, context)
        else:
            _as_qonnx_has_it(path, node)
    _types(path, model, versions[""])


def check_layers(path: Path, graph: GraphProto) -> None:
    """Check that a graph, in execution order, has no layer that is known to have no exact integer form.

    Raises:
        UserError: it has one; the text has the name of the node in the file.
    """
    constants = {one.name: one for one in graph.initializer}
    live = {one.name for one in graph.input if one.name not in constants}
    for node in graph.node:
        given, why = [name in live for name in node.input], LAYERS.get(node.op_type)
        live.update(node.output if any(given) and node.op_type != "Shape" else ())
        if node.op_type == "MatMul" and all(given):
            why = "it multiplies two activations, as attention does; use weights that are constants"
        if node.op_type == "Gather" and given == [False, True]:
            table = constants.get(node.input[0])
            if table is None or prod(table.dims) > table.dims[0]:
                why = "an embedding looks vectors up in a table; let the network take what the host looked up"
        if why and any(given):
            raise UserError(f"{path}: {node_text(node)} has no exact integer form: {why}.")


def too_many(path: Path, has: str, limit: int, name: str = "NODES") -> UserError:
    """The error for a graph that has more of something than the limit of that name."""
    return UserError(
        f"{path}: {has}, but the limit is {limit:,}; use a smaller network, or raise XNORFORGE_MAX_{name}."
    )


def _opsets(path: Path, model: ModelProto) -> dict[str, int]:
    """{domain: version} of the operator sets; ONNX is "" """
    given = [(one.domain if one.domain != "ai.onnx" else "", one.version) for one in model.opset_import]
    versions = dict(given)
    newest = onnx.defs.onnx_opset_version()
    if len(versions) < len(given) or not 1 <= versions.get("", 0) <= newest:
        said = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in given) or "none"
        raise UserError(
            f"{path}: its operator sets are {said}, but one of ai.onnx from 1 to {newest} is required; "
            "export it again with opset 13."
        )
    return versions


def _names(path: Path, graph: GraphProto) -> None:
    """Every tensor has a name and one producer."""
    constants = Counter(tensor.name for tensor in graph.initializer)
    inputs = Counter(entry.name for entry in graph.input)
    made = Counter(name for node in graph.node for name in node.output if name)
    for names in (constants, inputs, made, Counter(entry.name for entry in graph.output)):
        for name, count in names.items():
            if count > 1 or not name:
                what = f"'{name}' is the name of {count} tensors" if name else "a tensor has no name"
                raise UserError(
                    f"{path}: {what}; give each tensor its own name, or export the network again."
                )
    for name in made:
        if name in constants or name in inputs:
            raise UserError(
                f"{path}: '{name}' is an operator's output and also an input or a constant; give each tensor "
                "its own name, or export the network again."
            )
    for node in graph.node:
        if not any(node.output):
            raise UserError(f"{path}: {node_text(node)} has no output; {AGAIN}.")


def _ends(path: Path, graph: GraphProto) -> None:
    """Inputs and outputs are tensors with a size; every output has a producer."""
    there = {entry.name for entry in (*graph.input, *graph.initializer)}
    there |= {name for node in graph.node for name in node.output}
    for entry in graph.output:
        if entry.name not in there:
            raise UserError(f"{path}: no operator produces the output '{entry.name}'; {AGAIN}.")
    for entry in (*graph.input, *graph.output):
        if not entry.type.HasField("tensor_type") and entry.type.WhichOneof("value"):
            raise UserError(
                f"{path}: '{entry.name}' is not a tensor; a network must have tensors as input and output."
            )
        if (kind := entry.type.tensor_type.elem_type) in NO_NUMBERS:
            word = TensorProto.DataType.Name(kind).lower()
            raise UserError(
                f"{path}: '{entry.name}' is a tensor({word}); use a numeric type such as float32."
            )
        shape = [axis.dim_value for axis in entry.type.tensor_type.shape.dim]
        if any(size < 0 for size in shape):
            raise UserError(f"{path}: '{entry.name}' has the shape {shape}; {AGAIN}.")
        within(path, f"'{entry.name}'", [size or 1 for size in shape])


def _in_order(path: Path, graph: GraphProto) -> None:
    """Put the operators into an execution order.

    Raises:
        UserError: the graph has a cycle.
    """
    there = {entry.name for entry in (*graph.input, *graph.initializer)} | {""}
    for node in graph.node:  # in the file's own order, if that is an execution order
        if not there.issuperset(node.input):
            break
        there.update(node.output)
    else:
        return
    makers = {name: index for index, node in enumerate(graph.node) for name in node.output}
    needs = {k: {makers[name] for name in one.input if name in makers} for k, one in enumerate(graph.node)}
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        node = graph.node[error.args[1][0]]
        raise UserError(
            f"{path}: {node_text(node)} depends on its own result; export the network without that loop."
        ) from error
    set_entries(graph.node, [graph.node[index] for index in order])


def _attributes(path: Path, node: NodeProto) -> None:
    """Attributes of one node: each once, finite, and, for sizes of a window, within its limits."""
    counts = Counter(attribute.name for attribute in node.attribute)
    for attribute in node.attribute:
        name, where = attribute.name, f"{path}: {node_text(node)}"
        if counts[name] > 1:
            raise UserError(f"{where} has the attribute {name} twice; {AGAIN}.")
        given = helper.get_attribute_value(attribute) if attribute.type != AttributeProto.UNDEFINED else None
        numbers = given if isinstance(given, (list, tuple)) else [given]
        if any(isinstance(one, bytes) and not one.isascii() for one in numbers):
            raise UserError(f"{where} has {name} = {given}, which is not an ONNX keyword; {AGAIN}.")
        if any(isinstance(one, float) and not isfinite(one) for one in numbers):
            raise UserError(
                f"{where} has {name} = {given}, which is not finite; train and export the network again."
            )
        if name in LEAST and any(
            isinstance(one, int) and not LEAST[name] <= one <= LARGEST for one in numbers
        ):
            raise UserError(
                f"{where} has {name} = {given}; each value must be from {LEAST[name]} to {LARGEST:,}."
            )


def _as_onnx_has_it(path: Path, node: NodeProto, context) -> None:
    """Operator, attributes and number of inputs as defined by the operator set of ONNX."""
    if node.op_type == "Constant":  # its value was checked already, and is not copied for this
        return
    try:
        onnx.checker.check_node(node, context)
    except onnx.checker.ValidationError as error:
        said = str(error).split("\n")[0].split("==>")[0].strip().rstrip(".")
        raise UserError(f"{path}: {node_text(node)} is not valid ONNX ({said}); {AGAIN}.") from error


def _types(path: Path, model: ModelProto, version: int) -> None:
    """Check that every ONNX operator reads tensors of types that it supports: it runs on the actual
    types, so nothing later would detect it."""
    own = {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    sets = [helper.make_opsetid("", version), *(helper.make_opsetid(domain, 1) for domain in sorted(own))]
    typed = ModelProto(ir_version=model.ir_version, graph=model.graph, opset_import=sets)
    try:
        onnx.shape_inference.infer_shapes(typed, check_type=True)
    except onnx.shape_inference.InferenceError as error:
        said = str(error).split("\n")[0].partition("] ")[2].strip().rstrip(".")
        if "inconsistent type" in said or "unsupported type" in said:
            raise UserError(
                f"{path}: an operator reads a tensor of a type that it does not support ({said}); {AGAIN}."
            ) from error


def _as_qonnx_has_it(path: Path, node: NodeProto) -> None:
    """Number of inputs and types of attributes of qonnx's own operators."""
    least, longest = INPUTS.get(node.op_type, (1, len(node.input)))
    if not least <= len(node.input) <= longest or not all(node.input):
        count = sum(map(bool, node.input))
        raise UserError(f"{path}: {node_text(node)} has {count} inputs but needs {least}; {AGAIN}.")
    for attribute in node.attribute:
        if attribute.type != TYPES.get(attribute.name, attribute.type):
            kind = AttributeProto.AttributeType.Name(TYPES[attribute.name])
            raise UserError(
                f"{path}: {node_text(node)} has an attribute {attribute.name} that is not of type {kind}; "
                f"{AGAIN}."
            )
