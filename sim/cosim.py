"""RTL simulation: streams into and out of a verilated top, with seeded pauses; the cycle of every beat.

`device.py` makes devices; one operator, or a list of them, is put on a bench automatically.
"""

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xnorforge.core.errors import MismatchError, shortened
from xnorforge.hw.cycles.pauses import Pause, Pauses, Stall, generator_start
from xnorforge.hw.shells.dma import layout_of
from xnorforge.sim.device import Device, bench
from xnorforge.sim.verilate import wave_format

NEVER = 2**64 - 1
# Handshake rules that a device can break, by their number in stream.cpp.
FAULTS = {
    1: "m_valid fell before the beat was accepted", 2: "m_data changed before the beat was accepted",
    3: "tlast is not where a frame ends", 4: "s_ready depends on s_valid",
    5: "m_valid depends on s_valid in the same cycle", 6: "m_valid depends on m_ready in the same cycle",
}  # fmt: skip


class Hang(MismatchError):
    """The device stopped before all beats arrived; the text names the lane and the number of beats."""


class Fault(MismatchError):
    """The device broke a handshake rule or returned too many beats; the text names the lane and the cycle."""


Gate = tuple[int, int, int, int]  # see Feed


@dataclass(frozen=True)
class Feed:
    """What goes into a lane where that is more than frames, and what it should give.

    Attributes:
        inputs: integers (frames, *shape), per stream in; or what makes those of every frame.
        frames: frames to expect, per stream out.
        more: {stream in: uint32 (beats,)}, what its port `more` carries; 0 where it is not named.
        gates: (stream in, beat, stream out, beats): that beat waits until so many have come out there.
    """

    inputs: list[Any]
    frames: list[int]
    more: dict[int, np.ndarray] = field(default_factory=dict)
    gates: list[Gate] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """What one lane did.

    Attributes:
        outputs: int64 frames (N, *shape), per stream out.
        more: uint32 (beats,) of the port `more` of each stream out, None where it has none.
        cycles: of every beat of the first stream out (N, beats per frame); 0: the first edge after reset.
        first: cycle of the first input beat.
        taken: cycle of every input beat (beats,), per stream in.
        given: cycle of every output beat (beats,), per stream out.
        fills: highest fill of each FIFO in the lane, {instance path: entries}.
    """

    outputs: list[np.ndarray]
    more: list[np.ndarray | None]
    cycles: np.ndarray
    first: int
    taken: list[np.ndarray]
    given: list[np.ndarray]
    fills: dict[str, int] = field(default_factory=dict)

    @property
    def output(self) -> np.ndarray:
        """Of the first stream out."""
        return self.outputs[0]

    @property
    def gaps(self) -> list[int]:
        """Cycles between the last beats of consecutive frames."""
        return np.diff(self.cycles[:, -1]).tolist()

    @property
    def interval(self) -> int | list[int] | None:
        """Cycles per frame in the steady state: the gap, where the last three agree, else all gaps."""
        last = self.gaps[-3:]
        return None if not last else last[0] if len(set(last)) == 1 else self.gaps

    @property
    def latency(self) -> int:
        """Cycles from the first input beat to the first output beat."""
        return int(self.cycles[0, 0]) - self.first

    @property
    def answer(self) -> int:
        """Cycles from the first input beat to the last output beat of the first frame."""
        return int(self.cycles[0, -1]) - self.first


