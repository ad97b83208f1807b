"""The folding search: Simd and Pe of every operator for an initiation interval, with the least utilisation.

For each operator separately: all divisors that its streams allow, and for every Simd only the smallest Pe
that is fast enough (a larger one costs more and gains nothing), plus the whole matrix if its hard-wired
constants are smaller. Several vectors at a time are left to the search over all foldings (`fronts.py`). Along
the graph: dynamic programming over these choices, because a width converter is needed between two operators
whose beats differ. The state is the form of the streams from the operators decided so far to the remaining
ones: one form in a chain; if there are many, the cheapest `KEPT` choices are kept.
"""

from dataclasses import dataclass
from itertools import groupby, pairwise, product
from math import inf, lcm, prod
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.flows.bind import OPS, Bound
from xnorforge.hw.ops.base import HwOp, Stream

KEPT = 200
WIDE = 8  # all weights of a matrix per cycle, hard-wired, may cost less than this fraction of them …
FEW = 128  # … but with fewer weights little is saved


class TooFast(UserError):
    """No folding of an operator is fast enough."""


@dataclass(frozen=True)
class Part:
    """Capacity of a part, in LUTs, block RAMs of 36 kbit and DSPs.

    The search minimises the utilisation: the fractions of the three that a design uses, added up.
    """

    lut: int
    bram36: int
    dsp: int

    def price(self, op: HwOp) -> float:
        """Utilisation by one operator, from its own cost model."""
        return self.utilisation(op.estimate())

    def utilisation(self, amounts: dict[str, float]) -> float:
        """Utilisation of this part by `amounts`, {"lut", "bram36", "dsp"} of a cost model or a synthesis."""
        return sum(amounts.get(name, 0) / getattr(self, name) for name in ("lut", "bram36", "dsp"))


def extents(bound: Bound) -> dict[str, int]:
    """{"simd", "pe", "pixels"} -> the size that each must divide; only the settings that the operator has."""
    return OPS[bound.op].sizes(bound.attributes)


def foldings(bound: Bound) -> dict[str, list[int]]:
    """{"simd", "pe", "pixels"} -> the possible values; only the settings that the operator has."""
    return OPS[bound.op].foldings(bound.attributes)


def checked_folding(bound: Bound, given: dict[str, int]) -> dict[str, int]:
    """Check a folding given by the user, including memory styles.

    Raises:
        UserError: a setting that the operator does not have, a value that does not divide, or beats that do
            not fit the frame.
    """
    sizes, possible, styles = extents(bound), foldings(bound), OPS[bound.op].styles
    for name, value in given.items():
        if name in styles:
            if value not in styles[name]:
                raise UserError(
                    f"{bound.name}: {name}={value} is not a memory style; use one of "
                    f"[{', '.join(styles[name])}]."
                )
            continue
        if name not in sizes:
            has = "use " + " and ".join([*sizes, *styles]) if sizes or styles else "it cannot be folded"
            raise UserError(f"{bound.name}: {bound.op} has no setting {name}; {has}.")
        if value not in possible[name]:
            divides = value > 0 and sizes[name] % value == 0
            why = (
                "makes beats too wide" if divides else f"does not divide {_called(bound, name)}={sizes[name]}"
            )
            raise UserError(f"{bound.name}: {name}={value} {why}; {_use(possible[name])}")
    return given


def candidates(
    bound: Bound, fixed: dict[str, int], several: bool = False, styles: dict[str, str] | None = None
) -> list[HwOp]:
    """All foldings of an operator that its streams can carry, in order of Simd, Pixels, Pe; for several
    vectors at a time, considered with `several` or if they are given, those with the smallest Pe.

    Args:
        styles: memory styles in addition to those of `fixed`; there may be no folding with them.
    """
    given = {name: fixed[name] for name in OPS[bound.op].styles if name in fixed}
    chosen = given | (styles or {})
    ranges = {name: [fixed[name]] if name in fixed else values for name, values in foldings(bound).items()}
    if "pixels" in ranges and "pixels" not in fixed and (not several or {"simd", "pe"} & fixed.keys()):
        ranges["pixels"] = [1]  # a Simd and Pe given by the user refer to one vector
    found, known = [], set()
    names: list[str] = [name for name in ("simd", "pixels", "pe") if name in ranges]
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
    if found or styles:
        return found
    if "pixels" in fixed:
        raise UserError(
            f"{bound.name}: {fixed} cannot be combined; pixels of 2 or more need {_whole(bound)}."
        )
    if fixed.get("rom") == "columns":
        raise UserError(
            f"{bound.name}: {fixed} cannot be combined; rom=columns needs one vector at a time, more than "
            "1,024 words, and a number of words that is not a power of two."
        )
    raise UserError(
        f"{bound.name}: {fixed} produces beats that do not divide a frame; remove it to let the search "
        "choose, or use divisors of the channels."
    )


