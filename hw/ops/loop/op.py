"""A recurrent layer: one step in hardware, whose states go into it again."""

import hashlib
import re
from collections.abc import Callable
from functools import cached_property
from math import prod
from typing import ClassVar

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import UserError
from xnorforge.hw import graph
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.ops.base import DOMAIN, HwOp, Stream
from xnorforge.hw.parts import Parts, cost_of

from .text import written


class Loop(HwOp):
    """Run `body`, a graph of operators, on one part of the sequence after the other.

        states[0] = start;   states[t + 1] = body(x[t], states[t]);   y = states[steps][0]

    Shapes: `in_shape`, whose elements in order are `steps` equal parts, to that of the body's first state.
    The body's inputs are a part and the states, its outputs the states after it, in equal streams. `start`
    has the elements of all first states.

    Rate: a step after the other, each as long as the body takes for one frame in `step_cycles`, then a beat
    of the result per cycle.

    Cost: the body's, two parts and two of each state in memory.
    """

    arrays = ("start",)
    extents: ClassVar[dict[str, str]] = {}

    def get_nodeattr_types(self):
        return {"in_shape": ("ints", True, []), "steps": ("i", True, 0), "body": ("g", True, None)}

    @cached_property
    def inner(self) -> list[HwOp]:
        """The operators of the body."""
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
        body = helper.make_model(self.get_nodeattr("body"), opset_imports=opsets)
        return graph.operators(ModelWrapper(body))

    def body_inputs(self) -> list[str]:
        """Tensors of the body: a part, and the states."""
        return [one.name for one in self.get_nodeattr("body").input]

    def state_streams(self) -> dict[str, Stream]:
        """The streams of the states that the body gives, by tensor.

        Raises:
            UserError: it takes a state in another form.
        """
        ends = {name: stream for op in self.inner for name, stream in zip(op.sources, op.in_streams())}
        made = {name: stream for op in self.inner for name, stream in zip(op.results, op.out_streams())}
        found = {one.name: made[one.name] for one in self.get_nodeattr("body").output}
        for name, stream in zip(self.body_inputs()[1:], found.values(), strict=True):
            if ends[name] != stream:
                raise UserError(
                    f"{self.name}: its body takes {name} as {ends[name]} and gives {stream}; make them equal."
                )
        return found

    def in_stream(self) -> Stream:
        name, shape = self.body_inputs()[0], tuple(self.get_nodeattr("in_shape"))
        (part,) = (s for op in self.inner for tensor, s in zip(op.sources, op.in_streams()) if tensor == name)
        steps = self.get_nodeattr("steps")
        if prod(shape) != steps * prod(part.shape):
            raise UserError(
                f"{self.name}: in_shape={list(shape)} has other elements than steps={steps} times "
                f"{list(part.shape)}; make them equal."
            )
        return Stream(shape, part.lanes, part.bits, part.signed)

    def out_stream(self) -> Stream:
        return next(iter(self.state_streams().values()))

    def starts(self, count: int) -> list[np.ndarray]:
        """The first states of so many frames."""
        shapes = [stream.shape for stream in self.state_streams().values()]
        values = np.asarray(self.arrays_of["start"], np.int64)
        if len(values) != (size := sum(map(prod, shapes))):
            raise UserError(
                f"{self.name}: start has {len(values)} elements, but the states {size}; give as many."
            )
        cut = np.split(values, np.cumsum([prod(shape) for shape in shapes])[:-1])
        return [np.broadcast_to(one.reshape(shape), (count, *shape)) for one, shape in zip(cut, shapes)]

    def run_steps(self, x: np.ndarray, *run: Callable[..., list]):
        """The first state after all steps of frames (N, *in_shape); `run` as of `graph.walk`."""
        states = self.starts(len(x))
        for part in x.reshape(len(x), self.get_nodeattr("steps"), -1).swapaxes(0, 1):
            found = dict(zip(self.body_inputs(), (part, *states)))
            for _ in graph.walk(self.inner, found, *run):
                pass
            states = [found[name] for name in self.state_streams()]
        return states[0]

    def execute_node(self, context, _graph):
        context[self.onnx_node.output[0]] = self.run_steps(self.taken(context))

    @cached_property
    def step_cycles(self) -> int:
        """Cycles from the start of a step to the next one; of a body that lacks FIFOs, which `fold` adds,
        those of its operators one after the other.
        """
        course = CycleModel(self.inner).run(1)
        if course.stopped:
            return sum(op.cycles() for op in self.inner)
        return 2 + max(int(course.moved[name][-1]) for name in self.state_streams())

    def cycles(self) -> int:
        """All steps, and the result."""
        return self.get_nodeattr("steps") * self.step_cycles + self.out_stream().beats

    def needs(self, _port: int = 0) -> np.ndarray:
        """All beats of a frame."""
        return np.full(self.out_stream().beats, self.in_stream().beats)

    def latency(self) -> int:
        """The first part, all steps, and a register."""
        steps = self.get_nodeattr("steps")
        return self.in_stream().beats // steps + steps * self.step_cycles + 1

    def _module(self) -> tuple[str, str]:
        """Name and text of the module."""
        text = written(self)
        name = f"xf_loop_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        return name, text.replace("MODULE", name)

    def rtl(self):
        return self._module()[0], {}

    def generated(self):
        name, text = self._module()
        found = {f"{name}.sv": text}
        for op in self.inner:
            found |= op.generated()
        return found

    def memories(self):
        of = enumerate(op.memories() for op in self.inner)
        return {f"M{k}{key}": words for k, memories in of for key, words in memories.items()}

    def decoder(self, name, given):
        found = re.fullmatch(r"(M(\d+))(\D\w*)", name)
        assert found is not None, name
        one = self.inner[int(found[2])]
        its = {key.removeprefix(found[1]): x for key, x in given.items() if re.match(rf"{found[1]}\D", key)}
        decode = one.decoder(found[3], its)
        return decode and (lambda words, _given, _op: decode(words, its, one))

    def parts(self):
        """The memories of parts and states, and the control."""
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
        mostly that of its body, whose operators have theirs (tests/hw/mapped.py leaves it out).
        """
        found = cost_of(type(self).__name__, self.parts(), family, registers)
        for op in self.inner:
            found = {name: found[name] + size for name, size in op.estimate(family, registers).items()}
        return found


Op = Loop
