"""Devices to simulate: built models with their lanes.

A *lane* is what belongs together of a device's streams: one in and one out of a network's `xf_top`; all of
one operator on the bench, which holds any number of operators side by side, so that one build tests all.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xnorforge.hw import graph
from xnorforge.hw.loads import control_address_bits
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.wrap import headers, library, wrapper
from xnorforge.sim import verilate


@dataclass(frozen=True)
class Port:
    """One stream of a device.

    Attributes:
        stream: what travels.
        data, valid, ready, last: port names; `last`, of a stream out, may be missing.
        width: bits of the data port, which may be wider than the stream.
        more: name and bits (at most 31) of a port that travels beside the data, such as `tuser`.
        every: of a stream in, makes what it carries in every frame, where nothing else is given.
    """

    stream: Stream
    data: str
    valid: str
    ready: str
    width: int
    last: str | None = None
    more: tuple[str, int] | None = None
    every: Any = None


@dataclass(frozen=True)
class Lane:
    """The streams that are driven together.

    Attributes:
        name: in messages.
        reset_n: port name.
        sources, sinks: streams in and out; those beyond the first that nothing is given for stay silent where
            `control` is set, which says that they are the channels of an AXI4-Lite port (`axi_lite`).
        pause: name and bits of the port by which streams between operators pause, a bit each.
        patience: cycles without a transfer, no side pausing, that only a hang explains.
    """

    name: str
    reset_n: str
    sources: list[Port]
    sinks: list[Port]
    patience: int
    control: bool = False
    pause: tuple[str, int] | None = None


# Frames of a build, and the cycles of a run for which g++ has nothing to gain: at -O2 it takes 25 s for
# eight operators, without 4 s, and their 120 frames of 1,024 cycles take 0.02 and 0.16 s.
FRAMES, BRIEF = 120, 2_000_000


@dataclass(frozen=True)
class Device:
    """A built simulator, its lanes, and its memory files: in `folder`, or to be written from `memories`."""

    program: Path
    lanes: list[Lane]
    memories: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None


def patience(ops: list[HwOp]) -> int:
    """Cycles in which connected operators must move at least one beat at one of its ends."""
    return 1000 + 4 * sum(op.cycles() for op in ops)


def bench(
    ops: list[HwOp], defines: Iterable[str] = ("XF_SIM",), extra: Iterable[Path] = (),
    checked: bool = True, waves: str | None = None, level: str = "-O0",
) -> Device:  # fmt: skip
    """Build a top that holds the operators side by side, each on a lane of its own.

    Args:
        defines: macros that select a form of the operators, such as XF_XC7 (docs/guide/operators.md).
        extra: files read before all others, such as models of a family's cells.
        checked: assertions on.
        waves: format of the waveforms it can write.
        level: g++ optimisation; none pays for the few frames of a test.
    """
    with tempfile.TemporaryDirectory() as folder:
        sources, lanes, memories = write_bench(ops, Path(folder))
        defines = (*defines, *filled(ops), *verilate.CHECKED[1:] * checked)
        options = {"defines": defines, "waves": waves, "level": level}
        header = ports_header("clk_i", lanes)
        program = verilate.compile_model("xf_bench", [*extra, *sources], header, include_folders(), **options)
    return Device(program, lanes, memories)


def filled(ops: list[HwOp]) -> tuple[str, ...]:
    """The macro with which memories that begin empty have their contents (xf_ram), where there are any."""
    return ("XF_LOADED",) * any(op.begins_empty for op in ops if op.first_load)


def write_bench(ops: list[HwOp], folder: Path) -> tuple[list[Path], list[Lane], dict[str, str]]:
    """Write `xf_bench.sv` and a wrapper `lane_<n>.sv` per operator; sources, lanes and memory files."""
    texts: dict[str, str] = {}
    memories: dict[str, str] = {}
    for index, op in enumerate(ops):
        texts |= op.generated()
        texts[f"lane_{index}.sv"], files = wrapper(op, f"lane_{index}")
        memories |= files
    texts["xf_bench.sv"], lanes = side_by_side(ops, [f"lane_{index}" for index in range(len(ops))])
    for file, text in texts.items():
        (folder / file).write_text(text)
    return [*library(ops), *(folder / file for file in texts)], lanes, memories


def layers(
    rtl: Path, ops: list[HwOp], some: list[HwOp] | None = None, sources: Iterable[Path] | None = None
) -> Device:
    """A bench of the generated layers of the folder `rtl`, whose operators are `ops`, each on a
    lane of its own, assertions on; of `some` layers only if given, and of other `sources`."""
    every = sorted((path.stem for path in rtl.glob("layer_*.sv")), key=lambda stem: int(stem.split("_")[1]))
    own = [(op, module) for op, module in zip(ops, every, strict=True) if some is None or op in some]
    modules = [module for _, module in own]
    text, lanes = side_by_side([op for op, _ in own], modules)
    others = {"top", "xf_top", *every}.difference(modules)
    sources = [path for path in sources or _listed(rtl) if path.stem not in others]
    with tempfile.TemporaryDirectory() as folder:
        sources.append(Path(folder) / "xf_bench.sv")
        sources[-1].write_text(text)
        options: dict[str, Any] = {"defines": (*verilate.CHECKED, *filled(ops)), "level": "-O0"}
        program = verilate.compile_model("xf_bench", sources, ports_header("clk_i", lanes), [rtl], **options)
    return Device(program, lanes, folder=rtl)


def side_by_side(ops: list[HwOp], modules: list[str]) -> tuple[str, list[Lane]]:
    """The text of `xf_bench`, which holds the wrapper module of each operator as `u_lane_<n>`, and
    its lanes; what else one reads (`side_ports`) is tied to what it is where it stands alone. Constants from
    outside are a stream in."""
    lanes, cells, ports = [], [], ["  input logic clk_i"]
    for index, (op, module) in enumerate(zip(ops, modules, strict=True)):
        name = f"lane_{index}"
        sources, sinks = _ports(name, "s", op.in_streams()), _ports(name, "m", op.out_streams())
        own = _ports(name, "w", [op.outside] if op.outside else [])
        outside = [replace(port, every=op.outside_words) for port in own]
        ways = (("input", "input", "output"), sources + outside), (("output", "output", "input"), sinks)
        ports.append(f"  input logic {name}_rst_ni")
        for way, port in ((way, port) for way, group in ways for port in group):
            ports.append(f"  {way[0]} logic [{port.width - 1}:0] {port.data}")
            ports += [f"  {one} logic {wire}" for one, wire in zip(way[1:], (port.valid, port.ready))]
        given = [f".{side}_{role}_{way}({_together(group, role)})" for side, group, role, way in (
            ("s", sources, "data", "i"), ("s", sources, "valid", "i"), ("s", sources, "ready", "o"),
            ("m", sinks, "data", "o"), ("m", sinks, "valid", "o"), ("m", sinks, "ready", "i"),
        )]  # fmt: skip
        wired = {f"weights_{end}": getattr(port, role) for port in outside for role, end in (
            ("data", "data_i"), ("valid", "valid_i"), ("ready", "ready_o"))}  # fmt: skip
        for side, (bits, alone) in op.side_ports().items():
            tied = "" if alone is None else f"{bits}'d{alone}"
            given.append(f".{side}({wired.get(side, tied)})")
        cells.append(f"  {module} u_{name} (.clk_i, .rst_ni({name}_rst_ni), {', '.join(given)});\n")
        lanes.append(Lane(op.name, f"{name}_rst_ni", sources + outside, sinks, patience([op])))
    head = ",\n".join(ports)
    unread = "  /* verilator lint_off PINCONNECTEMPTY */  // side ports that are only read in a network\n"
    unread = unread if any(op.side_ports() for op in ops) else ""
    return f"module xf_bench (\n{head}\n);\n{unread}{''.join(cells)}endmodule : xf_bench\n", lanes


def _ports(lane: str, side: str, streams: list[Stream]) -> list[Port]:
    """The bench's ports of one side of an operator."""
    names = [f"{lane}_{side}{k}" for k in range(len(streams))]
    return [
        Port(stream, f"{name}_data", f"{name}_valid", f"{name}_ready", stream.width)
        for name, stream in zip(names, streams)
    ]


