"""Memories that a host can write: behind a load an operator computes with what was written."""

import re
import tempfile
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.hw.loads import PLACE_BITS, loaded_memories
from xnorforge.hw.ops.base import LOAD_BITS, HwOp, Stream
from xnorforge.hw.wrap import library, wrapper
from xnorforge.sim import cosim, verilate
from xnorforge.sim.device import Device, Port, include_folders, ports_header, side_by_side
from xnorforge.sim.loading import rolled

FRAMES = 3
ECHO = Stream((1,), 1, LOAD_BITS - 1)  # memory, place, data


def loadable(op: HwOp) -> HwOp:
    """The example with memories that can be loaded, where it has them."""
    if "loadable" in op.get_nodeattr_types():
        op = type(op)(deepcopy(op.onnx_node), arrays_of=op.arrays_of)
        op.set_nodeattr("loadable", 1)
        op.set_nodeattr("on_chain", 3)
    return op


def loadables(most: int) -> list[HwOp]:
    """Examples of all operators in which a load changes something, about `most` of each."""
    found = []
    for name in plugins.names("hw.ops"):
        able = [op for op in map(loadable, examples_of(name)) if op.first_load and words_of(rolled([op])[0])]
        able = [op for op in able if op.memories() != rolled([op])[0].memories()]
        found += [op for k, op in enumerate(able) if k % max(1, len(able) // most) == 0]
    return found


def words_of(op: HwOp) -> list[int]:
    """All words of a load, {memory, place, data}."""
    words = [(one, *word) for one in loaded_memories(op) for word in enumerate(map(int, one.words))]
    return [
        (one.number << PLACE_BITS | at << one.piece_bits | piece) << 32 | word >> 32 * piece & 0xFFFFFFFF
        for one, at, word in words for piece in range(one.pieces)
    ]  # fmt: skip


def bench(ops: list[HwOp], defines) -> Device:
    """The operators side by side, each with its port of loads as one more stream, which comes out again; a
    write resets the operator, as xf_load does; one to memory 0 is none.
    """
    memories: dict[str, str] = {}
    text, lanes = side_by_side(ops, [f"lane_{k}" for k in range(len(ops))])
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for k, op in enumerate(ops):
            module, some = wrapper(op, f"lane_{k}")
            memories |= some
            for name, content in {**op.generated(), f"lane_{k}.sv": module}.items():
                files.append(Path(folder) / name)
                files[-1].write_text(content)
            write = f"lane_{k}_load"
            wide = f"[{LOAD_BITS - 2}:0]"
            ports = f"  input logic {wide} {write}_s,\n  output logic {wide} {write}_m,\n"
            ports += "".join(f"  input logic {write}_{name},\n" for name in ("sv", "mr"))
            ports += "".join(f"  output logic {write}_{name},\n" for name in ("sr", "mv"))
            text = text.replace(f"  input logic lane_{k}_rst_ni", f"{ports}  input logic lane_{k}_rst_ni")
            text = text.replace(f".rst_ni(lane_{k}_rst_ni)", f".rst_ni(lane_{k}_rst_ni & ~held_{k})")
            own = re.search(rf"  lane_{k} u_lane_{k} .*\n", text)[0]
            moved = own.replace(f"{LOAD_BITS}'d0", f"{{{write}_mv & {write}_mr, {write}_s}}")
            logic = f"  logic held_{k};\n  assign {write}_m = {write}_s, {write}_mv = {write}_sv, "
            logic += f"{write}_sr = {write}_mr;\n  always_ff @(posedge clk_i) held_{k} <= "
            logic += f"{write}_mv & |({write}_s >> {PLACE_BITS + 32});\n"
            text = text.replace(own, logic + moved)
            names = [[f"{write}_{side}{role}" for role in ("", "v", "r")] for side in "sm"]
            into, echo = (Port(ECHO, *three, LOAD_BITS - 1) for three in names)
            lanes[k] = replace(lanes[k], sources=[*lanes[k].sources, into], sinks=[*lanes[k].sinks, echo])
        files.append(Path(folder) / "xf_bench.sv")
        files[-1].write_text(text)
        header = ports_header("clk_i", lanes)
        sources = [*library(ops), *dict.fromkeys(files)]
        program = verilate.compile_model(
            "xf_bench", sources, header, include_folders(), defines=defines, checked=True, level="-O0"
        )
    return Device(program, lanes, memories)


@pytest.mark.quick("xc7-2")
@pytest.mark.parametrize("most", [6, 2])
@pytest.mark.parametrize("defines", [("XF_SIM",), ("XF_SIM", "XF_XC7")], ids=["generic", "xc7"])
def test_behind_a_load_an_operator_has_the_written_constants(defines, most):
    """Frames, all words of the same operator with other constants, frames."""
    ops = loadables(most)
    kinds = {"XnorMvu", "IntMvu", "Requantise", "Join", "Threshold", "Depthwise"}
    assert {type(op).__name__ for op in ops} > kinds
    feeds, wanted = [], []
    for op in ops:
        other, frames = rolled([op])[0], op.random_inputs(1, FRAMES)
        words = np.array([*words_of(other), 0], object)[:, None]
        old, new = op.run_all(*frames), other.run_all(*frames)
        wanted.append([np.concatenate(pair) for pair in zip(old, new, strict=True)])
        inputs = [*(np.concatenate([x, x]) for x in frames), words]
        beats = [FRAMES * stream.beats for stream in op.in_streams()]
        gates = [(len(frames), 0, k, FRAMES * one.beats) for k, one in enumerate(op.out_streams())]
        gates += [(k, first, len(old), len(words)) for k, first in enumerate(beats)]
        feeds.append(cosim.Feed(inputs, [*[2 * FRAMES] * len(old), len(words)], {}, gates))
    runs = cosim.run(bench(ops, defines), feeds, stall=0.2, seed=1)
    for op, run, outputs in zip(ops, runs, wanted, strict=True):
        for got, output in zip(run.outputs, outputs):
            np.testing.assert_array_equal(got, output, err_msg=str(op))
