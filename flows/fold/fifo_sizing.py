"""FIFO sizing by rules: FIFOs that keep the initiation interval, FIFOs without which reconverging branches
would deadlock, and skid buffers that limit combinational ready paths to one operator.

**After a pool**, before a unit that reads the pool's pixels vector by vector. A pool outputs a row of pixels
while the last rows of its windows arrive, and nothing in between. The line buffer of a window absorbs that; a
matrix-vector unit holds only two vectors, so the unit before the pool would have to stall.

**After whole windows** (`HwOp.stepping`). They cannot continue while one window waits, and need at least the
cycles of a row from the last window of a frame to the first of the next, with strides also from row to row.
If the operators after them, up to the next window, have no cycles to spare, they need buffered windows to
work on meanwhile.

**Before an operator that reads several streams.** All of them come from one fork, possibly through further
forks, and every fork at which two of them diverge is considered separately, as if what bypasses it were
already there. For beat k of the operator the slowest stream needs a certain number of the fork's beats
(`needs()`, composed along the branch); what the other branches produced from all beats before the last of
these has to wait, while an operator can hold back what only that last beat completes.
If the fork is fed beat by beat, no FIFO ever has to hold more; and since every operator reads and writes in a
fixed order that does not depend on time, no other order of events can deadlock either. The beats that arrive
while the slower branch is working are added to this.

**Between two operators whose ready depends combinationally on that of their reader** (`HwOp.ready_through`):
a skid buffer, if there is no FIFO yet, so that no such path runs through more than one operator.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, repeat
from math import ceil

import networkx as nx
import numpy as np

from xnorforge.flows.bind import OPS
from xnorforge.flows.fold.options import put_before
from xnorforge.hw.ops.base import HwOp

FRAMES = 4  # until the time between frames no longer changes
VECTORS_BUFFERED = 2  # in the input buffer of a unit
SKID = 2  # depth of a FIFO that is two registers


@dataclass(frozen=True)
class Branch:
    """The path from a fork to a tensor.

    Attributes:
        needed: beats of the fork that each beat of the tensor's first frame needs.
        delay: cycles of work in between.
        beats: beats of the fork per frame.
    """

    needed: np.ndarray
    delay: float
    beats: int

    def needed_for(self, need: np.ndarray) -> np.ndarray:
        """Beats of the fork that `need` beats at the end of the branch need; 0 needs 0."""
        return np.where(need > 0, self.needed[need - 1], 0)


def depth_of(op: HwOp) -> int | None:
    """The depth of a FIFO; None for other operators."""
    return op.get_nodeattr("depth") if "depth" in op.get_nodeattr_types() else None


def fifo_before(op: HwOp, port: int, depth: int) -> HwOp:
    """A FIFO before an input of an operator."""
    stream = op.in_streams()[port]
    fifo = OPS["Fifo"].make(
        f"fifo_{op.name}" + (f"_in{port}" if op.inputs > 1 else ""),
        shape=list(stream.shape),
        lanes=stream.lanes,
        bits=stream.bits,
        signed=int(stream.signed),
        depth=depth,
    )
    return put_before(fifo, op, port)


def depths(ops: list[HwOp]) -> dict[tuple[str, int], int]:
    """{(operator, input): beats of the FIFO before it}, enough to keep the slowest operator's cycles, and the
    skid buffers that ready needs.
    """
    before = {tensor: op for op in ops for tensor in op.results}
    behind = behind_pools(ops, before) | behind_whole_windows(ops)
    return where_ready_runs_on(ops, before) | behind | where_streams_meet(ops, before)


def where_streams_meet(
    ops: list[HwOp], before: dict[str, HwOp], keep_interval: bool = True
) -> dict[tuple[str, int], int]:
    """The third rule; without `keep_interval` only what is needed against deadlock."""
    meeting = [op for op in ops if op.inputs > 1]
    if not meeting:
        return {}
    graph = nx.DiGraph(
        (before[tensor].name, op.name) for op in ops for tensor in op.sources if tensor in before
    )
    found: dict[tuple[str, int], int] = {}
    interval = max(op.cycles() for op in ops)
    waiting = behind_whole_windows(ops) if keep_interval else {}
    beats = {op.name: op.in_stream().beats for op in ops}
    waits = {name: depth * interval / beats[name] for (name, _), depth in waiting.items()}
    for fork in (op for op in ops if op.outputs > 1):
        below = graph.subgraph({fork.name} | nx.descendants(graph, fork.name))
        branch = _branches(fork, below, before, waits)
        for op, ports in _parting(fork, below, meeting, before):
            branches = [branch(op.sources[port]) for port in ports]
            slowest = max(one.delay for one in branches)
            needs = [op.needs(port) for port in ports]
            # Per output beat of the first frame: beats of the fork that the slowest stream needs for it.
            asked = np.max([one.needed_for(need) for one, need in zip(branches, needs)], 0)
            for port, one, need in zip(ports, branches, needs):
                arrived = sum(
                    np.searchsorted(one.needed + late * one.beats, asked, side="left")
                    for late in range(FRAMES)
                )
                fill = int((arrived - np.concatenate([[0], need[:-1]])).max())
                meanwhile = ceil((slowest - one.delay) * op.in_streams()[port].beats / interval)
                depth = fill + (meanwhile if keep_interval else 0)
                if depth > 0:
                    found[op.name, port] = max(depth, found.get((op.name, port), 0))
    return found


def _parting(
    fork: HwOp, below: nx.DiGraph, meeting: list[HwOp], before: dict[str, HwOp]
) -> Iterator[tuple[HwOp, list[int]]]:
    """The operators of `meeting` with their inputs that come from a fork, if two of them diverge there.

    Inputs that diverge at a later fork are handled with that fork's beats; other inputs of an operator on the
    way are assumed to be available.
    """
    dominators = nx.immediate_dominators(below, fork.name)
    for op in meeting:
        feeding = {port: before[tensor].name for port, tensor in enumerate(op.sources) if tensor in before}
        ways = {port: _way(name, fork.name, dominators) for port, name in feeding.items() if name in below}
        if op is not fork and any(a.isdisjoint(b) for a, b in combinations(ways.values(), 2)):
            yield op, list(ways)


def _way(name: str, fork: str, dominators: dict[str, str]) -> set[str]:
    """The operators after a fork through which all paths from it to `one` lead."""
    found = set()
    while name != fork:
        found.add(name)
        name = dominators[name]
    return found


def _branches(
    fork: HwOp, below: nx.DiGraph, before: dict[str, HwOp], waits: dict[str, float]
) -> Callable[[str], Branch]:
    """The branch from a fork to a tensor; `waits`: cycles that beats wait before operators, by name."""

    @cache
    def branch(tensor: str) -> Branch:
        op = before[tensor]
        if op is fork:
            beats = op.out_streams()[op.results.index(tensor)].beats
            return Branch(np.arange(1, beats + 1), 0.0, beats)
        ports = [port for port, source in enumerate(op.sources) if before[source].name in below]
        branches = [branch(op.sources[port]) for port in ports]
        needs = [op.needs(port) for port in ports]
        asked = np.max([branch.needed_for(need) for branch, need in zip(branches, needs)], 0)
        step = max(op.cycles() / len(np.unique(need)) for need in needs)
        delay = max(branch.delay for branch in branches) + step
        if len(asked) > 1 and (step < 2 or op.places() > 1):
            delay += op.latency() or 0
        delay += waits.get(op.name, 0.0)
        return Branch(asked, delay, branches[0].beats)

    return branch


def where_ready_runs_on(ops: list[HwOp], before: dict[str, HwOp]) -> dict[tuple[str, int], int]:
    """The fourth rule."""
    return {
        (op.name, port): SKID
        for op in ops
        for port, tensor in enumerate(op.sources)
        if op.ready_through and tensor in before and before[tensor].ready_through
    }


def behind_pools(ops: list[HwOp], before: dict[str, HwOp]) -> dict[tuple[str, int], int]:
    """The first rule."""
    bound, found = max(op.cycles() for op in ops), {}
    for op in ops:
        pools, source = _pools(op, before)
        vectors = op.input_vectors()
        if not pools or vectors < 2:
            continue
        arrives = _arrivals(pools)
        places = op.places()
        step, service = source.cycles() / len(arrives), op.cycles() / vectors * places
        slots = places if places > 1 else VECTORS_BUFFERED
        least, most = 0, vectors
        while least < most:
            middle = (least + most) // 2
            enough = _interval(arrives, step, service, places, slots + middle) <= bound + 0.5
            least, most = (least, middle) if enough else (middle + 1, most)
        if least:
            found[op.name, 0] = least * (op.in_stream().beats // vectors)
    return found


def behind_whole_windows(ops: list[HwOp]) -> dict[tuple[str, int], int]:
    """The second rule: pixels are assumed to arrive evenly."""
    bound, found = max(op.cycles() for op in ops), {}
    after = {tensor: (op, port) for op in ops for port, tensor in enumerate(op.sources)}
    for op in ops:
        steps = op.stepping()
        if steps is None or op.results[0] not in after:
            continue
        takes, gives = steps
        comes = np.where(takes, (np.cumsum(takes) - 1) * bound / takes.sum(), 0)
        played = tuple(gives.tolist()), tuple(comes.tolist()), bound
        units = ((unit.cycles() / gives.sum(), unit.places()) for unit in _units(op, after))
        least = max((_least(*played, *unit) for unit in units), default=0)
        if least:
            reader, port = after[op.results[0]]
            found[reader.name, port] = max(least, SKID) + 1  # for the cycle that a memory takes
    return found


def _units(op: HwOp, after: dict[str, tuple[HwOp, int]]) -> list[HwOp]:
    """The consecutive operators that process an operator's beats, up to windows, in which pixels wait."""
    found: dict[str, HwOp] = {}
    open_ones = list(op.results)
    while open_ones:
        one, _ = after.get(open_ones.pop(), (op, 0))
        if one.name not in found and one.stepping() is None and not one.keeps_rows:
            found[one.name] = one
            open_ones += one.results
    return list(found.values())