def search(
    graph: list[Bound],
    interval: int,
    part: Part,
    fixed: dict[str, dict] | None = None,
    adders: bool = False,
) -> list[HwOp]:
    """Fold a graph.

    Args:
        graph: operators as returned by `bind`.
        interval: cycles per frame that no operator may exceed; an operator with a given folding may.
        part: the reference for the area.
        fixed: {operator name: {"simd", "pe", "pixels"}} given by the user.
        adders: whether a matrix that needs nearly all of its weights per cycle may become adders.

    Returns:
        The operators in order, with width converters where beats differ.

    Raises:
        UserError: no folding is fast enough, or a given value does not divide.
    """
    fixed = {
        name: checked_folding(bound, given)
        for bound in graph
        for name, given in (fixed or {}).items()
        if name == bound.name
    }
    options = [candidates(bound, fixed.get(bound.name, {})) for bound in graph]
    _reachable([ops for bound, ops in zip(graph, options) if bound.name not in fixed], interval)
    options = [_fast_enough(ops, interval) for ops in options]
    options = [
        ops + as_adders(bound, ops, interval) if adders and bound.name not in fixed else ops
        for bound, ops in zip(graph, options)
    ]
    converters = Converters(part)
    # {lanes of the open tensors: (price, their streams, operators decided as (…, last))}
    best: dict[tuple[int, ...], tuple[float, dict[str, Stream], Any]] = {(): (0.0, {}, None)}
    for bound, ops in zip(graph, options):
        priced = [
            (
                op,
                part.price(op),
                dict(zip(op.sources, op.in_streams())),
                dict(zip(op.results, op.out_streams())),
            )
            for op in ops
        ]
        reached: dict[tuple[int, ...], tuple[float, dict[str, Stream], Any]] = {}
        for price, streams, done in best.values():
            for op, own, wanted, given in priced:
                between = [converters.price(streams.get(tensor), stream) for tensor, stream in wanted.items()]
                if inf in between:
                    continue
                total = price + own + sum(between)
                left = {tensor: stream for tensor, stream in streams.items() if tensor not in wanted}
                left |= given
                key = tuple(stream.lanes for stream in left.values())
                if key not in reached or total < reached[key][0]:
                    reached[key] = total, left, (done, op)
        if not reached:
            raise UserError(
                f"{bound.name}: no width converter can connect it to the operator before it; choose the simd "
                "or pe of both so that one divides the other."
            )
        best = dict(sorted(reached.items(), key=lambda item: item[1][0])[:KEPT])
    *_, decided = min(best.values(), key=lambda choice: choice[0])
    ops = []
    while decided:
        decided, op = decided
        ops.insert(0, op)
    return with_width_converters(ops)


class Converters:
    """Cost of the width converters between two streams."""

    def __init__(self, part: Part):
        self.part = part
        self.known: dict[tuple, float] = {}

    def price(self, source: Stream | None, sink: Stream) -> float:
        """Utilisation of the part by the converters, infinite if none can join the streams."""
        if source is None or source.lanes == sink.lanes:
            return 0.0
        key = source.shape, source.lanes, sink.lanes, source.bits
        if key not in self.known:
            between = converters("any", source, sink)
            self.known[key] = inf if between is None else sum(map(self.part.price, between))
        return self.known[key]


def with_width_converters(ops: list[HwOp]) -> list[HwOp]:
    """The operators with width converters where beats differ."""
    streams: dict[str, Stream] = {}
    found: list[HwOp] = []
    for op in ops:
        for port, (tensor, sink) in enumerate(zip(op.sources, op.in_streams())):
            name = op.name if op.inputs == 1 else f"{op.name}_in{port}"
            for width in converters(name, streams.get(tensor, sink), sink) or ():
                found.append(put_before(width, op, port))
        found.append(op)
        streams |= zip(op.results, op.out_streams())
    return found


def put_before(new: HwOp, op: HwOp, port: int) -> HwOp:
    """Put an operator with one stream before an input of `op`."""
    new.onnx_node.input[0] = op.onnx_node.input[port]
    new.onnx_node.output[0] = op.onnx_node.input[port] = f"{new.name}_out"
    return new


