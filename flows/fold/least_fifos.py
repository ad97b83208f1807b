"""Smaller FIFOs by the cycle model.

The rules of `fifo_sizing.py` look at one pair of branches at a time and ignore the storage inside operators
other than FIFOs. The model knows in which cycle every beat moves, so it tells whether frames still follow
each other in the same number of cycles, whether the first result arrives as early, and whether there is a
deadlock. Larger FIFOs never make it slower. The order of reads and writes does not depend on time: what does
not deadlock at full rate does not deadlock with any pauses.

A run of a large network takes a tenth of a second or more, so the search stops after `MOST_BEATS` moved
beats, which does not depend on the machine.
"""

from copy import deepcopy
from math import ceil, inf

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.flows.fold.fifo_sizing import SKID, depth_of, fifo_before
from xnorforge.hw.cycles import Course, CycleModel
from xnorforge.hw.ops._loadable import loadable
from xnorforge.hw.ops.base import HwOp

FRAMES = 64  # repeating frames cost nothing
MOST_BEATS = 36_000_000


class Sizing:
    """The search in one network.

    Attributes:
        model: with the depths found so far.
        depths: {index of a FIFO: depth}, for FIFOs that are deeper than a skid buffer and not fixed.
        given: the depths that the rules chose for them.
        moved: beats, in all runs.
    """

    def __init__(self, ops: list[HwOp], fixed: set[str]):
        self.model = CycleModel(ops)
        self.depths = {index: depth for index, depth in _free(ops, fixed).items() if depth > SKID}
        self.given = {index: ops[index] for index in self.depths}
        self.course = self.model.run(FRAMES, watched=[op.name for op in self.given.values()])
        self.moved = self.course.simulated * sum(self.course.beats.values())

    def enough(self, depths: dict[int, int]) -> bool:
        """Whether the network is as fast as before, and its first result as early, with these FIFO depths,
        none of which takes more resources; if so, they are kept. False once the search is over.
        """
        model, before = self.model, self.course
        for index, depth in depths.items():
            model = model.with_depth(index, depth)
        if self.moved >= MOST_BEATS or not all(self.spares(index, model) for index in depths):
            return False
        course = model.run(FRAMES, watched=())
        self.moved += (1 if course.stopped else course.simulated) * sum(course.beats.values())
        enough = (course.stopped, course.interval, course.answer) == (False, before.interval, before.answer)
        if enough:
            self.model, self.depths = model, self.depths | depths
        return enough

    def spares(self, index: int, model: CycleModel) -> bool:
        """Whether a FIFO takes no more LUTs and no more block RAM in a model than with the depth of the
        rules; a smaller FIFO may be built from LUTs instead of a block RAM.
        """
        before = self.given[index].estimate()
        return all(amount <= before[name] for name, amount in model.ops[index].estimate().items())

    def search(self) -> None:
        """Set all FIFOs to their maximum fill level; then try a skid buffer instead of one after the other,
        the deepest first; then find the smallest sufficient depth of each.
        """
        works, given = self.course.operators, dict(self.depths)
        fills = {index: works[op.name].fill or 0 for index, op in self.given.items()}
        # A smaller memory may have one register less after it, and a skid buffer has none.
        depths = {index: min(given[index], max(SKID, fill) + 1) for index, fill in fills.items()}
        self.enough(
            {index: n for index, n in depths.items() if self.spares(index, self.model.with_depth(index, n))}
        )
        deepest = sorted(given, key=lambda index: -given[index])
        failed = set()  # if a skid buffer is not enough for one FIFO, it is not enough for similar ones
        for index in deepest:
            like = (given[index], self.given[index].in_stream().beats)
            if self.depths[index] > SKID and like not in failed and not self.enough({index: SKID}):
                failed.add(like)
        for index in deepest:
            low, high = SKID, self.depths[index]
            while low + 1 < high and self.moved < MOST_BEATS:
                middle = (low + high) // 2
                low, high = (low, middle) if self.enough({index: middle}) else (middle, high)


def with_least_fifos(ops: list[HwOp], fixed: set[str]) -> list[HwOp]:
    """The same network with smaller FIFOs where that keeps its speed. FIFOs before the operators in `fixed`
    stay, and so do all FIFOs if the cycle model does not support an operator or frames may wait for a
    template.
    """
    try:
        if loadable(ops):
            return ops
        ops = _with_the_needed(_with_the_missing(ops, fixed), fixed)
        sizing = Sizing(ops, fixed)
    except UserError:
        return ops
    if sizing.depths:
        sizing.search()
    return sizing.model.ops


