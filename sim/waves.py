"""Waveforms of an accelerator's first frames, in nanoseconds of the board's clock, and GTKWave's view of
them: the handshakes of every operator as a group."""

import math
from pathlib import Path

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.types import Record
from xnorforge.hw import graph
from xnorforge.hw.ops.base import HwOp
from xnorforge.sim import cosim, verilate
from xnorforge.sim.device import Device, network

IMAGES = 2  # a file of more would fill the disk
SCREEN = 950  # pixels of GTKWave's window that show waves, of the 1600 it is opened with
FRAME = 200  # pixels in which GTKWave shows 2^z time steps at a zoom of -z
TOP = "TOP.xf_top"  # "TOP" is Verilator's own scope

# Flags of a line of GTKWave's save file (its analyzer.h): the notation of a trace, and the ends of a group.
BINARY, HEXADECIMAL, GROUP_BEGIN, GROUP_END = "@28", "@22", "@800200", "@1000200"


def write_waves(acc: Path, ops: list[HwOp], pictures: np.ndarray, seed: int, clock_mhz: float) -> Path:
    """Simulate the first pictures at full rate and write `acc/waves.vcd` (`.fst` where lz4 is installed) and
    the view `acc/waves.gtkw` beside it.

    Args:
        acc: folder with `rtl/`, whose layers are `ops`.
        pictures: uint8 (N, C, H, W).
        seed: of the noise that registers start with.
        clock_mhz: the board's clock, which the file's times are for.

    Returns:
        The file of the waveforms.
    """
    kind = verilate.wave_format()
    file = acc / f"waves.{kind}"
    device = network(acc / "rtl", ops, waves=kind)
    with artifacts.whole(file) as aside:
        given = graph.enter(ops[0], pictures[:IMAGES])
        run = cosim.run(device, given, seed=seed, waves=aside, clock_mhz=clock_mhz)
    modules = artifacts.read_json(acc / "rtl" / "rtl.json")["modules"]
    shown = (int(run.cycles[-1, -1]) + 1) * 2 * cosim.half_cycle(clock_mhz)
    with artifacts.whole(acc / "waves.gtkw") as aside:
        aside.write_text(gtkwave_view(file.name, device, dict(zip(modules, ops, strict=True)), shown))
    return file


def gtkwave_view(dump: str, device: Device, layers: Record, shown: int) -> str:
    """The text of GTKWave's save file.

    Args:
        dump: name of the waveform file, beside which the view lies.
        device: the simulated top, for the names of its ports.
        layers: {module: operator} of `xf_top`.
        shown: picoseconds from the start that fit the window.

    Returns:
        A group for the ends of `xf_top`, then one per operator in stream order: valid, ready and data.
    """
    [lane] = device.lanes
    ends = [(BINARY, f"{TOP}.aclk"), (BINARY, f"{TOP}.{lane.reset_n}")]
    for port in (lane.sources[0], lane.sinks[0]):
        ends += [(BINARY, f"{TOP}.{port.valid}"), (BINARY, f"{TOP}.{port.ready}")]
        ends += [(BINARY, f"{TOP}.{port.last}")] if port.last else []
        ends.append(_data(f"{TOP}.{port.data}", port.width))
    groups = {"xf_top": ends}
    for module, op in layers.items():
        groups[f"{op.name} ({op.onnx_node.op_type})"] = _handshakes(f"{TOP}.u_{module}", op)
    lines = [f'[dumpfile] "{dump}"', "[timestart] 0", "[size] 1600 900", "[pos] -1 -1"]
    lines.append(f"*{-math.log2(shown / SCREEN * FRAME):.6f}{' -1' * 27}")
    lines += ["[sst_width] 250", "[signals_width] 320", "[sst_expanded] 1"]
    flag = None
    for title, traces in groups.items():
        for own, text in [(GROUP_BEGIN, f"-{title}"), *traces, (GROUP_END, f"-{title}")]:
            lines += [text] if own == flag else [own, text]
            flag = own
    return "\n".join([*lines, "[pattern_trace] 1", "[pattern_trace] 0", ""])


def _handshakes(scope: str, op) -> list[tuple[str, str]]:
    """(notation, name) of the wires of an operator's streams; of several in or out each is a bit of
    valid and ready, the first the lowest."""
    found = []
    for side, streams, ways in (("s", op.in_streams(), "ioi"), ("m", op.out_streams(), "oio")):
        for role, way in zip(("valid", "ready"), ways):
            bits = f"[{len(streams) - 1}:0]" if len(streams) > 1 else ""
            found.append((BINARY, f"{scope}.{side}_{role}_{way}{bits}"))
        found.append(_data(f"{scope}.{side}_data_{ways[2]}", sum(stream.width for stream in streams)))
    return found


def _data(name: str, bits: int) -> tuple[str, str]:
    """(notation, name) of a data port; GTKWave does not take the range of one bit, [0:0]."""
    return HEXADECIMAL, f"{name}[{bits - 1}:0]" if bits > 1 else name