def _together(ports: list[Port], role: str) -> str:
    """What the operator's port of a role is connected to: stream 0 in the lowest bits."""
    wires = [getattr(port, role) for port in reversed(ports)]
    return wires[0] if len(wires) == 1 else f"{{{', '.join(wires)}}}"


def include_folders() -> list[Path]:
    """Where the library's included files are."""
    return sorted({path.parent for path in headers()})


def optimisation(ops: list[HwOp], frames: int = FRAMES) -> str:
    """The level of g++ for the model of a network that runs so many frames."""
    return "-O0" if frames * max(op.cycles() for op in ops) < BRIEF else verilate.LEVEL


def network(
    rtl: Path, ops: list[HwOp], checked: bool = True, waves: str | None = None,
    sources: Iterable[Path] | None = None, level: str = "", loaded: bool = True,
) -> Device:  # fmt: skip
    """Build the accelerator `xf_top` of the folder `rtl`, whose layers are `ops`, so that all its streams can
    pause; of other `sources` if given, whose inner streams cannot. Memories that begin empty are as behind a
    first load, unless not `loaded`.
    """
    source, sink = (
        Port(
            stream, f"{side}_axis_tdata", f"{side}_axis_tvalid", f"{side}_axis_tready", stream.port_bits, last
        )
        for stream, side, last in (
            (ops[0].in_stream(), "s", None), (ops[-1].out_stream(), "m", "m_axis_tlast"),
        )
    )  # fmt: skip
    inner = 0 if sources else len(graph.inner_tensors(ops))
    pause = ("pause_i", inner) if inner else None
    constants = []
    for number, (op, stream) in enumerate(graph.outside(ops)):
        data, valid, ready = (f"s_axis_weights{number}_{role}" for role in ("tdata", "tvalid", "tready"))
        constants.append(Port(stream, data, valid, ready, stream.port_bits, every=op.outside_words))
    lane = Lane("xf_top", "aresetn", [source, *constants], [sink], patience(ops), pause=pause)
    if bits := control_address_bits(ops):
        sources_in, sinks_out = axi_lite("s_axi_ctrl", bits)
        ins, outs = [source, *constants, *sources_in], [sink, *sinks_out]
        lane = replace(lane, sources=ins, sinks=outs, control=True)
    lanes = [lane]
    defines = verilate.CHECKED if checked else verilate.PLAIN
    defines = (*defines, *(("XF_PAUSE",) if inner else ()), *(filled(ops) if loaded else ()))
    options = {"defines": defines, "waves": waves, "level": level}
    sources, header = sources or _listed(rtl), ports_header("aclk", lanes)
    program = verilate.compile_model("xf_top", sources, header, [rtl], **options)
    return Device(program, lanes, folder=rtl)


