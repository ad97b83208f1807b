"""The foldings of one operator with their cost, from which the search chooses, and the width converters
between two operators.

Most foldings are never priced: a folding costs more the wider it is, so those are left out that are at least
as wide as one that a narrower folding with width converters replaces for less.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise, product
from math import inf, lcm, log2, prod
from operator import eq, le
from zlib import compress

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.bind import OPS, Bound
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.parts import family_in_use

RESOURCES = ("lut", "bram36", "dsp", "uram")
SPARE = {"lut": "lut", "bram": "bram36", "dsp": "dsp"}  # {name in a request: one of RESOURCES}
NOTHING = (0.0,) * len(RESOURCES)
LEAST = 1 / 16  # LUTs per weight but 0 and input bit of a matrix that is wired or made of adders, at least
ALL = 32  # foldings of an operator up to which all are priced
SURE = 2  # narrower foldings that others replace, from which on a folding is taken for replaced too
QUICK = 0.5  # lower bound of the adders' size relative to their quick estimate; 0.66 and more was measured
FIRM = 0.75  # of weights beyond +-1; 0.87 and more in 302 matrices of up to 8 bits
SUM_BITS = 5  # that say the shifts and the sign of an addition
NEVER = 2**62  # cycles of an operator without a folding
STREAM = 64  # bits of the streams into and out of the accelerator, unless an interval needs more
IDLE_BYTE = 2.0  # LUTs that a byte counts as which is idle in every beat of such a stream
HELD_BYTE = 1.0  # and one that the converter at such a stream holds in registers
ROUNDING = 1e-6  # of a sum of estimates

Amounts = tuple[float, ...]  # of RESOURCES


@dataclass(frozen=True, eq=False)  # compared by identity
class Option:
    """A folding of one operator: its resources, and its streams by tensor.

    Attributes:
        exactly: returns the exact option, which takes seconds, if `amounts` are only a lower bound.
        wasted: what idle and held bytes of the accelerator's own streams count as, in LUTs.
    """

    op: HwOp
    cycles: int
    amounts: Amounts
    takes: dict[str, Stream]
    gives: dict[str, Stream]
    exactly: "Callable[[], Option] | None" = None
    wasted: float = 0.0

    @classmethod
    def of(cls, op: HwOp) -> "Option":
        """An operator, priced."""
        takes, gives = dict(zip(op.sources, op.in_streams())), dict(zip(op.results, op.out_streams()))
        cost = op.estimate(registers=False)
        return cls(op, op.cycles(), tuple(float(cost.get(name, 0)) for name in RESOURCES), takes, gives)

    @property
    def lanes(self) -> tuple[int, ...]:
        """Elements per beat of all its streams."""
        return tuple(stream.lanes for stream in (*self.takes.values(), *self.gives.values()))

    def replaces(self, other: "Option") -> bool:
        """Whether this folding, converted to the streams of the other, takes no more of anything."""
        total = self.amounts
        pairs = [(stream, self.takes[name]) for name, stream in other.takes.items()]
        for source, sink in pairs + [(self.gives[name], stream) for name, stream in other.gives.items()]:
            more = between(source, sink)
            if more is None:
                return False
            total = tuple(map(sum, zip(total, more)))
        return all(mine <= its + ROUNDING for mine, its in zip(total, other.amounts))


@dataclass(frozen=True)
class Ports:
    """The inputs and outputs of the accelerator that an operator reads or writes, and the width of their bus.
    A width converter can be put before an operator, and after one whose results are sent unchanged.

    Attributes:
        tensors: names of these inputs and outputs.
        most: greatest width of the bus, in bits.
        firm: whether a folding that needs a wider bus is refused; else it gets one.
    """

    tensors: frozenset[str] = frozenset()
    most: int = STREAM
    firm: bool = False

    def kept(self, found: list[HwOp]) -> dict[HwOp, int]:
        """The foldings that work with the bus, and their cycles per frame, if `firm` those of the bus too.

        Raises:
            UserError: an element is wider than the bus.
        """
        kept, least = {}, []
        for op in found:
            beats = [op.cycles()]
            for name, stream in zip((*op.sources, *op.results), (*op.in_streams(), *op.out_streams())):
                if self.firm and name in self.tensors:
                    widths = self._narrower(op, name, stream)
                    least.append(min(one.axis_bits for one in widths))
                    beats.append(min((one.beats for one in widths if one.axis_bits <= self.most), default=0))
            if 0 not in beats:
                kept[op] = max(beats)
        if found and not kept:
            raise UserError(f"{found[0].name}: STREAM={self.most} is too narrow; use STREAM={min(least)}.")
        return kept

    def joined(self, found: list[Option], interval: int) -> list[Option]:
        """Options with the cheapest width converter at each input and output, wasted bytes included."""
        for name in self.tensors:
            every = [self._joined(one, name, interval) for one in found]
            widths = [its.axis_bits for some in every for _, its in some]
            most = self.most if self.firm else max(self.most, min(widths, default=0))
            fits = [[one for one, its in some if its.axis_bits <= most] for some in every]
            found = [min(some, key=lambda one: one.amounts[0] + one.wasted) for some in fits if some]
        return found

    def _joined(self, one: Option, name: str, interval: int) -> list[tuple[Option, Stream]]:
        """An option with each bus that is wide enough for an interval, and that bus, widest first."""
        into = name in one.takes
        own = one.takes[name] if into else one.gives[name]
        found = []
        for bus in self._narrower(one.op, name, own):
            more = between(bus, own) if into else between(own, bus)
            if more is not None and bus.beats <= max(interval, one.cycles):
                sides = {"takes": one.takes | {name: bus}} if into else {"gives": one.gives | {name: bus}}
                amounts = tuple(map(sum, zip(one.amounts, more)))
                wasted = one.wasted + IDLE_BYTE * ((bus.axis_bits - bus.width) // 8)
                wasted += HELD_BYTE * own.width / 8 * (bus != own)
                cycles = max(one.cycles, bus.beats)
                found.append((replace(one, amounts=amounts, cycles=cycles, wasted=wasted, **sides), bus))
        return found

    @staticmethod
    def _narrower(op: HwOp, name: str, own: Stream) -> list[Stream]:
        """The streams that a converter can make of an operator's own, widest first: that one."""
        plain = not op.indices and type(op).answers is HwOp.answers
        least = 1 if name in op.sources or plain else own.lanes
        lanes = [count for count in range(own.lanes, least - 1, -1) if own.lanes % count == 0]
        return [one for one in (replace(own, lanes=count) for count in lanes) if fits(one)]


