"""FIFO sizing: the smallest FIFOs with which a network keeps the interval of its slowest operator.

The cycle model (`hw/cycles`) is run with FIFOs before all inputs, made deeper until none of them is ever
full, while the source offers its beats evenly, one frame per interval. A FIFO as deep as it was filled then
changes nothing in that run. FIFOs are then left out, and the others made smaller, most expensive first, as
long as frames that come back to back keep their interval.

This holds for any input and any back-pressure, because no operator's order of reads and writes depends on
time: a beat moves as soon as the beats and the room that it needs are there. So beats that come earlier, or a
FIFO with more room, delay nothing, and pauses of a number of cycles delay results by no more than that. The
last does not hold for a buffer that shuts (`Work.shuts`), which a late beat may miss: with one, frames also
keep the interval if their beats come evenly. The stages of an operator have less room where beats come with
pauses: a second run has the least that there ever is (`Timing.least`), and a network that does not deadlock
in it does not deadlock with any pauses.

Apart from that, a skid buffer separates two operators whose ready depends combinationally on that of their
reader (`HwOp.ready_through`), so that no such path runs through more than one operator.
"""

from collections.abc import Collection, Mapping
from functools import cached_property
from math import ceil, inf

from xnorforge.flows.fold.gaps import with_gaps
from xnorforge.flows.fold.options import copied, put_before
from xnorforge.hw.bind import OPS
from xnorforge.hw.cycles import Course, CycleModel
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.ops.fifo.op import DEEPEST, HALF_BLOCK
from xnorforge.hw.timing import Timing

FRAMES = 32  # of a run; frames that repeat others are skipped
FEW = 6  # frames after which a FIFO is full if it is too small for most networks that do not keep up
SKID = 2  # depth of a FIFO that is two registers
SMALL = 4  # depth of FIFOs that are first tried to be left out together
ROUND = 32  # beats in the smallest LUT RAM
MOST_BEATS = 60_000_000  # moved in all runs: then FIFOs that may be too large are kept

Place = tuple[str, int]  # operator, input


def depth_of(op: HwOp) -> int | None:
    """The depth of a FIFO; None for other operators."""
    return op.get_nodeattr("depth") if "depth" in op.declared else None


def fifo_before(op: HwOp, port: int, depth: int) -> HwOp:
    """A FIFO before an input of an operator."""
    return put_before(_fifo(op, port, depth), op, port)


def with_fifos(
    ops: list[HwOp], given: Mapping[str, int], most_beats: int = MOST_BEATS, cut: bool = False
) -> list[HwOp]:
    """The operators with the FIFOs that they need.

    Args:
        ops: in order.
        given: {operator: depth} of FIFOs before all of its inputs, whatever they need.
        most_beats: that are moved in runs of the model; FIFOs may be larger than necessary with fewer.
        cut: a skid buffer on every stream, for a clock in which one handshake fits and not two.
    """
    network = _Network(with_gaps(ops), given, cut)
    return network.operators(_Search(network, most_beats).depths)


def frame_latency(ops: list[HwOp]) -> int:
    """Cycles from the first input beat of a frame to its last output beat, in an empty graph at full rate.

    Args:
        ops: in order; inputs of operators that read several streams and have no FIFO are taken to have one.
    """
    network = _Network(ops, {})
    frame = {(op.name, port): op.in_streams()[port].beats for op in ops for port in range(op.inputs)}
    meet = {(op.name, port) for op in ops if op.inputs > 1 for port in range(op.inputs)}
    answer = network.run({place: frame[place] for place in network.places if place in meet}, 1).answer
    assert answer is not None, "a frame of every stream has room"
    return answer


class _Network:
    """Operators, FIFOs of a given depth, skid buffers where ready needs them or everywhere, and any others.

    Attributes:
        places: inputs before which FIFOs can be put, in order, and the operator there.
    """

    def __init__(self, ops: list[HwOp], given: Mapping[str, int], cut: bool = False):
        self.ops = ops
        before = {tensor: op for op in ops for tensor in op.results}
        inputs = [(op, port) for op in ops for port in range(op.inputs)]
        self.fixed = {(op.name, port): given[op.name] for op, port in inputs if op.name in given}
        self.places: dict[Place, HwOp] = {}
        for op, port in inputs:
            writer = before.get(op.sources[port])
            place = op.name, port
            if place in self.fixed or writer is None or depth_of(op) or depth_of(writer):
                continue
            self.places[place] = op
        self.skids = {
            (op.name, port): SKID
            for (_, port), op in self.places.items()
            if cut or (op.ready_through and before[op.sources[port]].ready_through)
        }

    @cached_property
    def rows(self) -> dict[str, Timing]:
        """Rows of the operators in the cycle model."""
        return dict(zip((op.name for op in self.ops), CycleModel(self.ops).timings))

    def operators(self, depths: dict[Place, int]) -> list[HwOp]:
        """The operators with these FIFOs as well."""
        depths = self.skids | depths | self.fixed
        found = []
        for op in self.ops:
            ports = [port for port in range(op.inputs) if (op.name, port) in depths]
            if ports:
                op = copied(op)
            found += [fifo_before(op, port, depths[op.name, port]) for port in ports]
            found.append(op)
        return found

    @cached_property
    def least(self) -> dict[str, Timing]:
        """`rows` with the least room."""
        return {name: row.least for name, row in self.rows.items()}

    def run(
        self, depths: dict[Place, int], frames: int, pace: int = 0, watched: Collection[str] = (),
        least: bool = False,
    ) -> Course:  # fmt: skip
        """A run with these FIFOs."""
        model = CycleModel(self.operators(depths), rows=self.least if least else self.rows)
        return model.run(frames, pace=pace, watched=watched)

    def price(self, place: Place, depth: int) -> float:
        """LUTs of a FIFO, and as many as its block RAM is worth."""
        cost = _fifo(self.places[place], place[1], depth).estimate()
        return cost["lut"] + 2 * HALF_BLOCK * cost["bram36"]


