"""Folding: lowered network + board -> a graph of our operators with Pe, Simd, width converters and FIFOs.

    lowered.onnx, lowered.npz, golden.npz   ->   folded.onnx, fold.json

Checked: every stream fits its reader, the estimate fits the part, and the folded graph computes the lowered
integers on every golden image.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from math import prod
from operator import itemgetter
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from xnorforge.core import artifacts
from xnorforge.core.errors import MismatchError, UserError, enumerated, unknown
from xnorforge.core.limits import most
from xnorforge.core.progress import now_at, say
from xnorforge.core.types import Record
from xnorforge.flows.backends import base
from xnorforge.flows.finn_graph import as_finn
from xnorforge.flows.fold.aims import FEW, Aim, Search, check_storable, interval_of, levels_of
from xnorforge.flows.fold.bodies import with_bodies, with_layers
from xnorforge.flows.fold.fifo_sizing import MOST_BEATS, frame_latency, with_fifos
from xnorforge.flows.fold.finn_folding import Taken, check_finn_folding, is_of_finn, read_finn_folding
from xnorforge.flows.fold.loading import as_loadable, widened
from xnorforge.flows.fold.options import RESOURCES, Options, adders_of, copied
from xnorforge.flows.fold.outside import Graph, fewest_outside, from_outside
from xnorforge.flows.fold.search import Part
from xnorforge.flows.synth import cells
from xnorforge.flows.synth.mapping import count as counts_of
from xnorforge.hw import boards, families, graph, memory
from xnorforge.hw.bind import OPS, Bound, bind_folder, name_of_network
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.cycles.pauses import Pauses
from xnorforge.hw.loads import number_loads
from xnorforge.hw.lowering.nodes import read_graph
from xnorforge.hw.ops.base import DOMAIN, SITES, HwOp, Stream
from xnorforge.hw.parts import estimates_of

Execute = Callable[[list[HwOp], np.ndarray], dict[str, np.ndarray]]
WITH_MEMORY = 4  # frames
FIRST = 8  # images that are also run by the operators' own contracts
GIVEN = ("simd", "pe", "pixels", "depth", "interval")
STYLES: dict[str, tuple[str | int, ...]] = {"structure": ("adders",)}
for _name, _values in (style for op in OPS.values() for style in op.styles.items()):
    STYLES[_name] = tuple(dict.fromkeys(STYLES.get(_name, ()) + _values))
STYLES["rom"] += ("outside",)
_STYLED = [f"{name}: {' or '.join(map(str, values))}" for name, values in STYLES.items()]
TAKEN = "; ".join([f"integers for {', '.join(GIVEN)}", *_STYLED])


def fold(
    net_dir: Path, board: str, out_dir: Path, interval: int | None = None,
    folding: Path | None = None, backend: str = "rtl", output: str = "scores",
    fps: str | None = None, limits: dict[str, str] | None = None, spare: str | None = None,
    clock: str | None = None, loadable: bool = False, like: Sequence[str] = (), loops: str = "auto",
    gb_per_s: float | None = None, stream: int | None = None, count: int | None = None,
    execute: Execute = graph.execute,
) -> Record:  # fmt: skip
    """Fold a lowered network for a board and write `out_dir/folded.onnx` and `out_dir/fold.json`.

    Args:
        net_dir: folder of the network, with `lowered.onnx`, `lowered.npz` and `golden.npz`.
        board: name of a board of hw/boards.
        out_dir: folder of the accelerator.
        interval: initiation interval to reach, in cycles per frame; None takes the board's for this network.
        folding: JSON {operator: {"pe", "simd", "pixels", "depth", "rom", "starts", "tables", "dsp",
            "structure"}}; given values are used as they are, all others are searched. `depth` puts a FIFO of
            that many beats before the operator, `rom` and `starts` place its weights and the initial values
            of its accumulators in "block" RAM or "logic", `structure` "adders" makes a matrix distributed
            arithmetic. Or a folding file of FINN (`finn_folding.py`).
        backend: for which the network is folded, one of flows/backends.
        output: "scores", or "labels": only the channel with the largest score, of a map in every cell.
        fps: frames per second to reach at the board's clock, instead of `interval`; "max": as many as fit.
        limits: {"lut", "bram", "dsp"}: upper limits, as "60%" of the part or a number, and "latency", in
            cycles or as "500us" per frame, by the cost models.
        spare: "lut", "bram" or "dsp": minimise this resource; None: minimise the share of the whole part.
        clock: "250MHz" or "4ns", for registers, times and rates; None: the board's.
        loadable: whether weights, thresholds and tables lie in memories that a host can replace.
        like: folders of lowered networks, other trainings of this one, whose numbers fit as well.
        loops: "auto": equal steps, and layers of one form that take less of the part so, become a loop; "on":
            also those that take more; "off": none.
        gb_per_s: of a memory outside the part, which gives weights that do not fit with every frame, or None.
        stream: the most bits of the buses of images and scores, 8, 16, …; None: 64, or as the interval needs.
        count: alternatives per operator that Yosys counts, to choose by its counts; None: by the cost models.
        execute: as `hw.graph.execute`: what runs the folded graph on all images.

    Returns:
        The record: `operators` in stream order, `interval_bound`, `bottleneck`, `latency` in cycles of a
        frame in an empty accelerator; `faster` foldings with their price,
        `estimate`, `not_taken` parts of a FINN folding file, the check.

    Raises:
        UserError: no operator builds a node, no folding is fast enough, the estimate exceeds the part, or a
            given value does not divide.
        MismatchError: the folded graph does not compute the lowered integers.
    """
    net_dir, out_dir = Path(net_dir), Path(out_dir)
    target = boards.at_clock(boards.load(board), clock)
    if fps and fps != "max":
        interval = interval_of(fps, target.clock_mhz)
    interval = interval or target.interval_for(name_of_network(net_dir))
    if count and backend != "rtl":
        raise UserError(
            f"fold: COUNT={count} counts our own RTL, not that of BACKEND={backend}; leave it out."
        )
    aim = Aim(interval, "max" if fps == "max" else "", limits or {}, spare or "")
    given = read_folding(folding) if folding else {}
    with artifacts.measured("qonnx", "numpy") as run, estimates_of(target.family):
        lowered = np.load(net_dir / "lowered.npz")
        adders = "generate" in base.load(backend).stages
        looped, known = None, dict[tuple, Options]()
        if loops != "off" and adders and not loadable:
            looped = _with_loops(net_dir, output, given, aim, target, loops == "on", known)
        bounds = looped or bind_folder(net_dir, output)
        if like and not loadable:
            raise UserError("fold: LIKE is for weights that are loaded; add LOADABLE=1, or leave LIKE out.")
        if loadable:
            bounds = as_loadable(widened(bounds, like, output))
        last = bounds[-1].make()
        shape = last.out_stream().shape
        if output == "scores" and not last.indices and 1 < shape[-1] == prod(shape):
            say("fold        no index of the largest score: OUTPUT=labels has it if there is one output")
        taken = _of_finn(given, net_dir, bounds, folding, target.part)
        there = [one.name for one in bounds]
        if strange := [*(taken.folding.keys() - there)]:
            raise unknown("folding", min(strange), there)
        bounds, given = from_outside(bounds, taken.folding, interval)
        if not adders:
            _check_constant(bounds, backend)
        searches = _Searches(target, aim, adders, stream, count, gb_per_s, known)
        found = searches.attempt((bounds, given))
        if found.lacks_block_ram:
            found = searches.with_memory(bind_folder(net_dir, output) if looped else bounds, given, found)
        if found.ops is None:
            raise found.refusal()
        ops, bounds = found.ops, found.bounds
        if reads := memory.memory_traffic(ops, gb_per_s or memory.GB_PER_S, target.clock_mhz):
            reads["interval_modelled"] = interval_with(ops, reads["gb_per_s"], target.clock_mhz)
            _say_reads(reads, count)
        _check_streams(ops)
        costs = {op.name: op.estimate() for op in ops}
        names = (*RESOURCES, *SITES)
        estimate = {name: round(sum(one[name] for one in costs.values()), 1) for name in names}
        _warn_of_full(target, estimate)
        bound, latency = max(op.cycles() for op in ops), frame_latency(ops)
        now_at("pricing faster foldings")
        faster = found.faster()
        images = np.load(net_dir / "golden.npz")["images"]
        now_at(f"running the folded graph on {len(images):,} images")
        check = _equal(ops, images, lowered, execute)
        with artifacts.whole(out_dir / "folded.onnx") as aside:
            onnx.save(folded_graph(ops, net_dir.name), aside)
    nodes = {one.name: one.nodes for one in bounds}
    if any(op.structure == "adders" for op in ops):
        run["tools"]["alkaid"] = version("alkaid")
    record = {
        "stage": "fold", "checks": [check], "net": net_dir.name, "board": target.name,
        "part": target.part, "clock_mhz": {"value": target.clock_mhz, "kind": target.clock_kind},
        "backend": backend, "output": output, "not_taken": taken.left,
        "interval": interval if fps != "max" else bound, "loadable": loadable, "memory": reads,
        "aim": {
            "fps": fps, "limits": aim.limits, "spare": spare, "stream": stream, "count": count,
            "like": [*like], "loops": loops, "gb_per_s": gb_per_s,
        },
        "interval_bound": bound, "bottleneck": [op.name for op in ops if op.cycles() == bound],
        "latency": latency, "faster": faster,
        "estimate": {
            **estimate,
            "kind": f"cost model fitted to {families.estimated_by(target.family)}, not a count",
        },
        "operators": [_row(op, nodes.get(op.name, []), costs[op.name]) for op in ops], "run": run,
    }  # fmt: skip
    artifacts.write_json(out_dir / "fold.json", record)
    return record


def interval_with(ops: list[HwOp], gb_per_s: float, clock_mhz: float) -> int:
    """The most cycles from one of a few frames to the next, with such a memory, by the cycle model."""
    reads = Pauses(memory=memory.word_times(gb_per_s, clock_mhz))
    return max(CycleModel(ops, memory=True).run(WITH_MEMORY, reads, watched=()).gaps)


@dataclass(frozen=True)
class _Attempt:
    """Operators with their FIFOs, or None and why; the prices of faster ones; amounts of FIFOs."""

    ops: list[HwOp] | None
    bounds: list[Bound]
    refusal: Callable[[], UserError]
    lacks_block_ram: bool
    faster: Callable[[], list[Record]]
    fifos: dict[str, float]


@dataclass
class _Searches:
    """Attempts at foldings of graphs as it is asked for, which share the options of their operators."""

    target: boards.Board
    aim: Aim
    adders: bool
    stream: int | None
    count: int | None
    gb_per_s: float | None
    options: dict[tuple, Options]

    def attempt(self, graph: Graph, reserve: dict[str, float] | None = None) -> _Attempt:
        """The best folding of a graph, some of the part left where weights come from outside."""
        bounds, given = graph
        try:
            check_storable(bounds, self.target)
        except UserError as error:
            why = str(error)
            if reserve is not None:
                names = enumerated([one.name for one in bounds if one.attributes.get("outside")])
                why = (
                    f"{self.target.name}: a memory of {self.rate:g} GB/s gives {self.room:,.0f} bytes per "
                    f"frame, more at fewer frames per second; of those but {names}, {why.partition(': ')[2]}"
                )
            return _Attempt(None, bounds, lambda: UserError(why), True, list, {})
        bounds = _as_adders(bounds, given)
        search = self._search(bounds, given)
        if self.count and reserve is None:
            ops = search.best_counted(self.aim, self.count, self._counts)
        else:
            ops = search.meeting(self.aim, reserve)
        lacks = ops is None and reserve is None and search.lacks_block_ram(self.aim)
        faster, refusal = partial(search.faster, ops or [], self.aim), partial(search.refusal, self.aim)
        if reserve is not None:  # with weights from a memory
            refusal = partial(search.refusal_with, self.aim, self.rate, bounds)
        return _Attempt(ops, bounds, refusal, lacks, faster, search.fifos)

    def with_memory(self, bounds: list[Bound], given: Record, without: _Attempt) -> _Attempt:
        """The attempt with the fewest weights from a memory, if there is one; UserError if it would help."""
        if not self.adders or self.aim.fps:
            return without
        part, interval = Part.of(self.target.capacity), self.aim.interval
        other = fewest_outside(bounds, given, interval, self.room, part, self._possible, self.attempt)
        if other and other.ops and not self.gb_per_s:
            raise UserError(
                f"{str(without.refusal()).rstrip('.')}; or give MEMORY={self.rate:g}, if a memory outside "
                f"the part gives {self.rate:g} GB/s for weights."
            )
        return other if other and self.gb_per_s else without

    @property
    def rate(self) -> float:
        return self.gb_per_s or memory.GB_PER_S

    @property
    def room(self) -> float:
        return self.aim.interval * memory.bytes_per_cycle(self.rate, self.target.clock_mhz)

    def _possible(self, graph: Graph, reserve: dict[str, float]) -> bool:
        try:
            check_storable(graph[0], self.target)
        except UserError:
            return False
        return self._search(_as_adders(*graph), graph[1]).possible(self.aim, reserve)

    def _search(self, bounds: list[Bound], given: dict) -> Search:
        free = ("depth", "structure")
        fixed = {name: {k: v for k, v in one.items() if k not in free} for name, one in given.items()}
        fixed = {name: one for name, one in fixed.items() if one}
        depths = {name: one["depth"] for name, one in given.items() if "depth" in one}
        cut = levels_of(self.target) <= FEW and "latency" not in self.aim.limits

        def finish(ops: list[HwOp], most_beats: int = MOST_BEATS) -> list[HwOp]:
            return with_fifos(of_family(ops, self.target), depths, most_beats, cut)

        search = Search(bounds, self.target, fixed, finish, self.adders, self.stream, known=self.options)
        now_at(f"searching {search.foldings:,} foldings of {len(bounds)} operators")
        return search

    def _counts(self, ops: list[HwOp]) -> list[Record]:
        return counts_of(of_family([copied(op) for op in ops], self.target), self.target.family)


def _of_finn(given: Record, net_dir: Path, bounds: list[Bound], folding: Path | None, part: str) -> Taken:
    """The folding of operators that a file gives, and what it gives that is not taken."""
    if folding is None or not is_of_finn(given):
        return Taken(given, [])
    model = as_finn(read_graph(net_dir / "lowered.onnx"))
    return read_finn_folding(given, model, bounds, folding, part)


def _check_constant(bounds: list[Bound], backend: str) -> None:
    """Raise if weights change; they do with our own RTL alone."""
    for key, what in (("loadable", "weights that a host loads do"), ("outside", '"outside" does')):
        if any(one.attributes.get(key) for one in bounds):
            raise UserError(f"fold: {what} not work with BACKEND={backend}; use BACKEND=rtl.")


def _say_reads(reads: Record, count: int | None) -> None:
    say(
        f"fold        weights of {', '.join(reads['operators'])} are read from a memory with every frame: "
        f"{reads['needed_gb_per_s']} of {reads['gb_per_s']:g} GB/s, with which the cycle model takes "
        f"{reads['interval_modelled']:,} cycles per frame"
    )
    if count:
        say("fold        COUNT is not used with weights from a memory: the cost model decides")


def _with_loops(
    net_dir: Path, output: str, given: Record, aim: Aim, target: boards.Board, always: bool,
    known: dict[tuple, Options],
) -> list[Bound] | None:  # fmt: skip
    """The operators of a network, equal steps as a loop, and layers of one form (`with_layers`); None if that
    of steps misses the interval, or if the given folding is for operators of its own. Where the most frames
    or the least latency are asked for, and no interval of a loop, steps are built side by side."""
    asked = any(isinstance(one, dict) and "interval" in one for one in given.values())
    if not asked and (aim.fps or "latency" in aim.limits):
        return None
    interval, part = aim.interval, Part.of(target.capacity)

    def finish(ops: list[HwOp]) -> list[HwOp]:
        return with_fifos(of_family(ops, target), {})

    bounds = bind_folder(net_dir, output, loops=True)
    if given.keys() - {one.name for one in bounds}:
        return None
    try:
        check_storable(bounds, target)
    except UserError:
        return None
    found = with_bodies(bounds, interval, part, finish, given)
    if found is None:
        say(f"fold        a loop cannot keep {interval:,} cycles per frame: its steps are built side by side")
        return None
    layers = with_layers(found, interval, part, finish, always, known)
    return found if given.keys() - {one.name for one in layers} else layers


def _warn_of_full(board: boards.Board, estimate: dict[str, float]) -> None:
    """Warn about other resources that may run out: the search considers `RESOURCES`, `synth` stops there."""
    units = families.load(board.family).units
    for name in ("ff", "carry4", "lut_memory"):
        takes = cells.used(estimate, name)
        if takes > board.capacity.get(name, takes):
            say(
                f"fold        the cost model predicts {takes:,} {units[name][0]}, but {board.name} has "
                f"{board.capacity[name]:,}: the design probably will not fit; use a longer INTERVAL"
            )


def of_family(ops: list[HwOp], target: boards.Board) -> list[HwOp]:
    """The operators, with their memories set as the part's family requires."""
    rows = families.load(target.family).rom_rows
    for op in ops:
        if "rom_rows" in op.declared:
            op.set_nodeattr("rom_rows", rows)
    number_loads(ops)
    return ops


