"""Straight-through estimators that an export left: a - c + c, by which training passes c's gradient, is a."""

from google.protobuf.message import Message
from onnx import ModelProto, NodeProto


def without_estimators(model: ModelProto) -> int:
    """Replace (a - c) + c and (a + c) - c, which float32 may round, by a, in place; returns how many were."""
    makers = {name: node for node in model.graph.node for name in node.output}
    numbers = {one.name: _text(one) for one in model.graph.initializer}
    same: dict[str, str] = {}

    def computed(name: str) -> tuple | str:
        """What a tensor is: two that the same operator makes of the same tensors are equal."""
        node = makers.get(name)
        given = [numbers.get(one, one) for one in node.input] if node else []
        return (_text(node), *given) if node and len(node.output) == 1 else name

    for node in model.graph.node:
        for kept, other in _orders(node):
            inner = makers.get(node.input[kept])
            if inner is None or {node.op_type, inner.op_type} != {"Add", "Sub"}:
                continue
            found = [a for a, c in _orders(inner) if computed(inner.input[c]) == computed(node.input[other])]
            if found:
                same[node.output[0]] = inner.input[found[0]]
                break
    ends = {one.name for one in model.graph.output}
    for name in [name for name in same if name in ends]:
        del same[name]
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            while name in same:
                name = same[name]
            node.input[place] = name
    return len(same)


def _orders(node: NodeProto) -> list[tuple[int, int]]:
    """Places of a and c in a - c, or in a + c and c + a."""
    return {"Sub": [(0, 1)], "Add": [(0, 1), (1, 0)]}.get(node.op_type, [])


def _text(one: Message) -> bytes:
    """A node or a constant without its names."""
    alone = type(one)()
    alone.CopyFrom(one)
    for field in ("name", "input", "output"):
        if field in alone.DESCRIPTOR.fields_by_name:
            alone.ClearField(field)
    return alone.SerializeToString(deterministic=True)