def axi_lite(name: str, address_bits: int) -> tuple[list[Port], list[Port]]:
    """The channels of an AXI4-Lite slave of 32 bits as streams: in AW, W, AR; out B, R."""

    def channel(letters: str, data: str, bits: int, more=None) -> Port:
        port, valid, ready = (f"{name}_{letters}{role}" for role in (data, "valid", "ready"))
        more = more and (f"{name}_{more[0]}", more[1])
        return Port(Stream((1,), 1, bits), port, valid, ready, bits, more=more)

    write = [channel("aw", "addr", address_bits), channel("w", "data", 32, ("wstrb", 4))]
    sources = [*write, channel("ar", "addr", address_bits)]
    return sources, [channel("b", "resp", 2), channel("r", "data", 32, ("rresp", 2))]


def _listed(rtl: Path) -> list[Path]:
    """The SystemVerilog files of a generated folder, in the order of its `rtl.f`."""
    lines = (line.strip() for line in (rtl / "rtl.f").read_text().splitlines())
    return [rtl / line for line in lines if line.endswith(".sv")]


def ports_header(clock: str, lanes: list[Lane]) -> str:
    """The text of ports.h: where model.cpp finds the ports."""
    rows = []
    for lane in lanes:
        rows.append(f"  to.lane({_port(lane.reset_n, 1)}, {_port(*lane.pause) if lane.pause else '{}'});\n")
        rows += [f"  to.source({_stream(port)});\n" for port in lane.sources]
        rows += [f"  to.sink({_stream(port)});\n" for port in lane.sinks]
    return (
        '#include "Vtop.h"\n'
        "#define PORT(name, bits) Port{&top.name, sizeof(top.name), bits}\n"
        "using Top = Vtop;\n"
        f"static Port clock_of(Top& top) {{ return {_port(clock, 1)}; }}\n"
        f"static void lanes_of(Top& top, Lanes& to) {{\n{''.join(rows)}}}\n"
    )


def _port(name: str, bits: int) -> str:
    return f"PORT({name}, {bits})"


def _stream(port: Port) -> str:
    single = [_port(name, 1) if name else "{}" for name in (port.valid, port.ready, port.last)]
    more = _port(*port.more) if port.more else "{}"
    return f"Stream{{{', '.join([_port(port.data, port.width), *single, more])}}}"
