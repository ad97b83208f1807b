"""Operators that say what they compute as one expression of an element (`hw/ir`)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from xnorforge.hw.ir.leaves import leaves
from xnorforge.hw.ir.meaning import computed
from xnorforge.hw.ir.values import Value, stream_element, table, tables
from xnorforge.hw.ir.verilog import Design, Module, Port, module_text
from xnorforge.hw.ops.base import HwOp, Memories, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.per_channel import MOST_INSIDE, PerChannel
from xnorforge.hw.timing import Stop, Timing, Work


class Beat(PerChannel):
    """An operator whose every result follows from the elements of its channel, one of each input stream.

    A subclass states `what`, the sentence on top of its module, and `expression`, a method from a value per
    input stream to the result, in which `constant` makes a constant per channel; its contract, its module,
    its latency and its cost follow. Tables that a host or a loop replaces are those of an operator with the
    attribute `loadable`."""

    what: ClassVar[str]
    expression: Callable[..., Value]

    @property
    def places(self) -> tuple[Sequence[int], Sequence[int]]:
        """The class of each row and of each column of an image, where tables depend on the place."""
        return (), ()

    def constant(self, name: str, entries: np.ndarray, among: tuple[int, int] | None = None) -> Value:
        """A constant per channel, (C,); `among` is the range of what may stand there later."""
        least, most = int(entries.min()), int(entries.max())
        return table(name, entries, (among or (least, max(most, least + 1))) if self.replaced else None)

    def in_block(self) -> bool:
        """Whether its tables are in block RAM."""
        return False

    @property
    def kinds(self) -> dict[str, int]:
        """{name: kind of xf_rom} of the constants of `entry` that are in memories with a register."""
        return {}

    @property
    def value(self) -> Value:
        """The result behind its last register, as wide as the stream at most."""
        if "value" not in self._read:
            names = [f"x{k}" for k in range(self.inputs)] if self.inputs > 1 else ["x"]
            given = [
                stream_element(name, k, one.bits, one.signed)
                for k, (name, one) in enumerate(zip(names, self.in_streams()))
            ]
            sink = self.out_stream()
            found = self.expression(*given).wrap(sink.bits, sink.signed)
            self._read["value"] = (found if found.name else found.named("y")).cut()
            self._read["made of"] = {**self.arrays_of}
        return self._read["value"]

    def load_constants(self, find) -> None:
        super().load_constants(find)
        made_of, given = self._read.get("made of", {}), self.arrays_of
        if made_of.keys() != given.keys() or any(made_of[key] is not given[key] for key in given):
            self._read.clear()

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        given = [self.taken(context, k) for k in range(self.inputs)]
        context[self.onnx_node.output[0]] = computed(self.value, given, *self.places)

    def timing(self) -> Timing:
        """A beat of all streams at once."""
        stop = Stop.READER if self.ready_through else Stop.SPARE
        return Timing([Work(takes=tuple(range(self.inputs)))], max(1, self.value.stage), stop)

    @property
    def in_logic(self) -> Design:
        """What its module is made from, with tables in logic."""
        if "in_logic" not in self._read:
            source, kind, folder = self.in_stream(), type(self).__name__, type(self).__module__.split(".")[-2]
            rows, columns = self.places
            self._read["in_logic"] = Design(
                f"xf_{folder}", self.what, f"{kind}.expression", [*map(_port, self.in_streams())],
                _port(self.out_stream()), self.value, max(1, source.shape[-1] // source.lanes),
                self.ready_through, rows=rows, columns=columns, kinds=self.kinds,
            )  # fmt: skip
        return self._read["in_logic"]

    @property
    def design(self) -> Design:
        """What its module is made from."""
        if "design" not in self._read:
            made, block = self.in_logic, self.in_block()
            place = "loaded" if self.replaced else "rom" if block else "logic"
            if place == "logic" and (made.registered or made.words > MOST_INSIDE):
                place = "apart"
            self._read["design"] = replace(made, place=place, load=self.first_load, block=block)
        return self._read["design"]

    @property
    def module_of(self) -> Module:
        """Its module."""
        if "module" not in self._read:
            self._read["module"] = module_text(self.design)
        return self._read["module"]

    @property
    def written(self) -> tuple[str, str]:
        return self.module_of.name, self.module_of.text

    def memories(self) -> Memories:
        return self.module_of.memories

    def parts(self) -> Parts:
        return leaves(self.design)


def _port(stream: Stream) -> Port:
    return Port(stream.lanes, stream.bits, stream.signed)


class LoadedBeat(Beat):
    """One whose tables a host or a loop can replace."""

    @property
    def loads(self) -> tuple[str, ...]:
        """Its tables, if there are any."""
        return ("TableFile",) if tables(self.value) else ()

    @property
    def has_load_port(self) -> bool:
        return bool(self.first_load)


class CombiningBeat(Beat):
    """Of streams of one shape, a beat of each at once; `in_bits` and `in_signed` have an entry for each."""

    ready_through = True
    in_stream = HwOp.in_stream

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        per_stream: dict[str, tuple] = node_attributes(in_bits=[], in_signed=[])
        return super().get_nodeattr_types() | per_stream | self.widths

    def in_streams(self) -> list[Stream]:
        kinds = zip(self.get_nodeattr("in_bits"), self.get_nodeattr("in_signed"))
        return [self.stream(bits, bool(signed)) for bits, signed in kinds]
