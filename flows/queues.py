"""FIFOs that keep the pace: behind a pool, in front of a unit that takes the pool's pixels one by one.

A pool gives a row of pixels while the last rows of its windows arrive, and nothing in between. A window's ring takes that
in; a matrix-vector unit alone holds two vectors, and the unit before the pool would have to wait for it.
"""

from xnorforge.hw.ops.base import HwOp

FRAMES = 4  # until the time between frames no longer changes
HELD = 2  # vectors in the input buffer of a unit


def depths(ops: list[HwOp]) -> dict[str, int]:
    """{operator: beats of the FIFO in front of it} for a chain, the smallest that keep the slowest operator's cycles."""
    bound, found = max(op.cycles() for op in ops), {}
    for index, op in enumerate(ops):
        pools, before = _pools(ops, index)
        if not pools or "mw" not in op.get_nodeattr_types() or op.get_nodeattr("vectors") == 1:
            continue
        arrives, vectors = _arrivals(pools), op.get_nodeattr("vectors")
        step, service = before.cycles() / len(arrives), op.cycles() / vectors
        least, most = 0, vectors
        while least < most:
            middle = (least + most) // 2
            enough = _interval(arrives, step, service, HELD + middle) <= bound + 0.5
            least, most = (least, middle) if enough else (middle + 1, most)
        if least:
            found[op.name] = least * (op.in_stream().beats // vectors)
    return found


def _pools(ops: list[HwOp], index: int) -> tuple[list[HwOp], HwOp]:
    """The pools directly in front of an operator in stream order, width converters skipped, and what feeds the first."""
    pools = []
    before = [op for op in ops[:index] if type(op).__name__ != "Width"]
    while before and type(before[-1]).__name__ == "OrPool":
        pools.insert(0, before.pop())
    return pools, (before or pools or ops[:1])[-1]


def _arrivals(pools: list[HwOp]) -> list[bool]:
    """For every pixel that the first pool takes, in order, whether a pixel leaves the last pool with it."""
    rows, columns, _ = pools[0].in_stream().shape
    pixels = [[(y, x) for x in range(columns)] for y in range(rows)]
    for pool in pools:
        (kh, kw), (height, width, _) = pool.get_nodeattr("kernel"), pool.out_stream().shape
        pixels = [row[kw - 1 :: kw][:width] for row in pixels[kh - 1 :: kh][:height]]
    last = {pixel for row in pixels for pixel in row}
    return [(y, x) in last for y in range(rows) for x in range(columns)]


def _interval(arrives: list[bool], step: float, service: float, held: int) -> float:
    """Cycles per frame of a source, `step` cycles per pixel, in front of a unit, `service` cycles per vector.

    The pixels of a frame at which a vector arrives are marked; at most `held` vectors wait or are worked on, and while there
    is no room for one the source waits with it.
    """
    now, done, ends = 0.0, [0.0] * held, []
    for _ in range(FRAMES):
        for arrives_here in arrives:
            now += step
            if arrives_here:
                now = max(now, done[-held])
                done.append(max(now, done[-1]) + service)
        ends.append(done[-1])
    return ends[-1] - ends[-2]
