"""RTL simulation: streams in and out of a verilated top, with seeded pauses, every output beat's cycle recorded.

A *lane* is one stream into and one stream out of the device. A network's `xf_top` is one lane; the operator bench
holds any number of operators side by side, one lane each, so that one build tests them all.
"""

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xnorforge.errors import MismatchError
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.wrap import headers, library, wrapper
from xnorforge.sim import verilate

NEVER = 2**64 - 1
ROLES = ("reset_n", "s_data", "s_valid", "s_ready", "m_data", "m_valid", "m_ready", "m_last")  # as in stream.cpp
FAULTS = {
    1: "m_valid fell before the beat was taken",
    2: "m_data changed before the beat was taken",
    3: "tlast is not where a frame ends",
    4: "s_ready depends on s_valid",
    5: "m_valid depends on s_valid in the same cycle",
    6: "m_valid depends on m_ready in the same cycle",
}


class Hang(MismatchError):
    """The device stopped before all beats came; the text names the lane and how many beats arrived."""


class Fault(MismatchError):
    """The device broke a handshake rule or gave beats nobody asked for; the text names the lane and the cycle."""


@dataclass(frozen=True)
class Run:
    """What one lane did.

    Attributes:
        output: int64 frames (N, *shape).
        cycles: cycle of every output beat (N, beats per frame); 0 is the first clock edge after reset.
        first: cycle of the first input beat.
        fills: highest fill of each FIFO in the lane, {instance path: entries}.
    """

    output: np.ndarray
    cycles: np.ndarray
    first: int
    fills: dict[str, int] = field(default_factory=dict)

    @property
    def gaps(self) -> list[int]:
        """Cycles between the last beats of consecutive frames."""
        return np.diff(self.cycles[:, -1]).tolist()

    @property
    def interval(self) -> int | list[int] | None:
        """Cycles per frame in the steady state: the gap, where the last three agree, else the list of gaps."""
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


@dataclass(frozen=True)
class Lane:
    """One stream in and one out of a device.

    Attributes:
        name: in messages.
        ports: {role: port name}, roles as in stream.cpp; `m_last` may be missing.
        source, sink: what travels.
        widths: bits of the two data ports, which may be wider than the streams.
        patience: cycles without a transfer, neither side pausing, that only a hang explains.
    """

    name: str
    ports: dict[str, str]
    source: Stream
    sink: Stream
    widths: tuple[int, int]
    patience: int


@dataclass(frozen=True)
class Device:
    """A built simulator, its lanes, and where its memory files are: in `folder`, or to be written from `memories`."""

    program: Path
    lanes: list[Lane]
    memories: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None


def patience(ops) -> int:
    """Cycles in which a chain of operators must move at least one beat at one of its ends."""
    return 1000 + 4 * sum(op.cycles() for op in ops)


def bench(ops: list[HwOp], checked=True, waves=False, level="-O1") -> Device:
    """Build a top that holds the operators side by side, each on a lane of its own; assertions on if `checked`."""
    with tempfile.TemporaryDirectory() as folder:
        sources, lanes, memories = write_bench(ops, Path(folder))
        options = {"includes": include_folders(), "checked": checked, "waves": waves, "level": level}
        program = verilate.build("xf_bench", sources, _header("clk_i", lanes), **options)
    return Device(program, lanes, memories)


def write_bench(ops: list[HwOp], folder: Path) -> tuple[list[Path], list[Lane], dict[str, str]]:
    """Write `xf_bench.sv` and a wrapper `lane_<n>.sv` per operator; returns all sources, the lanes, the memory files."""
    texts, memories = {}, {}
    for index, op in enumerate(ops):
        texts |= op.generated()
        texts[f"lane_{index}.sv"], files = wrapper(op, f"lane_{index}")
        memories |= files
    texts["xf_bench.sv"], lanes = side_by_side(ops, [f"lane_{index}" for index in range(len(ops))])
    for file, text in texts.items():
        (folder / file).write_text(text)
    return [*library(ops), *(folder / file for file in texts)], lanes, memories