def run(
    what: Any, inputs: Any, stall: Stall | list[Stall] = 0.0, seed: int = 0,
    reset_at: int | list[int | None] | None = None, waves: Path | None = None, probe: bool = False,
    clock_mhz: float = 100.0,
) -> Any:  # fmt: skip
    """Send frames back to back through a device and collect what comes out.

    Args:
        what: an operator, a list of operators, or a `Device`.
        inputs: integers (frames, *shape) or a `Feed`; a list of them, one per lane, for a list of operators
            or a bench, where a lane with several streams in has a list of its own.
        stall: probability of a pause in a cycle, 0 to below 1; a pair for source and sink; or `Pauses`, which
            can also pause the streams between operators; a list for individual lanes.
        seed: seed of the pauses and of the random initial contents of registers.
        reset_at: cycle of a reset, after which frames are sent again and later answers count; or per lane.
        waves: file for the waveforms of the whole run.
        probe: check in every cycle that the handshakes depend on registers only (a tenth slower).
        clock_mhz: the clock whose cycles the waveforms show, to a picosecond of half a cycle.

    Returns:
        The `Run` of each lane in a list; without the list where `inputs` is one array or one `Feed`.

    Raises:
        Hang, Fault: the error of the first lane that has one.
    """
    single = not isinstance(inputs, list)
    written = wave_format() if waves else None
    device = what if isinstance(what, Device) else bench([what] if single else what, waves=written)
    runs = attempt(device, [inputs] if single else inputs, stall, seed, reset_at, waves, probe, clock_mhz)
    for lane in runs:
        if isinstance(lane, MismatchError):
            raise lane
    return runs[0] if single else runs


def attempt(
    device: Device, inputs: list[Any], stall: Stall | list[Stall] = 0.0, seed: int = 0,
    reset_at: int | list[int | None] | None = None, waves: Path | None = None, probe: bool = False,
    clock_mhz: float = 100.0,
) -> list[Any]:  # fmt: skip
    """As `run`, but a lane that hangs or breaks a rule has its error in place of its `Run`."""
    stalls = stall if isinstance(stall, list) else [stall] * len(device.lanes)
    resets = reset_at if isinstance(reset_at, list) else [reset_at] * len(device.lanes)
    feeds = [_feed(lane, given) for lane, given in zip(device.lanes, inputs, strict=True)]
    with tempfile.TemporaryDirectory() as scratch:
        job, result = Path(scratch) / "job.bin", Path(scratch) / "result.bin"
        with job.open("wb") as file:
            for number, lane in enumerate(device.lanes):
                feed, reset, pauses = feeds[number], resets[number], Pauses.of(stalls[number])
                file.write(_numbers(pauses.patience(lane.patience), NEVER if reset is None else reset))
                constants, otherwise = iter(pauses.outside), Pause() if pauses.memory else pauses.source
                file.write(_numbers(*(pauses.memory or (0,) * 4)))
                for index, (port, x) in enumerate(zip(lane.sources, feed.inputs, strict=True)):
                    times = feed.frames[0] if callable(x) else 1  # many words in every frame are made once
                    beats = port.stream.pack(np.asarray(x() if callable(x) else x))
                    if port.more:
                        more = feed.more.get(index, np.zeros(len(beats)))
                        beats = np.column_stack([beats, np.asarray(more, np.uint32)])
                    gates = sorted(gate[1:] for gate in feed.gates if gate[0] == index)
                    pause = pauses.source if port.every is None else next(constants, otherwise)
                    file.write(_numbers(*pause.numbers(generator_start(seed, number, index, "in"))))
                    slot = layout_of(port.stream).slot if port.every is not None else 0
                    file.write(_numbers(slot, port.stream.beats, times * len(beats)))
                    file.writelines([beats.tobytes()] * times)
                    file.write(_numbers(len(gates), *(number for gate in gates for number in gate)))
                for index, (port, frames) in enumerate(zip(lane.sinks, feed.frames, strict=True)):
                    file.write(_numbers(*pauses.sink.numbers(generator_start(seed, number, index, "out"))))
                    file.write(_numbers(frames * port.stream.beats, port.stream.beats))
                streams = lane.pause[1] if lane.pause else 0
                inner = pauses.inner or (Pause(),) * streams
                for index, pause in zip(range(streams), inner, strict=True):
                    file.write(_numbers(*pause.numbers(generator_start(seed, number, index, "inner"))))
        folder = device.folder or Path(scratch)
        for name, text in device.memories.items():
            (folder / name).write_text(text)
        written = [Path(waves).absolute(), half_cycle(clock_mhz)] if waves else []
        command = [*map(str, (device.program, job, result, seed, int(probe), *written))]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, text=True)
        said = done.stdout + done.stderr
        broken = re.search(r"%Warning: (\S*): *\$readmem.*", said)
        if broken or (done.returncode and "Assertion failed" not in said):
            why = broken[0] if broken else said[-300:].strip()
            raise Fault(f"{shortened([one.name for one in device.lanes], 3)}: the simulation stopped: {why}")
        with result.open("rb") if result.exists() else open(os.devnull, "rb") as file:
            return [_read(file, device, index, feed, said) for index, feed in enumerate(feeds)]