class Options:
    """The foldings of one operator.

    Args:
        bound: the operator.
        fixed: {"simd", "pe", "pixels" or a style: value} given by the user; it may be too slow.
        adders: also consider distributed arithmetic instead of a matrix, and several vectors at a time, which
            only our RTL back ends support.
        ports: inputs and outputs of the accelerator among its streams.

    Attributes:
        cycles: of every folding, those with adders excluded.
        fastest: cycles of the fastest folding; `NEVER` if it needs pages (`HwOp.with_pages`) and none has.
    """

    def __init__(self, bound: Bound, fixed: Record, adders: bool = False, ports: Ports | None = None):
        self.bound, self.fixed, self.ports = bound, fixed, ports or Ports()
        found = candidates(bound, fixed, adders)
        paged = bound.attributes.get("pages", 0)
        kept = self.ports.kept([op for op in found if op.first_load or not paged])
        self.foldings: list[HwOp] = [*kept]
        self.cycles: list[int] = [*kept.values()]
        self.fastest: int = min(self.cycles, default=NEVER)
        self._priced: dict[int, dict[tuple, Option]] = {}
        self._adders: list[Option] | None = None if adders and not fixed else []
        self._anyhow: list[Option] | None = self._adders
        self._within: dict[int, list[Option]] = {}
        self.sooner: dict[Option, list[Option]] = {}  # options that are another one with fewer registers

    @property
    def name(self) -> str:
        """The operator's name."""
        return self.bound.name

    def within(self, interval: int) -> list[Option]:
        """The foldings worth considering at an interval, in cycles per frame; of those with the same
        streams the Pareto-optimal ones. If the user's folding is slower, the fastest with it."""
        if self.fixed:
            interval = max(interval, self.fastest)
        if interval not in self._within:
            self._within[interval] = self._look(interval)
        return self._within[interval]

    def _look(self, interval: int) -> list[Option]:
        found = self._narrow([place for place, cycles in enumerate(self.cycles) if cycles <= interval])
        found += [one for one in self._of_adders(found) if one.cycles <= interval]
        return pareto(self.ports.joined(found, interval))

    def _narrow(self, places: list[int]) -> list[Option]:
        """Foldings up to those that narrower ones replace, and the widest of a single vector, which may be
        wired for less. The whole of a dimension, which saves a counter or a memory, is looked at apart."""
        kept: dict[tuple, list[Option]] = {}  # by memory styles
        beyond: dict[tuple, list[tuple[int, ...]]] = {}
        most = tuple(map(max, zip(*map(_settings, self.foldings))))
        for place in places:
            at = _settings(self.foldings[place])
            alike = beyond.setdefault(tuple(map(eq, at, most)), [])
            if len(self.foldings) > ALL and sum(all(map(le, one, at)) for one in alike) >= SURE:
                continue
            some = self._price(place)
            new = {key: one for key, one in some.items() if not _replaced(one, kept.get(key, ()))}
            if not new:
                alike.append(at)
            for key, one in new.items():
                kept.setdefault(key, []).append(one)
        found = [one for some in kept.values() for one in some]
        for last in [place for place in places if _settings(self.foldings[place])[0] == 1][-1:]:
            widest = self.foldings[last]
            lut = LEAST * widest.in_stream().lanes * widest.out_stream().lanes * widest.in_stream().bits
            if last not in self._priced and not _replaced(_at_least(widest, lut), found):
                found += self._price(last).values()
        return found

    def _price(self, place: int) -> dict[tuple, Option]:
        """{values of the memory styles that are free: the folding with them}."""
        if place not in self._priced:
            op = self.foldings[place]
            free = {name: values for name, values in op.styles.items() if name not in self.fixed}
            folding = {name: op.get_nodeattr(name) for name in (*extents(self.bound), *op.styles)}
            found = {}
            for values in product(*free.values()):
                chosen = folding | dict(zip(free, values))
                if OPS[self.bound.op].together(self.bound.attributes, chosen):
                    found[values] = Option.of(self.bound.make(**chosen) if free else op)
            self._priced[place] = found
        return self._priced[place]

    def _of_adders(self, found: list[Option]) -> list[Option]:
        """Adders in place of a matrix, unless a folding replaces any: at first what any take at
        least, since finding them takes seconds."""
        if self._adders is None:
            widest = self._widest()
            least = _least_adders(self.bound, widest)
            if least is not None and _replaced(_at_least(widest, least.amounts[0]), found):
                return []
            self._adders = [] if least is None else [least]
        return self._adders

    def _widest(self) -> HwOp:
        return max(self.foldings, key=lambda op: op.out_stream().lanes * op.in_stream().lanes)

    def as_adders(self, interval: int) -> list[Option]:
        """Adders instead of a matrix, also where a folding takes less; exactly priced."""
        if self._anyhow is None:
            self._anyhow = [one.exactly() for one in _with_adders(self.bound, self._widest()) if one.exactly]
        return self.ports.joined(self._anyhow, interval)

    def improve(self) -> None:
        """Compute what is only a lower bound."""
        self._adders = [one.exactly() if one.exactly else one for one in self._adders or []]
        self._within.clear()


