"""FINN's design in simulation: its integers against ours, in every stream, and the depths of its FIFOs.

FINN sizes a FIFO by its fill in a simulation without bounds; with a source at full rate that includes what
waits in front of a slower design. Ours keep the pace of that simulation: at most the fills with a source that
gives its beats at this pace, and less where less does.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from xnorforge.core.artifacts import check
from xnorforge.core.errors import MismatchError
from xnorforge.core.progress import now_at
from xnorforge.core.types import Record
from xnorforge.flows.backends.finn import stitch
from xnorforge.hw.cycles.pauses import Pause, Pauses

SHALLOW, PACE_FRAMES, LOGGED, STALL = 2, 8, 3, 0.3
LUT_DEPTH = 32  # beats that cost no more LUTs than fewer


def build_and_run(
    model: ModelWrapper, part: str, clock_ns: float, folder: Path, frames: np.ndarray,
    integers: np.ndarray, tensors, simulator,
) -> Record:  # fmt: skip
    """Generate, connect and simulate FINN's design.

    Args:
        model: FINN's graph, specialised.
        folder: for the design, `rtl/` in it.
        frames: images as the design takes them, integers (N, *shape); integers: its results, (N, …).
        tensors: what FINN's graph computes of the first frames in Python, {tensor: (1, *shape)} per frame.
        simulator: the module `xnorforge.sim.finn`.

    Returns:
        `checks`, `cycles` (simulated interval and latency of a frame), and `fifos`: per FIFO its name, bits
        of a beat, and depth by FINN's method and by ours.

    Raises:
        MismatchError: a number differs, or the design hangs; the text says in which run.
    """
    source, sink = (stitch.stream_of(model, ends[0].name) for ends in (model.graph.input, model.graph.output))
    frames, wanted = frames.reshape(-1, *source.shape), integers.reshape(len(integers), *sink.shape)

    patience = 1000 + 4 * sum(int(getCustomOp(node).get_exp_cycles()) for node in model.graph.node)

    def run(where: str, count: int, stall: float | Pauses = 0.0, limit: int = patience):
        device = simulator.design(folder / where, stitch.TOP, source, sink, limit)
        return simulator.cosim.run(device, frames[:count], stall=stall, seed=1)

    now_at("FINN's design with FINN's FIFOs, which have no bounds in simulation")
    free = stitch.write_design(model, part, clock_ns, folder / "sizing")
    names = [node.name for node in free.get_nodes_by_op_type("StreamingFIFO_rtl")]
    reference = run("sizing", len(frames))
    found = [_equal("FINN's RTL, unbounded FIFOs = lowered", reference.output, wanted)]
    stitch.write_bounds(free, folder / "sizing", log=True)
    run("sizing", LOGGED + 1)  # what nobody reads any more of the last frame may not leave
    found.append(_streams(free, stitch.logged(free, folder / "sizing"), tensors))
    stitch.write_bounds(free, folder / "sizing")
    count = min(PACE_FRAMES, len(frames))
    ends = reference.cycles[:count, -1]
    pace = int(ends[-1] - ends[count // 2])
    every = max(1, pace // max(1, count - 1 - count // 2) // source.beats)
    slow = run("sizing", count, Pauses(Pause(stop=every - 1, every=every)))
    fills, paced = ({name: max(SHALLOW, one.fills[name]) for name in names} for one in (reference, slow))

    def enough(depths: dict[str, int]) -> bool:
        stitch.write_bounds(free, folder / "sizing", depths)
        try:
            last = run("sizing", count, limit=int(ends[-1])).cycles[:, -1]
        except MismatchError:  # it hangs
            return False
        return bool(last[-1] - last[count // 2] <= pace)

    now_at(f"the least depths of {len(names):,} FIFOs")
    depths = least(paced if enough(paced) else fills, enough)
    now_at("FINN's design with our FIFOs")
    bounded = stitch.write_design(stitch.with_our_fifos(free, depths), part, clock_ns, folder / "rtl")
    flowing, paused = run("rtl", len(frames)), run("rtl", len(frames), STALL)
    found.append(_equal("FINN's RTL = lowered", flowing.output, wanted))
    found.append(_equal("FINN's RTL, under stalls = lowered", paused.output, wanted))
    found.append(_through_finn(bounded, frames, wanted, simulator))
    shutil.rmtree(folder / "sizing")
    (folder / "rtl/all_verilog_srcs.txt").unlink()  # paths of this machine
    fifos = [
        {
            "name": node.name, "bits": stitch.stream_of(free, node.output[0]).width,
            "finn": fills[node.name], "ours": depths[node.name],
        }
        for node in free.get_nodes_by_op_type("StreamingFIFO_rtl")
    ]  # fmt: skip
    cycles = {"interval": flowing.interval, "latency": flowing.answer, "frames": len(frames)}
    return {"checks": found, "cycles": cycles, "fifos": fifos}


def least(depths: dict[str, int], enough: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Smaller depths with which `enough` holds. Groups of FIFOs become shallow together; where one cannot be,
    it gets the smallest depth that does, the others being what they are, to an eighth or what a LUT holds.

    Args:
        depths: with which it holds.
    """
    depths = dict(depths)

    def shrink(group: list[str]) -> None:
        if not group or enough(depths | dict.fromkeys(group, SHALLOW)):
            depths.update(dict.fromkeys(group, SHALLOW))
        elif len(group) > 1:
            shrink(group[: len(group) // 2])
            shrink(group[len(group) // 2 :])
        else:
            low, high = SHALLOW, depths[group[0]]  # high does, low does not
            while high - low > max(LUT_DEPTH, high // 8):
                middle = (low + high) // 2
                low, high = (low, middle) if enough(depths | {group[0]: middle}) else (middle, high)
            depths[group[0]] = high

    shrink(sorted((name for name in depths if depths[name] > SHALLOW), key=lambda name: -depths[name]))
    return depths


def _equal(name: str, got: np.ndarray, wanted: np.ndarray) -> Record:
    """The check of a run.

    Raises:
        MismatchError: an integer differs.
    """
    wrong = np.argwhere(got != wanted[: len(got)])
    if len(wrong):
        raise MismatchError(
            f"finn: {name} fails, first at image {wrong[0][0]}, element {tuple(map(int, wrong[0][1:]))}: "
            f"{got[tuple(wrong[0])]} instead of {wanted[tuple(wrong[0])]} ({len(wrong):,} differ)."
        )
    return check(name, len(got), 0, got.size, "every score, images back to back")


def _streams(model: ModelWrapper, streams: dict[str, np.ndarray], tensors: list[Record]) -> Record:
    """The check that every stream carries what FINN's graph computes.

    Raises:
        MismatchError: one differs; the text names the node that writes it.
    """
    compared = 0
    for node in model.graph.node:
        writer = node
        while writer is not None and writer.op_type.startswith("StreamingFIFO"):
            writer = model.find_producer(writer.input[0])
        for tensor in node.output:
            for image, theirs in enumerate(tensors[:LOGGED]):
                wanted = as_streamed(writer, theirs[tensor], streams[tensor].shape[1:])
                if len(streams[tensor]) <= image or (streams[tensor][image] != wanted).any():
                    raise MismatchError(
                        f"finn: the RTL of {node.name} differs from FINN's execution of it at image {image}."
                    )
                compared += wanted.size
    return check("FINN's RTL = FINN's execution", LOGGED, 0, compared, "every stream between two nodes")


def as_streamed(node: Any, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor in the order of its stream: depthwise windows come by groups of channels, not by pixel."""
    windows = node is not None and node.op_type.startswith("ConvolutionInputGenerator")
    if not windows or not getCustomOp(node).get_nodeattr("depthwise"):
        return values.reshape(shape)
    *image, beats, lanes = shape
    groups = getCustomOp(node).get_nodeattr("IFMChannels") // lanes
    return values.reshape(*image, beats // groups, groups, lanes).swapaxes(-3, -2).reshape(shape)


def _through_finn(model: ModelWrapper, frames: np.ndarray, wanted: np.ndarray, simulator) -> Record:
    """The check of FINN's own execution of the design, by `execute_onnx` and `finn.xsi`."""
    from finn.core.onnx_exec import execute_onnx

    simulator.use_verilator()
    source = model.graph.input[0].name
    given = {source: frames[0].reshape(model.get_tensor_shape(source)).astype(np.float32)}
    found = execute_onnx(model, given)[model.graph.output[0].name]
    return _equal(
        "FINN's execute_onnx of the RTL = lowered",
        found.reshape(1, *wanted.shape[1:]).astype(np.int64),
        wanted,
    )
