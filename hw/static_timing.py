"""Static timing of a routed design: the slowest paths between registers of one clock.

A family describes its routed design as a `Graph` (hw/families/<family>); this module knows no family. The
clock reaches all registers at once: differences between its branches are not counted.
"""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field

from xnorforge.core.errors import UserError
from xnorforge.hw.routing import Hop, TimingPath

Pin = Hashable  # a pin of a placed cell


@dataclass
class Graph:
    """Delays between pins, in ns.

    Attributes:
        arcs: {pin: [(next pin, segment)]}, for cells from input to output and for nets from driver to load.
        starts: {output of a register: its clock-to-output time}.
        ends: {input of a register: its setup time}.
    """

    arcs: dict[Pin, list[tuple[Pin, Hop]]] = field(default_factory=lambda: defaultdict(list))
    starts: dict[Pin, Hop] = field(default_factory=dict)
    ends: dict[Pin, Hop] = field(default_factory=dict)

    def logic(self, source: Pin, sink: Pin, ns: float, cell: str) -> None:
        """Add a delay through a cell; without a name and delay, paths do not show it."""
        self.arcs[source].append((sink, Hop("logic", ns, cell)))

    def net(self, source: Pin, sink: Pin, ns: float, name: str) -> None:
        """Add a delay of a net."""
        self.arcs[source].append((sink, Hop("routing", ns, name)))

    def start(self, pin: Pin, ns: float, cell: str) -> None:
        """Add an output of a register; the longest time counts if it is added again."""
        if pin not in self.starts or ns > self.starts[pin].ns:
            self.starts[pin] = Hop("clk-to-q", ns, cell)

    def end(self, pin: Pin, ns: float, cell: str) -> None:
        """Add an input of a register; the longest time counts if it is added again."""
        if pin not in self.ends or ns > self.ends[pin].ns:
            self.ends[pin] = Hop("setup", ns, cell)


def slowest(graph: Graph, count: int) -> list[TimingPath]:
    """The slowest path to each of the registers' inputs that are reached last, slowest first.

    Args:
        graph: of a design with one clock.
        count: most paths.

    Raises:
        UserError: combinational logic is connected in a loop.
    """
    arrival = {pin: hop.ns for pin, hop in graph.starts.items()}
    before: dict[Pin, tuple[Pin, Hop]] = {}
    for pin in _ordered(graph):
        for sink, hop in graph.arcs.get(pin, ()):
            ns = arrival[pin] + hop.ns
            if ns > arrival.get(sink, float("-inf")):
                arrival[sink], before[sink] = ns, (pin, hop)
    ends = (pin for pin in graph.ends if pin in arrival)
    late = sorted(ends, key=lambda pin: -arrival[pin] - graph.ends[pin].ns)
    return [_path(graph, before, pin) for pin in late[:count]]


def _ordered(graph: Graph) -> list[Pin]:
    """The pins that registers reach, each behind all that lead to it."""
    reached, pending, leads = set(graph.starts), list(graph.starts), defaultdict[Pin, int](int)
    while pending:
        for sink, _ in graph.arcs.get(pending.pop(), ()):
            leads[sink] += 1
            if sink not in reached:
                reached.add(sink)
                pending.append(sink)
    ready = [pin for pin in graph.starts if not leads[pin]]
    order: list[Pin] = []
    while ready:
        order.append(pin := ready.pop())
        for sink, _ in graph.arcs.get(pin, ()):
            leads[sink] -= 1
            if not leads[sink]:
                ready.append(sink)
    if len(order) < len(reached):
        loop = min(str(pin) for pin in reached.difference(order))
        raise UserError(
            f"timing: {len(reached) - len(order):,} pins lie in or behind a combinational loop, as {loop} "
            "does; break it with a register."
        )
    return order


def _path(graph: Graph, before: dict[Pin, tuple[Pin, Hop]], pin: Pin) -> TimingPath:
    hops = [graph.ends[pin]]
    while pin in before:
        pin, hop = before[pin]
        if hop.name:
            hops.append(hop)
    return TimingPath((graph.starts[pin], *reversed(hops)))