def _least_adders(bound: Bound, op: HwOp) -> Option | None:
    """A lower bound of the adders that replace an operator, a vector per beat; None if it has no matrix."""
    if (matrix := op.matrix()) is None:
        return None
    weights, source, sink = matrix.weights, op.in_stream(), op.out_stream()
    lanes = (replace(one, lanes=count) for one, count in zip((source, sink), weights.shape))
    takes, gives = ({name: one} for name, one in zip((op.sources[0], op.results[0]), lanes))
    lut = source.bits * max(LEAST * int(np.count_nonzero(weights)), QUICK * _least_sums(weights))
    none = Option(op, NEVER, NOTHING, {}, {})  # adders that meet no interval
    cycles, least = prod(source.shape) // len(weights), (lut, *NOTHING[1:])
    return Option(op, cycles, least, takes, gives, lambda: next(iter(_with_adders(bound, op)), none))


def _least_sums(weights: np.ndarray) -> float:
    """A lower bound of the additions that multiply by a matrix without structure: their list (of
    each two terms, shifts and a sign) is no shorter than the compressed weights."""
    small = weights.astype(np.int8 if abs(weights).max(initial=0) < 128 else np.int64)
    bits, sums = 8 * len(compress(small.tobytes())), 1.0
    for _ in range(9):  # the more sums, the more bits a number has
        sums = bits / (2 * log2(sums + len(weights)) + SUM_BITS)
    return sums