def layers(rtl: Path, ops: list[HwOp]) -> Device:
    """Build a bench of the generated layers of the folder `rtl`, each on a lane of its own."""
    modules = sorted((path.stem for path in rtl.glob("layer_*.sv")), key=lambda stem: int(stem.split("_")[1]))
    text, lanes = side_by_side(ops, modules)
    sources = [path for path in _listed(rtl) if path.stem != "top"]
    with tempfile.TemporaryDirectory() as folder:
        sources.append(Path(folder) / "xf_bench.sv")
        sources[-1].write_text(text)
        program = verilate.build("xf_bench", sources, _header("clk_i", lanes), [rtl])
    return Device(program, lanes, folder=rtl)


def side_by_side(ops: list[HwOp], modules: list[str]) -> tuple[str, list[Lane]]:
    """The text of `xf_bench`, which holds the wrapper module of each operator as `u_lane_<n>`, and its lanes."""
    lanes, cells, ports = [], [], ["  input logic clk_i"]
    for index, (op, module) in enumerate(zip(ops, modules, strict=True)):
        source, sink, lane = op.in_stream(), op.out_stream(), f"lane_{index}"
        signals = [("input", 1, "rst_ni"), ("input", source.width, "s_data_i"), ("input", 1, "s_valid_i")]
        signals += [("output", 1, "s_ready_o"), ("output", sink.width, "m_data_o"), ("output", 1, "m_valid_o")]
        signals += [("input", 1, "m_ready_i")]
        for way, bits, port in signals:
            ports.append(f"  {way} logic {f'[{bits - 1}:0] ' if 'data' in port else ''}{lane}_{port}")
        cells.append(f"  {module} u_{lane} (.clk_i, {', '.join(f'.{port}({lane}_{port})' for *_, port in signals)});\n")
        roles = dict(zip(ROLES, (f"{lane}_{port}" for *_, port in signals)))
        lanes.append(Lane(op.name, roles, source, sink, (source.width, sink.width), patience([op])))
    head = ",\n".join(ports)
    return f"module xf_bench (\n{head}\n);\n{''.join(cells)}endmodule : xf_bench\n", lanes


def include_folders() -> list[Path]:
    """Where the library's included files are."""
    return sorted({path.parent for path in headers()})


