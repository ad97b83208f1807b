"""A body in hardware through which data go several times: a recurrent layer, or layers of one form."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from math import prod
from typing import Any, ClassVar

import numpy as np
from onnx import GraphProto, helper
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import UserError
from xnorforge.hw import graph
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.ops._decode import Decoder
from xnorforge.hw.ops.base import DOMAIN, HwOp, Memories, Rtl, Stream, Tensors
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.parts import Parts, cost_of
from xnorforge.hw.timing import Buffer, Stop, Timing, Work

from .text import written, written_whole

REST = 3  # cycles before and after a step on a whole frame (xf_loop_frame)


class Loop(HwOp):
    """Run a body, a graph of operators, `steps` times per frame, on one part of a sequence after the other,

        states[0] = start;   states[t + 1] = body(x[t], states[t]);   y = states[steps][0]

    or, without `start`, on the whole frame, as layers of one form do that differ in their constants:

        states[0] = x;       states[t + 1] = bodies[t](states[t]);    y = states[steps]

    Shapes: `in_shape`, whose elements in order are `steps` equal parts, to that of the body's first state; or
    that of the only state to itself. The body's inputs are a part, if there are any, and the states, its
    outputs the states after it, in equal streams. `start` has the elements of all first states. `bodies` is
    one graph, or one for each step, which then differ only in constants; all of them lie in its memories, a
    page for each step. Of a whole frame, elements come in `in_bits` and leave in `out_bits` bits; those of
    the state are as many as the body takes or gives.

    Rate: a step after the other, each as long as the body takes for one frame in `step_cycles`, then a beat
    of the result per cycle; a whole frame is also taken before, a beat per cycle.

    Cost: the body's; two parts and two of each state in memory, or one frame."""

    arrays: tuple[str, ...] = ("start",)
    extents: ClassVar[dict[str, str]] = {}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        ends = {f"{end}_{kind}": ("i", False, 0) for end in ("in", "out") for kind in ("bits", "signed")}
        return {
            "in_shape": ("ints", True, []), "steps": ("i", True, 0), "bodies": ("graphs", True, []), **ends,
        }  # fmt: skip

    @cached_property
    def pages(self) -> list[list[HwOp]]:
        """The operators of each of the bodies.

        Raises:
            UserError: two of them are not the same module.
        """
        return _pages_of(self.name, *(one.SerializeToString() for one in self.get_nodeattr("bodies")))

    @cached_property
    def inner(self) -> list[HwOp]:
        """The operators of the body, with the constants of the first step."""
        return self.pages[0]

    @property
    def of_frames(self) -> bool:
        """Whether a step reads the whole frame that the step before made, and nothing else."""
        return "start" not in self.arrays_of

    def body_inputs(self) -> list[str]:
        """Tensors of the body: a part, if it reads one, and the states."""
        return [one.name for one in self.get_nodeattr("bodies")[0].input]

    def read_as(self) -> dict[str, Stream]:
        """The streams that operators of the body take, by tensor."""
        return {name: stream for op in self.inner for name, stream in zip(op.sources, op.in_streams())}

    @property
    def _states(self) -> list[str]:
        return self.body_inputs()[0 if self.of_frames else 1 :]

    def state_streams(self) -> dict[str, Stream]:
        """The streams of the states that the body gives, by tensor.

        Raises:
            UserError: it takes a state in another form.
        """
        ends = self.read_as()
        made = {name: stream for op in self.inner for name, stream in zip(op.results, op.out_streams())}
        found = {one.name: made[one.name] for one in self.get_nodeattr("bodies")[0].output}
        for name, stream in zip(self._states, found.values(), strict=True):
            bits = stream.bits if self.of_frames else ends[name].bits
            if replace(ends[name], shape=stream.shape, bits=bits) != stream:
                raise UserError(
                    f"{self.name}: its body takes {name} as {ends[name]} and gives {stream}; make them equal."
                )
        return found

    def state(self) -> Stream:
        """The frame in the store: as wide as the body takes it or gives it."""
        (read,), (made,) = self.body_inputs(), self.state_streams().values()
        return replace(made, bits=max(made.bits, self.read_as()[read].bits))

    def _end(self, end: str) -> Stream:
        state = self.state()
        bits, signed = (self.get_nodeattr(f"{end}_{kind}") for kind in ("bits", "signed"))
        return replace(state, bits=bits, signed=bool(signed)) if bits else state

    @cached_property
    def store(self) -> HwOp:
        """The FIFO of a frame, or of two if a step makes a beat before it reads the one in its place."""
        state = self.state()
        kind = {"shape": list(state.shape), "lanes": state.lanes, "bits": state.bits}
        (read,), (wrote,) = self.body_inputs(), self.state_streams()
        course = CycleModel(self.inner).run(1)
        behind = not course.stopped and (course.moved[read] < course.moved[wrote]).all()
        return Fifo.make(f"{self.name}_store", **kind, depth=state.beats * (1 if behind else 2))

    def in_stream(self) -> Stream:
        if self.of_frames:
            return self._end("in")
        name, shape = self.body_inputs()[0], tuple(self.get_nodeattr("in_shape"))
        part = self.read_as()[name]
        steps = self.get_nodeattr("steps")
        if prod(shape) != steps * prod(part.shape):
            raise UserError(
                f"{self.name}: in_shape={list(shape)} has other elements than steps={steps} times "
                f"{list(part.shape)}; make them equal."
            )
        return Stream(shape, part.lanes, part.bits, part.signed)

    def out_stream(self) -> Stream:
        return self._end("out") if self.of_frames else next(iter(self.state_streams().values()))

    def starts(self, count: int) -> list[np.ndarray]:
        """The first states of so many frames."""
        shapes = [stream.shape for stream in self.state_streams().values()]
        values = self.integers("start")
        if len(values) != (size := sum(map(prod, shapes))):
            raise UserError(
                f"{self.name}: start has {len(values)} elements, but the states {size}; give as many."
            )
        cut = np.split(values, np.cumsum([prod(shape) for shape in shapes])[:-1])
        return [np.broadcast_to(one.reshape(shape), (count, *shape)) for one, shape in zip(cut, shapes)]

    def run_steps(self, x: np.ndarray, *run: Callable[..., list[Any]]) -> np.ndarray:
        """The first state after all steps of frames (N, *in_shape); `run` as of `graph.walk`."""
        steps = self.get_nodeattr("steps")
        states, parts = [x], [()] * steps
        if not self.of_frames:
            states = self.starts(len(x))
            parts = [(part,) for part in x.reshape(len(x), steps, -1).swapaxes(0, 1)]
        bodies = [self.inner, *self.pages[1:]]
        for step, part in enumerate(parts):
            found = dict(zip(self.body_inputs(), (*part, *states)))
            for _ in graph.walk(bodies[step % len(bodies)], found, *run):
                pass
            states = [found[name] for name in self.state_streams()]
        return states[0]

    def execute_node(self, context: Tensors, _graph: object) -> None:
        context[self.onnx_node.output[0]] = self.run_steps(self.taken(context))

    @cached_property
    def step_cycles(self) -> int:
        """Cycles between the starts of steps; before `fold` adds FIFOs, of all operators in turn."""
        course = CycleModel(self.inner).run(1)
        if course.stopped:
            return sum(op.cycles() for op in self.inner)
        rest = 1 + REST if self.of_frames else 2
        return rest + max(int(course.moved[name][-1]) for name in self.state_streams())

    def _module(self) -> tuple[str, str]:
        """Name and text of the module."""
        text = written_whole(self) if self.of_frames else written(self)
        name = f"xf_loop_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        return name, text.replace("MODULE", name)

    def timing(self) -> Timing:
        """A step when its part or the whole frame is there, all as long; then the result's beats."""
        beats, steps = self.in_stream().beats, self.get_nodeattr("steps")
        if self.of_frames:
            every = Work(moves=steps * self.step_cycles + REST, gives=False)
            return Timing([Work(beats, gives=False, takes=(0,)), every, Work(beats)], 1, Stop.BEHIND)
        part = beats // steps
        ends = range(part, beats + 1, part)
        works = [Work(moves=self.step_cycles, gives=False, needs=end, frees=end) for end in ends]
        works.append(Work(steps=self.out_stream().beats))
        return Timing(works, 1, Stop.BEHIND, Buffer(beats, 2 * part))

    def rtl(self) -> Rtl:
        return self._module()[0], {}

    def generated(self) -> dict[str, str]:
        name, text = self._module()
        found = {f"{name}.sv": text}
        for op in self.inner:
            found |= op.generated()
        return found

    def memories(self) -> Memories:
        found = {}
        for k, ops in enumerate(zip(*self.pages)):
            for key, (width, words) in ops[0].memories().items():
                paged = ops[0].first_load and key in ops[0].loads
                pages = [words, *(op.memories()[key][1] for op in ops[1:] if paged)]
                found[f"M{k}{key}"] = width, [word for page in pages for word in page]
        return found

    def decoder(self, name: str, given: Mapping[str, Any]) -> Decoder | None:
        found = re.fullmatch(r"(M(\d+))(\D\w*)", name)
        assert found is not None, name
        ones = [ops[int(found[2])] for ops in self.pages]
        its = {key.removeprefix(found[1]): x for key, x in given.items() if re.match(rf"{found[1]}\D", key)}
        ones = ones if ones[0].first_load and found[3] in ones[0].loads else ones[:1]
        decode = ones[0].decoder(found[3], its)
        if decode is None:
            return None

        def all_pages(words, _given, _op):
            decoded = [decode(page, its, one) for page, one in zip(np.split(words, len(ones)), ones)]
            got, wanted = zip(*decoded)
            return np.concatenate([*map(np.ravel, got)]), np.concatenate([*map(np.ravel, wanted)])

        return all_pages

    def parts(self) -> Parts:
        """The memories of parts and states, or the frame's is in `estimate`, and the control."""
        if self.of_frames:
            source, sink = self.in_stream(), self.out_stream()
            found = Parts().counters(sink.beats, sink.beats, self.get_nodeattr("steps"))
            return found.registers(8 + sink.width).choices(self.store.in_stream().width, 2)
        source, steps = self.in_stream(), self.get_nodeattr("steps")
        part = source.beats // steps
        found = Parts().counters(2 * part, 2 * part, steps).registers(25 + self.out_stream().width)
        found.memory(2 * part, source.width, "lut", 0)
        for stream in self.state_streams().values():
            found.counters(stream.beats, stream.beats).registers(2).choices(stream.width, 2)
            found.memory(2 * stream.beats, stream.width, "lut", 0)
        return found

    def estimate(self, family: str | None = None, registers: bool = True) -> dict[str, float]:
        """That of the body and of what is around it. It has no factors of its own: a count of a loop is
        mostly that of its body, whose operators have theirs (tests/hw/mapped.py leaves it out)."""
        found = cost_of(type(self).__name__, self.parts(), family, registers)
        for op in [*self.inner, *([self.store] if self.of_frames else [])]:
            found = {name: found[name] + size for name, size in op.estimate(family, registers).items()}
        return found


@lru_cache(maxsize=8)  # the search for FIFOs copies operators often
def _pages_of(name: str, *bodies: bytes) -> list[list[HwOp]]:
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
    models = [helper.make_model(GraphProto.FromString(one), opset_imports=opsets) for one in bodies]
    found = [graph.operators(ModelWrapper(one)) for one in models]
    for first, *others in zip(*found, strict=True):
        if not all(map(partial(_alike, first), others)):
            raise UserError(f"{name}: {first.name} is not one module in all steps; build it without.")
    return found


def _alike(one: HwOp, other: HwOp) -> bool:
    """Whether two operators are one module with different pages of its memories."""
    files = (op.memories().items() for op in (one, other))
    mine, its = ({key: (width, len(words)) for key, (width, words) in each} for each in files)
    fixed = [key for key in mine if not (one.first_load and key in one.loads)]
    return (
        mine == its
        and one.rtl() == other.rtl()
        and one.generated() == other.generated()
        and all(list(one.memories()[key][1]) == list(other.memories()[key][1]) for key in fixed)
    )


Op = Loop