def _with_adders(bound: Bound, op: HwOp) -> list[Option]:
    """Adders that can replace a matrix, if any, with a lower bound of their cost."""
    try:
        quick = adders_of(op, True)
    except UserError:
        return []
    if quick is None:
        return []
    one, signs = Option.of(bound.connected(quick)), (abs(quick.arrays_of["weights"]) == 1).all()
    least = tuple((QUICK if signs else FIRM) * amount for amount in one.amounts)
    return [replace(one, amounts=least, exactly=partial(_exactly, bound, op))]


def _exactly(bound: Bound, op: HwOp) -> Option:
    found = adders_of(op)
    assert found is not None, "a quick look found one"
    return Option.of(bound.connected(found))


def adders_of(op: HwOp, quick: bool = False) -> HwOp | None:
    """Adders in place of a matrix (`HwOp.instead_of`), `quick` maybe not the fewest; None if there are none.

    Raises:
        UserError: it has too many weights.
    """
    found = (kind.instead_of(op, quick) for kind in OPS.values() if kind.structure == "adders")
    return next((one for one in found if one is not None), None)


def _settings(op: HwOp) -> tuple[int, ...]:
    """Pixels, Simd, Pe; 1 for those that it does not have."""
    return tuple(op.get_nodeattr(name) if name in op.declared else 1 for name in ("pixels", "simd", "pe"))


def _at_least(op: HwOp, lut: float) -> Option:
    """An operator with a lower bound of the LUTs that it takes for all of its weights at a time."""
    takes, gives = dict(zip(op.sources, op.in_streams())), dict(zip(op.results, op.out_streams()))
    return Option(op, 0, (lut, *NOTHING[1:]), takes, gives)


def _replaced(one: Option, others: Iterable[Option]) -> bool:
    return any(other.replaces(one) for other in others)


def pareto(options: list[Option]) -> list[Option]:
    """Of options with equal streams only the Pareto-optimal ones; none that cannot be built (inf)."""
    alike: dict[tuple, list[Option]] = {}
    for one in sorted((one for one in options if max(one.amounts) < inf), key=lambda one: one.amounts):
        same = alike.setdefault(one.lanes, [])
        if not any(all(a <= b for a, b in zip(other.amounts, one.amounts)) for other in same):
            same.append(one)
    return [one for same in alike.values() for one in same]


def between(source: Stream, sink: Stream) -> Amounts | None:
    """Cost of the width converters from one stream to another; None if none can join them."""
    steps = _steps(source, sink)
    if steps is None:
        return None
    costs = [_converter(*pair, source.bits, family_in_use()) for pair in pairwise(steps)]
    return tuple(map(sum, zip(NOTHING, *costs)))