def folded_graph(ops: list[HwOp], name: str) -> onnx.ModelProto:
    """Connected operators as one graph: constants as initialisers, every tensor with shape and data type."""
    names = {ops[0].sources[0]: "images", ops[-1].results[0]: "scores"}
    body = graph.graph_of(ops, name, ["images"], ["scores"], names)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(body, opset_imports=opsets, producer_name="xnorforge")


def read_folding(path: Path) -> dict[str, dict[str, int]]:
    """A folding file {operator: {setting: value}}, for any network; a FINN file is returned unchanged.

    Raises:
        UserError: it cannot be read, or has an unknown setting or a value that it cannot have.
    """
    try:
        if not Path(path).is_file():
            raise ValueError("not a regular file")
        if Path(path).stat().st_size > most("FILE_MB") << 20:
            raise ValueError(f"it has more than {most('FILE_MB'):,} MB")
        given = json.loads(Path(path).read_text(), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f'{path}: not a readable JSON file ({error}); write {{"conv0": {{"pe": 4, "simd": 9}}}}.'
        ) from error
    if not isinstance(given, dict):
        raise UserError(
            f'{path}: must contain a JSON object of operators, such as {{"conv0": {{"pe": 4, "simd": 9}}}}.'
        )
    if is_of_finn(given):
        check_finn_folding(given, path)
        return given
    for name, one in given.items():
        for key, value in one.items() if isinstance(one, dict) else [(one, None)]:
            number = type(value) is int and key in GIVEN
            fits = number or (type(value) in (int, str) and value in STYLES.get(key, ()))
            if not fits:
                raise UserError(f"{path}: {name} has the invalid setting {key!r}: {value!r}; use {TAKEN}.")
    return given


