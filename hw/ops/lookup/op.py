"""Neurons that are tables of a few bits each: one LUT per neuron of six."""

from functools import cached_property
from math import prod
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ir.verilog import head_of
from xnorforge.hw.ops._generated import generated_module
from xnorforge.hw.ops.base import HwOp, Stream, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.timing import Timing, beat_for_beat

MOST = 8  # bits that a table reads
WHAT = "{} tables of {} bits, generated. Names: x the frame, T<n> the table of neuron n, y<n> its answer."


class Lookup(HwOp):
    """Look up the answer of every neuron in its own table.

        y[n] = tables[n, sum over j of 2**j * x[places[n, j]]]

    Shapes: a frame of bits of `in_shape` to bits (neurons,). `places` (neurons, k), k = 1 .. 8, are elements
    of the frame, last axis fastest; `tables` (neurons, 2**k) holds 0 and 1.

    Rate: a frame per cycle, in one beat. Latency: 1 cycle.

    Cost: one LUT per neuron of six bits or fewer, and a register for its answer. Bits that no table reads
    cost nothing."""

    module = "xf_lookup"
    arrays = ("places", "tables")
    extents: ClassVar[dict[str, str]] = {}

    def get_nodeattr_types(self):
        return node_attributes(in_shape=[], neurons=int)

    def in_stream(self) -> Stream:
        """The whole frame in a beat."""
        shape = tuple(self.get_nodeattr("in_shape"))
        return Stream(shape, prod(shape))

    def out_stream(self) -> Stream:
        """All answers in a beat."""
        return Stream((self.get_nodeattr("neurons"),), self.get_nodeattr("neurons"))

    @cached_property
    def checked(self) -> tuple[np.ndarray, np.ndarray]:
        """Places and tables, int64.

        Raises:
            UserError: they do not fit each other, the neurons or the frame, or an entry is no bit.
        """
        places, tables = (self.integers(key) for key in self.arrays)
        bits, elements, neurons = places.shape[-1], prod(self.in_stream().shape), self.get_nodeattr("neurons")
        if places.shape != (neurons, bits) or not 1 <= bits <= MOST:
            raise UserError(
                f"{self.name}: places has shape {places.shape}; use ({neurons}, k) with k in 1 .. {MOST}."
            )
        if tables.shape != (neurons, 1 << bits) or not np.isin(tables, (0, 1)).all():
            raise UserError(
                f"{self.name}: tables has shape {tables.shape}; use ({neurons}, {1 << bits}) with values 0 "
                "and 1 only."
            )
        if places.min() < 0 or places.max() >= elements:
            raise UserError(
                f"{self.name}: places has elements {places.min()} .. {places.max()}, but the frame has 0 .. "
                f"{elements - 1}; use these."
            )
        return places, tables

    def execute_node(self, context, _graph):
        self.load_constants(context.__getitem__)
        context[self.onnx_node.output[0]] = looked_up(self.taken(context), *self.checked).astype(np.float32)

    def parts(self):
        """Tables, of two LUTs or four above six bits, the answers and the spare register."""
        _, tables = self.checked
        width = len(tables)
        found = Parts().spare(width).registers(width + 1)
        return found.table(tables.T, width * max(1, tables.shape[1] >> 6), False)

    def timing(self) -> Timing:
        """One register."""
        return beat_for_beat(1)

    @property
    def written(self) -> tuple[str, str]:
        places, tables = self.checked
        width, entries = prod(self.in_stream().shape), tables.shape[1]
        lines = [f"wire [{width - 1}:0] x = s_data_i;"]
        for n, (read, answers) in enumerate(zip(places[:, ::-1].tolist(), tables[:, ::-1])):
            index = ", ".join(f"x[{place}]" for place in read)
            answer = int("".join(map(str, answers)), 2)
            lines.append(f"localparam logic [{entries - 1}:0] T{n} = {entries}'h{answer:x};")
            lines.append(f"wire y{n} = T{n}[{{{index}}}];")
        head = head_of(WHAT.format(*places.shape), 1, "op.py, Lookup.execute_node")
        return generated_module("xf_lookup", head, (width, 1), lines, [], len(places), 1)


def looked_up(x: np.ndarray, places: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """The answers to frames of bits (N, …): the one place that states the meaning."""
    at = x.reshape(len(x), -1)[:, places] @ (1 << np.arange(places.shape[1]))
    return np.take_along_axis(tables, at.T, 1).T


Op = Lookup