def skid_buffer(stream: Stream) -> Amounts:
    """Cost of a FIFO of two beats."""
    return _skid_buffer(stream.lanes, stream.bits, family_in_use())


@cache
def _skid_buffer(lanes: int, bits: int, _family: str) -> Amounts:
    return Option.of(OPS["Fifo"].make(shape=[lanes], lanes=lanes, bits=bits, depth=2)).amounts


@cache
def _converter(lanes: int, after: int, bits: int, _family: str) -> Amounts:
    shape = [lcm(lanes, after)]
    return Option.of(OPS["Width"].make(shape=shape, in_lanes=lanes, out_lanes=after, bits=bits)).amounts


def extents(bound: Bound) -> dict[str, int]:
    """{"simd", "pe", "pixels"} -> the size that each must divide; only the settings that the operator has."""
    return OPS[bound.op].sizes(bound.attributes)


def foldings(bound: Bound) -> dict[str, list[int]]:
    """{"simd", "pe", "pixels"} -> the possible values; only the settings that the operator has."""
    return OPS[bound.op].foldings(bound.attributes)


def checked_folding(bound: Bound, given: dict[str, int]) -> dict[str, int]:
    """Check a folding given by the user, including memory styles.

    Raises:
        UserError: a setting that the operator lacks, a value that does not divide, or beats that do not fit.
    """
    sizes, possible, styles = extents(bound), foldings(bound), OPS[bound.op].styles
    for name, value in given.items():
        if name == "interval" and bound.body:  # see bodies.py
            continue
        if name in styles:
            if value not in styles[name]:
                known = ", ".join(map(str, styles[name]))
                raise UserError(f"{bound.name}: {name}={value} is not a choice; use one of [{known}].")
            continue
        if name not in sizes:
            has = "use " + " and ".join([*sizes, *styles]) if sizes or styles else "it cannot be folded"
            raise UserError(f"{bound.name}: {bound.op} has no setting {name}; {has}.")
        if value not in possible[name]:
            divides = value > 0 and sizes[name] % value == 0
            own = OPS[bound.op].extents[name]
            called = {"mw": "length", "mh": "outputs", "vectors": "vectors"}  # as the user calls it
            whole = f"{called.get(own, name if name == 'pixels' else 'channels')}={sizes[name]}"
            why = "makes beats too wide" if divides else f"does not divide {whole}"
            shown = ", ".join([*map(str, possible[name][:12]), *["…"] * (len(possible[name]) > 12)])
            raise UserError(f"{bound.name}: {name}={value} {why}; use one of [{shown}].")
    return given


def candidates(bound: Bound, fixed: dict[str, int], several: bool = False) -> list[HwOp]:
    """All foldings of an operator that its streams can carry, in order of Pixels, Simd, Pe; of
    several vectors at a time, with `several` or if given, those with the smallest Pe."""
    chosen = {name: fixed[name] for name in OPS[bound.op].styles if name in fixed}
    ranges = {name: [fixed[name]] if name in fixed else values for name, values in foldings(bound).items()}
    if "pixels" in ranges and "pixels" not in fixed and (not several or {"simd", "pe"} & fixed.keys()):
        ranges["pixels"] = [1]  # a Simd and Pe given by the user refer to one vector
    found, known = [], set()
    names: list[str] = [name for name in ("pixels", "simd", "pe") if name in ranges]
    for values in product(*(ranges[name] for name in names)):
        folding: dict[str, int] = dict(zip(names, values))
        if not OPS[bound.op].together(bound.attributes, folding | chosen):
            continue
        pixels = folding.get("pixels", 1)
        if pixels > 1 and pixels in known:
            continue  # a larger Pe makes nothing faster
        op = bound.make(**folding, **chosen)
        if all(map(fits, [*op.in_streams(), *op.out_streams()])):
            found.append(op)
            known.add(pixels)
    if found:
        return found
    raise UserError(f"{bound.name}: {fixed} {_uncombined(bound, fixed)}.")