@cache
def _least(gives: tuple, comes: tuple, bound: int, service: float, places: int) -> int:
    """Windows that have to wait before a unit, `service` cycles apart, to keep `bound`."""
    slots = places if places > 1 else VECTORS_BUFFERED

    def enough(more: int) -> bool:
        return _interval(gives, 1, service * places, places, slots + more, comes, bound) <= bound + 0.5

    return bisect_left(range(sum(gives)), True, key=enough)


def _pools(op: HwOp, before: dict[str, HwOp]) -> tuple[list[HwOp], HwOp]:
    """The pools directly before an operator in stream order, width converters skipped, and the source of the
    first.
    """
    pools: list[HwOp] = []
    source = before.get(op.sources[0])
    while source is not None:
        if source.pooling():
            pools.insert(0, source)
        elif not source.identity or source.outputs > 1:
            break
        source = before.get(source.sources[0])
    return pools, source or (pools or [op])[0]


def _arrivals(pools: list[HwOp]) -> list[bool]:
    """For every input pixel of the first pool, in order, whether the last pool outputs a pixel with it."""
    rows, columns, _ = pools[0].in_stream().shape
    pixels = [[(y, x) for x in range(columns)] for y in range(rows)]
    for pool in pools:
        (kh, kw), (height, width, _) = pool.pooling() or (1, 1), pool.out_stream().shape
        pixels = [row[kw - 1 :: kw][:width] for row in pixels[kh - 1 :: kh][:height]]
    last = {pixel for row in pixels for pixel in row}
    return [(y, x) in last for y in range(rows) for x in range(columns)]


def _interval(
    arrives: Sequence[bool],
    step: float,
    service: float,
    places: int,
    slots: int,
    comes: Sequence[float] = (),
    frame: int = 0,
) -> float:
    """Cycles per frame of a source, `step` cycles per pixel, before a unit, `service` cycles per vector.

    `arrives` marks the pixels of a frame at which a vector is complete. At most `places` vectors are
    processed and `slots` wait or are processed; while all slots are taken, the source stalls. `comes`: when
    each pixel is available to it, in cycles of a `frame`; all at once if empty.
    """
    now, done, ends = 0.0, [0.0] * slots, []
    for begin in range(0, FRAMES * frame, frame) if comes else [0] * FRAMES:
        for arrives_here, come in zip(arrives, comes or repeat(0.0)):
            now = max(now, begin + come) + step
            if arrives_here:
                now = max(now, done[-slots])
                done.append(max(now, done[-places]) + service)
        ends.append(done[-1])
    return ends[-1] - ends[-2]
