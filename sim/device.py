"""Devices to simulate: built models with their lanes.

A *lane* is one stream into and one stream out of a device. A network's `xf_top` is one lane; the operator bench
holds any number of operators side by side, one lane each, so that one build tests them all.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.wrap import headers, library, wrapper
from xnorforge.sim import verilate

ROLES = ("reset_n", "s_data", "s_valid", "s_ready", "m_data", "m_valid", "m_ready", "m_last")  # as in stream.cpp


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


def bench(ops: list[HwOp], defines=("XF_SIM",), extra=(), checked=True, waves=False, level="-O1") -> Device:
    """Build a top that holds the operators side by side, each on a lane of its own.

    Args:
        defines: which form of the operators is read; see docs/architecture.md.
        extra: files read before all others, such as models of a family's cells.
        checked: assertions on.
        waves: able to write waveforms.
        level: g++ optimisation; a bench is built more often than it runs long.
    """
    with tempfile.TemporaryDirectory() as folder:
        sources, lanes, memories = write_bench(ops, Path(folder))
        options = {"defines": defines, "checked": checked, "waves": waves, "level": level}
        header = ports_header("clk_i", lanes)
        program = verilate.build("xf_bench", [*extra, *sources], header, include_folders(), **options)
    return Device(program, lanes, memories)


def write_bench(ops: list[HwOp], folder: Path) -> tuple[list[Path], list[Lane], dict[str, str]]:
    """Write `xf_bench.sv` and a wrapper `lane_<n>.sv` per operator; returns sources, lanes and memory files."""
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
        program = verilate.build("xf_bench", sources, ports_header("clk_i", lanes), [rtl])
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
    """Build the accelerator `xf_top` of the folder `rtl`, whose layers are `ops`; of other `sources` if given."""
    source, sink = ops[0].in_stream(), ops[-1].out_stream()
    names = {role: f"{role[0]}_axis_t{role[2:]}" for role in ROLES[1:]} | {"reset_n": "aresetn"}
    widths = tuple(-(-stream.width // 8) * 8 for stream in (source, sink))
    lanes = [Lane("xf_top", names, source, sink, widths, patience(ops))]
    options = {"checked": checked, "waves": waves, "level": level}
    program = verilate.build("xf_top", sources or _listed(rtl), ports_header("aclk", lanes), [rtl], **options)
    return Device(program, lanes, folder=rtl)


def _listed(rtl: Path) -> list[Path]:
    """The SystemVerilog files of a generated folder, in the order of its `rtl.f`."""
    lines = (line.strip() for line in (rtl / "rtl.f").read_text().splitlines())
    return [rtl / line for line in lines if line.endswith(".sv")]


def ports_header(clock: str, lanes: list[Lane]) -> str:
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