def _feed(lane, given) -> Feed:
    """What a lane is given, in full: one array, one per stream in, or a `Feed`."""
    if isinstance(given, Feed):
        return given
    inputs = given if isinstance(given, list) else [given]
    frames = [len(inputs[0])] * len(lane.sinks)
    constants = [port.every for port in lane.sources[len(inputs) :] if port.every is not None]
    inputs = [*inputs, *constants]
    if lane.control:
        inputs = [*inputs, *(np.zeros((0, 1)) for _ in lane.sources[len(inputs) :])]
        frames[1:] = [0] * len(frames[1:])
    return Feed(inputs, frames)


def half_cycle(clock_mhz: float) -> int:
    """Picoseconds of half a clock cycle in a waveform file."""
    return round(5e5 / clock_mhz)


def _numbers(*values: int) -> bytes:
    return np.array(values, "<u8").tobytes()


def _read(file, device: Device, index: int, feed: Feed, said: str) -> Run | MismatchError:
    """The next lane's result; `said` is what the simulation printed, `file` is empty where it ended early."""
    lane, own = device.lanes[index], rf"\S*\.u_lane_{index}\." if len(device.lanes) > 1 else r"\S*?"
    head = np.fromfile(file, "<u8", 5).tolist()
    accepted, taken, asked = 0, [], 0
    for x, port in zip(feed.inputs, lane.sources):
        beats = (feed.frames[0] if callable(x) else len(x)) * port.stream.beats
        asked += beats
        accepted += int(np.fromfile(file, "<u8", 1).sum())
        taken.append(np.fromfile(file, "<i8", beats))
    found = []
    for port, frames in zip(lane.sinks, feed.frames):
        beats, words = frames * port.stream.beats, -(-port.width // 32) + (port.more is not None)
        arrived, cycles = np.fromfile(file, "<u8", 1), np.fromfile(file, "<u8", beats).astype(np.int64)
        data = np.fromfile(file, "<u4", len(cycles) * words).reshape(-1, words)
        found.append((port, arrived, cycles, data))
    assertion = re.search(rf"%Error: \S+: Assertion failed in ({own}\S+)", said)
    if assertion:
        return Fault(f"{lane.name}: an assertion failed in {assertion[1].rstrip(':')}.")
    if not head:
        return Fault(f"{lane.name}: did not finish, as too many assertions failed in other lanes.")
    first, stopped, surplus, rule, at = head
    came = sum(int(count[0]) for _, count, _, _ in found)
    beats = sum(len(cycles) for _, _, cycles, _ in found)
    if rule:
        return Fault(f"{lane.name}: {FAULTS[rule]} (cycle {at}).")
    if came < beats:
        return Hang(
            f"{lane.name}: hangs at cycle {stopped}: {came} of {beats} output beats arrived, "
            f"{accepted} of {asked} input beats were accepted."
        )
    if surplus:
        return Fault(f"{lane.name}: {surplus} output beats arrived after the expected {beats}.")
    printed = re.findall(rf"^XF_FILL ({own}\S*) (\d+)", said, re.MULTILINE)
    fills = {path: int(entries) for path, entries in printed}
    outputs = [port.stream.unpack(data[:, :-1] if port.more else data) for port, _, _, data in found]
    more = [data[:, -1] if port.more else None for port, _, _, data in found]
    given = [cycles for _, _, cycles, _ in found]
    return Run(outputs, more, given[0].reshape(feed.frames[0], -1), first, taken, given, fills)