def _once(pairs: list[tuple[str, object]]) -> Record:
    """A JSON object whose names are all different; of equal names `json` would keep the last."""
    name, count = max(Counter(name for name, _ in pairs).items(), key=itemgetter(1), default=("", 0))
    if count > 1:
        raise ValueError(f"it contains '{name}' {count} times")
    return dict(pairs)


def _as_adders(bounds: list[Bound], given: Record) -> list[Bound]:
    """The graph with distributed arithmetic where the folding requests it."""
    found = []
    for bound in bounds:
        if "structure" in given.get(bound.name, {}):
            op = adders_of(bound.make_alone())
            if op is None:
                raise UserError(
                    f"{bound.name}: structure=adders does not apply to {bound.op}; "
                    "only matrices can use distributed arithmetic."
                )
            bound = bound.by(op)
        found.append(bound)
    return found


def _check_streams(ops: list[HwOp]) -> None:
    """Check that every stream fits its reader, which may see another shape; the search guarantees it."""
    streams: dict[str, Stream] = {}
    for op in ops:
        for tensor, sink in zip(op.sources, op.in_streams()):
            source = streams.get(tensor, sink)
            same = prod(source.shape) == prod(sink.shape) and replace(source, shape=sink.shape) == sink
            assert same, f"{op.name} takes {sink} of {tensor}, which is {source}"
        streams |= zip(op.results, op.out_streams())