def _uncombined(bound: Bound, fixed: dict[str, int]) -> str:
    """Why no folding of an operator has the settings given by the user, and what would."""
    if "pixels" in fixed:
        return f"cannot be combined; pixels of 2 or more need {_whole(bound)}"
    if fixed.get("rom") == "ultra":
        return (
            "cannot be combined; rom=ultra needs a part with UltraRAM, LOADABLE=1, since a bitstream cannot "
            "fill it, and one vector at a time"
        )
    if fixed.get("rom") == "columns":
        return (
            "cannot be combined; rom=columns needs bits, one vector at a time, more than 1,024 words, and a "
            "number of words that is not a power of two"
        )
    return (
        "produces beats that do not divide a frame; remove it to let the search choose, or use divisors of "
        "the channels"
    )


def with_width_converters(
    ops: list[HwOp], entering: Mapping[str, Stream] | None = None, leaving: Mapping[str, Stream] | None = None
) -> list[HwOp]:
    """The operators with width converters where beats differ.

    Args:
        entering, leaving: formats of the graph's inputs and outputs, by name, if not those of the operators.
    """
    streams: dict[str, Stream] = dict(entering or {})
    found: list[HwOp] = []
    for op in ops:
        for port, (tensor, sink) in enumerate(zip(op.sources, op.in_streams())):
            name = op.name if op.inputs == 1 else f"{op.name}_in{port}"
            for width in converters(name, streams.get(tensor, sink), sink) or ():
                found.append(put_before(width, op, port))
        found.append(op)
        streams |= zip(op.results, op.out_streams())
    for name, sink in (leaving or {}).items():
        for width in converters(f"{name}_out", streams[name], sink) or ():
            width.onnx_node.input[0], name = name, width.onnx_node.output[0]
            found.append(width)
    return found


def copied(op: HwOp) -> HwOp:
    """A copy of the operator with its own node, before which operators can be put."""
    node = type(op.onnx_node)()
    node.CopyFrom(op.onnx_node)
    return type(op)(node, arrays_of=op.arrays_of)


def put_before(new: HwOp, op: HwOp, port: int) -> HwOp:
    """Put an operator with one stream before an input of `op`."""
    new.onnx_node.input[0] = op.onnx_node.input[port]
    new.onnx_node.output[0] = op.onnx_node.input[port] = f"{new.name}_out"
    return new


def converters(name: str, source: Stream, sink: Stream) -> list[HwOp] | None:
    """The width converters from one stream to another: none, one, or two with a common multiple in
    between; None if that is impossible."""
    steps = _steps(source, sink)
    if steps is None:
        return None
    widths = OPS["Width"]
    return [
        widths.make(
            f"width_{name}" + ("" if len(steps) == 2 else f"_step{index}"),
            shape=list(source.shape), in_lanes=lanes, out_lanes=after, bits=source.bits,
            signed=int(source.signed),
        )
        for index, (lanes, after) in enumerate(pairwise(steps))
    ]  # fmt: skip


def _steps(source: Stream, sink: Stream) -> list[int] | None:
    """Elements per beat on the way from one stream to another, both included; None if there is no way."""
    lanes, after = source.lanes, sink.lanes
    if lanes == after:
        return [lanes]
    if lanes % after == 0 or after % lanes == 0:
        return [lanes, after]
    common = lcm(lanes, after)
    return [lanes, common, after] if fits(replace(source, lanes=common)) else None


def fits(stream: Stream) -> bool:
    """Whether the stream's beats divide a frame evenly: they divide the last axis or are a multiple of it."""
    last, lanes = stream.shape[-1], stream.lanes
    return last % lanes == 0 or (lanes % last == 0 and prod(stream.shape) % lanes == 0)


def _whole(bound: Bound) -> str:
    """Requirement for several pixels at a time, in words."""
    most = {name: values[-1] for name, values in foldings(bound).items()}
    if len(most) > 2:
        return f"simd={most['simd']}, the whole vector, and a pe at least as large"
    return " and ".join(f"{name}={value}" for name, value in most.items() if name != "pixels")