def network(rtl: Path, ops: list[HwOp], checked=True, waves=False, sources=None, level="-O2") -> Device:
    """Build the generated accelerator `xf_top` of the folder `rtl`, whose layers are `ops`; from other `sources` if given."""
    source, sink = ops[0].in_stream(), ops[-1].out_stream()
    names = {role: f"{role[0]}_axis_t{role[2:]}" for role in ROLES[1:]} | {"reset_n": "aresetn"}
    widths = tuple(-(-stream.width // 8) * 8 for stream in (source, sink))
    lanes = [Lane("xf_top", names, source, sink, widths, patience(ops))]
    options = {"checked": checked, "waves": waves, "level": level}
    program = verilate.build("xf_top", sources or _listed(rtl), _header("aclk", lanes), [rtl], **options)
    return Device(program, lanes, folder=rtl)


def run(what, inputs, stall=0.0, seed=0, reset_at=None, waves=None, probe=False):
    """Send frames back to back through a device and collect what comes out.

    Args:
        what: an operator, a list of operators, or a `Device`.
        inputs: integers (frames, *shape); a list of them, one per lane, for a list of operators or a bench.
        stall: chance of a pause in any cycle, 0 to below 1; a pair gives source and sink their own.
        seed: of the pauses and of the noise that registers start with.
        reset_at: cycle of a reset, after which all frames are sent again and only the answers after it count;
            a list gives each lane its own.
        waves: file for the waveforms of the whole run.
        probe: check in every cycle that the handshakes depend on registers only (a tenth slower).

    Returns:
        The `Run` of each lane in a list; without the list where `inputs` is one array.

    Raises:
        Hang, Fault: of the first lane that has one.
    """
    single = isinstance(inputs, np.ndarray)
    device = what if isinstance(what, Device) else bench([what] if single else what, waves=waves is not None)
    runs = attempt(device, [inputs] if single else inputs, stall, seed, reset_at, waves, probe)
    for lane in runs:
        if isinstance(lane, MismatchError):
            raise lane
    return runs[0] if single else runs


def attempt(device: Device, inputs: list, stall=0.0, seed=0, reset_at=None, waves=None, probe=False) -> list:
    """As `run`, but a lane that hangs or breaks a rule has its error in place of its `Run`; the others are whole."""
    pauses = stall if isinstance(stall, tuple) else (stall, stall)
    resets = reset_at if isinstance(reset_at, list) else [reset_at] * len(device.lanes)
    slack = 1 / ((1 - pauses[0]) * (1 - pauses[1]))
    with tempfile.TemporaryDirectory() as scratch:
        job, result = Path(scratch) / "job.bin", Path(scratch) / "result.bin"
        with job.open("wb") as file:
            for lane, x, reset in zip(device.lanes, inputs, resets, strict=True):
                beats = lane.source.pack(x)
                shape = (len(beats), len(x) * lane.sink.beats, lane.sink.beats, int(lane.patience * slack))
                odds = (int(pause * 2**32) for pause in pauses)
                file.write(
                    np.array([*shape, NEVER if reset is None else reset, *odds], "<u8").tobytes() + beats.tobytes()
                )
        folder = device.folder or Path(scratch)
        for name, text in device.memories.items():
            (folder / name).write_text(text)
        command = [device.program, job, result, seed, int(probe), *([Path(waves).absolute()] if waves else [])]
        done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)
        said = done.stdout + done.stderr
        broken = re.search(r"%Warning: (\S*): *\$readmem.*", said)
        if broken or done.returncode and "Assertion failed" not in said:
            raise Fault(f"{_names(device)}: the simulation stopped: {broken[0] if broken else said[-300:].strip()}")
        with result.open("rb") if result.exists() else open(os.devnull, "rb") as file:
            return [_read(file, device, index, len(x), said) for index, x in enumerate(inputs)]


def _names(device: Device) -> str:
    names = [lane.name for lane in device.lanes]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _read(file, device: Device, index: int, frames: int, said: str) -> Run | MismatchError:
    """The next lane's result; `said` is what the simulation printed, `file` is empty where it ended early."""
    lane, own = device.lanes[index], rf"\S*\.u_lane_{index}\." if len(device.lanes) > 1 else r"\S*?"
    beats = frames * lane.sink.beats
    head = np.fromfile(file, "<u8", 7).tolist()
    cycles = np.fromfile(file, "<u8", beats).astype(np.int64)
    data = np.fromfile(file, "<u4", beats * -(-lane.widths[1] // 32))
    assertion = re.search(rf"%Error: \S+: Assertion failed in ({own}\S+)", said)
    if assertion:
        return Fault(f"{lane.name}: an assertion fails in {assertion[1].rstrip(':')}.")
    if not head:
        return Fault(f"{lane.name}: too many assertions of other lanes fail; this one did not end.")
    accepted, arrived, first, stopped, surplus, rule, at = head
    if rule:
        return Fault(f"{lane.name}: {FAULTS[rule]} (cycle {at}).")
    if arrived < beats:
        return Hang(
            f"{lane.name}: hangs at cycle {stopped}: {arrived} of {beats} output beats arrived, "
            f"{accepted} of {frames * lane.source.beats} input beats were accepted."
        )
    if surplus:
        return Fault(f"{lane.name}: {surplus} beats came after the {beats} expected ones.")
    fills = {path: int(entries) for path, entries in re.findall(rf"^XF_FILL ({own}\S*) (\d+)", said, re.MULTILINE)}
    return Run(lane.sink.unpack(data.reshape(beats, -1)), cycles.reshape(frames, -1), first, fills)


def _listed(rtl: Path) -> list[Path]:
    """The SystemVerilog files of a generated folder, in the order of its `rtl.f`."""
    lines = (line.strip() for line in (rtl / "rtl.f").read_text().splitlines())
    return [rtl / line for line in lines if line.endswith(".sv")]


def _header(clock: str, lanes: list[Lane]) -> str:
    """The text of ports.h: where stream.cpp finds the ports."""
    rows = []
    for lane in lanes:
        bits = {"s_data": lane.widths[0], "m_data": lane.widths[1]}
        cells = [f"PORT({lane.ports[role]}, {bits.get(role, 1)})" for role in ROLES if role in lane.ports]
        rows.append(f"      {{{', '.join(cells)}}},\n")
    return (
        '#include "Vtop.h"\n'
        "#define PORT(name, bits) Port{&top.name, sizeof(top.name), bits}\n"
        "using Top = Vtop;\n"
        f"static Port clock(Top& top) {{ return PORT({clock}, 1); }}\n"
        f"static std::vector<Lane> lanes(Top& top) {{\n  return {{\n{''.join(rows)}  }};\n}}\n"
    )