def _with_bursts(ops: list[HwOp], fixed: set[str]) -> CycleModel:
    """The network with FIFOs before inputs that are read in bursts and have none. A Concat reads the streams
    of a pixel one after the other; their common source waits while one of them is not read, unless the beats
    of that one can wait elsewhere.
    """
    found: list[HwOp] = []
    before = {tensor: op for op in ops for tensor in op.results}
    for op in deepcopy(ops):
        for port, tensor in enumerate(op.sources if op.inputs > 1 and op.name not in fixed else ()):
            burst = _burst(op, port)
            if burst > 1 and tensor in before and depth_of(before[tensor]) is None:
                found.append(fifo_before(op, port, max(ceil(burst), SKID + 1)))
        found.append(op)
    return CycleModel(found)


def _burst(op: HwOp, port: int) -> float:
    """Largest number of waiting beats of an input, if they arrive evenly and the operator never waits."""
    needs = op.needs(port)
    comes = np.arange(1, len(needs) + 1) * op.in_streams()[port].beats / len(needs)
    return float(np.ptp(comes - needs))


def _with_the_missing(ops: list[HwOp], fixed: set[str]) -> list[HwOp]:
    """The network with deeper FIFOs where those of the rules are too small, as nested branches may require:
    double the depth of the full FIFOs in a cycle of operators that wait for each other, as long as there is
    one; then add FIFOs for inputs that are read in bursts, and double the depth of all FIFOs that are deeper
    than a skid buffer, as long as that reduces the time between frames.
    """
    model, bound, free = CycleModel(ops), max(op.cycles() for op in ops), _free(ops, fixed)
    while (course := model.run(FRAMES, watched=())).stopped:
        full = {name for name in course.ring if course.operators[name].waits == "readers"}
        deeper = _twice(model, [index for index in free if ops[index].name in full])
        if deeper is model:
            return ops
        model = deeper
    if _interval(course) > bound:
        more = _with_bursts(model.ops, fixed)
        faster = more.run(FRAMES, watched=())
        if _interval(faster) < _interval(course):
            model, course, free = more, faster, _free(more.ops, fixed)
    while _interval(course) > bound:
        deeper = _twice(model, [index for index in free if (depth_of(model.ops[index]) or 0) > SKID])
        faster = deeper.run(FRAMES, watched=())
        if _interval(faster) >= _interval(course):
            break
        model, course = deeper, faster
    return model.ops


def _free(ops: list[HwOp], fixed: set[str]) -> dict[int, int]:
    """{index of a FIFO: depth}, except FIFOs before the operators `fixed`."""
    readers = {tensor: op.name for op in ops for tensor in op.sources}
    return {
        index: depth
        for index, op in enumerate(ops)
        if (depth := depth_of(op)) and readers[op.results[0]] not in fixed
    }


def _interval(course: Course) -> float:
    """Cycles from frame to frame; infinite if they vary."""
    return course.interval if isinstance(course.interval, int) else inf


def _twice(model: CycleModel, fifos: list[int]) -> CycleModel:
    """The same with these FIFOs twice as deep, unless they already hold `FRAMES` frames."""
    for index in fifos:
        op = model.ops[index]
        depth = depth_of(op) or 0
        if depth < FRAMES * op.in_stream().beats:
            model = model.with_depth(index, 2 * depth)
    return model


def _with_the_needed(ops: list[HwOp], fixed: set[str]) -> list[HwOp]:
    """The network without FIFOs after whole windows that have no effect: the rules do not know how many
    pixels wait before these. All other FIFOs also cut a ready path or hold a bypass.
    """
    behind = {op.results[0] for op in ops if op.stepping()}
    some = [ops[index] for index in _free(ops, fixed) if ops[index].sources[0] in behind]
    if not some:
        return ops
    before = CycleModel(ops).run(FRAMES, watched=())
    for fifo in some:
        fewer = deepcopy([op for op in ops if op.name != fifo.name])
        for op in fewer:
            given = [fifo.sources[0] if tensor == fifo.results[0] else tensor for tensor in op.sources]
            op.onnx_node.input[: op.inputs] = given
        course = CycleModel(fewer).run(FRAMES, watched=())
        fast = (course.stopped, course.interval) == (False, before.interval)
        if fast and (course.answer or 0) <= (before.answer or 0):
            ops = fewer
    return ops
