"""The operators of an integer graph between tensors that have one reader each, as hardware connects them.

A tensor `x_out` that several operators read is copied by a `Fork` into `x_fork_0`, `x_fork_1`, …
"""

from dataclasses import dataclass, field

from xnorforge.core.types import Record

from .values import Graph, Leaf


@dataclass
class Placed:
    """An operator and the tensors that it reads and writes; `op` and `at` as of `values.Node`."""

    name: str
    op: str
    input: list[str]
    output: list[str]
    at: Record = field(default_factory=dict)


class Connected:
    """The operators in order; `leaf`: what a tensor holds; `inputs`, `outputs`: the tensors at the ends.

    A flattening whose readers are all dense layers is no operator: it states the order in which they read, as
    their weights do. After the last layer it is none either: `lower` refuses one that changes the order."""

    def __init__(self, graph: Graph):
        self.nodes: list[Placed] = []
        self.leaf: dict[str, Leaf] = {}
        self._readers: dict[str, list[str]] = {leaf: [] for leaf in graph.leaves}
        for node in graph.nodes:
            for leaf in node.inputs:
                self._readers[leaf].append(node.op)
        for leaf in graph.outputs:
            self._readers[leaf].append("")
        self._at: dict[str, list[str]] = {}  # leaf -> one tensor for each reader to come
        self.inputs = list(graph.inputs)
        for leaf in graph.inputs:
            self.leaf[leaf] = graph.leaves[leaf]
            self._place(leaf, leaf)
        for node in graph.nodes:
            given = [self._at[leaf].pop(0) for leaf in node.inputs]
            if node.op == "Reshape" and {"Dense", ""}.issuperset(self._readers[node.out]):
                self._place(node.out, given[0])
                continue
            out = f"{node.name}_out"
            self.leaf[out] = graph.leaves[node.out]
            self.nodes.append(Placed(node.name, node.op, given, [out], node.at))
            self._place(node.out, out)
        self.outputs = [self._at[leaf].pop() for leaf in graph.outputs]
        self._maker = {tensor: node for node in self.nodes for tensor in node.output}
        self._reader = {tensor: node for node in self.nodes for tensor in node.input}

    def maker(self, tensor: str) -> Placed | None:
        """The operator that writes a tensor, None for an input."""
        return self._maker.get(tensor)

    def reader(self, node: Placed) -> Placed | None:
        """The operator that reads what one with a single output writes, None without."""
        return self._reader.get(node.output[0]) if len(node.output) == 1 else None

    def _place(self, leaf: str, tensor: str) -> None:
        """One tensor per reader of the leaf."""
        count = len(self._readers[leaf])
        self._at[leaf] = [tensor]
        if count > 1:
            name = f"{tensor.removesuffix('_out')}_fork"
            self._at[leaf] = [f"{name}_{k}" for k in range(count)]
            self.leaf |= dict.fromkeys(self._at[leaf], self.leaf[tensor])
            self.nodes.append(Placed(name, "Fork", [tensor], list(self._at[leaf])))