def converters(name: str, source: Stream, sink: Stream) -> list[HwOp] | None:
    """The width converters from one stream to another: none, one, or two with a common multiple in between;
    None if that is impossible.
    """
    if source.lanes == sink.lanes:
        return []
    if max(source.lanes, sink.lanes) % min(source.lanes, sink.lanes) == 0:
        steps = [source.lanes, sink.lanes]
    else:
        steps = [source.lanes, lcm(source.lanes, sink.lanes), sink.lanes]
    if not all(fits(Stream(source.shape, lanes, source.bits, source.signed)) for lanes in steps):
        return None
    widths = OPS["Width"]
    return [
        widths.make(
            f"width_{name}" + ("" if len(steps) == 2 else f"_step{index}"),
            shape=list(source.shape),
            in_lanes=lanes,
            out_lanes=after,
            bits=source.bits,
            signed=int(source.signed),
        )
        for index, (lanes, after) in enumerate(pairwise(steps))
    ]


def fits(stream: Stream) -> bool:
    """Whether the stream's beats divide a frame evenly: they divide the last axis or are a multiple of it."""
    last = stream.shape[-1]
    return last % stream.lanes == 0 or (stream.lanes % last == 0 and prod(stream.shape) % stream.lanes == 0)


def _reachable(options: list[list[HwOp]], interval: int) -> None:
    """Stop when the widest folding of some operator is still too slow."""
    fastest = [min(ops, key=lambda op: op.cycles()) for ops in options]
    slowest = max(fastest, key=lambda op: op.cycles(), default=None)
    if slowest is not None and slowest.cycles() > interval:
        raise TooFast(
            f"{slowest.name}: cannot reach {interval:,} cycles per frame, because it needs "
            f"{slowest.cycles():,} at its widest folding; request {slowest.cycles():,} or more."
        )


def _fast_enough(ops: list[HwOp], interval: int) -> list[HwOp]:
    """For every Simd the smallest Pe within the interval, and the largest if that takes fewer LUTs; the
    fastest if none is within it, which happens with given foldings. Options that exist only for speed are
    left out if they are not needed.

    Operators with several streams keep all options, because their neighbours decide which is cheapest.
    """
    if any(op.cycles() <= interval for op in ops if not op.only_for_speed):
        ops = [op for op in ops if not op.only_for_speed]
    if max(ops[0].inputs, ops[0].outputs) > 1:
        return [op for op in ops if op.cycles() <= interval] or [min(ops, key=lambda op: op.cycles())]
    kept: list[HwOp] = []
    for _, same in groupby((op for op in ops if op.cycles() <= interval), _simd):
        smallest, *larger = same
        kept.append(smallest)
        if larger and _wide(smallest, larger[-1]) and _lut(larger[-1]) < _lut(smallest):
            kept.append(larger[-1])
    return kept or [min(ops, key=lambda op: op.cycles())]


def as_adders(bound: Bound, ops: list[HwOp], interval: int, quick: bool = False) -> list[HwOp]:
    """Distributed arithmetic instead of a matrix, next to foldings that are nearly as wide; empty if the
    matrix has too many weights for it. `quick`: as in `HwOp.instead_of`.
    """
    matrix = ops[0].matrix()
    if (
        matrix is None
        or matrix.weights.size < FEW
        or not all(
            op.get_nodeattr("simd") * op.get_nodeattr("pe") * WIDE >= matrix.weights.size for op in ops
        )
    ):
        return []
    found = []
    for cls in OPS.values():
        if cls.structure == "adders":
            try:
                op = cls.instead_of(ops[0], quick)
            except UserError:
                continue
            if op is not None and op.cycles() <= interval:
                found.append(bound.connected(op))
    return found


def _simd(op: HwOp) -> int | None:
    return op.get_nodeattr("simd") if "simd" in op.get_nodeattr_types() else None


def _wide(op: HwOp, widest: HwOp) -> bool:
    """Whether a folding is so close to the widest one that the latter, hard-wired, may be smaller."""
    return op.out_stream().lanes * WIDE >= widest.out_stream().lanes


def _lut(op: HwOp) -> float:
    return op.estimate()["lut"]


def _called(bound: Bound, name: str) -> str:
    """The user's name of the size that simd, pe or pixels must divide."""
    names = {"mw": "length", "mh": "outputs", "vectors": "vectors"}
    if name == "pixels" and OPS[bound.op].extents[name] not in names:
        return name
    return names.get(OPS[bound.op].extents[name], "channels")


def _whole(bound: Bound) -> str:
    """Requirement for several pixels at a time, in words."""
    most = {name: values[-1] for name, values in foldings(bound).items()}
    if len(most) > 2:
        return f"simd={most['simd']}, the whole vector, and a pe at least as large"
    return " and ".join(f"{name}={value}" for name, value in most.items() if name != "pixels")


def _use(values: list[int]) -> str:
    shown = ", ".join(map(str, values[:12]))
    return f"use one of [{shown}, …]." if len(values) > 12 else f"use one of [{shown}]."