def _equal(ops: list[HwOp], images: np.ndarray, lowered, execute: Execute) -> Record:
    """Check the folded graph against the lowered integers, processed by its last operator, on all
    images; and on the first ones by the operators' own contracts."""
    want = graph.answers(ops, lowered).reshape(len(images), -1)
    for run, some in ((execute, images), (graph.execute, images[:FIRST])):
        got = run(ops, some)[ops[-1].name].reshape(len(some), -1)
        wrong = np.argwhere(got != want[: len(some)])
        if len(wrong):
            image, place = map(int, wrong[0])
            raise MismatchError(
                f"fold: {ops[-1].name} differs from the lowered network, first at image {image}, score "
                f"{place}: {got[image, place]} instead of {want[image, place]} ({len(wrong):,} of "
                f"{got.size:,} integers differ)."
            )
    what = "scores of the folded graph against lowered.npz"
    return artifacts.check("folded = lowered", len(images), 0, int(want.size), what)


def _row(op: HwOp, nodes: list[str], cost: dict[str, float]) -> Record:
    """The entry of one operator in fold.json."""
    has, source, sink = op.declared, op.in_stream(), op.out_stream()

    def value(name):
        return op.get_nodeattr(name) if name in has else None

    return {
        "name": op.name, "op": type(op).__name__, "lowered": nodes, "pe": value("pe"),
        "simd": value("simd"), "pixels": value("pixels"), "depth": value("depth"),
        **{style: value(style) for style in op.styles}, "cycles": op.cycles(),
        "in": {
            "shape": list(source.shape), "lanes": source.lanes, "bits": source.bits,
            "signed": source.signed,
        },
        "out": {"shape": list(sink.shape), "lanes": sink.lanes, "bits": sink.bits, "signed": sink.signed},
        "weight_bits": int(np.size(op.arrays_of.get("weights", ()))) * (value("w_bits") or 1),
        "estimate": {name: round(amount, 2) for name, amount in cost.items()},
    }  # fmt: skip