class _Search:
    """The depths of the FIFOs of a network, {place: depth}; places without one are left out.

    FIFOs are put before operators that read several streams, and before all others if that is not enough."""

    def __init__(self, network: _Network, most_beats: int):
        self.network, self.left, self.most_beats = network, most_beats, most_beats
        self.known: dict[tuple, tuple[float, int]] = {}  # interval and moved beats of earlier runs
        self.bound = max(op.cycles() for op in network.ops)
        self.depths: dict[Place, int] = {}
        self.shuts = any(work.shuts for row in network.rows.values() for work in row.works)
        self.wanted, self.careful = float(self.bound), False
        meeting = [place for place, op in network.places.items() if op.inputs > 1]
        if not self.enough({}):
            self.search(meeting)
        if meeting and self.stands(self.depths):
            self.careful = True
            self.move(meeting)

    def search(self, meeting: list[Place]) -> None:
        """Find the depths with which the interval is kept."""
        self.depths, self.wanted = self.filled(meeting)
        self.left = self.most_beats
        self.enough({place: depth for place, depth in self.depths.items() if depth > SMALL})
        self.leave_out([place for place in self.by_price() if place not in meeting])
        alike: dict[tuple, list[Place]] = {}
        for place in self.by_price():
            stream = self.network.places[place].in_streams()[place[1]]
            alike.setdefault((self.depths[place], stream.beats, stream.width), []).append(place)
        for places in alike.values():
            self.shrink(places)
        for place in self.by_price():
            if [place] not in alike.values():
                self.shrink([place])

    def name(self, place: Place) -> str:
        """Of a FIFO."""
        return _name(self.network.places[place], place[1])

    def by_price(self) -> list[Place]:
        """The places of FIFOs, the most expensive first."""
        return sorted(self.depths, key=lambda place: -self.network.price(place, self.depths[place]))

    def run(
        self, depths: dict[Place, int], pace=0, watched: Collection[str] = (), least=False, frames=FRAMES
    ) -> Course:
        """A run with FIFOs of these depths."""
        course = self.network.run(depths, frames, pace, watched, least)
        self.left -= (1 if course.stopped else course.simulated) * sum(course.beats.values())
        return course

    def interval(self, depths: dict[Place, int], pace: int = 0) -> float:
        """Cycles from frame to frame, the mean if they vary; inf in a deadlock."""
        key, before = (frozenset(depths.items()), pace), self.left
        if key in self.known:
            self.left -= self.known[key][1]  # so that what a search finds does not depend on this short cut
        else:
            course = self.run(depths, pace)
            gaps = course.gaps[-1:] if isinstance(course.interval, int) else course.gaps[FRAMES // 2 :]
            self.known[key] = inf if course.stopped else sum(gaps) / len(gaps), before - self.left
        return self.known[key][0]

    def stands(self, depths: dict[Place, int]) -> bool:
        """Whether some pauses lead to a deadlock."""
        return self.run(depths, least=True).stopped

    def move(self, meeting: list[Place]) -> None:
        """Make FIFOs deeper until no pauses lead to a deadlock, and no deeper than that."""
        self.left, self.depths = self.most_beats, dict.fromkeys(meeting, SMALL) | self.depths
        while waits := self.run(self.depths, least=True).deadlock:
            full = [place for place in self.depths if waits[self.name(place)] == "readers"]
            if not full or self.left < 0 or any(self.depths[place] > DEEPEST // 2 for place in full):
                break  # FIFOs of a given depth are too small
            self.depths |= {place: 2 * self.depths[place] for place in full}
        for place in self.by_price():
            self.shrink([place])

    def filled(self, meeting: list[Place]) -> tuple[dict[Place, int], float]:
        """How far FIFOs are filled at most if none is ever full, and the interval with them: those
        of `meeting`, or if these are not enough, all."""
        every = self.network.places
        frame = {place: max(op.in_streams()[place[1]].beats, SKID + 1) for place, op in every.items()}
        depths = {place: frame[place] for place in meeting}
        if meeting and (fills := self.kept_evenly(depths)):
            return fills, self.bound
        found = self.interval(depths)
        if found > self.bound:
            if depths != frame and (fills := self.kept_evenly(frame)):
                return fills, self.bound
            depths, found = frame, self.interval(frame)
        while found > self.bound and max(depths.values()) < FRAMES * max(frame.values()) and self.left > 0:
            before, depths = found, {place: 2 * depth for place, depth in depths.items()}
            found = self.interval(depths)
            if found == before < inf:
                break  # an operator takes more than its cycles
        if found == inf:
            return {}, inf  # FIFOs of a given depth are too small
        while True:
            _, fills = self.evenly(depths, ceil(found))
            full = {place: 2 * fill for place, fill in fills.items() if fill >= depths[place]}
            if not full or self.left < 0:
                return _levels(fills), found
            depths |= full

    def kept_evenly(self, depths: dict[Place, int]) -> dict[Place, int] | None:
        """How far these FIFOs are filled if none is full and frames that come evenly keep the bound for
        good, as earlier ones then do unless a buffer shuts; else None. It does not count as moved."""
        if self.shuts:
            return None
        before = self.left
        for frames in (FEW, FRAMES):
            course, fills = self.evenly(depths, self.bound, frames)
            full = any(fills[place] >= depths[place] for place in depths)
            if full or course.repeats:  # for good, as a source with a pace skips all frames or none
                break
            if not course.stopped and course.gaps[-1] > self.bound < self.interval(depths):
                break  # nor with beats that come as early as they can
        self.left = before
        return _levels(fills) if course.repeats and course.interval == self.bound and not full else None

    def evenly(self, depths: dict[Place, int], pace: int, frames=FRAMES) -> tuple[Course, dict[Place, int]]:
        """A run whose source offers its beats evenly, and how far its FIFOs are filled at most."""
        names = {place: self.name(place) for place in depths}
        course = self.run(depths, pace, names.values(), frames=frames)
        return course, {place: course.operators[name].fill or 0 for place, name in names.items()}

    def enough(self, depths: dict[Place, int]) -> bool:
        """Whether these depths suffice; they are then kept."""
        paces = (0, ceil(self.wanted)) if self.shuts else (0,)
        fits = self.left > 0 and all(self.interval(depths, pace) <= self.wanted for pace in paces)
        fits = fits and not (self.careful and self.stands(depths))
        if fits:
            self.depths = depths
        return fits

    def leave_out(self, places: list[Place]) -> None:
        """Leave out as many of these FIFOs as possible."""
        if not places or self.enough({p: depth for p, depth in self.depths.items() if p not in places}):
            return
        half = len(places) // 2
        if half:
            self.leave_out(places[:half])
            self.leave_out(places[half:])

    def shrink(self, places: list[Place]) -> None:
        """Find the least depth of FIFOs of one depth, or leave them out; most are as deep as filled."""
        others = {p: depth for p, depth in self.depths.items() if p not in places}
        levels = sorted({_level(depth) for depth in range(self.depths[places[0]])})
        choices = [others, *(others | dict.fromkeys(places, level) for level in levels)]
        low, high = -1, len(choices)
        while high - low > 1 and self.left >= 0:
            middle = high - 1 if high == len(choices) else 0 if low < 0 else (low + high) // 2
            low, high = (low, middle) if self.enough(choices[middle]) else (middle, high)


def _level(depth: int) -> int:
    """The depth rounded up to one at which a memory of LUTs or block RAM begins to cost more."""
    if depth <= ROUND:
        return max(SKID, 1 << (depth - 1).bit_length())
    step = max(ROUND, 1 << (depth - 1).bit_length() - 4)
    return -(-depth // step) * step


def _levels(fills: dict[Place, int]) -> dict[Place, int]:
    """The depths of FIFOs that are filled so far."""
    return {place: _level(max(fill, SKID + 1)) for place, fill in fills.items()}


def _name(op: HwOp, port: int) -> str:
    return f"fifo_{op.name}" + (f"_in{port}" if op.inputs > 1 else "")


def _fifo(op: HwOp, port: int, depth: int) -> HwOp:
    """A FIFO for an input of an operator, not connected."""
    stream = op.in_streams()[port]
    shape, signed = list(stream.shape), int(stream.signed)
    form = {"shape": shape, "lanes": stream.lanes, "bits": stream.bits, "signed": signed}
    return OPS["Fifo"].make(_name(op, port), **form, depth=depth)
