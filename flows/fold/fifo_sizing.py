"""FIFO sizing by rules: FIFOs that keep the initiation interval, FIFOs without which branches that meet again
would deadlock, and skids that keep a cycle's path of ready within one operator.

**Behind a pool**, in front of a unit that reads the pool's pixels vector by vector. A pool gives a row of
pixels while the last rows of its windows arrive, and nothing in between. A window's line buffer takes that
in; a matrix-vector unit alone holds two vectors, and the unit before the pool would have to stall.

**In front of an operator that reads several streams.** All come from one fork, some of them from a nearer
one as well, and each of these forks is looked at by itself. For beat k of the operator the slowest stream
needs a certain number of the fork's beats (`needs()`, composed along the branch); what the others made of all
beats before the last of these has to wait, while an operator can keep what only that last one completes.
Feed the fork beat by beat, and no FIFO ever has to hold more; and since every operator reads and writes in an
order of its own that does not depend on time, no other order of events can deadlock either. To this come the
beats that arrive while the slower branch works on what it has.

**Between two operators whose ready follows that of their reader within the cycle** (`HwOp.ready_through`): a
skid, where there is no FIFO yet, so that no such path runs through more than one operator.
"""

from dataclasses import dataclass
from math import ceil

import networkx as nx
import numpy as np

from xnorforge.hw.ops.base import HwOp

FRAMES = 4  # until the time between frames no longer changes
VECTORS_BUFFERED = 2  # in the input buffer of a unit
SKID = 2  # depth of a FIFO that is two registers


@dataclass(frozen=True)
class Branch:
    """What leads from a fork to a tensor.

    Attributes:
        needed: beats of the fork that each beat of the tensor's first frame needs.
        delay: cycles of work in between.
        beats: beats of the fork per frame.
    """

    needed: np.ndarray
    delay: float
    beats: int

    def needed_for(self, need: np.ndarray) -> np.ndarray:
        """Beats of the fork that so many beats at the end of the branch need, none for none."""
        return np.where(need > 0, self.needed[need - 1], 0)


def depth_of(op: HwOp) -> int | None:
    """Of a FIFO; None of other operators."""
    return op.get_nodeattr("depth") if "depth" in op.get_nodeattr_types() else None


def depths(ops: list[HwOp]) -> dict[tuple[str, int], int]:
    """{(operator, input): beats of the FIFO in front of it}, enough to keep the slowest operator's cycles,
    and the skids that ready needs.
    """
    before = {tensor: op for op in ops for tensor in op.results}
    return where_ready_runs_on(ops, before) | behind_pools(ops, before) | where_streams_meet(ops, before)


def where_streams_meet(
    ops: list[HwOp], before: dict[str, HwOp], keep_interval: bool = True
) -> dict[tuple[str, int], int]:
    """The second kind; without `keep_interval` only what must fit so that nothing deadlocks."""
    graph = nx.DiGraph(
        (before[tensor].name, op.name) for op in ops for tensor in op.sources if tensor in before
    )
    meeting = [op for op in ops if op.inputs > 1]
    if not meeting:
        return {}
    dominators = nx.immediate_dominators(graph, ops[0].name)
    found: dict[tuple[str, int], int] = {}
    interval = max(op.cycles() for op in ops)
    for op in meeting:
        for root, ports in _forks(op, dominators, before).items():
            branches = [_branch(op.sources[port], root, before) for port in ports]
            slowest = max(branch.delay for branch in branches)
            needs = [op.needs(port) for port in ports]
            # Per output beat of the first frame: beats of the fork that the slowest stream needs for it.
            asked = np.max([branch.needed_for(need) for branch, need in zip(branches, needs)], 0)
            for port, branch, need in zip(ports, branches, needs):
                arrived = sum(
                    np.searchsorted(branch.needed + late * branch.beats, asked, side="left")
                    for late in range(FRAMES)
                )
                fill = int((arrived - np.concatenate([[0], need[:-1]])).max())
                meanwhile = ceil((slowest - branch.delay) * op.in_streams()[port].beats / interval)
                depth = fill + (meanwhile if keep_interval else 0)
                if depth > 0:
                    found[op.name, port] = max(depth, found.get((op.name, port), 0))
    return found


def _forks(op: HwOp, dominators: dict[str, str], before: dict[str, HwOp]) -> dict[str, list[int]]:
    """{fork: the inputs of an operator that all come from it}, for every fork at which two of them part.

    The beats of a near fork come in bursts for one beat of a far one, so each counts in its own beats.
    """
    above = []
    for tensor in op.sources:
        names = [before[tensor].name]
        while dominators.get(names[-1], names[-1]) != names[-1]:
            names.append(dominators[names[-1]])
        above.append(names)
    pairs = ((a, b) for k, a in enumerate(above) for b in above[:k])
    nearest = {next(name for name in a if name in b) for a, b in pairs}
    return {fork: [port for port, names in enumerate(above) if fork in names] for fork in nearest}


def _branch(tensor: str, root: str, before: dict[str, HwOp]) -> Branch:
    """From the fork `root` to a tensor."""
    op = before[tensor]
    if op.name == root:
        beats = op.out_streams()[op.results.index(tensor)].beats
        return Branch(np.arange(1, beats + 1), 0.0, beats)
    branches = [_branch(source, root, before) for source in op.sources]
    needs = [op.needs(port) for port in range(op.inputs)]
    asked = np.max([branch.needed_for(need) for branch, need in zip(branches, needs)], 0)
    step = max(op.cycles() / len(np.unique(need)) for need in needs)
    delay = max(branch.delay for branch in branches) + step
    if len(asked) > 1 and (step < 2 or op.places() > 1):
        delay += op.latency() or 0
    return Branch(asked, delay, branches[0].beats)


def where_ready_runs_on(ops: list[HwOp], before: dict[str, HwOp]) -> dict[tuple[str, int], int]:
    """The third kind."""
    return {
        (op.name, port): SKID
        for op in ops
        for port, tensor in enumerate(op.sources)
        if op.ready_through and tensor in before and before[tensor].ready_through
    }


def behind_pools(ops: list[HwOp], before: dict[str, HwOp]) -> dict[tuple[str, int], int]:
    """The first kind."""
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


def _pools(op: HwOp, before: dict[str, HwOp]) -> tuple[list[HwOp], HwOp]:
    """The pools directly in front of an operator in stream order, width converters skipped, and what feeds
    the first.
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
    """For every pixel that the first pool takes, in order, whether a pixel leaves the last pool with it."""
    rows, columns, _ = pools[0].in_stream().shape
    pixels = [[(y, x) for x in range(columns)] for y in range(rows)]
    for pool in pools:
        (kh, kw), (height, width, _) = pool.pooling() or (1, 1), pool.out_stream().shape
        pixels = [row[kw - 1 :: kw][:width] for row in pixels[kh - 1 :: kh][:height]]
    last = {pixel for row in pixels for pixel in row}
    return [(y, x) in last for y in range(rows) for x in range(columns)]


def _interval(arrives: list[bool], step: float, service: float, places: int, slots: int) -> float:
    """Cycles per frame of a source, `step` cycles per pixel, in front of a unit, `service` cycles per vector.

    `arrives` marks the pixels of a frame at which a vector is complete. At most `places` vectors are
    processed and `slots` wait or are processed; while all slots are taken, the source stalls.
    """
    now, done, ends = 0.0, [0.0] * slots, []
    for _ in range(FRAMES):
        for arrives_here in arrives:
            now += step
            if arrives_here:
                now = max(now, done[-slots])
                done.append(max(now, done[-places]) + service)
        ends.append(done[-1])
    return ends[-1] - ends[-2]
